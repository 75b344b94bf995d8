//! Where facts were read stays with them: in the stage, the commit and whatever takes the commit along.

use std::collections::BTreeMap;

use kledger::{
    engine::Silent,
    fact::{Attribution, Quoted, Role},
    ledger::{
        About, CitationView, How,
        verb::{
            add::AddOptions,
            commit::AmendOptions,
            gc::GcOptions,
            merge::{FastForward, MergeOptions},
        },
    },
};

use crate::support::{Place, files_with, intake, open, options};

impl Place {
    /// Stages facts of a source.
    fn add_from(&self, source: &str, turtle: &str) {
        let options = AddOptions {
            replace: true,
            source: Some(source.to_owned()),
            licence: Some("CC0-1.0".to_owned()),
            ..AddOptions::new(Role::Edit)
        };
        self.repo.add_with(&self.actor("add"), intake(turtle).unwrap(), options).unwrap();
    }

    /// Stages facts that a sentence said.
    fn add_said(&self, sentence: &str, turtle: &str) {
        let mut said = intake(turtle).unwrap();
        let text = Some(Quoted::Sentence(sentence.to_owned()));
        said.attribute(Attribution { text, ..Attribution::default() });
        self.repo.add(&self.actor("add"), said, Role::Edit, true).unwrap();
    }

    /// Where the facts of a version were read, by their subjects.
    fn cited(&self, revision: &str) -> BTreeMap<String, Option<CitationView>> {
        let blame = self.repo.blame(revision, &About::new(None, None)).unwrap();
        blame.facts.into_iter().map(|fact| (fact.fact.subject, fact.citation)).collect()
    }

    fn sources(&self, revision: &str) -> Vec<String> {
        let cited = self.cited(revision).into_iter();
        let source = |cited: Option<CitationView>| cited.map_or("-".to_owned(), |c| c.in_short());
        cited.map(|(subject, cited)| format!("{subject}: {}", source(cited))).collect()
    }
}

#[test]
fn a_commit_has_the_place_and_the_source_of_each_fact() {
    let place = Place::new();
    place.add(":Anna :likes :Rome .").unwrap();
    place.add_from("Ada's notes", ":Bert :lives :Oslo .");
    place.commit("first").unwrap();
    place.make(":Anna :likes :Oslo .", "second");
    assert_eq!(place.sources("HEAD~1"), ["Anna: test.ttl:2", "Bert: test.ttl:2, Ada's notes"]);
    let bert = place.cited("HEAD").remove("Bert").unwrap().unwrap();
    assert_eq!(bert.licence.as_deref(), Some("CC0-1.0"));
    assert_eq!((bert.sentence, bert.query), (None, None));
    place.fsck();
}

/// A commit has the id that it has without.
#[test]
fn ids_do_not_depend_on_sources() {
    let commit = |source: Option<&str>| {
        let place = Place::new();
        match source {
            Some(source) => place.add_from(source, ":Anna :likes :Rome ."),
            None => drop(place.add(":Anna :likes :Rome .").unwrap()),
        }
        place.commit("first").unwrap().commit.id
    };
    assert_eq!(commit(None), commit(Some("Ada")));
    assert_eq!(commit(Some("Bert")), commit(Some("Ada")));
}

#[test]
fn what_is_staged_anew_has_its_new_source() {
    let place = Place::new();
    place.add_from("first", ":Anna :likes :Rome . :Bert :likes :Rome . :Carl :likes :Rome .");
    place.add_from("second", ":Bert :likes :Oslo . :Carl :likes :Rome .");
    place.add(":Carl :likes :Bonn .").unwrap();
    place.rm(":Anna :likes :Rome .").unwrap();
    place.add(":Anna :likes :Rome .").unwrap();
    place.commit("first").unwrap();
    let expected = ["Anna: test.ttl:2", "Bert: test.ttl:2, second", "Carl: test.ttl:2"];
    assert_eq!(place.sources("HEAD"), expected);
}

#[test]
fn a_stage_put_aside_keeps_its_sources() {
    let place = Place::new();
    place.commit("words").unwrap();
    place.add_from("Ada", ":Anna :likes :Rome .");
    place.repo.stash_push(&place.actor("stash"), None).unwrap();
    place.add_from("Bert", ":Bert :likes :Rome .");
    place.repo.stash_pop(&place.actor("stash"), 0).unwrap();
    place.commit("both").unwrap();
    assert_eq!(place.sources("HEAD"), ["Anna: test.ttl:2, Ada", "Bert: test.ttl:2, Bert"]);
}

#[test]
fn an_amended_commit_keeps_them() {
    let place = Place::new();
    place.add_from("Ada", ":Anna :likes :Rome . :Bert :likes :Rome .");
    place.commit("first").unwrap();
    let amend = |options: &AmendOptions| {
        place.repo.amend(&place.actor("amend"), options, &mut open, &mut Silent).unwrap();
    };
    amend(&AmendOptions { commit: options("in other words"), ..AmendOptions::default() });
    assert_eq!(place.sources("HEAD"), ["Anna: test.ttl:2, Ada", "Bert: test.ttl:2, Ada"]);
    place.add_from("Carl", ":Bert :likes :Oslo .");
    place.rm(":Anna :likes :Rome .").unwrap();
    amend(&AmendOptions::default());
    assert_eq!(place.sources("HEAD"), ["Bert: test.ttl:2, Carl"]);
}

