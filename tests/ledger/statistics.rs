//! Statistics of a corpus: used from then on, and taken further where they were stopped.

use std::fs;

use kledger::{
    engine::{EngineError, Progress, Silent, StatisticsText},
    id::{Id, Kind},
    ledger::{
        LedgerError,
        verb::stats::{StatsOptions, StatsReport},
    },
    tensor::{Matrix, Tensor},
};

use crate::support::{Place, open};

pub(crate) fn stats(
    place: &Place,
    documents: &[String],
    progress: &mut dyn Progress,
) -> Result<StatsReport, LedgerError> {
    let options = StatsOptions {
        text: StatisticsText::Corpus(documents.to_vec()),
        source: "corpus.txt".to_owned(),
        editor: None,
        settings: toml::Table::new(),
    };
    place.repo.stats(&place.actor("stats"), &options, &mut open, progress)
}

#[test]
fn statistics_of_a_corpus_are_used_from_then_on() {
    let place = Place::new();
    let report = stats(&place, &["three words here".to_owned()], &mut Silent).unwrap();
    assert_eq!((report.tokens, report.tensors.len()), (3, 2));
    let commit = place.make(":Anna :likes :Rome .", "first");
    assert!(commit.notes.is_empty(), "{:?}", commit.notes);
    assert_eq!(place.repo.show("HEAD").unwrap().spec.unwrap().statistics.unwrap(), "corpus.txt");
}

/// Counts the parts of the corpus that are read; ends the work in one of them.
#[derive(Default)]
pub(crate) struct Reader {
    pub(crate) parts: usize,
    pub(crate) ends_in: Option<usize>,
    pub(crate) starts: usize,
}

impl Progress for Reader {
    fn start(&mut self, _: &str, _: Option<u64>) {
        self.starts += 1;
    }
    fn advance(&mut self, _: u64, _: &str) -> Result<(), EngineError> {
        self.parts += 1;
        if self.ends_in == Some(self.parts) { Err(EngineError::Interrupted) } else { Ok(()) }
    }
    fn finish(&mut self, _: &str) {}
}

/// What an interrupted run says of what it has counted.
fn kept(error: LedgerError) -> String {
    let LedgerError::Interrupted { kept } = error else { panic!("{error}") };
    kept
}

#[test]
fn a_run_that_was_stopped_goes_on_after_its_last_whole_part() {
    // Two of them are longer than a part may be, so each is one.
    let documents: Vec<String> = ["a ", "word ", "quite ", "lengthier "]
        .map(|word| word.repeat(700_000 / word.len()))
        .into();
    let place = Place::new();
    let left = place.repo.store().dir().join("partial");
    let mut stopped = Reader { ends_in: Some(1), ..Reader::default() };
    let nothing = stats(&place, &documents, &mut stopped).unwrap_err();
    assert_eq!(kept(nothing), "nothing was kept: no whole part of the text was counted");
    assert!(!left.exists());
    let mut stopped = Reader { ends_in: Some(3), ..Reader::default() };
    let some = stats(&place, &documents, &mut stopped).unwrap_err();
    let hint = "2 of 4 parts of the text are counted and kept: run the command again to go on";
    assert_eq!(kept(some), hint);
    assert!(left.read_dir().unwrap().next().is_some());

    let mut on = Reader::default();
    let report = stats(&place, &documents, &mut on).unwrap();
    assert_eq!(
        (on.parts, on.starts),
        (2, 1),
        "two parts were read before, all are one piece of work"
    );
    assert!(left.read_dir().unwrap().next().is_none());
    let whole = Place::new();
    assert_eq!(report, stats(&whole, &documents, &mut Silent).unwrap());
    assert_ne!(report, stats(&whole, &documents[..3], &mut Silent).unwrap());
}

#[test]
fn what_was_kept_of_another_corpus_or_is_damaged_is_not_used() {
    let documents: Vec<String> =
        ["one ", "three ", "eleven "].map(|word| word.repeat(700_000 / word.len())).into();
    let place = Place::new();
    let stop = || {
        let mut stopped = Reader { ends_in: Some(3), ..Reader::default() };
        stats(&place, &documents, &mut stopped).unwrap_err();
        stopped.parts
    };
    assert_eq!(stop(), 3);
    let mut other = Reader::default();
    stats(&place, &documents[1..], &mut other).unwrap();
    assert_eq!(other.parts, 2);

    let run = place.repo.store().dir().join("partial").read_dir().unwrap().next().unwrap().unwrap();
    fs::write(run.path().join("reached"), "2 99 nonsense").unwrap();
    assert_eq!(stop(), 3, "it began anew");
    let reached = fs::read_to_string(run.path().join("reached")).unwrap();
    let tokens = reached.split(' ').nth(1).unwrap();
    let more = reached.replacen(tokens, &format!("{tokens}0"), 1);
    fs::write(run.path().join("reached"), more).unwrap();
    assert_eq!(stop(), 3, "it does not go on from a number that was changed");
}

/// Marks what a run's checksums are of, as the ledger does.
struct Run;

impl Kind for Run {
    const NAME: &'static str = "statistics run";
}

/// Matrices of another shape used to be joined with those of the model, as far as both went.
#[test]
fn what_was_kept_of_another_shape_is_counted_anew() {
    let documents: Vec<String> =
        ["one ", "three ", "eleven "].map(|word| word.repeat(700_000 / word.len())).into();
    let place = Place::new();
    let mut stopped = Reader { ends_in: Some(3), ..Reader::default() };
    stats(&place, &documents, &mut stopped).unwrap_err();

    let kept = place.repo.store().dir().join("partial").read_dir().unwrap().next().unwrap();
    let kept = kept.unwrap().path();
    let run: Id<Run> = kept.file_name().unwrap().to_str().unwrap().parse().unwrap();
    let smaller = Tensor::from(&Matrix::identity(2));
    let names = ["h.0.mlp.c_proj.weight", "layers.1.mlp.down_proj.weight"];
    let tensors = names.map(|name| (name.to_owned(), smaller.clone())).into();
    // Stored as all tensors are, and put where the run keeps its own.
    let files = place.repo.store().tensors();
    let (file, _) = files.write(&tensors).unwrap();
    let path = files.path(file);
    let inside = path.strip_prefix(place.repo.store().dir().join("tensors")).unwrap();
    fs::create_dir_all(kept.join(inside).parent().unwrap()).unwrap();
    fs::copy(&path, kept.join(inside)).unwrap();
    let reached = format!("2 99 {file}");
    let checksum: Id<Run> = Id::from_parts([run.as_bytes().as_slice(), reached.as_bytes()]);
    fs::write(kept.join("reached"), format!("{reached} {checksum}\n")).unwrap();

    let mut on = Reader::default();
    let report = stats(&place, &documents, &mut on).unwrap();
    assert_eq!(on.parts, 4, "the third, with which it is seen, and then all");
    assert_eq!(report, stats(&Place::new(), &documents, &mut Silent).unwrap());
}
