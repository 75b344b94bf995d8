//! Names that a user may be about to type.

use std::{collections::BTreeMap, path::Path};

use crate::{
    fact::{Term, tree},
    ledger::{config::Config, repo::Repo, state::open::Ledger},
    store::Store,
};

/// Names in a repository, each with a word on what it is. Whatever cannot be read is none.
pub struct Candidates {
    session: crate::store::Session,
    config: Config,
}

/// So many facts are looked at for their subjects.
const READ: usize = 4096;
/// So many commits are offered by their ids.
const COMMITS: usize = 50;

/// Names, and what they are.
type Named = Vec<(String, String)>;

impl Repo {
    /// Looks at the repository that `from` is in, without waiting for another process and without opening
    /// more than the summary. `None` where there is none, or its summary is not of now.
    #[must_use]
    pub fn candidates(from: &Path) -> Option<Candidates> {
        let dir = Self::root_above(from).ok()?.join(Self::DIR);
        let config = Config::read(&dir.join(Config::FILE)).ok()?;
        Some(Candidates { session: Store::glance(&dir)?, config })
    }
}

impl Candidates {
    /// Branches and tags that begin so.
    #[must_use]
    pub fn refs(self, current: &str) -> Option<Named> {
        self.ledger(|ledger| named_refs(ledger, current))
    }

    /// Branches, tags and HEAD that begin so, and of the latest commits those whose ids do.
    #[must_use]
    pub fn revisions(self, current: &str) -> Option<Named> {
        self.ledger(|ledger| {
            let mut found = named_refs(ledger, current)?;
            if "HEAD".starts_with(current) {
                found.push(("HEAD".to_owned(), "where you are".to_owned()));
            }
            let is_digits = |b: u8| matches!(b, b'0'..=b'9' | b'a'..=b'f');
            if current.is_empty() || !current.bytes().all(is_digits) {
                return Some(found);
            }
            let mut next = ledger.head().ok();
            for _ in 0..COMMITS {
                let Some(id) = next else { break };
                let commit = ledger.commit(id).ok()?;
                let digits = id.to_string();
                if digits.starts_with(current) {
                    let length = current.len().max(12);
                    found.push((digits[..length].to_owned(), commit.summary().to_owned()));
                }
                next = commit.parents.first().copied();
            }
            Some(found)
        })
    }

    /// Subjects of facts at HEAD whose names begin so; of very many facts some.
    #[must_use]
    pub fn subjects(self, current: &str) -> Option<Named> {
        self.ledger(|ledger| {
            let (_, commit) = ledger.head_commit().ok()?;
            let lexicon = ledger.lexicon(&commit);
            let mut found = BTreeMap::new();
            for entry in tree::iter(ledger, commit.facts).take(READ) {
                let subject = entry.ok()?.1.subject;
                let name = lexicon.show(&Term::Iri(subject.clone())).ok()?;
                if name.starts_with(current) {
                    found.insert(name, subject.as_str().to_owned());
                }
            }
            Some(found.into_iter().collect())
        })
    }

    fn ledger<T>(self, look: impl FnOnce(&Ledger<'_>) -> Option<T>) -> Option<T> {
        let Self { session, config } = self;
        look(&Ledger { session, config: &config })
    }
}

fn named_refs(ledger: &Ledger<'_>, current: &str) -> Option<Named> {
    let all = ledger.branches().ok()?.into_iter().chain(ledger.tags().ok()?);
    let named = all.filter(|named| named.name.starts_with(current));
    Some(named.map(|named| (named.name, named.summary)).collect())
}
