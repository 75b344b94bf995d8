//! Bytes that are taken for an object of any kind: refused, or written again exactly as they were.

#![no_main]

use kledger::{ledger, store};
use libfuzzer_sys::fuzz_target;

fuzz_target!(|bytes: &[u8]| {
    for rewrite in ledger::KINDS.iter().chain(store::KINDS) {
        if let Ok(again) = rewrite(bytes) {
            assert_eq!(again, bytes, "two spellings");
        }
    }
});
