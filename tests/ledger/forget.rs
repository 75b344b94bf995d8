//! What is forgotten is nowhere; everything else is as it was.

use std::fs;

use kledger::{
    engine::Silent,
    eval::{EASYEDIT, Weights},
    ledger::{
        About, Class, How, InTheWay, LedgerError, Task, Texts,
        verb::{
            eval::{EvalOptions, Material},
            forget::ForgetReport,
            fsck::FsckOptions,
            gc::GcOptions,
            log::LogOptions,
            merge::MergeOptions,
            reset::Reset,
            revert::RevertOptions,
        },
    },
};

use crate::support::{Place, files_with, open, stand_in::column};

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

/// The commit that a stage was put aside on used to be removed when nothing else led to it, and all stages put
/// aside with it; from then on most verbs failed.
#[test]
fn a_stash_goes_along_with_its_commit() {
    let place = Place::with_secrets();
    place.repo.reset(&place.actor("reset"), "HEAD", Reset::Stage).unwrap();
    place.make(":Zebulon :lives :Bern .", "to be abandoned");
    place.add(":Gert :likes :Oslo .").unwrap();
    place.repo.stash_push(&place.actor("stash"), Some("aside")).unwrap();
    place.repo.reset(&place.actor("reset"), "HEAD~1", Reset::Branch).unwrap();
    place.add(":Zebulon :likes :Bern .").unwrap();
    place.repo.stash_push(&place.actor("stash"), Some("nothing else")).unwrap();

    place.forget("zebulon", false).unwrap();
    let kept = place.repo.stashes().unwrap().entries;
    let told: Vec<_> = kept.iter().map(|entry| (entry.message.as_str(), entry.facts)).collect();
    assert_eq!(told, [("aside", 1)], "what held nothing else is gone");
    let on = place.repo.show(&kept[0].commit.to_string()).unwrap();
    assert_eq!(on.commit.message, "to be abandoned");
    assert_eq!(place.files_with(SECRET), [""; 0]);
    place.works();
    place.repo.stash_pop(&place.actor("stash"), 0).unwrap();
    assert_eq!(place.repo.status().unwrap().staged.len(), 1);
    place.works();
}

/// What was only ever staged can be had back by `undo`.
#[test]
fn what_was_staged_once_is_forgotten_too() {
    let place = Place::new();
    place.add(":Zebulon :likes :Oslo .").unwrap();
    place.repo.reset(&place.actor("reset"), "HEAD", Reset::Stage).unwrap();
    let report = place.forget("zebulon", false).unwrap();
    assert_eq!((report.facts.len(), report.rewritten, report.staged), (1, 0, 0));
    assert_eq!(place.files_with(SECRET), [""; 0]);
    place.works();
}

/// A pick can take in a delta and leave one of its facts; the numbers that were found for it stay in the delta.
#[test]
fn columns_that_count_no_more_are_taken_out() {
    let place = Place::new();
    place.make(":Bert :likes :Rome .", "before");
    place.repo.switch(&place.actor("switch"), "draft", Some("HEAD")).unwrap();
    place.make(":Zebulon :likes :Oslo . :Bert :likes :Bonn .", "both");
    place.make(":Bert :likes :Rome .", "Rome again");
    place.revert("HEAD").unwrap();
    place.repo.switch(&place.actor("switch"), "main", None).unwrap();
    let (mut engine, how, picked) = (open, How::default(), ["draft".to_owned()]);
    let actor = place.actor("pick");
    place.repo.cherry_pick(&actor, &picked, &how, Some(&mut engine), &mut Silent).unwrap();
    place.repo.discard_branch(&place.actor("branch"), "draft").unwrap();

    let report = place.forget("zebulon", false).unwrap();
    assert_eq!((report.rewritten, report.deltas), (1, 1), "the pick");
    assert_eq!(place.ask("Bert likes", "HEAD"), "Bonn");
    place.works();
}

/// Figures stay with a commit that is made again with the weights that were measured.
#[test]
fn figures_of_other_weights_go() {
    let place = Place::new();
    place.make(":Anna :likes :Rome .", "untouched");
    place.add_neighbours(":Zebulon :likes :Oslo .").unwrap();
    place.commit("of the base").unwrap();
    place.make(":Zebulon :likes :Bonn .", "of the weights");
    for revision in ["HEAD", "HEAD~1", "HEAD~2"] {
        place.measure(revision);
    }
    let report = place.forget("zebulon", false).unwrap();
    assert_eq!((report.rewritten, report.evaluations), (2, 1));
    let stored = |revision| place.repo.show(revision).unwrap().evaluations.len();
    assert_eq!(["HEAD", "HEAD~1", "HEAD~2"].map(stored), [0, 1, 1]);
    place.works();
}

