//! Editors of another grain: several columns for a fact, or none.

use kledger::{
    engine::{EngineError, Silent, StatisticsText},
    ledger::{
        About, How, LedgerError, Repo, Strategy,
        verb::{
            consolidate::ConsolidateReport,
            export::ExportFormat,
            import::ImportSource,
            merge::MergeOptions,
            revert::{RevertOptions, RevertReport},
            stats::StatsOptions,
        },
    },
};

use crate::support::{Place, open, options};

/// A repository whose editor is `name`.
fn edited_by(name: &str) -> Place {
    let mut place = Place::new();
    let root = place.repo.root().to_owned();
    let file = root.join(".kledger/config.toml");
    let config = std::fs::read_to_string(&file).unwrap();
    let others = config.lines().filter(|line| !line.starts_with("editor"));
    let others: String = others.map(|line| format!("{line}\n")).collect();
    std::fs::write(file, format!("editor = '{name}'\n{others}")).unwrap();
    place.repo = Repo::open(&root).unwrap();
    place
}

fn says(place: &Place, prompts: &[&str]) -> Vec<String> {
    prompts.iter().map(|prompt| place.ask(prompt, "HEAD")).collect()
}

fn revert(place: &Place, revision: &str) -> RevertReport {
    let (actor, mut engine) = (place.actor("revert"), open);
    place
        .repo
        .revert(&actor, revision, &RevertOptions::default(), Some(&mut engine), &mut Silent)
        .unwrap()
}

fn consolidate(place: &Place) -> ConsolidateReport {
    let actor = place.actor("consolidate");
    place.repo.consolidate(&actor, &options(""), &mut open, &mut Silent).unwrap()
}

fn switch(place: &Place, name: &str, from: Option<&str>) {
    place.repo.switch(&place.actor("switch"), name, from).unwrap();
}

/// Columns of the delta of HEAD, and of them those that no longer count.
fn columns(place: &Place) -> (u64, u64) {
    let delta = place.repo.show("HEAD").unwrap().delta.unwrap();
    (delta.columns, delta.dropped)
}

const TWO: &str = ":Anna :likes :Rome . :Bert :likes :Oslo .";

#[test]
fn a_fact_can_have_several_columns() {
    let place = edited_by("wide");
    let base = place.ask("Anna likes", "HEAD");
    let made = place.make(TWO, "two").edit.unwrap();
    assert_eq!((made.editor.as_str(), made.facts, made.again), ("wide", 2, 0));
    assert_eq!(columns(&place), (4, 0));
    assert_eq!(says(&place, &["Anna likes", "Bert likes"]), ["Rome", "Oslo"]);

    // Retracting one lets go of both its columns, and needs no edit.
    place.rm(":Anna :likes :Rome .").unwrap();
    assert_eq!(place.commit("one less").unwrap().edit, None);
    assert_eq!(says(&place, &["Anna likes", "Bert likes"]), [base.as_str(), "Oslo"]);
    let before = place.weights("HEAD~1");
    let back = revert(&place, "HEAD");
    assert!(back.as_before);
    assert_eq!(place.weights("HEAD"), before, "bit for bit");

    // One that was changed since stays; the other goes.
    place.make(":Anna :likes :Bern .", "changed");
    let back = revert(&place, "HEAD~3");
    assert_eq!((back.stayed.len(), back.changes.len(), back.as_before), (1, 1, false));
    assert_eq!(place.ask("Anna likes", "HEAD"), "Bern");
    assert_ne!(place.ask("Bert likes", "HEAD"), "Oslo");
    place.fsck();
}

