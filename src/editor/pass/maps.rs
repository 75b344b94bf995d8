//! The linear maps that are edited, and what happens at them in a pass.

use std::ops::ControlFlow;

use tch::{Kind, Tensor};

use crate::{
    editor::module::Module,
    model::{EditSite, Model, Part, Probe, Role, Site, Slot},
    tensor::{Orientation, widths},
};

/// A linear map y = W x + b whose W is edited.
#[derive(Debug, Clone)]
pub(in crate::editor) struct Map {
    part: Part,
    pub(in crate::editor) layer: usize,
    pub(in crate::editor) site: EditSite,
}

impl Map {
    /// Width of y and of x.
    pub(in crate::editor) const fn shape(&self) -> (usize, usize) {
        (self.site.outputs, self.site.inputs)
    }
}

/// The maps of `modules` in the blocks `layers`, from below.
pub(in crate::editor) fn maps(model: &Model, layers: &[usize], modules: &[Module]) -> Vec<Map> {
    let slots = model.decoder().weights().slots().iter();
    let wanted = slots.filter(|slot| {
        layers.contains(&slot.layer)
            && slot.role == Role::Weight
            && slot.shape.len() == 2
            && modules.iter().any(|module| module.has(slot.part))
    });
    let map = |slot: &Slot| {
        let (outputs, inputs) = widths(&slot.shape, Orientation::OutIn);
        let (tensor, orientation) = (slot.name.clone(), slot.orientation);
        let site = EditSite { tensor, orientation, outputs, inputs };
        Map { part: slot.part, layer: slot.layer, site }
    };
    let mut maps: Vec<Map> = wanted.map(map).collect();
    maps.sort_by_key(|map| map.layer);
    maps
}

/// What a gradient is made of: ∂L/∂W = Σ δ xᵀ over all tokens.
#[derive(Debug)]
pub(in crate::editor) struct Factors {
    /// What enters the map, `[rows, tokens, in]`, f32.
    pub(in crate::editor) x: Tensor,
    /// δ = ∂L/∂y, `[rows, tokens, out]`, f32.
    pub(in crate::editor) delta: Tensor,
}

impl Factors {
    /// Where neither is zero, `[rows, tokens]`: other tokens have no part in the gradient.
    pub(in crate::editor) fn active(&self) -> Tensor {
        nonzero(&self.x).logical_and(&nonzero(&self.delta))
    }
}

/// Takes x and δ at maps, by nothing that is added to y and asks for its gradient: no gradient of a weight is computed.
#[derive(Debug)]
pub(in crate::editor) struct Capture<'a> {
    maps: &'a [Map],
    /// Whether x and δ are to have gradients themselves.
    differentiable: bool,
    x: Vec<Tensor>,
    nothing: Vec<Tensor>,
}

impl<'a> Capture<'a> {
    pub(in crate::editor) fn at(maps: &'a [Map], differentiable: bool) -> Self {
        let none = || maps.iter().map(|_| Tensor::new()).collect();
        Self { maps, differentiable, x: none(), nothing: none() }
    }

    /// The factors of the gradient of `loss`, which came of the pass, by map.
    pub(in crate::editor) fn factors(self, loss: Tensor) -> Vec<Factors> {
        let twice = self.differentiable;
        let deltas = Tensor::run_backward(&[loss], &self.nothing, twice, twice);
        let factors = |(x, delta): (Tensor, Tensor)| Factors {
            x: x.to_kind(Kind::Float),
            delta: delta.to_kind(Kind::Float),
        };
        self.x.into_iter().zip(deltas).map(factors).collect()
    }
}

impl Probe for Capture<'_> {
    fn visit(&mut self, site: Site, value: &mut Tensor) -> ControlFlow<()> {
        match at(self.maps, site) {
            Some((place, End::Into)) if self.differentiable => {
                self.x[place] = value.shallow_clone();
            }
            Some((place, End::Into)) => self.x[place] = value.detach(),
            Some((place, End::OutOf)) => {
                let nothing = value.zeros_like().set_requires_grad(true);
                *value = &*value + &nothing;
                self.nothing[place] = nothing;
            }
            None => {}
        }
        ControlFlow::Continue(())
    }
}

/// A change of a map of low rank: left rightᵀ, another one for each group of rows.
#[derive(Debug)]
pub(in crate::editor) struct LowRank {
    /// `[groups, columns, out]`.
    pub(in crate::editor) left: Tensor,
    /// `[groups, columns, in]`.
    pub(in crate::editor) right: Tensor,
}

