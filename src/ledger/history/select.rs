//! Which facts a user means: by subject, by predicate, by object, as IRIs or in words.

use std::collections::BTreeMap;

use crate::{
    codec::{ObjectError, Objects},
    fact::{
        Fact, FactKey, FactTree, Iri, Lexicon, Staged, StagedTree, Term, fact_key, staged_key,
        tree::{self, Difference},
    },
    id::Id,
    ledger::{error::LedgerError, state::open::Ledger},
};

/// More differences between trees are many.
const MANY: usize = 4096;

/// Facts by what they are about; everything, unless subject, predicate or object is given.
#[derive(Debug, Clone, Default, PartialEq, Eq)]
pub struct About {
    subject: Option<Name>,
    predicate: Option<Name>,
    object: Option<Name>,
    /// Whether further names count too.
    by_any_name: bool,
}

/// A thing by its IRI or by what it is called.
#[derive(Debug, Clone, PartialEq, Eq)]
enum Name {
    Iri(Iri),
    Words(String),
}

impl Name {
    fn parse(text: &str) -> Self {
        let bare = text.strip_prefix('<').and_then(|text| text.strip_suffix('>')).unwrap_or(text);
        Iri::new(bare).map_or_else(|_| Self::Words(text.to_owned()), Self::Iri)
    }

    fn matches(
        &self,
        lexicon: &Lexicon<'_>,
        iri: &Iri,
        by_any_name: bool,
    ) -> Result<bool, ObjectError> {
        match self {
            Self::Iri(wanted) => Ok(wanted == iri),
            Self::Words(_) => self.matches_object(lexicon, &Term::Iri(iri.clone()), by_any_name),
        }
    }

    fn matches_object(
        &self,
        lexicon: &Lexicon<'_>,
        object: &Term,
        by_any_name: bool,
    ) -> Result<bool, ObjectError> {
        match (self, object) {
            (Self::Iri(wanted), Term::Iri(iri)) => Ok(wanted == iri),
            (Self::Iri(wanted), Term::Literal(literal)) => Ok(wanted.as_str() == literal.lexical),
            (Self::Words(wanted), Term::Iri(iri)) if by_any_name => lexicon.is_called(iri, wanted),
            (Self::Words(wanted), object) => {
                Ok(lexicon.show(object)?.to_lowercase() == wanted.to_lowercase())
            }
        }
    }
}

impl About {
    /// Facts with this subject and this predicate, each an absolute IRI (with or without `<>`) or the
    /// name that reports give it; capitals do not matter in names.
    #[must_use]
    pub fn new(subject: Option<&str>, predicate: Option<&str>) -> Self {
        let [subject, predicate] = [subject, predicate].map(|name| name.map(Name::parse));
        Self { subject, predicate, object: None, by_any_name: false }
    }

    /// The same, where names may be further ones, by which several things can be called. It is for questions: what
    /// takes facts away must not take more than is seen.
    #[must_use]
    pub fn by_any_name(self) -> Self {
        Self { by_any_name: true, ..self }
    }

    /// Of these, the facts with this object: an absolute IRI, or the name or value that reports give it.
    #[must_use]
    pub fn with_object(self, object: Option<&str>) -> Self {
        Self { object: object.map(Name::parse), ..self }
    }

    /// Whether all facts are meant.
    #[must_use]
    pub const fn is_everything(&self) -> bool {
        self.subject.is_none() && self.predicate.is_none() && self.object.is_none()
    }

    /// Subject and predicate, where they are given as IRIs.
    pub(crate) fn iris(&self) -> [Option<&Iri>; 2] {
        [&self.subject, &self.predicate].map(|name| match name {
            Some(Name::Iri(iri)) => Some(iri),
            _ => None,
        })
    }

    /// The only key that such a fact can have, if it is known without looking at facts; a fact under it is meant.
    fn key(&self, lexicon: &Lexicon<'_>) -> Result<Option<FactKey>, ObjectError> {
        let (Some(Name::Iri(subject)), Some(Name::Iri(predicate)), None) =
            (&self.subject, &self.predicate, &self.object)
        else {
            return Ok(None);
        };
        if lexicon.multi_valued(predicate)? {
            return Ok(None);
        }
        let object = Term::Iri(subject.clone()); // not part of the key
        let fact = Fact { subject: subject.clone(), predicate: predicate.clone(), object };
        Ok(Some(fact.key(false)))
    }

