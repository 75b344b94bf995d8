//! A checkpoint that was trained on from a version.

use std::path::Path;

use super::{Incoming, Receiver, trained::Nearest};
use crate::{
    checkpoint::Checkpoint,
    commit::Commit,
    delta::{self, Rounding, Tuned},
    engine::Progress,
    id::Id,
    ledger::{
        error::LedgerError, exchange::bundle::Bundled, lineage::line::Line,
        report::counts::distance,
    },
};

/// Reads what training made of the version that the checkpoint in `dir`, which is called `name`, began as.
///
/// # Errors
/// When it is damaged or none of this base; when it was trained on from an edited version and nobody says so;
/// when `progress` asks to stop.
pub(super) fn read(
    receiver: &Receiver<'_>,
    dir: &Path,
    name: &str,
    trained_from: Option<&str>,
    progress: &mut dyn Progress,
) -> Result<Incoming, LedgerError> {
    let tuned = Checkpoint::open_weights(dir)?;
    let mut notes = Vec::new();
    let (from, line) = match trained_from {
        Some(revision) => {
            let ledger = receiver.repo.read()?;
            let id = ledger.resolve(revision)?;
            (id, ledger.line(&ledger.commit(id)?)?)
        }
        None => origin(receiver, &tuned, &mut notes, progress)?,
    };
    let found = compare(receiver, &tuned, &line, progress)?;
    if let [first, ..] = found.absent.as_slice() {
        notes.push(format!(
            "{} tensors of the base are not in it and stay as they are: {first}, ...",
            found.absent.len()
        ));
    }
    notes.extend(rounding(&found.rounding));
    let (source, unchanged) = if line.entries().is_empty() {
        (format!("checkpoint {name}"), "it has the base's weights")
    } else {
        let source = format!("checkpoint {name}, trained from {from:.12}");
        (source, "it has the weights of the version it was trained from")
    };
    let whole = |changes| Bundled { columns: Vec::new(), together: Vec::new(), changes };
    Ok(Incoming {
        source,
        deltas: found.steps.into_iter().map(whole).collect(),
        facts: Vec::new(),
        unchanged,
        notes,
    })
}

/// The version that a checkpoint of which nobody says so was trained on from: the one it is nearest to, if that is the
/// base. Were it an edited one and we wrong, its edits would be added twice or taken back, so the user has to say it.
fn origin(
    receiver: &Receiver<'_>,
    tuned: &Checkpoint,
    notes: &mut Vec<String>,
    progress: &mut dyn Progress,
) -> Result<(Id<Commit>, Line), LedgerError> {
    let Some(Nearest { nearest, base, head }) = receiver.repo.nearest(tuned, progress)? else {
        return Ok((receiver.repo.read()?.head_commit()?.0, Line::default()));
    };
    if !nearest.line.entries().is_empty() {
        return Err(LedgerError::TrainedFrom {
            dir: tuned.dir().to_owned(),
            nearest: nearest.commit,
            distance: nearest.distance,
            base: base.commit,
            base_distance: base.distance,
        });
    }
    if head.commit != nearest.commit {
        notes.push(format!(
            "taken for trained from the base: it is {} from that and {} from HEAD",
            distance(nearest.distance),
            distance(head.distance)
        ));
    }
    Ok((nearest.commit, nearest.line))
}

/// What makes the version with the lineage `line` into the checkpoint, bit for bit.
fn compare(
    receiver: &Receiver<'_>,
    tuned: &Checkpoint,
    line: &Line,
    progress: &mut dyn Progress,
) -> Result<Tuned, LedgerError> {
    let (base, version) = (&receiver.base, receiver.repo.sums(line)?);
    let changed = version.changed();
    let sums = |name: &str| match changed.get(name) {
        Some(&orientation) => Ok(Some(version.accumulate(name, orientation)?)),
        None => Ok(None),
    };
    let orientation = |tensor: &str, shape: &[usize]| receiver.orientation(tensor, shape);
    progress.start("tensors", Some(base.names().count() as u64));
    let mut stopped = Ok(());
    let found = delta::compare::<LedgerError>(base, tuned, &sums, &orientation, &mut |done| {
        if stopped.is_ok() {
            stopped = progress.advance(done, "");
        }
    })?;
    stopped?;
    progress.finish("");
    Ok(found)
}

/// What is worth saying of element types that are not the base's.
fn rounding(found: &Rounding) -> Vec<String> {
    let saved = found.saved.iter().copied().collect::<Vec<_>>().join(" and ");
    let by = format!("by {:.1e} of a tensor's norm at most", found.greatest);
    let mut notes = Vec::new();
    if found.kept > 0 {
        let count = found.kept;
        notes.push(format!(
            "{count} tensors differ only because they are saved in {saved}, {by}, and stay as they are"
        ));
    }
    if found.rounded > 0 {
        let count = found.rounded;
        notes.push(format!("{count} tensors are rounded from {saved} to the base's type, {by}"));
    }
    notes
}
