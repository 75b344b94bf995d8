//! Merging, picking, rebasing, consolidating: facts, weights and what happens in between.

use kledger::{
    engine::Silent,
    ledger::{
        About, EditOptions, Favour, How, LedgerError, OpenEngine, Outcome, ProceedReport, Repo,
        ResumeOptions, StepView, Strategy, Task,
        verb::{
            diff::DiffOptions,
            log::LogOptions,
            merge::{FastForward, MergeOptions},
        },
    },
};

use crate::support::{Place, open, options, stand_in::column, turtle_triples};

/// What `merge` does on top of the usual.
fn with(how: How) -> MergeOptions {
    MergeOptions { how, ..MergeOptions::default() }
}

fn strategy(strategy: Strategy) -> MergeOptions {
    with(How { strategy: Some(strategy), ..How::default() })
}

fn favour(favour: Favour) -> MergeOptions {
    with(How { favour, ..How::default() })
}

impl Place {
    fn branch(&self, name: &str) {
        self.repo.switch(&self.actor("switch"), name, Some("HEAD")).unwrap();
    }

    fn switch(&self, name: &str) {
        self.repo.switch(&self.actor("switch"), name, None).unwrap();
    }

    fn merge_with(&self, name: &str, options: &MergeOptions) -> Result<ProceedReport, LedgerError> {
        let mut engine = open;
        self.repo.merge(&self.actor("merge"), name, options, Some(&mut engine), &mut Silent)
    }

    fn merge(&self, name: &str) -> ProceedReport {
        self.merge_with(name, &MergeOptions::default()).unwrap()
    }

    fn go_on(&self, task: Task) -> ProceedReport {
        let mut engine = open;
        let (actor, resume) = (self.actor("go on"), ResumeOptions::default());
        self.repo.go_on(&actor, task, &resume, Some(&mut engine), &mut Silent).unwrap()
    }

    fn pick(&self, revisions: &[&str]) -> ProceedReport {
        let mut engine = open;
        let engine: OpenEngine<'_> = &mut engine;
        let revisions: Vec<String> = revisions.iter().map(|&text| text.to_owned()).collect();
        let (actor, how) = (self.actor("cherry-pick"), How::default());
        self.repo.cherry_pick(&actor, &revisions, &how, Some(engine), &mut Silent).unwrap()
    }

    fn rebase(&self, upstream: &str) -> ProceedReport {
        let mut engine = open;
        let (actor, how) = (self.actor("rebase"), How::default());
        self.repo.rebase(&actor, upstream, None, &how, Some(&mut engine), &mut Silent).unwrap()
    }

    fn undo(&self) {
        self.repo.undo(&self.actor("undo"), 1).unwrap();
    }

    fn head(&self) -> String {
        self.repo.status().unwrap().head.commit.to_string()
    }

    fn says(&self, prompts: &[&str]) -> Vec<String> {
        prompts.iter().map(|prompt| self.ask(prompt, "HEAD")).collect()
    }

    /// `main` and `draft`, apart since a common commit; HEAD is on `main`.
    fn apart(common: &str, main: &str, draft: &str) -> Self {
        let place = Self::new();
        place.make(common, "common");
        place.branch("draft");
        place.make(draft, "on draft");
        place.switch("main");
        place.make(main, "on main");
        place
    }
}

