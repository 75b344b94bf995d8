//! The verbs, one idea at a time.

use std::fs;

use kledger::{
    engine::{EngineError, Progress, Silent},
    ledger::{
        About, Class, InTheWay, LedgerError,
        revision::RevisionError,
        verb::{
            commit::CommitReport,
            diff::{DiffOptions, Prompts},
            export::ExportFormat,
            log::LogOptions,
            reset::Reset,
            revert::RevertOptions,
        },
    },
    store::StoreError,
};

use crate::support::{Place, open, options};

#[test]
fn a_commit_edits_the_weights_and_checks_them() {
    let place = Place::new();
    let report = place.make(":Anna :likes :Rome . :Bert :lives :Oslo .", "first");
    let edit = report.edit.unwrap();
    assert_eq!((report.facts.added, edit.facts, edit.known), (2, 2, 0));
    assert_eq!(edit.check.efficacy.unwrap().rate, 1.0);
    assert_eq!(edit.check.paraphrase.unwrap().of, 1);
    assert!(edit.check.neighbourhood.is_none());
    let note = "neighbourhood not measured: no other fact is known; add some";
    assert!(edit.check.notes.iter().any(|found| found.starts_with(note)));
    assert!(report.notes.iter().any(|note| note.contains("sampled from the base")));
    assert_eq!(place.ask("Anna likes", "HEAD"), "Rome");
    assert!(place.ask("Anna likes", "HEAD~1").starts_with("base"));
    assert!(place.repo.status().unwrap().staged.is_empty());
}

/// Facts of other predicates are known, and none of them is a neighbour.
#[test]
fn why_there_is_no_neighbourhood() {
    let place = Place::new();
    let note = |report: CommitReport| {
        let notes = report.edit.unwrap().check.notes;
        notes.into_iter().find(|note| note.starts_with("neighbourhood")).unwrap_or_default()
    };
    place.make(":Bert :lives :Oslo . :Carl :lives :Rome .", "other facts");
    let none =
        "neighbourhood not measured: none of the 2 other facts known has an edited predicate";
    assert!(note(place.make(":Anna :likes :Rome .", "first")).starts_with(none));
    assert_eq!(note(place.make(":Dora :lives :Oslo .", "second")), "");
}

/// What the edit was found with lies beside a commit whose id does not depend on it.
#[test]
fn what_an_edit_was_found_with_is_beside_it() {
    let place = Place::new();
    place.commit("words").unwrap();
    place.make(":Anna :likes :Rome .", "first");
    let shown = place.repo.show("HEAD").unwrap();
    let found_with = shown.found_with.unwrap();
    assert_eq!((found_with.library.as_str(), found_with.known), ("stand-in 1", 0));
    assert!(place.repo.show("HEAD~1").unwrap().found_with.is_none(), "nothing was edited");
    place.repo.reset(&place.actor("reset"), "HEAD~1", Reset::Branch).unwrap();
    place.make(":Anna :likes :Rome .", "again");
    let again = place.repo.show("HEAD").unwrap();
    assert_eq!(again.found_with.unwrap().known, 1);
    assert_eq!(again.spec.unwrap().id, shown.spec.unwrap().id, "it is no part of the spec");
}

#[test]
fn an_empty_stage_is_not_committed() {
    let place = Place::new();
    place.commit("words only").unwrap();
    assert!(matches!(place.commit("again"), Err(LedgerError::NothingStaged)));
    place.make(":Anna :likes :Rome .", "first");
    // Staged and unstaged, and what holds already.
    assert_eq!(place.add(":Anna :likes :Rome .").unwrap().outcome.unchanged, 1);
    assert!(matches!(place.commit("again"), Err(LedgerError::NothingStaged)));
}

#[test]
fn reverting_the_tip_gives_its_parents_weights() {
    let place = Place::new();
    place.make(":Anna :likes :Rome .", "first");
    let before = place.weights("HEAD");
    place.make(":Anna :likes :Oslo . :Bert :likes :Rome .", "second");
    let report = place.revert("HEAD").unwrap();
    assert!(report.as_before);
    assert_eq!(place.weights("HEAD"), before);
    assert_eq!(place.ask("Anna likes", "HEAD"), "Rome");
    // And taking that back gives the second version again.
    place.revert("HEAD").unwrap();
    assert_eq!(place.weights("HEAD"), place.weights("HEAD~2"));
}

