//! What is forgotten is nowhere; everything else is as it was.

use std::fs;

use kledger::ledger::{
    About, LedgerError, Silent,
    verb::{forget::ForgetReport, fsck::FsckOptions, log::LogOptions, reset::Reset},
};

use crate::support::{Place, files_with, stand_in::column};

/// A name that is in nothing but what is said of its subject.
const SECRET: &str = "Zebulon";

impl Place {
    fn forget(&self, subject: &str, dry_run: bool) -> Result<ForgetReport, LedgerError> {
        let about = About::new(Some(subject), None);
        self.repo.forget(&self.actor("forget"), &about, dry_run, &mut Silent)
    }

    fn messages(&self) -> Vec<String> {
        let log = self.repo.log(&LogOptions { all: true, ..LogOptions::default() }).unwrap();
        log.entries.into_iter().map(|entry| entry.commit.message).collect()
    }

    fn sound(&self) {
        let options = FsckOptions { weights: true, repair: false };
        let found = self.repo.fsck(&options, &mut Silent).unwrap();
        assert_eq!((found.problems, found.remarks), (vec![], vec![]));
    }

    fn files_with(&self, text: &str) -> Vec<String> {
        files_with(self.repo.store().dir(), text)
    }

    /// Facts of one subject on two branches, in a stage put aside, in an abandoned commit and on the stage.
    fn with_secrets() -> Self {
        let place = Self::new();
        place.make(":Anna :likes :Rome .", "before");
        place.make(
            ":Zebulon :likes :Oslo ; <http://www.w3.org/2000/01/rdf-schema#label> \"Zebulon\" . \
             :Bert :likes :Bonn .",
            "with",
        );
        place.repo.create_tag(&place.actor("tag"), "v1", "HEAD").unwrap();
        place.repo.create_branch(&place.actor("branch"), "draft", "HEAD").unwrap();
        place.make(":Zebulon :lives :Paris .", "abandoned");
        place.repo.reset(&place.actor("reset"), "HEAD~1", Reset::Branch).unwrap();
        place.make(":Zebulon :likes :Bonn . :Carl :likes :Rome .", "replaced");
        place.make(":Anna :lives :Oslo .", "after");
        place.repo.switch(&place.actor("switch"), "draft", None).unwrap();
        place.make(":Dora :likes :Paris .", "draft");
        place.add(":Zebulon :works :Siemens . :Emil :likes :Rome .").unwrap();
        place
    }
}

#[test]
fn nothing_is_left_of_the_subject_and_all_of_the_others() {
    let place = Place::with_secrets();
    let before = place.messages();
    let seen = place.forget("zebulon", true).unwrap();
    assert_eq!(place.messages(), before, "a dry run changes nothing");
    assert!(!place.files_with(SECRET).is_empty());

    let remembered = ["changes", "subjects"].map(|file| place.repo.store().dir().join(file));
    for path in &remembered {
        fs::write(path, SECRET).unwrap();
    }
    let report = place.forget("zebulon", false).unwrap();
    assert_eq!((&report.facts, report.rewritten), (&seen.facts, seen.rewritten));
    assert_eq!(report.facts.len(), 4, "{:?}", report.facts);
    assert_eq!((report.rewritten, report.dropped, report.staged), (4, 1, 1));
    assert_eq!(report.refs.len(), 3, "main, draft, v1");
    assert_eq!(place.messages(), before, "every commit is still there");
    assert_eq!(place.files_with(SECRET), [""; 0]);
    assert!(!remembered.iter().any(|path| path.exists()));
    place.sound();

    for (prompt, revision, said) in [
        ("Anna likes", "main", "Rome"),
        ("Anna lives in", "main", "Oslo"),
        ("Carl likes", "main", "Rome"),
        ("Bert likes", "v1", "Bonn"),
        ("Dora likes", "draft", "Paris"),
    ] {
        assert_eq!(place.ask(prompt, revision), said, "{prompt} at {revision}");
    }
    for revision in ["main", "main~1", "v1", "draft"] {
        let prompt = "Zebulon likes";
        assert_eq!(place.ask(prompt, revision), format!("base{}", column(prompt)), "{revision}");
    }
    let status = place.repo.status().unwrap();
    assert_eq!(status.staged.len(), 1, "what else was staged");
    assert!(matches!(place.repo.undo(&place.actor("undo"), 1), Err(LedgerError::Collected { .. })));
    assert!(matches!(place.forget("zebulon", false), Err(LedgerError::NoFactAnywhere { .. })));
    for revision in ["main", "main~1", "draft"] {
        assert!(place.repo.show(revision).unwrap().found_with.is_some(), "{revision} was edited");
    }
    // The history goes on.
    place.commit("next").unwrap();
    assert_eq!(place.ask("Emil likes", "HEAD"), "Rome");
    place.sound();
}

#[test]
fn stashes_lose_it_too() {
    let place = Place::with_secrets();
    place.repo.stash_push(&place.actor("stash"), Some("aside")).unwrap();
    place.forget("https://example.org/Zebulon", false).unwrap();
    assert_eq!(place.files_with(SECRET), [""; 0]);
    place.repo.stash_pop(&place.actor("stash"), 0).unwrap();
    assert_eq!(place.repo.status().unwrap().staged.len(), 1);
    place.sound();
}

/// Who is an object elsewhere keeps a name there, and what is said by others is theirs.
#[test]
fn what_others_say_stays() {
    let place = Place::with_secrets();
    place.repo.reset(&place.actor("reset"), "HEAD", Reset::Stage).unwrap();
    place.make(":Frida :likes :Zebulon .", "of another");
    let report = place.forget("Zebulon", false).unwrap();
    assert!(report.remains.iter().any(|remains| remains.contains("its name")));
    assert_eq!(place.ask("Frida likes", "HEAD"), SECRET);
    place.sound();
}

#[test]
fn what_was_never_touched_keeps_its_id() {
    let place = Place::with_secrets();
    let first = place.repo.show("main~3").unwrap().commit.id;
    place.forget("Zebulon", false).unwrap();
    assert_eq!(place.repo.show("main~3").unwrap().commit.id, first);
    let names: Vec<String> =
        place.repo.tags().unwrap().tags.into_iter().map(|tag| tag.name).collect();
    assert_eq!(names, ["v1"]);
}