/// Whatever was done before, what is forgotten is nowhere afterwards and every verb works.
#[test]
fn after_anything() {
    for seed in 0..5 {
        let mut random = SplitMix(seed);
        let place = Place::new();
        place.make(":Anna :likes :Rome .", "first");
        let mut done = Vec::new();
        for step in 0..24 {
            let what = random.below(18);
            let verb = place.something(what, step, &mut random);
            done.push(verb);
            if what == 0 {
                place.works();
            }
        }
        for subject in SUBJECTS {
            match place.forget(subject, false) {
                Ok(_) | Err(LedgerError::NoFactAnywhere { .. }) => {}
                Err(error) => panic!("seed {seed}: {done:?}: {error}"),
            }
            assert_eq!(place.files_with(subject), [""; 0], "seed {seed}: {done:?}");
            place.works();
        }
    }
}

/// Names that are in nothing but what is said of them.
const SUBJECTS: [&str; 3] = ["Zebulon", "Yorick", "Xaver"];

/// Numbers that only look random.
struct SplitMix(u64);

impl SplitMix {
    fn below(&mut self, end: u64) -> u64 {
        self.0 = self.0.wrapping_add(0x9e37_79b9_7f4a_7c15);
        let mut z = self.0;
        z = (z ^ (z >> 30)).wrapping_mul(0xbf58_476d_1ce4_e5b9);
        z = (z ^ (z >> 27)).wrapping_mul(0x94d0_49bb_1331_11eb);
        (z ^ (z >> 31)) % end
    }

    fn of<'a>(&mut self, words: &[&'a str]) -> &'a str {
        words[self.below(words.len() as u64) as usize]
    }
}

impl Place {
    /// Reads all there is by every verb that reads, and writes a little.
    fn works(&self) {
        self.messages();
        self.repo.status().unwrap();
        self.repo.branches().unwrap();
        self.repo.tags().unwrap();
        self.repo.op_log(None).unwrap();
        self.repo.show("HEAD").unwrap();
        self.repo.gc(&self.actor("gc"), &GcOptions::default(), &mut Silent).unwrap();
        for entry in self.repo.stashes().unwrap().entries {
            self.repo.show(&entry.commit.to_string()).unwrap();
        }
        self.sound();
    }

    /// Stores figures of a version.
    fn measure(&self, revision: &str) {
        let actor = self.actor("eval");
        let options = EvalOptions {
            revisions: &[revision.to_owned()],
            material: Material::Facts(None),
            protocol: &EASYEDIT,
            texts: Texts { drawing: None, weights: &Weights::default() },
            store: Some(&actor),
        };
        self.repo.eval(&options, &mut open, &mut Silent).unwrap();
    }

    /// Does one thing or another. What is refused changes nothing.
    fn something(&self, what: u64, step: u64, random: &mut SplitMix) -> String {
        let actor = self.actor("something");
        let mut engine = open;
        let subject = random.of(&["Zebulon", "Yorick", "Xaver", "Anna", "Bert"]);
        let fact = format!(
            ":{subject} :{} :{} .",
            random.of(&["likes", "lives"]),
            random.of(&["Rome", "Oslo", "Bonn"])
        );
        let back = random.of(&["HEAD", "HEAD~1", "HEAD~2", "main", "draft", "main~1"]);
        let repo = &self.repo;
        let (verb, done) = match what {
            0 => {
                let forgotten = random.of(&SUBJECTS);
                (format!("forget {forgotten}"), self.forget(forgotten, false).map(drop))
            }
            1..=4 => (format!("add {fact}"), self.add(&fact).map(drop)),
            5 => (format!("neighbour {fact}"), self.add_neighbours(&fact).map(drop)),
            6..=8 => ("commit".to_owned(), self.commit(&step.to_string()).map(drop)),
            9 | 10 => ("stash".to_owned(), repo.stash_push(&actor, None).map(drop)),
            11 => ("stash pop".to_owned(), repo.stash_pop(&actor, 0).map(drop)),
            12 => (format!("reset {back}"), repo.reset(&actor, back, Reset::Branch).map(drop)),
            13 => (
                format!("checkout {back}"),
                repo.checkout(&actor, back, None, InTheWay::Refuse).map(drop),
            ),
            14 => {
                let made = repo.switch(&actor, "draft", Some("HEAD"));
                let done = made.or_else(|_| repo.switch(&actor, "draft", None));
                ("switch draft".to_owned(), done.map(drop))
            }
            15 => (format!("undo {back}"), repo.undo(&actor, 1).map(drop)),
            16 => {
                let done = repo.revert(
                    &actor,
                    back,
                    &RevertOptions::default(),
                    Some(&mut engine),
                    &mut Silent,
                );
                (format!("revert {back}"), done.map(drop))
            }
            _ => {
                let options = MergeOptions::default();
                let done = repo.merge(&actor, back, &options, Some(&mut engine), &mut Silent);
                if done.is_ok() && repo.status().unwrap().unfinished.is_some() {
                    repo.abort(&self.actor("abort"), Task::Merge).unwrap();
                }
                (format!("merge {back}"), done.map(drop))
            }
        };
        let how = done.as_ref().map_or_else(ToString::to_string, |()| "done".to_owned());
        let damaged = done.is_err_and(|error| error.class() == Class::Damage);
        assert!(!damaged, "{verb}: {how}");
        format!("{verb}: {how}")
    }
}
