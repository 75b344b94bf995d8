//! Bytes that are taken for an object: refused, or written again exactly as they were.

#![no_main]

use kledger::{
    checkpoint::Base,
    codec::{self, Object},
    delta::{Delta, Lineage, TensorFile},
    fact::{
        Fact, Staged, StoredStage, Words,
        tree::{Long, Node},
    },
    ledger::{Commit, Report, Spec, Stash, StatisticsRecord, Unfinished},
    store::ZMemo,
};
use libfuzzer_sys::fuzz_target;

fn canonical<T: Object>(bytes: &[u8]) {
    if let Ok(object) = codec::decode::<T>(bytes) {
        assert_eq!(codec::encode(&object), bytes, "two spellings of one {}", T::NAME);
    }
}

fuzz_target!(|bytes: &[u8]| {
    canonical::<Node<Fact>>(bytes);
    canonical::<Node<Words>>(bytes);
    canonical::<Long<Fact>>(bytes);
    canonical::<Long<Words>>(bytes);
    canonical::<Commit>(bytes);
    canonical::<Spec>(bytes);
    canonical::<StatisticsRecord>(bytes);
    canonical::<Report>(bytes);
    canonical::<Node<Staged>>(bytes);
    canonical::<Long<Staged>>(bytes);
    canonical::<StoredStage>(bytes);
    canonical::<Unfinished>(bytes);
    canonical::<Stash>(bytes);
    canonical::<TensorFile>(bytes);
    canonical::<Delta>(bytes);
    canonical::<Lineage>(bytes);
    canonical::<Base>(bytes);
    canonical::<ZMemo>(bytes);
});
