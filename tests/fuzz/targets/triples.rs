//! Text that is added as triples, in each of the six formats: refused, or a stage that survives
//! being stored, and facts that survive being printed. The first byte chooses the format.

#![no_main]

use kledger::{
    codec::{self, Draft, Nothing},
    fact::{
        Intake, Role, Roots, StoredStage,
        read::{Format, read_triples},
        tree,
    },
};
use libfuzzer_sys::fuzz_target;

const FORMATS: [Format; 6] = [
    Format::NTriples,
    Format::Turtle,
    Format::NQuads,
    Format::TriG,
    Format::RdfXml,
    Format::JsonLd,
];

fuzz_target!(|bytes: &[u8]| {
    let Some((choice, text)) = bytes.split_first() else { return };
    let format = FORMATS[usize::from(*choice) % FORMATS.len()];
    let triples: Vec<_> = read_triples(text, format, "fuzz").collect();
    let mut draft = Draft::new(&Nothing);
    let roots = Roots {
        facts: tree::empty(&mut draft),
        lexicon: tree::empty(&mut draft),
        neighbourhood: tree::empty(&mut draft),
    };
    for (fact, _) in triples.iter().flatten() {
        let line = fact.to_string();
        let again: Vec<_> = read_triples(line.as_bytes(), Format::NTriples, "again").collect();
        let [Ok((again, _))] = again.as_slice() else { panic!("{line} is not one triple") };
        assert_eq!(again, fact);
    }
    let Ok(input) = Intake::of(triples) else { return };
    let Ok((stage, _)) = StoredStage::add(&mut draft, None, roots, input, Role::Edit, false) else {
        return;
    };
    let stage: StoredStage = codec::get(&draft, stage).unwrap();
    for staged in tree::iter(&draft, stage.changes) {
        staged.unwrap();
    }
    stage.apply(&mut draft, roots).unwrap();
});