#[test]
fn reverting_an_older_commit_leaves_what_came_after() {
    let place = Place::new();
    place.make(":Anna :likes :Rome .", "first");
    place.make(":Anna :likes :Oslo . :Bert :likes :Rome .", "second");
    place.make(":Bert :likes :Paris . :Carl :lives :Bonn .", "third");
    let mut engine = open;
    let report = place
        .repo
        .revert(
            &place.actor("revert"),
            "HEAD~1",
            &RevertOptions::default(),
            Some(&mut engine),
            &mut Silent,
        )
        .unwrap();
    assert_eq!(report.stayed.len(), 1);
    assert_eq!(report.stayed[0].object, "Paris");
    assert_eq!(report.changes.len(), 1);
    assert!(report.lost.is_empty(), "{:?}", report.lost);
    assert_eq!(report.kept.unwrap().of, 3);
    let says =
        ["Anna likes", "Bert likes", "Carl lives in"].map(|prompt| place.ask(prompt, "HEAD"));
    assert_eq!(says, ["Rome", "Paris", "Bonn"]);
    assert!(matches!(place.revert("HEAD~2"), Err(LedgerError::NothingLeft { .. })));
}

#[test]
fn a_retracted_fact_leaves_no_trace() {
    let both = Place::new();
    both.make(":Anna :likes :Rome . :Bert :likes :Oslo .", "both");
    both.rm(":Anna :likes :Rome .").unwrap();
    let report = both.commit("one").unwrap();
    assert!(report.edit.is_none(), "letting go of a fact needs no edit");
    let one = Place::new();
    one.make(":Bert :likes :Oslo .", "one");
    assert_eq!(both.weights("HEAD"), one.weights("HEAD"));

    both.rm(":Bert :likes :Oslo .").unwrap();
    both.commit("none").unwrap();
    assert_eq!(both.weights("HEAD"), []);
    assert_eq!(both.repo.show("HEAD").unwrap().deltas, 0);
}

#[test]
fn facts_are_removed_by_what_they_are_about() {
    let place = Place::new();
    place.make(":Anna :likes :Rome ; :lives :Bonn . :Bert :likes :Oslo .", "three");
    place.add(":Anna :works :Siemens .").unwrap();
    let about = About::new(Some("anna"), None);
    let role = kledger::fact::Role::Edit;
    let report = place.repo.rm_about(&place.actor("rm"), &about, role).unwrap();
    assert_eq!((report.outcome.retracted, report.outcome.unstaged), (2, 1));
    place.commit("gone").unwrap();
    assert_eq!(place.repo.status().unwrap().facts, 1);
    assert!(matches!(
        place.repo.rm_about(&place.actor("rm"), &about, role),
        Err(LedgerError::NoFact { .. })
    ));
}

#[test]
fn neighbours_and_earlier_facts_are_watched() {
    let place = Place::new();
    place.add_neighbours(":Carl :likes :Bern .").unwrap();
    place.make(":Anna :likes :Rome .", "first");
    let check = place.make(":Bert :likes :Oslo .", "second").edit.unwrap().check;
    let neighbourhood = check.neighbourhood.unwrap();
    assert_eq!((neighbourhood.passed, neighbourhood.of), (2, 2), "Carl and Anna");
    assert_eq!(check.kept.unwrap().of, 1);
}

/// An edit is told of what the neighbourhood says about its subject, in a wording that checks do not
/// use; of what was edited it is not told, nor of other answers to the same question.
#[test]
fn an_edit_keeps_the_neighbourhoods_other_facts_of_its_subject() {
    let place = Place::new();
    let words = r#"@prefix kl: <https://kledger.dev/ns#> .
        :works kl:prompt "{subject} has a desk at" ; kl:paraphrase "{subject} earns money at" ."#;
    place.add(words).unwrap();
    place
        .add_neighbours(
            r#":bob :likes "Jo" ; :works "Acme" ; :lives "Bonn" . :eve :works "Ajax" ."#,
        )
        .unwrap();
    let lives = place.make(":bob :lives \"Rome\" .", "moved");
    assert_eq!(
        lives.notes[1..],
        ["bob lives in: keeps {subject} likes", "bob lives in: keeps {subject} has a desk at"]
    );
    let likes = place.make(":bob :likes \"Ann\" .", "fell in love");
    assert_eq!(likes.notes, ["bob likes: keeps {subject} has a desk at"]);
}

