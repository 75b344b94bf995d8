//! Named places in the forward pass.

use std::ops::ControlFlow;

use tch::Tensor;

/// A place that a [`Probe`] visits.
#[derive(Debug, Clone, Copy, PartialEq, Eq, PartialOrd, Ord)]
pub enum Site {
    /// What a block's attention adds to the stream, `[batch, tokens, d]`.
    AttentionOut(usize),
    /// What enters the down projection of a block's MLP, `[batch, tokens, inner]`: the key k.
    MlpInner(usize),
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
