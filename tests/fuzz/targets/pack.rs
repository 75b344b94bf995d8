//! Bytes that are taken for a pack: refused, or objects, each hash once.

#![no_main]

use kledger::store::pack_entries;
use libfuzzer_sys::fuzz_target;

fuzz_target!(|bytes: &[u8]| {
    let Some(entries) = pack_entries(bytes) else { return };
    assert!(entries.is_sorted_by(|(a, _), (b, _)| a < b), "not by hash");
    let said = u64::from_le_bytes(bytes[15..23].try_into().unwrap());
    assert_eq!(entries.len() as u64, said);
});