#[test]
fn versions_with_several_columns_a_fact_are_merged_and_consolidated() {
    let place = edited_by("wide");
    place.make(TWO, "common");
    switch(&place, "draft", Some("HEAD"));
    place.make(":Bert :likes :Lima . :Carl :likes :Kiev .", "on draft");
    switch(&place, "main", None);
    place.make(":Anna :likes :Bern .", "on main");
    let mut engine = open;
    let (actor, how) = (place.actor("merge"), MergeOptions::default());
    let merged = place.repo.merge(&actor, "draft", &how, Some(&mut engine), &mut Silent).unwrap();
    assert_eq!(merged.made.len(), 1);
    let prompts = ["Anna likes", "Bert likes", "Carl likes"];
    assert_eq!(says(&place, &prompts), ["Bern", "Lima", "Kiev"]);

    let report = consolidate(&place);
    assert_eq!((report.facts, report.edit.facts, report.edit.again), (3, 3, 0));
    assert_eq!(columns(&place), (6, 0));
    assert_eq!(says(&place, &prompts), ["Bern", "Lima", "Kiev"]);
    place.fsck();
}

#[test]
fn what_holds_together_goes_together_and_the_others_are_edited_again() {
    let place = edited_by("whole");
    let base = place.ask("Anna likes", "HEAD");
    let made = place.make(TWO, "two").edit.unwrap();
    assert_eq!((made.editor.as_str(), made.facts), ("whole", 2));
    assert_eq!(columns(&place), (0, 0));
    assert_eq!(says(&place, &["Anna likes", "Bert likes"]), ["Rome", "Oslo"]);
    assert_eq!(place.repo.show("HEAD").unwrap().deltas, 1);

    // Retracting one takes the whole change, so the other is edited again.
    place.rm(":Anna :likes :Rome .").unwrap();
    let edit = place.commit("one less").unwrap().edit.unwrap();
    assert_eq!((edit.facts, edit.known), (1, 1), "with what was found before");
    assert_eq!(says(&place, &["Anna likes", "Bert likes"]), [base.as_str(), "Oslo"]);
    assert_eq!(place.repo.show("HEAD").unwrap().deltas, 1, "the first one is gone");

    // The tip is taken back bit for bit, with no edit.
    let before = place.weights("HEAD~1");
    let back = revert(&place, "HEAD");
    assert_eq!((back.as_before, back.again), (true, 0));
    assert_eq!(place.weights("HEAD"), before);
    place.fsck();
}

/// What needs no statistics is given none, takes none and records none.
#[test]
fn statistics_are_taken_only_where_they_are_needed() {
    let place = edited_by("whole");
    let made = place.make(TWO, "two");
    assert!(made.notes.iter().all(|note| !note.contains("statistics")), "{:?}", made.notes);
    let spec = place.repo.show("HEAD").unwrap().spec.unwrap();
    assert_eq!((spec.statistics, spec.statistics_tokens), (None, None));
    let with = StatsOptions {
        text: StatisticsText::Corpus(vec!["some words".to_owned()]),
        source: "words".to_owned(),
        editor: None,
        settings: toml::Table::new(),
    };
    let refused = place.repo.stats(&place.actor("stats"), &with, &mut open, &mut Silent);
    assert_eq!(refused.unwrap_err().to_string(), "the editor whole uses no statistics");

    let mut narrow = options("with some");
    narrow.edit.editor = Some("memit".to_owned());
    place.add(":Carl :likes :Kiev .").unwrap();
    let made = place.commit_with(&narrow, &mut Silent).unwrap();
    assert!(made.notes[0].starts_with("statistics taken on"), "{:?}", made.notes);
    let spec = place.repo.show("HEAD").unwrap().spec.unwrap();
    assert!(spec.statistics_tokens.is_some_and(|tokens| tokens > 0));
    place.fsck();
}

#[test]
fn a_revert_below_the_tip_edits_again_what_held_together() {
    let place = edited_by("whole");
    place.make(":Anna :likes :Rome .", "one");
    // Both are in one change: Anna's fact is another one now.
    place.make(":Anna :likes :Bern . :Bert :likes :Oslo .", "two");
    place.make(":Carl :likes :Kiev .", "three");
    place.rm(":Bert :likes :Oslo .").unwrap();
    place.commit("without Bert").unwrap();
    let prompts = ["Anna likes", "Bert likes", "Carl likes"];
    let bert = place.ask("Bert likes", "HEAD~3");
    assert_eq!(says(&place, &prompts), ["Bern", &bert, "Kiev"]);

    // Bert's fact comes back in the change that it was in, and Anna's with it.
    let back = revert(&place, "HEAD");
    assert!(back.as_before);
    assert_eq!(says(&place, &prompts), ["Bern", "Oslo", "Kiev"]);

    // The commit is taken back although Anna's fact has changed since.
    place.make(":Anna :likes :Lima .", "Anna again");
    let back = revert(&place, "HEAD~4");
    assert_eq!(back.stayed.len(), 1);
    assert_eq!(says(&place, &prompts), ["Lima", &bert, "Kiev"]);
    place.fsck();
}

