//! A long history through merges: what `blame` and `log` say of it is what a plain model says, with and
//! without what is remembered of it.

use std::{
    collections::{BTreeMap, BTreeSet},
    fs,
    path::PathBuf,
};

use kledger::{
    codec::{self, Draft},
    commit::{Commit, Step},
    fact::{Fact, FactKey, Iri, Term, tree},
    id::Id,
    ledger::{About, Repo, verb::log::LogOptions},
    store::{RefChange, Session, Transaction},
};

use crate::support::Place;

/// For each fact its object and the commit that set it.
type Facts = BTreeMap<u64, (u64, Id<Commit>)>;

/// Numbers that look random, the same each time.
struct Dice(u64);

impl Dice {
    fn below(&mut self, bound: u64) -> u64 {
        self.0 = self.0.wrapping_mul(6_364_136_223_846_793_005).wrapping_add(1);
        (self.0 >> 33) % bound
    }
}

fn fact(subject: u64, object: u64) -> Fact {
    let iri = |name: String| Iri::new(&format!("https://example.org/{name}")).unwrap();
    Fact {
        subject: iri(format!("s{subject}")),
        predicate: iri("likes".to_owned()),
        object: Term::Iri(iri(format!("o{object}"))),
    }
}

/// Commits on top of `tips`, of which some join two of them; those that end up without a child.
fn grow(
    session: &Session,
    dice: &mut Dice,
    mut tips: Vec<(Id<Commit>, Facts)>,
    commits: u64,
) -> Vec<(Id<Commit>, Facts)> {
    let mut draft = Draft::new(session);
    for number in 0..commits {
        let at = usize::try_from(dice.below(tips.len() as u64)).unwrap();
        let (ours, facts) = tips[at].clone();
        let mut commit: Commit = codec::get(&draft, ours).unwrap();
        commit.parents = vec![ours];
        commit.step = Step::Edit;
        commit.message = format!("{ours:.8} {number}");
        let mut now: BTreeMap<u64, u64> = facts.iter().map(|(&s, &(o, _))| (s, o)).collect();
        let mut parents = vec![facts];
        if tips.len() > 1 && dice.below(4) == 0 {
            let (theirs, facts) = tips.remove((at + 1) % tips.len());
            let taken: Vec<u64> = facts.keys().copied().filter(|_| dice.below(2) == 0).collect();
            now.extend(taken.into_iter().map(|subject| (subject, facts[&subject].0)));
            commit.parents.push(theirs);
            parents.push(facts);
        }
        for _ in 0..dice.below(3) {
            let subject = dice.below(40);
            if dice.below(5) == 0 {
                now.remove(&subject);
            } else {
                now.insert(subject, dice.below(3));
            }
        }
        let all = (0..40).map(|subject| {
            let fact = |object: &u64| fact(subject, *object);
            (self::fact(subject, 0).key(false), now.get(&subject).map(fact))
        });
        let all: BTreeMap<FactKey, Option<Fact>> = all.collect();
        commit.facts = tree::update(&mut draft, commit.facts, &all).unwrap();
        let id = draft.put(&commit);
        let from = |subject: u64, object: u64| {
            let known = parents.iter().filter_map(|parent| parent.get(&subject));
            known.copied().find(|known| known.0 == object).map_or(id, |known| known.1)
        };
        let facts = now.into_iter().map(|(s, o)| (s, (o, from(s, o)))).collect();
        tips.retain(|(tip, _)| *tip != ours || dice.below(6) == 0);
        tips.push((id, facts));
    }
    let refs = tips.iter().map(|(tip, _)| RefChange {
        name: format!("heads/{tip:.8}"),
        expect: None,
        new: Some(*tip),
    });
    let transaction = Transaction { refs: refs.collect(), ..Transaction::default() };
    session.transact(Transaction { objects: draft.into_new(), ..transaction }).unwrap();
    tips
}

