//! What else the model knows: the second moments of its keys over ordinary text.

use std::{collections::BTreeMap, ops::ControlFlow};

use tch::{Kind, Tensor, no_grad};

use crate::{
    editor::{
        error::EditError,
        matrix::{gram, matrix},
    },
    engine::{Progress, Statistics},
    model::{Batch, Choice, Model, Padding, Part, Site},
};

/// Tokens that are computed together; more would only need more memory.
const TOKENS: usize = 8192;

/// Texts that are sampled together, and the memory that their keys and values may take.
const ROWS: usize = 64;
const MEMORY: usize = 1 << 30;

/// Texts are no longer, whatever the model can read: what a token means hardly depends on others
/// farther away.
const LONGEST: usize = 1024;

/// Samples texts of `total` tokens together from the model as it is, each as long as the model can
/// read, up to a limit; the last is cut. A text begins with what every text begins with, or else
/// after the end-of-text token, which is not part of it.
///
/// # Errors
/// When the model has no end-of-text token, cannot be run, or `progress` asks to stop.
pub fn sample_documents(
    model: &Model,
    total: u64,
    seed: u64,
    progress: &mut dyn Progress,
) -> Result<Vec<Vec<u32>>, EditError> {
    let spec = model.spec();
    let lead = model.tokens().lead();
    let start = match lead {
        [] => vec![model.tokens().end_of_text().ok_or(EditError::NoStart)?],
        lead => lead.to_vec(),
    };
    let length = spec.context.min(LONGEST).saturating_sub(start.len());
    let kept = length * spec.layers * 2 * spec.kv_heads * spec.head_width * size_of::<f32>();
    let together = ROWS.min(MEMORY / kept.max(1)).max(1);
    let choice = |seed| Choice::Sample { temperature: 1.0, top: spec.vocabulary, seed };
    let wanted = usize::try_from(total).unwrap_or(usize::MAX);
    let mut documents: Vec<Vec<u32>> = Vec::new();
    let mut sampled = 0;
    progress.start("text", Some(total));
    for part in 0.. {
        if sampled >= wanted || length == 0 {
            break;
        }
        let rows = together.min((wanted - sampled).div_ceil(length));
        let rows = vec![start.clone(); rows];
        let texts =
            model.decoder().generate(&rows, length, choice(seed.wrapping_add(part)), &[])?;
        for mut text in texts.into_iter().map(|text| text.ids) {
            text.truncate(wanted - sampled);
            sampled += text.len();
            documents.push([lead, &text].concat());
        }
        progress.advance(sampled as u64, "")?;
    }
    progress.finish("");
    Ok(documents)
}

/// E[k kᵀ] of the keys entering the down projections of `layers` (ascending), over every token of
/// `documents`; a long document is read in pieces, each after what every text begins with. One pass
/// for all layers, which ends at the last of them.
///
/// # Errors
/// When there is no token, a layer does not exist, or `progress` asks to stop.
pub fn second_moments(
    model: &Model,
    layers: &[usize],
    documents: &[Vec<u32>],
    progress: &mut dyn Progress,
) -> Result<Statistics, EditError> {
    let lead = model.tokens().lead();
    let room = model.spec().context.min(LONGEST).saturating_sub(lead.len()).max(1);
    let mut pieces: Vec<Vec<u32>> = documents
        .iter()
        .flat_map(|text| text.strip_prefix(lead).unwrap_or(text).chunks(room))
        .map(|piece| [lead, piece].concat())
        .collect();
    pieces.sort_by_key(Vec::len);
    let total: usize = pieces.iter().map(Vec::len).sum();
    if total == 0 {
        return Err(EditError::NoText);
    }
    let mut sums = Vec::new();
    for &layer in layers {
        let site = model.edit_site(layer)?;
        let inputs = i64::try_from(site.inputs).unwrap_or(i64::MAX);
        let sum = Tensor::zeros([inputs, inputs], (Kind::Double, model.decoder().device()));
        sums.push((layer, site.tensor, sum));
    }

    progress.start("statistics", Some(total as u64));
    let mut counted = 0;
    let mut rest = pieces.as_slice();
    while !rest.is_empty() {
        // The last of the pieces is the longest.
        let fits = |n: &usize| n * rest[n - 1].len() <= TOKENS;
        let count = (1..=rest.len()).take_while(fits).last().unwrap_or(1);
        let (now, later) = rest.split_at(count);
        no_grad(|| add(model, now, &mut sums));
        counted += now.iter().map(Vec::len).sum::<usize>();
        progress.advance(counted as u64, "")?;
        rest = later;
    }
    progress.finish("");
    let second_moments: BTreeMap<_, _> =
        sums.into_iter().map(|(_, tensor, sum)| (tensor, matrix(&(sum / total as f64)))).collect();
    Ok(Statistics { tokens: total as u64, second_moments })
}

/// Adds the keys of some pieces of text to the sums: a product in f32, summed in f64.
fn add(model: &Model, pieces: &[Vec<u32>], sums: &mut [(usize, String, Tensor)]) {
    let decoder = model.decoder();
    let batch = Batch::new(pieces, Padding::Right, decoder.device());
    let longest = pieces.iter().map(Vec::len).max().unwrap_or(0);
    let real: Vec<i64> = pieces
        .iter()
        .enumerate()
        .flat_map(|(row, ids)| (0..ids.len()).map(move |i| row * longest + i))
        .filter_map(|i| i64::try_from(i).ok())
        .collect();
    let real = Tensor::from_slice(&real).to_device(decoder.device());
    let last = sums.last().map(|(layer, ..)| *layer);
    let mut listen = |site: Site, value: &mut Tensor| {
        let Site::Into(Part::MlpDown, at) = site else { return ControlFlow::Continue(()) };
        if let Some((.., sum)) = sums.iter_mut().find(|(layer, ..)| *layer == at) {
            let width = sum.size()[0];
            let keys = value.reshape([-1, width]).index_select(0, &real).to_kind(Kind::Float);
            *sum += gram(&keys.tr()).to_kind(Kind::Double);
        }
        if last == Some(at) { ControlFlow::Break(()) } else { ControlFlow::Continue(()) }
    };
    let hidden = decoder.embed(&batch.ids, &batch.positions);
    let layers = 0..decoder.spec().layers;
    let _ended_at_the_last_layer =
        decoder.blocks(layers, hidden, &[], batch.mask.as_ref(), &mut listen);
}
