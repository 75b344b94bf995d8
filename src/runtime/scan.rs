//! What makes units act: one pass over texts that keeps, for every unit, the beginnings with the greatest coefficients.
//!
//! No more than these is kept, however long the texts are. They are tokenised a part at a time; in a part, pieces of about
//! the same length are run together.

use std::{cmp::Ordering, collections::BTreeMap, ops::ControlFlow};

use tch::{Device, Kind, Tensor as Torch, no_grad};

use super::{TorchEngine, lens::floats};
use crate::{
    engine::{Agreement, EngineError, Prefix, Progress, Scan, ScannedLayer, Trigger},
    model::{Batch, ModelError, Padding, Part, Site, SplitMix},
};

/// Bytes of text that are tokenised at a time.
const PART: usize = 1 << 20;
/// Tokens that are computed together; more would only need more memory.
const TOKENS: usize = 8192;
/// A text is read in pieces that are no longer, whatever the model can read.
const LONGEST: usize = 1024;
/// Bytes of the end of a prefix that are kept.
const KEPT: usize = 160;

/// What the model reads at a time of a text.
struct Piece<'a> {
    /// Its place among all pieces.
    number: u64,
    /// What every text begins with, then its own tokens.
    ids: Vec<u32>,
    /// Of its own tokens, the text up to the end of each.
    ends: Vec<usize>,
    /// The text from its first token on.
    text: &'a str,
}

/// A trigger among those of a unit.
#[derive(Clone, Copy)]
struct Entry {
    coefficient: f32,
    /// The piece it is in.
    piece: u64,
    /// Which prefix.
    prefix: usize,
}

impl Entry {
    /// The greater coefficient first, then the earlier piece.
    fn order(&self, other: &Self) -> Ordering {
        other.coefficient.total_cmp(&self.coefficient).then(self.piece.cmp(&other.piece))
    }
}

/// Prefixes that are triggers of some unit, by what stands for their tokens.
#[derive(Default)]
struct Prefixes {
    places: BTreeMap<u64, usize>,
    all: Vec<Known>,
}

/// A prefix.
struct Known {
    /// What stands for its tokens.
    hash: u64,
    /// The first piece it was met in, and what follows it there.
    piece: u64,
    prefix: Prefix,
    next: Option<u32>,
}

/// The triggers of all units.
struct Best {
    top: usize,
    /// By layer, then by unit, each in order.
    layers: Vec<Vec<Vec<Entry>>>,
    prefixes: Prefixes,
}

impl TorchEngine {
    pub(super) fn scan_texts(
        &self,
        texts: &[String],
        top: usize,
        progress: &mut dyn Progress,
    ) -> Result<Scan, EngineError> {
        let spec = self.model.spec();
        let mut best = Best {
            top,
            layers: vec![vec![Vec::new(); spec.inner]; spec.layers],
            prefixes: Prefixes::default(),
        };
        let bytes: usize = texts.iter().map(String::len).sum();
        progress.start("bytes", Some(bytes as u64));
        let (mut read, mut tokens, mut pieces) = (0, 0, 0);
        for part in parts(texts) {
            let mut own = Vec::new();
            for text in part {
                self.cut(text, &mut pieces, &mut own)?;
            }
            own.sort_by_key(|piece| piece.ids.len());
            let mut rest = own.as_slice();
            while !rest.is_empty() {
                // The last of the pieces is the longest.
                let fits = |n: &usize| n * rest[n - 1].ids.len() <= TOKENS;
                let count = (1..=rest.len()).take_while(fits).last().unwrap_or(1);
                let (now, later) = rest.split_at(count);
                no_grad(|| self.read_pieces(now, &mut best))?;
                tokens += now.iter().map(|piece| piece.ends.len() as u64).sum::<u64>();
                read += now.iter().map(|piece| piece.text.len() as u64).sum::<u64>();
                progress.advance(read.min(bytes as u64), "")?;
                rest = later;
            }
            best.forget_unused();
        }
        if tokens == 0 {
            let (part, text) = (String::new(), String::new());
            return Err(ModelError::NoToken { part, text }.into());
        }
        progress.finish("");
        let mut layers = Vec::with_capacity(best.layers.len());
        for (layer, units) in best.layers.iter().enumerate() {
            let agreement = self.agreement(layer, units, &best.prefixes)?;
            let trigger =
                |entry: &Entry| Trigger { prefix: entry.prefix, coefficient: entry.coefficient };
            let units = units.iter().map(|own| own.iter().map(trigger).collect()).collect();
            layers.push(ScannedLayer { units, agreement });
        }
        let prefixes = best.prefixes.all.into_iter().map(|known| known.prefix).collect();
        Ok(Scan { texts: texts.len() as u64, tokens, prefixes, layers })
    }