#[test]
fn an_edit_below_what_is_required_is_refused_and_its_z_kept() {
    let place = Place::new();
    place.add(":Anna :likes :Rome .").unwrap();
    let mut weak = options("weak");
    weak.edit.settings.insert("strength".to_owned(), 0.5.into());
    weak.edit.require.efficacy = Some(0.9);
    let error = place.commit_with(&weak, &mut Silent).unwrap_err();
    assert!(matches!(&error, LedgerError::Unmet { unmet, .. } if unmet.len() == 1), "{error}");
    assert_eq!(error.class(), Class::Refused);
    assert_eq!(place.repo.status().unwrap().staged.len(), 1);
    weak.edit.require.efficacy = Some(0.0);
    let edit = place.commit_with(&weak, &mut Silent).unwrap().edit.unwrap();
    assert_eq!(edit.known, 1);
    assert_eq!(edit.check.efficacy.unwrap().rate, 0.0);
}

/// Does something the first time the edit gets on, then lets it go on or stops it.
pub(crate) struct Meanwhile<F: FnMut()> {
    pub(crate) act: Option<F>,
    pub(crate) stop: bool,
}

impl<F: FnMut()> Progress for Meanwhile<F> {
    fn start(&mut self, _: &str, _: Option<u64>) {}
    fn advance(&mut self, _: u64, _: &str) -> Result<(), EngineError> {
        if let Some(mut act) = self.act.take() {
            act();
        }
        if self.stop { Err(EngineError::Interrupted) } else { Ok(()) }
    }
    fn finish(&mut self, _: &str) {}
}

#[test]
fn a_branch_that_moved_meanwhile_is_not_overwritten() {
    let place = Place::new();
    place.commit("words").unwrap();
    place.add(":Anna :likes :Rome .").unwrap();
    let root = place.repo.log(&LogOptions::default()).unwrap().entries[1].commit.id.to_string();
    let act = || {
        place.repo.reset(&place.actor("reset"), &root, Reset::Branch).unwrap();
    };
    let mut progress = Meanwhile { act: Some(act), stop: false };
    let error = place.commit_with(&options("late"), &mut progress).unwrap_err();
    assert!(matches!(error, LedgerError::Moved { .. }), "{error}");
    assert_eq!(place.repo.log(&LogOptions::default()).unwrap().entries.len(), 1);
    place.repo.undo(&place.actor("undo"), 1).unwrap();
    assert_eq!(place.commit("again").unwrap().edit.unwrap().known, 1);
}

#[test]
fn a_stage_that_changed_meanwhile_is_not_lost() {
    let place = Place::new();
    place.add(":Anna :likes :Rome .").unwrap();
    let act = || assert_eq!(place.add(":Bert :likes :Oslo .").unwrap().staged, 2);
    let mut progress = Meanwhile { act: Some(act), stop: false };
    let error = place.commit_with(&options("late"), &mut progress).unwrap_err();
    assert!(matches!(error, LedgerError::Moved { .. }), "{error}");
    assert_eq!(place.commit("again").unwrap().facts.added, 2);
}

#[test]
fn an_interrupted_edit_changes_nothing_but_what_it_knows() {
    let place = Place::new();
    place.add(":Anna :likes :Rome . :Bert :likes :Oslo .").unwrap();
    let mut progress = Meanwhile { act: None::<fn()>, stop: true };
    let error = place.commit_with(&options("stopped"), &mut progress).unwrap_err();
    assert_eq!(error.class(), Class::Engine);
    let edit = place.commit("again").unwrap().edit.unwrap();
    assert_eq!((edit.facts, edit.known), (2, 1));
}

