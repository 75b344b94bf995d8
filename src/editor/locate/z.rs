//! What the stream at a subject should be so that the model says the target (MEMIT, eq. 16).
//!
//! For each subject a vector δ is added to the stream at its last token as it leaves the
//! z layer, in the facts' bare prompts, after each prefix, in "{subject} is a" and in prompts about the
//! subject's other facts. Adam looks for the δ that makes
//!
//! L = mean over facts and contexts of −log p(target) / |target|
//!   + kl_factor · KL(what "{subject} is a" means now ‖ meant before)
//!   + locality_factor · mean over the other facts of KL(what their prompts mean now ‖ meant before)
//!   + v_weight_decay · ‖δ‖ / ‖h‖²
//!
//! small, h being the stream in the first bare prompt, or ‖h‖ in place of its square where `v_scale` says so; δ never grows beyond clamp_norm_factor · ‖h‖; z = h + δ,
//! with each fact's own h. Where δ is added to what the MLP says (ROME) h is this, and so is z. Where another is added
//! to what the attention says (PMET) both are sought together, each against its own h. Facts of one subject are looked up at almost one key, where the edit can put only
//! one value, so they share a δ (`join_subjects`; Dong et al., 2025, MEMIT-Merge); apart, each would be
//! given the mean of what they ask for.
//! The first KL term is read at the subject's last token itself, and in this direction, as the reference
//! implementation does; the reference has no second one, which is left out where no other fact is
//! known. It is read at the end of the prompts.
//!
//! Subjects are independent, so they are optimised side by side: one row of δ each, each with its own
//! clamp and its own end.

use tch::no_grad;

use super::{
    budget::Budget,
    lookup::Group,
    openings::Openings,
    place::Place,
    search::{Found, Search},
    settings::Search as Settings,
};
use crate::{
    editor::error::EditError,
    engine::{Found as FoundZ, Progress},
    model::Decoder,
};

/// Finds the z of each request of `groups`, in their order, and has each `heard` as soon as it is final. Many of
/// their texts begin with one of `openings`.
pub(in crate::editor) fn find(
    decoder: &Decoder,
    openings: &[Vec<u32>],
    groups: &[Group<'_>],
    (settings, place): (&Settings, Place),
    heard: &mut dyn FnMut(&[FoundZ]),
    progress: &mut dyn Progress,
) -> Result<Vec<Found>, EditError> {
    if groups.is_empty() {
        return Ok(Vec::new());
    }
    let mut found: Vec<Option<Found>> = vec![None; groups.len()];
    progress.start("z", Some(groups.iter().map(Vec::len).sum::<usize>() as u64));
    let openings = no_grad(|| {
        let mut openings = Openings::new(decoder, openings);
        openings.advance(decoder, decoder.spec().layers);
        openings
    });
    let within = settings.z_matmul.within(decoder.kind());
    let rounded = (within != decoder.kind())
        .then(|| decoder.computing_in(within, place.first_block(settings.z_layer())));
    let stepping = rounded.as_ref().unwrap_or(decoder);
    let budget = Budget::new(decoder, settings);
    let mut done = 0;
    let mut first = 0;
    while first < groups.len() {
        let count = budget.groups(&groups[first..]);
        let batch = &groups[first..first + count];
        let mut search =
            no_grad(|| Search::new(budget, decoder, &openings, batch, (settings, place)));
        while !search.is_over() {
            let step = search.step(stepping, settings);
            let mut new = Vec::new();
            let mut lost = None;
            for (place, ended) in step.ended {
                let members = batch[place].iter();
                for ((request, asked), z) in members.zip(ended.z.data.chunks_exact(ended.z.cols)) {
                    if z.iter().all(|value| value.is_finite()) {
                        let (z, trace) = (z.to_vec(), ended.trace.clone());
                        new.push(FoundZ { request: *request, z, trace });
                    } else {
                        lost.get_or_insert_with(|| asked.subject.clone());
                    }
                }
                found[first + place] = Some(ended);
            }
            done += new.len() as u64;
            if !new.is_empty() {
                heard(&new);
            }
            if let Some(subject) = lost {
                return Err(EditError::NoZ { subject });
            }
            progress.advance(done, &format!("loss {:.3}", step.loss))?;
        }
        first += count;
    }
    progress.finish(&format!("{done} found"));
    Ok(found.into_iter().map(|f| f.expect("because every search ends")).collect())
}
