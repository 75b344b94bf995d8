//! Where in their blocks two versions part, by what each block would say at the end of a prompt.

use serde::Serialize;

use crate::engine::{Lens, Said};

/// Where in their blocks two versions part, as [`Lens`] has it.
#[derive(Debug, Clone, PartialEq, Serialize)]
pub struct Depth {
    /// The token that is watched, as text: the first of an object.
    pub watched: Option<String>,
    /// The layer of divergence: the first block from which on, to the last, the likeliest tokens differ; `None` where they
    /// are the same in the end.
    pub parts: Option<usize>,
    /// Each block.
    pub blocks: Vec<BlockDepth>,
}

/// What a block would say in two versions.
#[derive(Debug, Clone, PartialEq, Serialize)]
pub struct BlockDepth {
    /// In the version compared with.
    pub before: BlockSaid,
    /// In the version compared.
    pub after: BlockSaid,
}

/// What a block would say.
#[derive(Debug, Clone, PartialEq, Serialize)]
pub struct BlockSaid {
    /// The likeliest token.
    pub token: u32,
    /// The same as text; parts of a character look alike.
    pub word: String,
    /// Its probability.
    pub probability: f32,
    /// Probability of the token that is watched, if one is.
    pub watched: Option<f32>,
}

impl Depth {
    /// Compares what the blocks of two versions say after the same prompt.
    #[must_use]
    pub fn between(before: &Lens, after: &Lens) -> Self {
        let blocks: Vec<BlockDepth> = ends(before)
            .zip(ends(after))
            .map(|(before, after)| BlockDepth { before, after })
            .collect();
        let differ = |block: &&BlockDepth| block.before.token != block.after.token;
        let apart = blocks.iter().rev().take_while(differ).count();
        let parts = (apart > 0).then(|| blocks.len() - apart);
        Self { watched: after.expected.clone(), parts, blocks }
    }
}

/// What each block says after the last token.
fn ends(lens: &Lens) -> impl Iterator<Item = BlockSaid> {
    lens.blocks.iter().filter_map(|said| said.last()).map(|said: &Said| BlockSaid {
        token: said.token,
        word: said.word.clone(),
        probability: said.probability,
        watched: said.expected.map(|standing| standing.probability),
    })
}

#[cfg(test)]
mod tests {
    use super::*;
    use crate::engine::Standing;

    fn lens(words: &[(&str, f32)]) -> Lens {
        let said = |&(word, watched): &(&str, f32)| Said {
            token: u32::from(word.as_bytes()[0]),
            word: word.to_owned(),
            probability: 0.5,
            expected: Some(Standing { rank: 1, probability: watched }),
            entropy: 0.0,
            divergence: 0.0,
        };
        // Only the last token counts.
        let blocks = words.iter().map(|block| vec![said(&("x", 0.9)), said(block)]).collect();
        Lens {
            tokens: vec!["a".to_owned(), "b".to_owned()],
            expected: Some("Rome".to_owned()),
            blocks,
        }
    }

    #[test]
    fn versions_part_where_they_never_say_the_same_again() {
        let before = lens(&[("G", 0.0), ("G", 0.0), ("Paris", 0.1), ("Paris", 0.0)]);
        let after = lens(&[("V", 0.1), ("G", 0.2), ("Berlin", 0.3), ("Rome", 0.8)]);
        let depth = Depth::between(&before, &after);
        assert_eq!((depth.parts, depth.watched.as_deref()), (Some(2), Some("Rome")));
        let watched = |said: fn(&BlockDepth) -> &BlockSaid| {
            depth.blocks.iter().map(|block| said(block).watched.unwrap()).collect::<Vec<_>>()
        };
        assert_eq!(watched(|block| &block.before), [0.0, 0.0, 0.1, 0.0]);
        assert_eq!(watched(|block| &block.after), [0.1, 0.2, 0.3, 0.8]);
        // Another word on the way is no parting.
        assert_eq!(Depth::between(&before, &before).parts, None);
        let back = lens(&[("G", 0.0), ("V", 0.0), ("Rome", 0.1), ("Paris", 0.0)]);
        assert_eq!(Depth::between(&before, &back).parts, None);
        // They can differ throughout.
        let other = lens(&[("a", 0.0), ("b", 0.0), ("c", 0.1), ("d", 0.0)]);
        assert_eq!(Depth::between(&before, &other).parts, Some(0));
    }
}