    /// The pieces of a text, each numbered.
    fn cut<'a>(
        &self,
        text: &'a str,
        number: &mut u64,
        pieces: &mut Vec<Piece<'a>>,
    ) -> Result<(), EngineError> {
        let lead = self.model.tokens().lead();
        let encoded = self.model.tokens().encode(text)?;
        let own = encoded.ids.get(lead.len()..).unwrap_or_default();
        let offsets = encoded.offsets.get(lead.len()..).unwrap_or_default();
        let room = self.model.spec().context.min(LONGEST).saturating_sub(lead.len()).max(1);
        for (ids, offsets) in own.chunks(room).zip(offsets.chunks(room)) {
            let begin = border(text, offsets.first().map_or(0, |range| range.start));
            let end = border(text, offsets.last().map_or(0, |range| range.end)).max(begin);
            pieces.push(Piece {
                number: *number,
                ids: [lead, ids].concat(),
                ends: offsets.iter().map(|range| range.end.saturating_sub(begin)).collect(),
                text: &text[begin..end],
            });
            *number += 1;
        }
        Ok(())
    }

    /// Runs pieces, and offers the best of each to every unit.
    fn read_pieces(&self, pieces: &[Piece<'_>], best: &mut Best) -> Result<(), EngineError> {
        let decoder = self.model.decoder();
        let rows: Vec<Vec<u32>> = pieces.iter().map(|piece| piece.ids.clone()).collect();
        let batch = Batch::new(&rows, Padding::Right, decoder.device());
        let lead = self.model.tokens().lead().len();
        let longest = rows.iter().map(Vec::len).max().unwrap_or(0);
        // What is no text's own token triggers nothing.
        let strange: Vec<bool> = rows
            .iter()
            .flat_map(|row| (0..longest).map(move |at| at < lead || at >= row.len()))
            .collect();
        let strange = Torch::from_slice(&strange).to_device(decoder.device());
        let strange = strange.view([rows.len() as i64, longest as i64, 1]);
        let seen = Seen { pieces, hashes: rows.iter().map(|row| hashes(row)).collect(), lead };
        let last = decoder.spec().layers - 1;
        let mut failed = None;
        let mut listen = |site: Site, value: &mut Torch| {
            let Site::Into(Part::MlpDown, layer) = site else { return ControlFlow::Continue(()) };
            let own = value.to_kind(Kind::Float).masked_fill(&strange, f64::NEG_INFINITY);
            let (greatest, at) = own.max_dim(1, false); // [rows, units]
            let at = at.flatten(0, -1).to_device(Device::Cpu);
            let at = Vec::<i64>::try_from(at).expect("because it is a vector of i64");
            let offered = best.offer(self, layer, &seen, &floats(&greatest.flatten(0, -1)), &at);
            failed = offered.err();
            let ends = layer == last || failed.is_some();
            if ends { ControlFlow::Break(()) } else { ControlFlow::Continue(()) }
        };
        let hidden = decoder.embed(&batch.ids, &batch.positions);
        let blocks = 0..decoder.spec().layers;
        let _ended_at_the_last_layer =
            decoder.blocks(blocks, hidden, &[], batch.mask.as_ref(), &mut listen);
        failed.map_or(Ok(()), |error| Err(error.into()))
    }

    /// A piece up to its token `at`, of which `hash` stands for all tokens.
    fn prefix(
        &self,
        piece: &Piece<'_>,
        at: usize,
        lead: usize,
        hash: u64,
    ) -> Result<Known, ModelError> {
        let end = piece.ends.get(at.saturating_sub(lead)).copied().unwrap_or_default();
        let whole = &piece.text[..border(piece.text, end)];
        let cut = border(whole, whole.len().saturating_sub(KEPT));
        // Not in the middle of a word, where there is another.
        let next_word = || whole[cut..].find(' ').map_or(cut, |space| cut + space + 1);
        let cut = if cut == 0 { 0 } else { next_word() };
        let next = piece.ids.get(at + 1).copied();
        let follows = next.map(|id| self.model.tokens().decode(&[id])).transpose()?;
        let prefix = Prefix { text: whole[cut..].to_owned(), cut: cut > 0, next: follows };
        Ok(Known { hash, piece: piece.number, prefix, next })
    }

    /// How often the values of a layer promote most what follows the first trigger.
    fn agreement(
        &self,
        layer: usize,
        units: &[Vec<Entry>],
        prefixes: &Prefixes,
    ) -> Result<Agreement, EngineError> {
        let promoted = no_grad(|| self.most_promoted(layer));
        let mut pairs = Vec::new();
        for (entries, promoted) in units.iter().zip(promoted) {
            let first = entries.first().and_then(|entry| prefixes.all[entry.prefix].next);
            pairs.extend(first.map(|next| (promoted, next)));
        }
        Ok(agreement(&pairs))
    }
}

