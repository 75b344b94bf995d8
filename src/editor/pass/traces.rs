//! How facts stand after an edit.

use std::collections::BTreeMap;

use super::{
    maps::Map,
    texts::{Entering, Text},
};
use crate::{
    delta::{Change, ChangeForm},
    editor::{error::EditError, workbench::Workbench},
    engine::{EditJob, ZTrace},
    model::{Model, Unprobed},
};

/// How each fact stands after the edit; what was made in how many steps.
pub(in crate::editor) fn traces(
    model: &mut Model,
    maps: &[Map],
    job: &EditJob<'_>,
    changes: &BTreeMap<String, Change>,
    (texts, steps): (&[Text], &[u32]),
) -> Result<Vec<Option<ZTrace>>, EditError> {
    let sites: Vec<_> = maps.iter().map(|map| (map.layer, map.site.clone())).collect();
    let mut workbench = Workbench::new(model);
    let mut sums = workbench.load(job.version, &sites)?;
    for (name, sum) in &mut sums {
        if let ChangeForm::LowRank { left, right } = &changes[name].form {
            sum.add_low_rank(left, right, &[]);
        }
        workbench.set(name, sum)?;
    }
    let decoder = workbench.model.decoder();
    let lowest = maps.first().map_or(0, |map| map.layer);
    let trace = |(text, &steps): (&Text, &u32)| {
        let entering = Entering::new(decoder, &[text], lowest);
        let log_p = tch::no_grad(|| entering.log_p(decoder, &mut Unprobed));
        #[expect(clippy::cast_possible_truncation, reason = "a figure for people")]
        let loss = entering.nll(&log_p).mean(tch::Kind::Double).double_value(&[]) as f32;
        Some(ZTrace { steps, loss, probability: (-loss).exp() })
    };
    Ok(texts.iter().zip(steps).map(trace).collect())
}