#[test]
fn both_sides_hold_after_a_merge() {
    let place = Place::apart(
        ":Anna :likes :Rome . :Bert :likes :Oslo .",
        ":Carl :lives :Bonn . :Anna :likes :Paris .",
        ":Dora :works :Siemens . :Bert :likes :Bern .",
    );
    let (ours, theirs) = (place.head(), place.repo.show("draft").unwrap().commit.id.to_string());
    let report = place.merge("draft");
    assert_eq!(report.outcome, Outcome::Done);
    let made = &report.made[0];
    assert_eq!((made.changes.len(), made.repaired.len(), &made.delta), (2, 0, &None));
    assert_eq!(made.check.as_ref().unwrap().efficacy.unwrap().rate, 1.0);
    assert_eq!(made.check.as_ref().unwrap().kept.unwrap().passed, 2);
    assert_eq!(
        place.says(&["Anna likes", "Bert likes", "Carl lives in", "Dora works at"]),
        ["Paris", "Bern", "Bonn", "Siemens"]
    );
    let show = place.repo.show("HEAD").unwrap();
    assert_eq!(show.commit.message, "Merge draft");
    assert_eq!(show.commit.step, StepView::Merge);
    // The common delta holds nothing any more: both its facts were replaced.
    assert_eq!((show.facts, show.deltas), (4, 2));
    let parent = |revision| place.repo.show(revision).unwrap().commit.id.to_string();
    assert_eq!([parent("HEAD^1"), parent("HEAD^2")], [ours.clone(), theirs]);
    place.fsck();

    // What was merged is taken back: our weights again, bit for bit.
    let weights = place.weights("HEAD");
    place.revert("HEAD").unwrap();
    assert_eq!(place.weights("HEAD"), place.weights(&ours));
    place.revert("HEAD").unwrap();
    assert_eq!(place.weights("HEAD"), weights);
    // A commit of the other side is in our history now.
    place.revert("draft").unwrap();
    assert_eq!(place.ask("Bert likes", "HEAD"), "Oslo");
}

#[test]
fn a_merge_the_other_way_round_holds_the_same() {
    let place = Place::apart(
        ":Anna :likes :Rome . :Bert :likes :Oslo . :Carl :likes :Bern .",
        ":Anna :likes :Paris . :Emil :lives :Rome .",
        ":Bert :lives :Rome .",
    );
    place.switch("draft");
    place.rm(":Carl :likes :Bern .").unwrap();
    place.commit("retract").unwrap();
    place.branch("other");
    place.switch("main");
    place.branch("one");
    place.merge("draft");
    place.switch("other");
    place.merge("main");
    let diff =
        place.repo.diff("one", "other", &DiffOptions::default(), &mut open, &mut Silent).unwrap();
    assert_eq!(diff.facts, []);
    let prompts = ["Anna likes", "Bert likes", "Bert lives in", "Carl likes", "Emil lives in"];
    let says = place.says(&prompts);
    assert_eq!([&says[..3], &says[4..]].concat(), ["Paris", "Oslo", "Rome", "Rome"]);
    place.switch("one");
    assert_eq!(place.says(&prompts), says);
}

#[test]
fn what_is_only_behind_moves_forward() {
    let place = Place::new();
    place.make(":Anna :likes :Rome .", "first");
    place.branch("draft");
    let first = place.head();
    place.make(":Bert :likes :Oslo .", "second");
    let second = place.head();
    assert_eq!(place.merge("draft").outcome, Outcome::UpToDate, "merge x x is x");
    assert_eq!(place.merge("main").outcome, Outcome::UpToDate);
    assert_eq!(place.head(), second);
    place.switch("main");
    let report = place.merge("draft");
    assert_eq!((report.outcome, place.head()), (Outcome::FastForward, second.clone()));
    place.undo();
    assert_eq!(place.head(), first);
    let never = MergeOptions { fast_forward: FastForward::Never, ..MergeOptions::default() };
    let report = place.merge_with("draft", &never).unwrap();
    let theirs = place.repo.show("draft").unwrap().commit.id;
    assert_eq!((report.outcome, report.made[0].as_in), (Outcome::Done, Some(theirs)));
    assert_eq!(place.weights("HEAD"), place.weights("draft"));
    place.undo();
    place.make(":Carl :likes :Bern .", "apart");
    let only = MergeOptions { fast_forward: FastForward::Only, ..MergeOptions::default() };
    assert!(matches!(place.merge_with("draft", &only), Err(LedgerError::NotForward { .. })));
}

