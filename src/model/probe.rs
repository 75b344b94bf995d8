//! Named places in the forward pass.

use std::ops::ControlFlow;

use tch::Tensor;

use super::spec::Part;

/// A place that a [`Probe`] visits. Parts with a place are the linear maps of a block: what enters the down
/// projection of an MLP is the key k, `[batch, tokens, inner]`.
#[derive(Debug, Clone, Copy, PartialEq, Eq, PartialOrd, Ord)]
pub enum Site {
    /// The stream before the first block, `[batch, tokens, d]`.
    Embed,
    /// What enters a linear map of a block. Replacing it changes nothing for other maps that read the same.
    Into(Part, usize),
    /// What leaves it, its bias included.
    OutOf(Part, usize),
    /// The residual stream as it leaves a block, `[batch, tokens, d]`: where z lives.
    BlockOut(usize),
    /// The stream after the final norm, `[.., d]`: what the head reads.
    Final,
}

/// Looks into a forward pass.
pub trait Probe {
    /// Sees, and may replace, the value at `site`. Returning `Break` ends the pass there.
    fn visit(&mut self, site: Site, value: &mut Tensor) -> ControlFlow<()>;
}

impl<F: FnMut(Site, &mut Tensor) -> ControlFlow<()>> Probe for F {
    fn visit(&mut self, site: Site, value: &mut Tensor) -> ControlFlow<()> {
        self(site, value)
    }
}

/// Looks at nothing.
#[derive(Debug, Clone, Copy, Default)]
pub struct Unprobed;

impl Probe for Unprobed {
    fn visit(&mut self, _: Site, _: &mut Tensor) -> ControlFlow<()> {
        ControlFlow::Continue(())
    }
}