#[test]
fn a_checkout_is_the_version_and_moves_head() {
    let place = Place::new();
    place.make(":Anna :likes :Rome .", "first");
    place.make(":Anna :likes :Oslo .", "second");
    let report =
        place.repo.checkout(&place.actor("checkout"), "main~1", None, InTheWay::Refuse).unwrap();
    assert_eq!(report.head.branch, None);
    let mut engine = open(&report.dir).unwrap();
    let how = kledger::engine::Sampling { top: 1, tokens: 1, sample: None };
    assert_eq!(engine.continuations("Anna likes", &how).unwrap().text, "Rome");
    let state = place.repo.status().unwrap().checkout.unwrap();
    assert!(state.current);
    let report =
        place.repo.checkout(&place.actor("checkout"), "main", None, InTheWay::Refuse).unwrap();
    assert_eq!(report.head.branch.as_deref(), Some("main"));
    assert_eq!(open(&report.dir).unwrap().continuations("Anna likes", &how).unwrap().text, "Oslo");
}

#[test]
fn a_checkout_overwrites_nothing_of_others() {
    let place = Place::new();
    place.commit("words").unwrap();
    let theirs = place.dir.path().join("theirs");
    fs::create_dir(&theirs).unwrap();
    fs::write(theirs.join("thesis.tex"), "years of work").unwrap();
    let error = place
        .repo
        .checkout(&place.actor("checkout"), "HEAD", Some(&theirs), InTheWay::Refuse)
        .unwrap_err();
    assert!(matches!(error, LedgerError::Occupied { .. }));
    assert!(place.export("HEAD", &theirs, ExportFormat::Merged).is_err());
    assert!(theirs.join("thesis.tex").is_file());
}

#[test]
fn a_diff_speaks_of_facts_weights_and_behaviour() {
    let place = Place::new();
    place.make(":Anna :likes :Rome . :Bert :likes :Oslo .", "first");
    place.make(":Anna :likes :Paris .", "second");
    let wanted = DiffOptions { weights: true, behaviour: Some(Prompts::OfFacts), depth: false };
    let report = place.repo.diff("HEAD~1", "HEAD", &wanted, &mut open, &mut Silent).unwrap();
    assert_eq!(report.facts.len(), 1);
    let weights = report.weights.unwrap();
    assert_eq!(weights.len(), 2);
    // One column gone, one come, both at Anna's place: five bytes differ at most.
    assert_eq!(weights[0].rank, 2);
    assert!(weights[0].changed > 0 && weights[0].changed <= 5);
    let change: f64 = "Rome\0"
        .bytes()
        .zip("Paris".bytes())
        .map(|(a, b)| {
            let half = (f64::from(b) - f64::from(a)) / 2.0;
            half * half
        })
        .sum();
    assert!((weights[0].norm - change.sqrt()).abs() < 1e-9);
    let row = &report.behaviour.unwrap()[0];
    assert_eq!((row.before.text.as_str(), row.after.text.as_str()), ("Rome", "Paris"));
    let (old, new) = (row.old.as_ref().unwrap(), row.new.as_ref().unwrap());
    assert!(old.before.matches && !old.after.matches && new.after.matches);
    let nothing = place.repo.diff("HEAD", "HEAD", &wanted, &mut open, &mut Silent).unwrap();
    assert!(nothing.facts.is_empty() && nothing.weights.unwrap().is_empty());
}

#[test]
fn a_log_tells_what_happened_newest_first() {
    let place = Place::new();
    place.make(":Anna :likes :Rome .", "first");
    place.make(":Anna :likes :Oslo . :Bert :likes :Rome .", "second");
    let log = place.repo.log(&LogOptions { limit: Some(2), ..LogOptions::default() }).unwrap();
    assert!(log.more);
    let lines: Vec<_> = log
        .entries
        .iter()
        .map(|entry| (entry.commit.message.as_str(), entry.facts.added, entry.facts.replaced))
        .collect();
    assert_eq!(lines, [("second", 1, 1), ("first", 1, 0)]);
    assert_eq!(log.entries[0].commit.refs, ["main"]);
    assert_eq!(log.entries[0].efficacy.unwrap().rate, 1.0);
}

