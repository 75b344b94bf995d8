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
    // What the original has for the model goes before what it has for all.
    let mut faithful = parse(faithful)?;
    presets.lay_over(&mut faithful, model)?;
    Ok(Defaults { preset, faithful })
}

/// All blocks, as TOML has them.
pub(super) fn all(model: &ModelSize) -> toml::Value {
    blocks_value(&(0..model.layers).collect::<Vec<_>>())
}
