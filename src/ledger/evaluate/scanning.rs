//! What a scan of texts says of the layers and of predicates.

use std::collections::{BTreeMap, BTreeSet};

use serde::{Deserialize, Serialize};

use crate::{
    codec::ObjectError,
    engine::{Agreement, Scan, Trigger, Unit},
    fact::{Iri, Lexicon, Phrases, Term},
};

/// So much of what makes a unit act is about one predicate where the unit is called that predicate's.
const MOST: f64 = 0.8;
/// Triggers of such a unit at least.
const ENOUGH: usize = 5;

/// What a scan found, but for single units.
#[derive(Debug, Clone, PartialEq, Serialize, Deserialize)]
pub struct ScanSummary {
    /// The names of the files that were scanned.
    pub source: String,
    /// Texts in them.
    pub texts: u64,
    /// Their tokens.
    pub tokens: u64,
    /// Triggers that are kept of a unit, at most.
    pub top: u64,
    /// Each layer, from 0.
    pub layers: Vec<LayerSummary>,
    /// Predicates that have units, those with most of them first.
    pub predicates: Vec<PredicateUnits>,
}

/// What was found in a layer.
#[derive(Debug, Clone, PartialEq, Serialize, Deserialize)]
pub struct LayerSummary {
    /// Its units.
    pub units: u64,
    /// Those that something makes act.
    pub acting: u64,
    /// Whether values promote what follows triggers.
    #[serde(flatten)]
    pub agreement: Agreement,
}

/// The units that what is said of a predicate makes act: of whose triggers at least four in five are about it, and five
/// at least are there.
#[derive(Debug, Clone, PartialEq, Serialize, Deserialize)]
pub struct PredicateUnits {
    /// What the predicate is called.
    pub predicate: String,
    /// Units by layer.
    pub layers: Vec<u64>,
    /// The one most of whose triggers are about it; of several the one that acts most.
    pub best: Unit,
}

impl PredicateUnits {
    /// Units in all layers.
    #[must_use]
    pub fn units(&self) -> u64 {
        self.layers.iter().sum()
    }
}

/// The units of a predicate while they are counted.
struct Counted {
    layers: Vec<u64>,
    best: (f64, f32, Unit),
}

impl ScanSummary {
    /// What a scan found, where predicates are those that are `used`: others are often said in the same words.
    pub(crate) fn of(
        scan: &Scan,
        source: String,
        top: usize,
        lexicon: &Lexicon<'_>,
        used: &BTreeSet<Iri>,
    ) -> Result<Self, ObjectError> {
        let layers = scan.layers.iter().map(|layer| LayerSummary {
            units: layer.units.len() as u64,
            acting: layer.units.iter().filter(|triggers| !triggers.is_empty()).count() as u64,
            agreement: layer.agreement,
        });
        let predicates = predicates(scan, lexicon, used)?;
        Ok(Self {
            source,
            texts: scan.texts,
            tokens: scan.tokens,
            top: top as u64,
            layers: layers.collect(),
            predicates,
        })
    }
}

fn predicates(
    scan: &Scan,
    lexicon: &Lexicon<'_>,
    used: &BTreeSet<Iri>,
) -> Result<Vec<PredicateUnits>, ObjectError> {
    let words = lexicon.all()?.into_iter().filter(|words| used.contains(&words.iri));
    let phrases = Phrases::of(words);
    let about: Vec<Option<&Iri>> =
        scan.prefixes.iter().map(|prefix| phrases.about(&prefix.text)).collect();
    let mut counted: BTreeMap<&Iri, Counted> = BTreeMap::new();
    let mut number = 0u32;
    for layer in &scan.layers {
        for (unit, triggers) in (0u32..).zip(&layer.units) {
            let Some((predicate, share)) = most(triggers, &about) else { continue };
            let acts = triggers.first().map_or(0.0, |trigger| trigger.coefficient);
            let own = (share, acts, Unit { layer: number, unit });
            let layers = || vec![0; scan.layers.len()];
            let known =
                counted.entry(predicate).or_insert_with(|| Counted { layers: layers(), best: own });
            if let Some(count) = known.layers.get_mut(number as usize) {
                *count += 1;
            }
            if (own.0, own.1) > (known.best.0, known.best.1) {
                known.best = own;
            }
        }
        number += 1;
    }
    let mut found = Vec::new();
    for (iri, Counted { layers, best: (.., best) }) in counted {
        let predicate = lexicon.show(&Term::Iri(iri.clone()))?;
        found.push(PredicateUnits { predicate, layers, best });
    }
    found.sort_by(|a, b| b.units().cmp(&a.units()).then(a.predicate.cmp(&b.predicate)));
    Ok(found)
}

/// The predicate that most of the triggers are about, and how many of them; none where they are not most.
#[expect(clippy::cast_precision_loss, reason = "triggers are few")]
fn most<'a>(triggers: &[Trigger], about: &[Option<&'a Iri>]) -> Option<(&'a Iri, f64)> {
    let mut counts: BTreeMap<&Iri, usize> = BTreeMap::new();
    for iri in triggers.iter().filter_map(|trigger| about[trigger.prefix]) {
        *counts.entry(iri).or_default() += 1;
    }
    let (predicate, count) = counts.into_iter().max_by_key(|(_, count)| *count)?;
    let share = count as f64 / triggers.len() as f64;
    (triggers.len() >= ENOUGH && share >= MOST).then_some((predicate, share))
}