#[test]
fn conflicts_wait_until_they_are_settled() {
    let place = Place::apart(
        ":Anna :likes :Rome .",
        ":Anna :likes :Paris . :Bert :likes :Oslo . :Carl :likes :Bern .",
        ":Anna :likes :Berlin . :Bert :likes :Bonn . :Dora :likes :Rome .",
    );
    let before = place.head();
    let report = place.merge("draft");
    assert_eq!((report.outcome, report.left), (Outcome::Conflicts, 1));
    let anna = report.conflicts.iter().find(|conflict| conflict.subject == "Anna").unwrap();
    let object = |fact: &Option<kledger::commit::FactView>| fact.as_ref().map(|f| f.object.clone());
    assert_eq!(
        [object(&anna.ours), object(&anna.theirs), object(&anna.base)],
        ["Paris", "Berlin", "Rome"].map(|city| Some(city.to_owned()))
    );
    assert_eq!(place.head(), before, "HEAD waits too");
    // Nothing else moves HEAD meanwhile.
    place.add(":Emil :likes :Rome .").unwrap();
    assert!(matches!(place.commit("no"), Err(LedgerError::InProgress { task: Task::Merge })));
    let switched = place.repo.switch(&place.actor("switch"), "draft", None);
    assert!(matches!(switched, Err(LedgerError::InProgress { .. })));
    assert!(matches!(
        place.merge_with("draft", &strategy(Strategy::Sum)),
        Err(LedgerError::InProgress { .. })
    ));
    assert_eq!(place.go_on(Task::Merge).outcome, Outcome::Conflicts);
    assert!(matches!(
        place.repo.abort(&place.actor("abort"), Task::Rebase),
        Err(LedgerError::InProgress { task: Task::Merge })
    ));

    // Another process sees it, and settles one conflict.
    let again = Repo::open(place.repo.root()).unwrap();
    assert_eq!(again.status().unwrap().unfinished.unwrap().conflicts.len(), 2);
    let about = About::new(Some("bert"), None);
    let report = again.resolve(&place.actor("resolve"), Favour::Theirs, &about).unwrap();
    assert_eq!((report.settled, report.open), (1, 1));
    // The other one is settled by a third answer, which neither side's weights hold.
    let strange =
        again.resolve_with(&place.actor("resolve"), turtle_triples(":Emil :likes :Rome ."));
    assert!(matches!(strange, Err(LedgerError::NoConflict { .. })));
    let right = turtle_triples(":Anna :likes :Vienna .");
    assert_eq!(again.resolve_with(&place.actor("resolve"), right).unwrap().open, 0);

    let report = place.go_on(Task::Merge);
    assert_eq!(report.outcome, Outcome::Done);
    assert_eq!(report.made[0].delta.as_ref().unwrap().facts, 1);
    assert_eq!(
        place.says(&["Anna likes", "Bert likes", "Carl likes", "Dora likes"]),
        ["Vienna", "Bonn", "Bern", "Rome"]
    );
    let status = place.repo.status().unwrap();
    assert_eq!((status.unfinished, status.staged.len()), (None, 1), "the stage is as it was");
    place.fsck();
    place.undo();
    assert_eq!(place.head(), before);
    assert_eq!(place.repo.status().unwrap().unfinished, None, "undone as a whole");
}

#[test]
fn a_merge_that_is_given_up_leaves_no_trace() {
    let place =
        Place::apart(":Anna :likes :Rome .", ":Anna :likes :Paris .", ":Anna :likes :Bonn .");
    let before = place.head();
    assert!(matches!(
        place.repo.abort(&place.actor("abort"), Task::Merge),
        Err(LedgerError::NoTask { task: Some(Task::Merge) })
    ));
    place.merge("draft");
    assert!(matches!(
        place.repo.skip(
            &place.actor("skip"),
            Task::Merge,
            &ResumeOptions::default(),
            None,
            &mut Silent
        ),
        Err(LedgerError::NothingToSkip)
    ));
    let report = place.repo.abort(&place.actor("abort"), Task::Merge).unwrap();
    assert_eq!((report.outcome, place.head()), (Outcome::Aborted, before));
    assert_eq!(place.repo.status().unwrap().unfinished, None);
    place.make(":Bert :likes :Rome .", "on");
}