fn agree(repo: &Repo, tips: &[(Id<Commit>, Facts)]) {
    for (tip, facts) in tips {
        let told = repo.blame(&tip.to_string(), &About::default()).unwrap();
        let told: BTreeMap<String, Id<Commit>> =
            told.facts.into_iter().map(|line| (line.fact.triple, line.commit.id)).collect();
        let expected: BTreeMap<String, Id<Commit>> =
            facts.iter().map(|(&s, &(o, from))| (fact(s, o).to_string(), from)).collect();
        assert_eq!(told, expected);
        let (&subject, &(_, from)) = facts.first_key_value().unwrap();
        let fact = fact(subject, 0);
        let about = About::new(Some(fact.subject.as_str()), Some(fact.predicate.as_str()));
        let one = repo.blame(&tip.to_string(), &about).unwrap();
        assert_eq!(one.facts[0].commit.id, from);
    }
}

/// What `log` says of some facts is what follows from each commit and its parents.
fn logs_agree(repo: &Repo) {
    let session = repo.store().session().unwrap();
    let facts = |id: Id<Commit>| {
        let root = codec::get(&session, id).unwrap().facts;
        tree::iter(&session, root).map(Result::unwrap).collect::<BTreeMap<FactKey, Fact>>()
    };
    let all = LogOptions { all: true, ..LogOptions::default() };
    let commits = repo.log(&all).unwrap().entries.into_iter().map(|entry| entry.commit);
    let commits: Vec<_> = commits.map(|view| (view.id, view.parents, facts(view.id))).collect();
    let by_id: BTreeMap<_, _> = commits.iter().map(|(id, _, facts)| (*id, facts)).collect();
    for subject in [7, 40] {
        let Fact { subject, predicate, .. } = fact(subject, 0);
        let name = subject.as_str().rsplit_once('/').unwrap().1;
        for about in [
            About::new(Some(subject.as_str()), None),
            About::new(Some(subject.as_str()), Some(predicate.as_str())),
            About::new(Some(name), Some(predicate.as_str())),
        ] {
            let of = |id: &Id<Commit>| {
                let facts = by_id[id].values();
                facts.filter(|fact| fact.subject == subject).collect::<Vec<_>>()
            };
            let changed = commits.iter().filter(|(id, parents, _)| {
                !parents.is_empty() && parents.iter().all(|parent| of(parent) != of(id))
            });
            let expected: BTreeSet<Id<Commit>> = changed.map(|(id, ..)| *id).collect();
            let told = repo.log(&LogOptions { about, ..all.clone() }).unwrap().entries;
            assert_eq!(
                told.into_iter().map(|entry| entry.commit.id).collect::<BTreeSet<_>>(),
                expected
            );
        }
    }
    let about = About::new(None, Some("https://example.org/knows"));
    assert!(repo.log(&LogOptions { about, ..all }).unwrap().entries.is_empty());
}

fn remembered(repo: &Repo) -> PathBuf {
    repo.store().dir().join("changes")
}

#[test]
fn what_is_remembered_changes_no_answer() {
    let place = Place::new();
    let repo = &place.repo;
    let (mut dice, mut session) = (Dice(5), repo.store().session().unwrap());
    let root = session.refs().unwrap()["heads/main"];
    let mut tips = grow(&session, &mut dice, vec![(root, Facts::new())], 200);
    drop(session);
    agree(repo, &tips);
    assert!(!remembered(repo).exists(), "a short history is read");
    let mut sizes = Vec::new();
    // More than is read each time, a few more, and many more.
    for commits in [400, 30, 400] {
        session = repo.store().session().unwrap();
        tips = grow(&session, &mut dice, tips, commits);
        drop(session);
        agree(repo, &tips);
        sizes.push(fs::metadata(remembered(repo)).unwrap().len());
    }
    assert!(sizes[0] <= sizes[1] && sizes[1] < sizes[2], "{sizes:?}");

    // What is not as it was written is not believed.
    let good = fs::read(remembered(repo)).unwrap();
    for at in (0..good.len()).step_by(good.len() / 5) {
        let mut bad = good.clone();
        bad[at] ^= 1;
        fs::write(remembered(repo), bad).unwrap();
        agree(repo, &tips[..1]);
    }
    logs_agree(repo);
    fs::remove_file(remembered(repo)).unwrap();
    logs_agree(repo);
    assert!(remembered(repo).exists(), "a log of a long history remembers it too");
    fs::write(remembered(repo), &good[..good.len() / 2]).unwrap();
    agree(repo, &tips);
}