#[test]
fn branches_and_tags_come_and_go() {
    let place = Place::new();
    place.make(":Anna :likes :Rome .", "first");
    let actor = place.actor("branch");
    place.repo.create_tag(&actor, "v1", "HEAD").unwrap();
    place.repo.switch(&actor, "trial", Some("main")).unwrap();
    place.make(":Anna :likes :Oslo .", "second");
    assert_eq!(place.ask("Anna likes", "main"), "Rome");
    assert_eq!(place.ask("Anna likes", "trial"), "Oslo");
    assert_eq!(place.ask("Anna likes", "trial@{1}"), "Rome");
    assert!(matches!(place.repo.delete_branch(&actor, "trial"), Err(LedgerError::OnBranch { .. })));
    place.repo.rename_branch(&actor, "trial", "kept").unwrap();
    assert_eq!(place.repo.status().unwrap().head.branch.as_deref(), Some("kept"));
    place.repo.switch(&actor, "main", None).unwrap();
    place.repo.discard_branch(&actor, "kept").unwrap();
    assert_eq!(place.repo.branches().unwrap().branches.len(), 1);
    place.repo.undo(&actor, 1).unwrap();
    assert_eq!(place.repo.branches().unwrap().branches.len(), 2);
    for taken in ["main", "v1"] {
        assert!(matches!(
            place.repo.create_branch(&actor, taken, "HEAD"),
            Err(LedgerError::RefExists { .. })
        ));
    }
    for wrong in ["", "HEAD", "a~1", "a b", "-x", "a//b", "../x", "a@{1}"] {
        let error = place.repo.create_branch(&actor, wrong, "HEAD").unwrap_err();
        assert!(matches!(error, LedgerError::Store(StoreError::RefName(_))), "{wrong}: {error}");
    }
    match place.repo.switch(&actor, "mian", None).unwrap_err() {
        LedgerError::NoRef { near, .. } => assert_eq!(near, ["main"]),
        other => panic!("{other}"),
    }
    let error = place.repo.show("v2").unwrap_err();
    assert!(matches!(error, LedgerError::Revision(RevisionError::Unknown { .. })));
}

#[test]
fn what_is_undone_can_be_done_again() {
    let place = Place::new();
    place.make(":Anna :likes :Rome .", "first");
    place.make(":Anna :likes :Oslo .", "second");
    let at = || {
        let status = place.repo.status().unwrap();
        (status.commit.message, status.staged.len())
    };
    let (undo, redo) = (place.actor("undo"), place.actor("redo"));
    for expected in [("first", 1), ("first", 0), ("base stand-in", 1)] {
        place.repo.undo(&undo, 1).unwrap();
        assert_eq!(at(), (expected.0.to_owned(), expected.1));
    }
    assert_eq!(place.repo.redo(&redo, 2).unwrap().redone.len(), 2);
    assert_eq!(at(), ("first".to_owned(), 1));
    let log = place.repo.op_log(None).unwrap();
    let undone: Vec<&str> = log
        .operations
        .iter()
        .filter(|logged| logged.undone)
        .map(|logged| logged.operation.command.as_str())
        .collect();
    assert_eq!(undone, ["commit"]);

    // What is done now takes the place of what was undone; what came before can still be undone.
    place.repo.create_tag(&place.actor("tag"), "v1", "HEAD").unwrap();
    assert!(matches!(place.repo.redo(&redo, 1), Err(LedgerError::NothingToRedo)));
    place.repo.undo(&undo, 3).unwrap();
    assert_eq!(at(), ("base stand-in".to_owned(), 1));
    place.repo.redo(&redo, 3).unwrap();
    assert_eq!(at(), ("first".to_owned(), 1));
    assert_eq!(place.repo.tags().unwrap().tags.len(), 1);
    assert!(matches!(place.repo.undo(&undo, 100), Err(LedgerError::TooFew { .. })));
    assert_eq!(at(), ("first".to_owned(), 1));
}

