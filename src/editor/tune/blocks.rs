//! Which blocks are tuned where nobody has published any.

use crate::editor::{
    presets::{ModelSize, Presets, blocks_value},
    settings::{Defaults, SettingsError, parse, require},
};

/// The block so far up, as a part of all.
///
/// # Errors
/// When the model has no blocks.
fn block_at(model: &ModelSize, (above, of): (usize, usize)) -> Result<usize, SettingsError> {
    require(model.layers > 0, "layers", "at least one block", || "none".to_owned())?;
    Ok((model.layers * above / of).min(model.layers - 1))
}

/// `common`, with one block so far up in the model, and what is known of the model over it. `faithful` is what the
/// original does.
///
/// # Errors
/// When the model has no blocks.
pub(super) fn defaults(
    model: &ModelSize,
    common: &str,
    at: (usize, usize),
    presets: &Presets,
    faithful: &str,
) -> Result<Defaults, SettingsError> {
    let mut preset = parse(common)?;
    preset.insert("layers".to_owned(), blocks_value(&[block_at(model, at)?]));
    presets.lay_over(&mut preset, model)?;
    Ok(Defaults { preset, faithful: parse(faithful)? })
}

/// The same with all blocks.
///
/// # Errors
/// When the model has no blocks.
pub(super) fn defaults_of_all(
    model: &ModelSize,
    common: &str,
    presets: &Presets,
    faithful: &str,
) -> Result<Defaults, SettingsError> {
    let mut defaults = defaults(model, common, (0, 1), presets, faithful)?;
    let all: Vec<usize> = (0..model.layers).collect();
    defaults.preset.insert("layers".to_owned(), blocks_value(&all));
    Ok(defaults)
}