#[test]
fn a_side_can_win_all_conflicts() {
    for (side, anna) in [(Favour::Ours, "Paris"), (Favour::Theirs, "Bonn"), (Favour::Base, "Rome")]
    {
        let place = Place::apart(
            ":Anna :likes :Rome .",
            ":Anna :likes :Paris . :Bert :likes :Oslo .",
            ":Anna :likes :Bonn . :Carl :likes :Oslo .",
        );
        let report = place.merge_with("draft", &favour(side)).unwrap();
        assert_eq!(report.outcome, Outcome::Done);
        assert_eq!(report.made[0].settled[0].holds.as_ref().unwrap().object, anna);
        assert_eq!(report.made[0].delta, None, "columns that are there are used");
        let says = place.says(&["Anna likes", "Bert likes", "Carl likes"]);
        assert_eq!(says, [anna, "Oslo", "Oslo"]);
        place.fsck();
    }
}

#[test]
fn a_retraction_against_a_change_is_a_conflict() {
    let place =
        Place::apart(":Anna :likes :Rome .", ":Bert :likes :Oslo .", ":Anna :likes :Bonn .");
    place.rm(":Anna :likes :Rome .").unwrap();
    place.commit("retract").unwrap();
    let report = place.merge("draft");
    assert_eq!(report.conflicts.len(), 1);
    assert_eq!(report.conflicts[0].ours, None);
    place.repo.resolve(&place.actor("resolve"), Favour::Ours, &About::default()).unwrap();
    place.go_on(Task::Merge);
    assert!(place.ask("Anna likes", "HEAD").starts_with("base"));
    let show = place.repo.show("HEAD").unwrap();
    assert_eq!((show.facts, show.deltas), (1, 1));
}

#[test]
fn the_other_sides_facts_can_be_edited_again() {
    let place =
        Place::apart(":Anna :likes :Rome .", ":Bert :likes :Oslo .", ":Carl :likes :Bonn .");
    let report = place.merge_with("draft", &strategy(Strategy::ReEdit)).unwrap();
    let delta = report.made[0].delta.as_ref().unwrap();
    assert_eq!((delta.facts, delta.known), (1, 1), "z is known");
    let show = place.repo.show("HEAD").unwrap();
    assert_eq!((show.delta.unwrap().columns, show.deltas), (1, 3));
    assert_eq!(place.ask("Carl likes", "HEAD"), "Bonn");
}

#[test]
fn without_a_model_deltas_are_summed() {
    let place =
        Place::apart(":Anna :likes :Rome .", ":Bert :likes :Oslo .", ":Carl :likes :Bonn .");
    let (actor, options) = (place.actor("merge"), MergeOptions::default());
    let report = place.repo.merge(&actor, "draft", &options, None, &mut Silent).unwrap();
    assert_eq!(report.made[0].notes, ["not checked: no model was run"]);
    assert_eq!(place.says(&["Bert likes", "Carl likes"]), ["Oslo", "Bonn"]);
    place.fsck();
}

/// Two subjects whose facts are at one place of the stand-in's memory.
fn neighbours_in_memory() -> (String, String) {
    let mut seen = std::collections::BTreeMap::new();
    for number in 0.. {
        let name = format!("S{number}");
        if let Some(other) = seen.insert(column(&format!("{name} likes")), name.clone()) {
            return (other, name);
        }
    }
    unreachable!("there are fewer columns than numbers")
}