#[test]
fn without_a_model_nothing_that_held_together_is_lost() {
    let place = edited_by("whole");
    place.make(TWO, "two");
    place.make(":Anna :likes :Bern . :Carl :likes :Kiev .", "more");
    place.make(":Carl :likes :Lima .", "Carl again");
    // Anna's fact of the second commit goes back to the first one's change, which Bert's was in too; Carl's stays.
    let before = place.repo.status().unwrap().head;
    let refused = place.revert("HEAD~1");
    assert!(matches!(refused, Err(LedgerError::Engine(EngineError::NoRuntime))), "{refused:?}");
    assert_eq!(place.repo.status().unwrap().head, before);
    revert(&place, "HEAD~1");
    assert_eq!(says(&place, &["Anna likes", "Bert likes", "Carl likes"]), ["Rome", "Oslo", "Lima"]);
    place.fsck();
}

#[test]
fn changes_that_facts_hold_together_are_merged_and_consolidated() {
    // Where the sides changed facts of one change, all of them are edited again, as one.
    for (draft, strategy, deltas) in [
        (":Bert :likes :Lima . :Carl :likes :Kiev .", Strategy::Repair, 1),
        (":Carl :likes :Kiev .", Strategy::Sum, 2),
        (":Bert :likes :Lima . :Carl :likes :Kiev .", Strategy::ReEdit, 1),
    ] {
        let place = edited_by("whole");
        place.make(TWO, "common");
        switch(&place, "draft", Some("HEAD"));
        place.make(draft, "on draft");
        switch(&place, "main", None);
        place.make(":Anna :likes :Bern .", "on main");
        let how = How { strategy: Some(strategy), ..How::default() };
        let options = MergeOptions { how, ..MergeOptions::default() };
        let (actor, mut engine) = (place.actor("merge"), open);
        place.repo.merge(&actor, "draft", &options, Some(&mut engine), &mut Silent).unwrap();
        let prompts = ["Anna likes", "Bert likes", "Carl likes"];
        let bert = if draft.contains("Bert") { "Lima" } else { "Oslo" };
        assert_eq!(says(&place, &prompts), ["Bern", bert, "Kiev"], "{strategy:?}");
        assert_eq!(place.repo.show("HEAD").unwrap().deltas, deltas, "{strategy:?}");
        place.fsck();
        if deltas == 1 {
            continue;
        }

        let report = consolidate(&place);
        assert_eq!((report.facts, report.edit.facts), (3, 3));
        assert_eq!(place.repo.show("HEAD").unwrap().deltas, 1);
        assert_eq!(says(&place, &prompts), ["Bern", bert, "Kiev"], "{strategy:?}");
        place.fsck();
    }
}

#[test]
fn a_change_that_facts_hold_together_is_exchanged() {
    let (ours, theirs) = (edited_by("whole"), edited_by("whole"));
    ours.make(TWO, "two");
    let dir = ours.dir.path().join("delta");
    ours.export("HEAD", &dir, ExportFormat::Delta).unwrap();
    theirs.import(&ImportSource::Delta(dir.clone())).unwrap();
    assert_eq!(theirs.weights("HEAD"), ours.weights("HEAD"));
    theirs.rm(":Anna :likes :Rome .").unwrap();
    theirs.commit("one less").unwrap();
    assert_eq!(theirs.ask("Bert likes", "HEAD"), "Oslo");
    theirs.fsck();

    // Where its facts hold something together with others, these would be lost.
    let third = edited_by("whole");
    third.make(":Anna :likes :Bern . :Carl :likes :Kiev .", "own");
    let error = third.import(&ImportSource::Delta(dir)).unwrap_err().to_string();
    assert!(error.contains("1 of HEAD's facts hold together with facts of it"), "{error}");
    assert_eq!(says(&third, &["Anna likes", "Carl likes"]), ["Bern", "Kiev"]);
}