    pub(crate) fn matches(&self, lexicon: &Lexicon<'_>, fact: &Fact) -> Result<bool, ObjectError> {
        for (name, iri) in [(&self.subject, &fact.subject), (&self.predicate, &fact.predicate)] {
            if let Some(name) = name
                && !name.matches(lexicon, iri, self.by_any_name)?
            {
                return Ok(false);
            }
        }
        let object = self.object.as_ref();
        object.map_or(Ok(true), |name| name.matches_object(lexicon, &fact.object, self.by_any_name))
    }

    /// Those of the edited facts of a version that are meant; `root` is their tree.
    pub(crate) fn facts(
        &self,
        ledger: &Ledger<'_>,
        lexicon: &Lexicon<'_>,
        root: Id<FactTree>,
    ) -> Result<BTreeMap<FactKey, Fact>, LedgerError> {
        let (Some(Name::Iri(subject)), None) = (&self.subject, self.key(lexicon)?) else {
            return self.facts_in(ledger, lexicon, root);
        };
        let mut facts = BTreeMap::new();
        for (key, fact) in ledger.facts_about(root, subject)? {
            if self.matches(lexicon, &fact)? {
                facts.insert(key, fact);
            }
        }
        Ok(facts)
    }

    /// Those of the facts of a tree that are meant.
    pub(crate) fn facts_in(
        &self,
        objects: &dyn Objects,
        lexicon: &Lexicon<'_>,
        root: Id<FactTree>,
    ) -> Result<BTreeMap<FactKey, Fact>, LedgerError> {
        if let Some(key) = self.key(lexicon)? {
            let fact = tree::get(objects, root, key)?;
            return Ok(fact.map(|fact| (key, fact)).into_iter().collect());
        }
        Ok(tree::select(objects, root, &|_, fact| self.matches(lexicon, fact))?)
    }

    /// Those of the changes of a stage whose facts are meant; `root` is their tree.
    pub(crate) fn staged_in(
        &self,
        objects: &dyn Objects,
        lexicon: &Lexicon<'_>,
        root: Id<StagedTree>,
    ) -> Result<BTreeMap<FactKey, Staged>, LedgerError> {
        if let Some(key) = self.key(lexicon)? {
            let staged = tree::get(objects, root, staged_key(key))?;
            return Ok(staged.map(|staged| (key, staged)).into_iter().collect());
        }
        let matches = |_, staged: &Staged| self.matches(lexicon, staged.change.fact());
        let staged = tree::select(objects, root, &matches)?.into_iter();
        Ok(staged.map(|(key, staged)| (fact_key(key), staged)).collect())
    }

    /// Whether facts that are meant differ between two trees. Where many facts do, those under the keys that
    /// `known` gives are compared before all others.
    pub(crate) fn differ(
        &self,
        objects: &dyn Objects,
        lexicon: &Lexicon<'_>,
        (before, after): (Id<FactTree>, Id<FactTree>),
        known: impl FnOnce() -> Result<Vec<FactKey>, LedgerError>,
    ) -> Result<bool, LedgerError> {
        if before == after {
            return Ok(false);
        }
        if let Some(key) = self.key(lexicon)? {
            return Ok(tree::get(objects, before, key)? != tree::get(objects, after, key)?);
        }
        let meant = |(_, before, after): Difference<Fact>| {
            let facts = [before, after].into_iter().flatten();
            facts.into_iter().try_fold(false, |meant, fact| {
                Ok::<_, LedgerError>(meant || self.matches(lexicon, &fact)?)
            })
        };
        let mut all = tree::diff(objects, before, after);
        for difference in all.by_ref().take(MANY) {
            if meant(difference?)? {
                return Ok(true);
            }
        }
        let Some(next) = all.next() else { return Ok(false) };
        let known = known()?;
        let first = tree::diff_at(objects, before, after, &known);
        for difference in first.chain([next]).chain(all) {
            if meant(difference?)? {
                return Ok(true);
            }
        }
        Ok(false)
    }
}

impl std::fmt::Display for About {
    fn fmt(&self, f: &mut std::fmt::Formatter<'_>) -> std::fmt::Result {
        let name = |name: &Option<Name>| match name {
            Some(Name::Iri(iri)) => iri.to_string(),
            Some(Name::Words(words)) => format!("{words:?}"),
            None => "anything".to_owned(),
        };
        f.write_str(&name(&self.subject))?;
        if self.predicate.is_some() || self.object.is_some() {
            write!(f, " / {}", name(&self.predicate))?;
        }
        match &self.object {
            None => Ok(()),
            object => write!(f, " / {}", name(object)),
        }
    }
}