#[test]
fn picks_merges_and_reverts_take_them_along() {
    let place = Place::new();
    place.add_from("first", ":Anna :likes :Rome .");
    place.commit("first").unwrap();
    place.repo.create_branch(&place.actor("branch"), "draft", "HEAD").unwrap();
    place.add_from("second", ":Anna :likes :Oslo . :Bert :lives :Oslo .");
    place.commit("second").unwrap();
    place.revert("HEAD").unwrap();
    assert_eq!(place.sources("HEAD"), ["Anna: test.ttl:2, first"]);

    place.repo.switch(&place.actor("switch"), "draft", None).unwrap();
    place.make(":Carl :works :Siemens .", "on the draft");
    let (mut engine, how) = (open, How::default());
    let picked = ["main~1".to_owned()];
    let actor = place.actor("pick");
    place.repo.cherry_pick(&actor, &picked, &how, Some(&mut engine), &mut Silent).unwrap();
    let expected = ["Anna: test.ttl:2, second", "Bert: test.ttl:2, second", "Carl: test.ttl:2"];
    assert_eq!(place.sources("HEAD"), expected);

    place.repo.switch(&place.actor("switch"), "main", None).unwrap();
    let merge = MergeOptions { fast_forward: FastForward::Never, ..MergeOptions::default() };
    let actor = place.actor("merge");
    place.repo.merge(&actor, "draft~1", &merge, Some(&mut engine), &mut Silent).unwrap();
    assert_eq!(place.sources("HEAD"), ["Anna: test.ttl:2, first", "Carl: test.ttl:2"]);
    place.fsck();
}

#[test]
fn what_is_forgotten_is_not_quoted() {
    let place = Place::new();
    place.make(":Anna :likes :Rome .", "before");
    let sentence = "Zebulon likes Oslo, and Bert lives there.";
    place.add_said(sentence, ":Zebulon :likes :Oslo . :Bert :lives :Oslo .");
    place.commit("with").unwrap();
    place.add_said("Zebulon works at Siemens.", ":Zebulon :works :Siemens .");
    assert_eq!(place.cited("HEAD")["Bert"].as_ref().unwrap().sentence.as_deref(), Some(sentence));

    let about = About::new(Some("Zebulon"), None);
    place.repo.forget(&place.actor("forget"), &about, false, &mut Silent).unwrap();
    assert_eq!(files_with(place.repo.store().dir(), "Zebulon"), [""; 0]);
    assert_eq!(place.sources("HEAD"), ["Anna: test.ttl:2", "Bert: test.ttl:2"]);
    assert_eq!(place.cited("HEAD")["Bert"].as_ref().unwrap().sentence, None);
    place.fsck();
}

/// A quotation on the stage goes with the fact that it names, whatever else it says.
#[test]
fn a_stage_quotes_nothing_that_is_forgotten() {
    let place = Place::new();
    let facts = ":Zebulon :likes :Oslo . :Bert :lives :Oslo .";
    place.add_said("Zebulon likes Oslo, and Bert lives there.", facts);
    place.rm(":Zebulon :likes :Oslo .").unwrap();
    let about = About::new(Some("Zebulon"), None);
    place.repo.forget(&place.actor("forget"), &about, false, &mut Silent).unwrap();
    assert_eq!(files_with(place.repo.store().dir(), "Zebulon"), [""; 0]);
    place.commit("the rest").unwrap();
    assert_eq!(place.sources("HEAD"), ["Bert: test.ttl:2"]);
}

#[test]
fn gc_removes_them_with_their_commit() {
    let place = Place::new();
    place.make(":Anna :likes :Rome .", "first");
    place.add_from("Zebulon", ":Anna :likes :Oslo .");
    place.commit("second").unwrap();
    place.repo.undo(&place.actor("undo"), 2).unwrap();
    let options = GcOptions { keep_days: Some(0), ..GcOptions::default() };
    place.repo.gc(&place.actor("gc"), &GcOptions::default(), &mut Silent).unwrap();
    place.repo.redo(&place.actor("redo"), 2).unwrap();
    assert_eq!(place.sources("HEAD"), ["Anna: test.ttl:2, Zebulon"]);
    place.repo.undo(&place.actor("undo"), 2).unwrap();
    place.repo.gc(&place.actor("gc"), &options, &mut Silent).unwrap();
    assert_eq!(files_with(place.repo.store().dir(), "Zebulon"), [""; 0]);
    assert_eq!(place.sources("HEAD"), ["Anna: test.ttl:2"]);
    place.fsck();
}

#[test]
fn neighbours_are_not_cited() {
    let place = Place::new();
    let (actor, facts) = (place.actor("add"), intake(":Carl :likes :Bern .").unwrap());
    place.repo.add(&actor, facts, Role::Neighbourhood, false).unwrap();
    place.make(":Anna :likes :Rome .", "first");
    assert_eq!(place.sources("HEAD"), ["Anna: test.ttl:2"]);
}