impl LowRank {
    /// Which columns change something, `[groups, columns]`.
    pub(in crate::editor) fn active(&self) -> Tensor {
        nonzero(&self.left).logical_and(&nonzero(&self.right))
    }

    /// A change for each of `groups`, the sum of those of as many of its rows.
    pub(in crate::editor) fn in_groups(&self, groups: i64) -> Self {
        let joined = |factor: &Tensor| {
            let width = *factor.size().last().expect("because it has three dimensions");
            factor.reshape([groups, -1, width])
        };
        Self { left: joined(&self.left), right: joined(&self.right) }
    }

    /// The sum of two changes of the same groups.
    pub(in crate::editor) fn and(&self, other: &Self) -> Self {
        let both = |a: &Tensor, b: &Tensor| Tensor::cat(&[a, b], 1);
        Self { left: both(&self.left, &other.left), right: both(&self.right, &other.right) }
    }

    /// Those columns of all groups that are `active` `[groups, columns]`, `[active, ..]`.
    pub(in crate::editor) fn columns_where(&self, active: &Tensor) -> Self {
        Self { left: chosen(&self.left, active), right: chosen(&self.right, active) }
    }
}

/// Which rows of `values` `[.., width]` are not zero.
fn nonzero(values: &Tensor) -> Tensor {
    values.not_equal(0.0).any_dim(-1, false)
}

/// The rows of `values` `[rows, tokens, width]` that are `active` `[rows, tokens]`.
pub(in crate::editor) fn chosen(values: &Tensor, active: &Tensor) -> Tensor {
    let places = active.flatten(0, -1).nonzero().squeeze_dim(1);
    values.flatten(0, 1).index_select(0, &places)
}

/// What is added to maps.
#[derive(Debug, Clone, Copy)]
pub(in crate::editor) struct Added<'a> {
    /// For all rows of a pass, `[out, in]`; none, or one for each map.
    pub(in crate::editor) whole: &'a [Tensor],
    /// For groups of rows; none, or one for each map. The rows of a pass are those of one group after those of another, as
    /// many of each.
    pub(in crate::editor) changes: &'a [LowRank],
}

/// Adds to what leaves the maps.
#[derive(Debug)]
pub(in crate::editor) struct Applied<'a> {
    maps: &'a [Map],
    added: Added<'a>,
    x: Vec<Tensor>,
}

impl<'a> Applied<'a> {
    pub(in crate::editor) fn new(maps: &'a [Map], added: Added<'a>) -> Self {
        Self { maps, added, x: maps.iter().map(|_| Tensor::new()).collect() }
    }
}

impl Probe for Applied<'_> {
    fn visit(&mut self, site: Site, value: &mut Tensor) -> ControlFlow<()> {
        match at(self.maps, site) {
            Some((place, End::Into)) => self.x[place] = value.shallow_clone(),
            Some((place, End::OutOf)) => {
                let (x, kind) = (&self.x[place], value.kind());
                if let Some(whole) = self.added.whole.get(place) {
                    *value = &*value + x.matmul(&whole.to_kind(kind).tr());
                }
                if let Some(LowRank { left, right }) = self.added.changes.get(place) {
                    let groups = left.size()[0];
                    let width = *right.size().last().expect("because it has three dimensions");
                    let x = x.reshape([groups, -1, width]); // [groups, rows · tokens, in]
                    let read = x.bmm(&right.to_kind(kind).transpose(1, 2)); // [groups, rows · tokens, columns]
                    *value = &*value + read.bmm(&left.to_kind(kind)).view_as(value);
                }
            }
            None => {}
        }
        ControlFlow::Continue(())
    }
}

/// Two probes, one after the other.
pub(in crate::editor) struct Both<'a>(
    pub(in crate::editor) &'a mut dyn Probe,
    pub(in crate::editor) &'a mut dyn Probe,
);

impl Probe for Both<'_> {
    fn visit(&mut self, site: Site, value: &mut Tensor) -> ControlFlow<()> {
        self.0.visit(site, value)?;
        self.1.visit(site, value)
    }
}

/// An end of a map.
enum End {
    Into,
    OutOf,
}

/// Which of `maps` has an end at `site`.
fn at(maps: &[Map], site: Site) -> Option<(usize, End)> {
    let (part, layer, end) = match site {
        Site::Into(part, layer) => (part, layer, End::Into),
        Site::OutOf(part, layer) => (part, layer, End::OutOf),
        Site::Embed | Site::BlockOut(_) | Site::Final => return None,
    };
    let place = maps.iter().position(|map| (map.part, map.layer) == (part, layer))?;
    Some((place, end))
}
