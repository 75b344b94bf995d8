//! What is known of where staged facts come from.

use std::{borrow::Cow, mem};

use super::{
    Intake, Staged,
    call::{Planned, read},
    gathered::Order,
};
use crate::{
    codec::{self, Draft, ObjectError, Verbatim},
    fact::{
        citation::{Attribution, Citation, CitationTree},
        stored::{StoredStage, fact_key},
        tree,
    },
    id::Id,
};

impl Intake {
    /// Says of the facts that were taken in since it was said last where they come from.
    pub fn attribute(&mut self, attribution: Attribution) {
        let until = self.attributed.last().map_or(0, |(end, _)| *end);
        if self.bytes.len() > until {
            self.attributed.push((self.bytes.len(), attribution));
        }
    }

    /// Says from which source the facts are of which something was said last.
    pub fn attribute_last(&mut self, source: Option<String>) {
        if let Some((_, attribution)) = self.attributed.last_mut() {
            attribution.source = source;
        }
    }

    /// Says of all facts from which source they are and under which licence.
    pub fn attribute_all(&mut self, source: Option<&str>, licence: Option<&str>) {
        if source.is_none() && licence.is_none() {
            return;
        }
        self.attribute(Attribution::default());
        for (_, attribution) in &mut self.attributed {
            if let Some(source) = source {
                attribution.source = Some(source.to_owned());
            }
            if let Some(licence) = licence {
                attribution.licence = Some(licence.to_owned());
            }
        }
    }

    /// What is known of facts, by where they end.
    pub(super) fn take_attributed(&mut self) -> Attributed {
        Attributed(mem::take(&mut self.attributed))
    }
}

/// What is known of the facts of a call, by where the bytes of the last one end.
pub(super) struct Attributed(Vec<(usize, Attribution)>);

impl Attributed {
    /// The citations `before`, as `changes` leave them, which are in `order`.
    pub(super) fn cited(
        &self,
        draft: &mut Draft<'_>,
        before: Option<Id<CitationTree>>,
        changes: Vec<Planned<'_>>,
        order: &Order,
    ) -> Result<Option<Id<CitationTree>>, ObjectError> {
        if before.is_none() && self.0.iter().all(|(_, attribution)| attribution.is_empty()) {
            return Ok(None);
        }
        let known = |(_, attribution): &(usize, Attribution)| {
            (!attribution.is_empty()).then(|| draft.put(attribution))
        };
        let ids: Vec<Option<Id<Attribution>>> = self.0.iter().map(known).collect();
        let attribution = |Verbatim(change): &Verbatim<'_>| {
            let at = order.of(change);
            let of = self.0.partition_point(|(end, _)| *end <= at);
            ids.get(of).copied().flatten()
        };
        // They stay the bytes that they are: a million places would be as much again.
        let edits: Vec<_> = changes
            .into_iter()
            .map(|(key, change)| {
                let cited = change.filter(|change| attribution(change).is_some());
                (Citation::key(fact_key(key)), cited)
            })
            .collect();
        let root = match before {
            Some(before) => before,
            None => tree::empty(draft),
        };
        let root = tree::update_encoded(draft, root, &edits, &|change| {
            let (place, mut bytes) = (read(change.0).source, Vec::new());
            codec::append(&Citation { place, attribution: attribution(change) }, &mut bytes);
            Cow::Owned(bytes)
        })?;
        filled(draft, root)
    }
}

impl StoredStage {
    /// Takes out where the facts under `keys` come from.
    ///
    /// # Errors
    /// When the tree cannot be read.
    pub(super) fn uncite(
        &mut self,
        draft: &mut Draft<'_>,
        keys: impl IntoIterator<Item = Id<Staged>>,
    ) -> Result<(), ObjectError> {
        let Some(root) = *self.citations else { return Ok(()) };
        let gone = keys.into_iter().map(|key| (Citation::key(fact_key(key)), None)).collect();
        let root = tree::update(draft, root, &gone)?;
        self.citations = filled(draft, root)?.into();
        Ok(())
    }
}

/// `root`, unless nothing is in it.
fn filled(
    draft: &Draft<'_>,
    root: Id<CitationTree>,
) -> Result<Option<Id<CitationTree>>, ObjectError> {
    Ok((tree::len(draft, root)? > 0).then_some(root))
}