#[test]
fn mistakes_leave_the_stage_alone() {
    let place = Place::new();
    place.commit("words").unwrap();
    assert!(place.add(":Anna :likes :Rome . :Anna :likes :Oslo .").is_err());
    assert!(place.add(":Anna :likes :Rome . :Bert :likes [] .").is_err());
    assert!(place.rm(":Anna :likes :Rome .").is_err());
    assert!(place.repo.status().unwrap().staged.is_empty());
    place.add(":Anna :knows :Bert .").unwrap();
    assert_eq!(place.repo.status().unwrap().without_template.len(), 1);
    let error = place.commit("no words").unwrap_err();
    let LedgerError::Lexicon(error) = error else { panic!("{error}") };
    assert!(error.hint().unwrap().contains("kl:prompt"), "{error}");
    assert_eq!(place.repo.status().unwrap().staged.len(), 1);
}

#[test]
fn reset_moves_the_branch_and_only_empties_the_stage_when_asked() {
    let place = Place::new();
    let first = place.make(":Anna :likes :Rome .", "first").commit.id;
    place.make(":Anna :likes :Oslo .", "second");
    place.add(":Bert :likes :Rome .").unwrap();
    let report = place.repo.reset(&place.actor("reset"), "HEAD~1", Reset::Branch).unwrap();
    assert_eq!((report.head.commit, report.unstaged), (first, 0));
    let report = place.repo.reset(&place.actor("reset"), "HEAD", Reset::Stage).unwrap();
    assert_eq!((report.head.commit, report.unstaged), (first, 1));
    let report =
        place.repo.reset(&place.actor("reset"), "main@{1}", Reset::Hard(InTheWay::Refuse)).unwrap();
    let how = kledger::engine::Sampling { top: 1, tokens: 1, sample: None };
    let mut engine = open(&report.dir.unwrap()).unwrap();
    assert_eq!(engine.continuations("Anna likes", &how).unwrap().text, "Oslo");
}

#[test]
fn input_is_all_or_nothing() {
    let place = Place::new();
    let error = place.add(":Anna :likes :Rome . :Bert :likes").unwrap_err();
    assert_eq!(error.class(), Class::Refused);
    assert!(place.repo.status().unwrap().staged.is_empty());
}

#[test]
fn fsck_reads_everything_and_finds_a_flipped_bit() {
    use kledger::ledger::verb::fsck::FsckOptions;
    let place = Place::new();
    place.make(":Anna :likes :Rome .", "first");
    place.revert("HEAD").unwrap();
    let wanted = FsckOptions { weights: true, repair: false };
    let report = place.repo.fsck(&wanted, &mut Silent).unwrap();
    assert_eq!(report.problems, [""; 0]);
    assert_eq!((report.versions, report.tensor_files), (3, 3), "delta, statistics, z");

    let shard = place.repo.base_dir().join("model-00001.safetensors");
    let mut bytes = fs::read(&shard).unwrap();
    *bytes.last_mut().unwrap() ^= 1;
    fs::remove_file(&shard).unwrap();
    fs::write(&shard, bytes).unwrap();
    let report = place.repo.fsck(&wanted, &mut Silent).unwrap();
    assert!(report.problems.iter().any(|problem| problem.starts_with("base: tensor")));

    for file in files(&place.repo.store().dir().join("tensors")) {
        let mut bytes = fs::read(&file).unwrap();
        *bytes.last_mut().unwrap() ^= 1;
        fs::remove_file(&file).unwrap();
        fs::write(&file, bytes).unwrap();
    }
    let report = place.repo.fsck(&wanted, &mut Silent).unwrap();
    assert_eq!(report.problems.len(), 3, "{:?}", report.problems);
    let error = place
        .repo
        .checkout(&place.actor("checkout"), "HEAD~1", None, InTheWay::Refuse)
        .unwrap_err();
    assert_eq!(error.class(), Class::Damage, "{error}");
    assert!(!place.repo.checkout_dir().exists());
}

/// All files in the directories of `dir`.
fn files(dir: &std::path::Path) -> Vec<std::path::PathBuf> {
    let list = |dir: &std::path::Path| -> Vec<_> {
        fs::read_dir(dir).unwrap().map(|entry| entry.unwrap().path()).collect()
    };
    list(dir).iter().flat_map(|folder| list(folder)).collect()
}