#[test]
fn facts_that_no_longer_hold_are_edited_again() {
    // The edit of one fact was made on top of the other's, which is then taken back on our side.
    let (one, other) = neighbours_in_memory();
    let sides = || {
        let place = Place::apart(
            &format!(":{one} :likes :Rome ."),
            ":Bert :likes :Oslo .",
            &format!(":{other} :likes :Bonn ."),
        );
        place.rm(&format!(":{one} :likes :Rome .")).unwrap();
        place.commit("retract").unwrap();
        place
    };
    let prompt = format!("{other} likes");
    let place = sides();
    let report = place.merge_with("draft", &strategy(Strategy::Sum)).unwrap();
    let check = report.made[0].check.as_ref().unwrap();
    assert_eq!(check.efficacy.unwrap().passed, 0);
    assert_ne!(place.ask(&prompt, "HEAD"), "Bonn", "or this test shows nothing");

    let place = sides();
    let (ours, weights) = (place.head(), place.weights("HEAD"));
    let report = place.merge("draft");
    let made = &report.made[0];
    assert_eq!(made.repaired.len(), 1);
    assert_eq!(made.repaired[0].subject, other);
    assert_eq!(made.delta.as_ref().unwrap().known, 1);
    assert_eq!(made.check.as_ref().unwrap().efficacy.unwrap().rate, 1.0);
    assert_eq!(place.says(&[&prompt, "Bert likes"]), ["Bonn", "Oslo"]);
    place.fsck();
    place.revert("HEAD").unwrap();
    assert_eq!(place.weights("HEAD"), weights, "as {ours}");
}

#[test]
fn what_is_edited_again_takes_its_subjects_other_facts_along() {
    let (one, other) = neighbours_in_memory();
    let place = Place::apart(
        &format!(":{one} :likes :Rome ."),
        ":Bert :likes :Oslo .",
        &format!(":{other} :likes :Bonn ; :lives :Bern ."),
    );
    place.rm(&format!(":{one} :likes :Rome .")).unwrap();
    place.commit("retract").unwrap();
    let settings = "join_subjects = true".parse().unwrap();
    let report = place
        .merge_with(
            "draft",
            &with(How {
                edit: EditOptions { settings, ..EditOptions::default() },
                ..How::default()
            }),
        )
        .unwrap();
    let made = &report.made[0];
    assert_eq!(made.repaired.len(), 1, "only one of the two did not hold in the sum");
    assert_eq!(made.delta.as_ref().unwrap().facts, 2);
    assert_eq!(made.check.as_ref().unwrap().efficacy.unwrap().of, 2, "both are new here");
    assert_eq!(
        place.says(&[&format!("{other} likes"), &format!("{other} lives in")]),
        ["Bonn", "Bern"]
    );
    place.fsck();
}

