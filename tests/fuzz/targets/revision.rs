//! Text that is taken for a revision: refused in words, or what it says it is; nothing that could be
//! taken for one is a name of a ref.

#![no_main]

use kledger::{ledger::revision::{Range, Revision}, store::check_ref_name};
use libfuzzer_sys::fuzz_target;

fuzz_target!(|text: &str| {
    let parsed = Revision::parse(text);
    if let Err(error) = &parsed {
        assert!(!error.to_string().is_empty());
    }
    if let Err(error) = Range::parse(text.split(' ')) {
        assert!(!error.to_string().is_empty());
    }
    // A branch can be named in a revision, and then means that branch.
    if check_ref_name(&format!("heads/{text}")).is_ok() {
        let revision = parsed.expect("a branch's name is a revision");
        assert!(revision.is_head() || revision.as_name() == Some(text), "{text:?}");
        assert!(!text.contains("..") && !text.starts_with(['/', '.', '-']));
    }
});
