//! Bytes that are taken for a pack: refused, or entries that lie inside, ascending, without a gap.

#![no_main]

use kledger::store::pack_entries;
use libfuzzer_sys::fuzz_target;

fuzz_target!(|bytes: &[u8]| {
    let Some(entries) = pack_entries(bytes) else { return };
    let mut end = 15 + 8; // magic, number of entries
    let mut ranges: Vec<_> = entries.into_iter().collect();
    ranges.sort_by_key(|(_, range)| range.start);
    assert!(ranges.is_sorted_by(|(a, _), (b, _)| a < b), "not by hash");
    for (hash, range) in ranges {
        assert_eq!(bytes[end..end + 32], hash);
        assert_eq!(range.start, end + 40);
        end = range.end;
    }
    assert_eq!(end, bytes.len());
});