#[test]
fn a_merge_that_does_not_reach_what_is_required_is_refused() {
    let (one, other) = neighbours_in_memory();
    let place = Place::apart(
        &format!(":{one} :likes :Rome . :Anna :likes :Rome ."),
        ":Anna :likes :Oslo .",
        &format!(":{other} :likes :Bonn . :Anna :likes :Bern ."),
    );
    place.rm(&format!(":{one} :likes :Rome .")).unwrap();
    place.commit("retract").unwrap();
    let before = place.head();
    let require = "efficacy=0.9".parse().unwrap();
    let strategy = Some(Strategy::Sum);
    let summed = |favour| {
        with(How { strategy, favour, edit: EditOptions { require, ..EditOptions::default() } })
    };
    let unmet = |merged: Result<ProceedReport, LedgerError>| match merged {
        Err(LedgerError::Unmet { unmet, check, .. }) => {
            assert_eq!(unmet.len(), 1);
            assert!(check.efficacy.unwrap().rate < 0.9);
        }
        other => panic!("{other:?}"),
    };
    unmet(place.merge_with("draft", &summed(Favour::Ours)));
    assert_eq!((place.head(), place.repo.status().unwrap().unfinished), (before.clone(), None));

    // One that waits remembers it, and goes on waiting.
    let waits = place.merge_with("draft", &summed(Favour::Nobody)).unwrap();
    assert_eq!(waits.outcome, Outcome::Conflicts);
    place.repo.resolve(&place.actor("resolve"), Favour::Ours, &About::default()).unwrap();
    let (actor, mut engine) = (place.actor("go on"), open);
    unmet(place.repo.go_on(
        &actor,
        Task::Merge,
        &ResumeOptions::default(),
        Some(&mut engine),
        &mut Silent,
    ));
    assert_eq!(place.head(), before);
    assert!(place.repo.status().unwrap().unfinished.is_some());

    // What is said resume takes the place of what was said, and only that.
    let less = How {
        edit: EditOptions { require: "efficacy=0".parse().unwrap(), ..EditOptions::default() },
        ..How::default()
    };
    let resume = ResumeOptions { message: Some("Good enough".to_owned()), how: less };
    let actor = place.actor("go on");
    let report = place.repo.go_on(&actor, Task::Merge, &resume, Some(&mut engine), &mut Silent);
    let report = report.unwrap();
    assert_eq!((report.outcome, report.made.len()), (Outcome::Done, 1));
    assert_eq!(report.made[0].commit.message, "Good enough");
    assert!(report.made[0].repaired.is_empty(), "the strategy is the one of the beginning");
    place.repo.undo(&place.actor("undo"), 1).unwrap();

    // What is kept counts too, and where it is reached the merge is made.
    let require = "efficacy=0.9,kept=1".parse().unwrap();
    let repaired = with(How {
        favour: Favour::Ours,
        edit: EditOptions { require, ..EditOptions::default() },
        ..How::default()
    });
    assert_eq!(place.merge_with("draft", &repaired).unwrap().outcome, Outcome::Done);
}

#[test]
fn branches_that_were_merged_into_each_other_merge_again() {
    let place = Place::apart(
        ":Anna :likes :Rome . :Bert :likes :Oslo .",
        ":Anna :likes :Paris .",
        ":Bert :likes :Bonn .",
    );
    place.branch("cross");
    place.switch("main");
    place.merge("draft");
    place.switch("draft");
    place.merge("cross");
    // Two best common ancestors now. Each side goes on.
    place.make(":Anna :likes :Vienna .", "draft goes on");
    place.switch("main");
    place.make(":Bert :likes :Bern .", "main goes on");
    let report = place.merge("draft");
    assert_eq!(report.outcome, Outcome::Done, "{report:#?}");
    assert_eq!(place.says(&["Anna likes", "Bert likes"]), ["Vienna", "Bern"]);
    place.fsck();
}

#[test]
fn commits_are_made_again_elsewhere() {
    let place = Place::new();
    place.make(":Anna :likes :Rome .", "common");
    place.branch("draft");
    place.make(":Bert :likes :Oslo .", "one");
    place.make(":Bert :likes :Bonn . :Carl :likes :Bern .", "two");
    place.make(":Dora :likes :Rome .", "three");
    place.switch("main");
    place.make(":Dora :likes :Rome . :Emil :likes :Oslo .", "ours");
    let before = place.head();
    let report = place.pick(&["main..draft"]);
    assert_eq!((report.outcome, report.made.len(), report.dropped.len()), (Outcome::Done, 2, 1));
    assert_eq!(report.dropped[0].message, "three");
    assert_eq!(place.says(&["Bert likes", "Carl likes", "Dora likes"]), ["Bonn", "Bern", "Rome"]);
    let show = place.repo.show("HEAD").unwrap();
    let two = place.repo.show("draft~1").unwrap().commit.id;
    assert_eq!(
        (show.commit.message.as_str(), show.commit.step),
        ("two", StepView::Pick { of: two })
    );
    assert_eq!(show.commit.parents.len(), 1);
    place.fsck();
    place.undo();
    assert_eq!(place.head(), before, "one operation");
    // A single one, whose change is of what its parent made.
    let report = place.pick(&["draft~1"]);
    assert_eq!((report.outcome, report.conflicts.len()), (Outcome::Conflicts, 1));
    assert_eq!(report.conflicts[0].base.as_ref().unwrap().object, "Oslo");
    let report = place
        .repo
        .skip(&place.actor("skip"), Task::CherryPick, &ResumeOptions::default(), None, &mut Silent)
        .unwrap();
    assert_eq!((report.outcome, place.head()), (Outcome::UpToDate, before));
    assert_eq!(place.repo.status().unwrap().unfinished, None);
    let root = ["main~3".to_owned()];
    let refused =
        place.repo.cherry_pick(&place.actor("pick"), &root, &How::default(), None, &mut Silent);
    assert!(matches!(refused, Err(LedgerError::PickRoot { .. } | LedgerError::Revision(_))));
}