/// How often the two of a pair are the same.
#[expect(clippy::cast_precision_loss, reason = "units are far fewer than 2^53")]
fn agreement(pairs: &[(u32, u32)]) -> Agreement {
    let mut counts: BTreeMap<u32, (u64, u64)> = BTreeMap::new();
    for (promoted, next) in pairs {
        counts.entry(*promoted).or_default().0 += 1;
        counts.entry(*next).or_default().1 += 1;
    }
    let of = pairs.len() as f64;
    let by_chance: f64 = counts.values().map(|&(n, m)| n as f64 * m as f64).sum();
    Agreement {
        of: pairs.len() as u64,
        agree: pairs.iter().filter(|(promoted, next)| promoted == next).count() as u64,
        chance: if pairs.is_empty() { 0.0 } else { by_chance / (of * of) },
    }
}

/// Texts in parts that are tokenised at a time.
fn parts(texts: &[String]) -> Vec<&[String]> {
    let (mut parts, mut start, mut bytes) = (Vec::new(), 0, 0);
    for (i, text) in texts.iter().enumerate() {
        if bytes > 0 && bytes + text.len() > PART {
            parts.push(&texts[start..i]);
            (start, bytes) = (i, 0);
        }
        bytes += text.len();
    }
    parts.push(&texts[start..]);
    parts
}

/// The nearest place at or before `at` where a character begins.
fn border(text: &str, at: usize) -> usize {
    let at = at.min(text.len());
    (0..=at).rev().find(|&at| text.is_char_boundary(at)).unwrap_or(0)
}

/// For each token of a row, what stands for it and all tokens before it.
fn hashes(row: &[u32]) -> Vec<u64> {
    let next = |hash: &mut u64, &id: &u32| {
        *hash = SplitMix::new(hash.rotate_left(5) ^ u64::from(id)).next();
        Some(*hash)
    };
    row.iter().scan(0, next).collect()
}

/// Pieces that were run together.
struct Seen<'a> {
    pieces: &'a [Piece<'a>],
    /// [`hashes`] of each.
    hashes: Vec<Vec<u64>>,
    /// Tokens before a piece's own.
    lead: usize,
}

impl Best {
    /// Offers each unit of a layer the best of each piece: `coefficients` and the tokens `at` which they are, both
    /// `[pieces, units]`.
    fn offer(
        &mut self,
        engine: &TorchEngine,
        layer: usize,
        seen: &Seen<'_>,
        coefficients: &[f32],
        at: &[i64],
    ) -> Result<(), ModelError> {
        let width = self.layers[layer].len().max(1);
        let rows = coefficients.chunks(width).zip(at.chunks(width)).enumerate();
        for (row, (coefficients, at)) in rows {
            let piece = &seen.pieces[row];
            for (unit, (&coefficient, &at)) in coefficients.iter().zip(at).enumerate() {
                let own = &mut self.layers[layer][unit];
                // Also where it is no number.
                let acts = coefficient > 0.0;
                let candidate = Entry { coefficient, piece: piece.number, prefix: usize::MAX };
                let worst = own.last().filter(|_| own.len() >= self.top);
                if !acts || worst.is_some_and(|worst| candidate.order(worst).is_ge()) {
                    continue;
                }
                let at = usize::try_from(at).unwrap_or_default();
                let hash = seen.hashes[row][at];
                let make = || engine.prefix(piece, at, seen.lead, hash);
                let prefix = self.prefixes.get(hash, piece.number, make)?;
                insert(own, self.top, Entry { prefix, ..candidate });
            }
        }
        Ok(())
    }

