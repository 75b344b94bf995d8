//! Editors that fine-tune: steps down the gradient of a loss over the facts.
//!
//! The files `ft` to `lora` read like the papers' algorithms, and say what sets each apart: what it is told, and in a plan the
//! loss, what of the weights moves, how far it may, and what the change is written down as. `recipe` makes editors of them;
//! `train` is the loop that they share, `texts` the loss, `parameters` the weights.
//!
//! Weights are those of the version that is edited. What enters the lowest tuned block never changes, so it is computed
//! once for each text and kept.

mod blocks;
mod ft;
mod ft_c;
mod ft_l;
mod ft_m;
mod locft_bf;
mod lora;
#[cfg(feature = "torch")]
mod parameters;
#[cfg(feature = "torch")]
mod plan;
mod recipe;
mod settings;
#[cfg(all(test, feature = "torch"))]
mod tests;
#[cfg(feature = "torch")]
mod texts;
#[cfg(feature = "torch")]
mod train;

use self::recipe::Settings;
use super::method::{Method, Registered};

/// All of them.
pub(super) const METHODS: [&dyn Method; 6] = [
    &Registered::<Settings<ft::Own>>::NEW,
    &Registered::<Settings<ft_l::Own>>::NEW,
    &Registered::<Settings<ft_m::Own>>::NEW,
    &Registered::<Settings<ft_c::Own>>::NEW,
    &Registered::<Settings<locft_bf::Own>>::NEW,
    &Registered::<Settings<lora::Own>>::NEW,
];