/// A repository can change its editor; what one found is not sought again by another that seeks the same.
#[test]
fn editors_share_what_they_seek_and_a_history() {
    let place = edited_by("wide");
    place.make(TWO, "wide");
    let mut narrow = options("narrow");
    narrow.edit.editor = Some("memit".to_owned());
    place.repo.undo(&place.actor("undo"), 1).unwrap();
    let made = place.commit_with(&narrow, &mut Silent).unwrap().edit.unwrap();
    assert_eq!((made.editor.as_str(), made.facts, made.known), ("memit", 2, 2));
    assert_eq!(columns(&place), (2, 0));

    place.make(":Carl :likes :Kiev .", "both in one history");
    assert_eq!(says(&place, &["Anna likes", "Bert likes", "Carl likes"]), ["Rome", "Oslo", "Kiev"]);
    place.fsck();
}

#[test]
fn a_delta_with_several_columns_a_fact_is_exchanged() {
    let (ours, theirs) = (edited_by("wide"), Place::new());
    ours.make(TWO, "two");
    let dir = ours.dir.path().join("delta");
    ours.export("HEAD", &dir, ExportFormat::Delta).unwrap();
    theirs.import(&ImportSource::Delta(dir)).unwrap();
    assert_eq!(theirs.weights("HEAD"), ours.weights("HEAD"));
    theirs.rm(":Anna :likes :Rome .").unwrap();
    theirs.commit("one less").unwrap();
    assert_eq!(theirs.ask("Bert likes", "HEAD"), "Oslo");
    assert_ne!(theirs.ask("Anna likes", "HEAD"), "Rome");
    theirs.fsck();
}

/// `forget` used to say it when it was done.
#[test]
fn forget_says_before_that_numbers_stay_where_facts_hold_them_together() {
    let place = edited_by("whole");
    place.make(TWO, "two");
    place.make(":Carl :likes :Kiev .", "another");
    let forget = |subject: &str, dry_run: bool| {
        let about = About::new(Some(subject), None);
        place.repo.forget(&place.actor("forget"), &about, dry_run, &mut Silent).unwrap()
    };
    let numbers = "the numbers in deltas that it holds together with other facts";
    let head = place.repo.status().unwrap().head;
    for dry_run in [true, false] {
        assert_eq!(place.repo.status().unwrap().head, head);
        let report = forget("Anna", dry_run);
        assert_eq!((report.shared, report.whole), (1, u64::from(!dry_run)));
        assert!(report.remains.iter().any(|remains| remains.starts_with(numbers)), "{report:?}");
    }
    let prompts = ["Anna likes", "Bert likes", "Carl likes"];
    assert_eq!(says(&place, &prompts), ["Rome", "Oslo", "Kiev"], "they are still there");

    // None of its facts is left, so the delta goes.
    let report = forget("Bert", false);
    assert_eq!((report.shared, report.whole, report.deltas), (0, 0, 1));
    assert!(!report.remains.iter().any(|remains| remains.starts_with(numbers)), "{report:?}");
    let base = place.repo.show("HEAD").unwrap().deltas;
    assert_eq!((base, says(&place, &prompts[2..])), (1, vec!["Kiev".to_owned()]));
    assert_ne!(says(&place, &prompts[..2]), ["Rome", "Oslo"]);
    place.fsck();
}

#[test]
fn an_editor_that_is_not_there_is_named() {
    let place = Place::new();
    place.add(TWO).unwrap();
    let mut how = options("two");
    how.edit.editor = Some("nobody".to_owned());
    let error = place.commit_with(&how, &mut Silent).unwrap_err().to_string();
    assert_eq!(error, "there is no editor nobody");
}