    /// Forgets prefixes that are no trigger any more.
    fn forget_unused(&mut self) {
        let all = std::mem::take(&mut self.prefixes.all);
        let mut places = vec![None; all.len()];
        let entries = || self.layers.iter().flatten().flatten();
        entries().for_each(|entry| places[entry.prefix] = Some(0));
        let kept = all
            .into_iter()
            .zip(&mut places)
            .filter_map(|(prefix, place)| place.is_some().then_some((prefix, place)));
        for (at, (prefix, place)) in kept.enumerate() {
            *place = Some(at);
            self.prefixes.all.push(prefix);
        }
        for entry in self.layers.iter_mut().flatten().flatten() {
            entry.prefix = places[entry.prefix].unwrap_or_default();
        }
        let kept = self.prefixes.all.iter().enumerate();
        self.prefixes.places = kept.map(|(at, known)| (known.hash, at)).collect();
    }
}

/// Puts an entry among those of a unit, each prefix once.
fn insert(entries: &mut Vec<Entry>, top: usize, new: Entry) {
    if let Some(same) = entries.iter().position(|entry| entry.prefix == new.prefix) {
        if new.order(&entries[same]).is_ge() {
            return;
        }
        entries.remove(same);
    }
    let at = entries.partition_point(|entry| entry.order(&new).is_lt());
    entries.insert(at, new);
    entries.truncate(top);
}

impl Prefixes {
    /// The place of the prefix that `hash` stands for, met in a piece; `make` makes it where it is new or was only met in
    /// later ones.
    fn get(
        &mut self,
        hash: u64,
        piece: u64,
        make: impl FnOnce() -> Result<Known, ModelError>,
    ) -> Result<usize, ModelError> {
        if let Some(&place) = self.places.get(&hash) {
            if piece < self.all[place].piece {
                self.all[place] = make()?;
            }
            return Ok(place);
        }
        let place = self.all.len();
        self.all.push(make()?);
        self.places.insert(hash, place);
        Ok(place)
    }
}

#[cfg(test)]
mod tests {
    use super::*;

    fn entry(coefficient: f32, piece: u64, prefix: usize) -> Entry {
        Entry { coefficient, piece, prefix }
    }

    #[test]
    fn each_prefix_is_kept_once_and_the_greatest_first() {
        let mut entries = Vec::new();
        for new in [
            entry(1.0, 0, 0),
            entry(3.0, 1, 1),
            entry(2.0, 2, 2),
            entry(4.0, 3, 2),
            entry(3.0, 4, 1),
            entry(3.0, 0, 3),
            entry(0.5, 5, 4),
        ] {
            insert(&mut entries, 3, new);
        }
        let kept: Vec<_> = entries.iter().map(|entry| (entry.piece, entry.prefix)).collect();
        assert_eq!(kept, [(3, 2), (0, 3), (1, 1)]);
    }

    #[test]
    fn chance_is_what_values_dealt_out_anew_would_give() {
        let pairs = [(1, 1), (1, 2), (2, 1), (3, 4)];
        let found = agreement(&pairs);
        assert_eq!((found.of, found.agree), (4, 1));
        // By hand: of 16 pairings, those of the token 1 are 2 × 2, of 2 they are 1 × 1.
        assert!((found.chance - 5.0 / 16.0).abs() < 1e-12);
        assert_eq!(agreement(&[]), Agreement { of: 0, agree: 0, chance: 0.0 });
    }

    #[test]
    fn prefixes_are_told_apart_by_all_their_tokens() {
        assert_eq!(hashes(&[1, 2, 3])[..2], hashes(&[1, 2])[..]);
        assert_ne!(hashes(&[1, 2])[1], hashes(&[2, 1])[1]);
        assert_eq!((border("aé", 2), border("aé", 9), border("", 3)), (1, 3, 0));
    }
}