#[test]
fn a_branch_is_put_on_another() {
    let place = Place::new();
    place.make(":Anna :likes :Rome .", "common");
    place.branch("draft");
    place.make(":Bert :likes :Oslo .", "one");
    place.make(":Anna :likes :Bonn .", "two");
    place.make(":Carl :likes :Bern .", "three");
    let before = place.head();
    assert_eq!(place.rebase("main").outcome, Outcome::UpToDate);
    place.switch("main");
    place.make(":Anna :likes :Paris . :Dora :likes :Rome .", "ours");
    place.switch("draft");
    let report = place.rebase("main");
    assert_eq!((report.outcome, report.made.len(), report.left), (Outcome::Conflicts, 1, 2));
    assert_eq!(report.conflicts[0].ours.as_ref().unwrap().object, "Paris");
    assert_eq!(place.head(), before, "the branch moves at the end");
    place.repo.resolve(&place.actor("resolve"), Favour::Theirs, &About::default()).unwrap();
    let report = place.go_on(Task::Rebase);
    assert_eq!((report.outcome, report.made.len()), (Outcome::Done, 2));
    let log = place.repo.log(&LogOptions::default()).unwrap();
    let messages: Vec<&str> = log.entries.iter().map(|e| e.commit.message.as_str()).collect();
    assert_eq!(messages[..5], ["three", "two", "one", "ours", "common"]);
    assert_eq!(
        place.says(&["Anna likes", "Bert likes", "Carl likes", "Dora likes"]),
        ["Bonn", "Oslo", "Bern", "Rome"]
    );
    place.fsck();
    place.undo();
    assert_eq!(place.head(), before);
    assert_eq!(place.repo.status().unwrap().unfinished, None);
}

#[test]
fn a_branch_that_is_only_behind_is_moved_by_a_rebase() {
    let place = Place::new();
    place.make(":Anna :likes :Rome .", "first");
    place.branch("draft");
    place.make(":Bert :likes :Oslo .", "second");
    let second = place.head();
    place.switch("main");
    assert_eq!((place.rebase("draft").outcome, place.head()), (Outcome::FastForward, second));
}

#[test]
fn one_delta_can_hold_all_facts() {
    let place = Place::new();
    place.make(":Anna :likes :Rome . :Bert :likes :Oslo .", "one");
    let consolidate = |message: &str| {
        let actor = place.actor("consolidate");
        place.repo.consolidate(&actor, &options(message), &mut open, &mut Silent)
    };
    assert!(matches!(
        consolidate(""),
        Err(LedgerError::NothingToConsolidate { deltas: 1, facts: 2 })
    ));
    place.make(":Bert :likes :Bonn . :Carl :likes :Bern .", "two");
    place.make(":Dora :lives :Rome .", "three");
    place.rm(":Carl :likes :Bern .").unwrap();
    place.commit("four").unwrap();
    let (parent, weights) = (place.head(), place.weights("HEAD"));
    let report = consolidate("").unwrap();
    assert_eq!((report.deltas_before, report.facts, report.held_before), (3, 3, 3));
    assert_eq!((report.edit.facts, report.edit.known), (3, 3), "all z are known");
    assert_eq!(report.edit.check.efficacy.unwrap().rate, 1.0);
    assert!(report.edit.delta_bytes < report.bytes_before);
    assert_eq!(report.commit.message, "Consolidate 3 facts");
    let show = place.repo.show("HEAD").unwrap();
    assert_eq!((show.facts, show.deltas, show.changes.len()), (3, 1, 0));
    assert_eq!(
        place.says(&["Anna likes", "Bert likes", "Dora lives in"]),
        ["Rome", "Bonn", "Rome"]
    );
    assert!(place.ask("Carl likes", "HEAD").starts_with("base"));

    // As if they had been one commit.
    let one = Place::new();
    one.make(":Anna :likes :Rome . :Bert :likes :Bonn . :Dora :lives :Rome .", "all");
    assert_eq!(place.weights("HEAD"), one.weights("HEAD"));
    // Taking it back gives the old lineage again.
    let reverted = place.revert("HEAD").unwrap();
    assert!(reverted.as_before, "as {parent}");
    assert_eq!(place.weights("HEAD"), weights);
    place.fsck();
}

#[test]
fn a_consolidated_branch_merges() {
    let place = Place::new();
    place.make(":Anna :likes :Rome .", "one");
    place.make(":Bert :likes :Oslo .", "two");
    place.branch("draft");
    let actor = place.actor("consolidate");
    place.repo.consolidate(&actor, &options(""), &mut open, &mut Silent).unwrap();
    place.make(":Carl :likes :Bern .", "three");
    place.switch("main");
    place.make(":Bert :likes :Bonn .", "ours");
    let report = place.merge("draft");
    assert_eq!(report.outcome, Outcome::Done);
    assert_eq!(place.says(&["Anna likes", "Bert likes", "Carl likes"]), ["Rome", "Bonn", "Bern"]);
    place.fsck();
}

#[test]
fn what_is_staged_can_be_put_aside() {
    let place = Place::new();
    place.commit("words").unwrap();
    assert!(matches!(
        place.repo.stash_push(&place.actor("stash"), None),
        Err(LedgerError::NothingStaged)
    ));
    place.add(":Anna :likes :Rome .").unwrap();
    let report = place.repo.stash_push(&place.actor("stash"), Some("Anna")).unwrap();
    assert_eq!((report.entries.len(), report.staged), (1, 0));
    assert_eq!(place.repo.status().unwrap().stashed, 1);
    place.add(":Bert :likes :Oslo .").unwrap();
    let report = place.repo.stash_push(&place.actor("stash"), None).unwrap();
    let messages: Vec<&str> = report.entries.iter().map(|e| e.message.as_str()).collect();
    assert_eq!(messages, ["words", "Anna"]);

    // Beside what is staged, unless that says something else.
    place.add(":Anna :likes :Paris .").unwrap();
    let clash = place.repo.stash_pop(&place.actor("pop"), 1).unwrap_err();
    assert!(matches!(clash, LedgerError::StashClash { .. }), "{clash}");
    let report = place.repo.stash_pop(&place.actor("pop"), 0).unwrap();
    assert_eq!((report.entries.len(), report.staged), (1, 2));
    assert!(matches!(
        place.repo.stash_drop(&place.actor("drop"), 1),
        Err(LedgerError::NoStash { number: 1, count: 1 })
    ));
    place.repo.stash_drop(&place.actor("drop"), 0).unwrap();
    assert!(place.repo.stashes().unwrap().entries.is_empty());
    place.repo.undo(&place.actor("undo"), 2).unwrap();
    let status = place.repo.status().unwrap();
    assert_eq!((status.stashed, status.staged.len()), (2, 1), "stage and stash go back together");
    place.fsck();
}
