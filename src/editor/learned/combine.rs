//! From the changes of several facts to one change.
//!
//! Added up, they disturb each other: prompts have tokens in common, and what each fact changes there is multiplied. The
//! solve moves the keys of each fact as its own change would (Tan et al., 2024, section 4.1):
//!
//!   min ‖ΔW K − D‖² + ‖ΔW P‖² + λ ‖ΔW‖²,  ΔW = D Kᵀ (K Kᵀ + P Pᵀ + λI)⁻¹,
//!
//! where K are the keys of all facts' tokens, D what each fact's own change makes of its own, and P the keys of earlier
//! commits, which are to stay.

use tch::{Kind, Tensor};

use super::settings::{Combine, Making};
use crate::editor::pass::maps::LowRank;

/// The change of a map that one fact makes, alone.
#[derive(Debug)]
pub(super) struct Alone {
    /// `[columns, out]` and `[columns, in]`.
    pub(super) change: LowRank,
    /// Its keys, `[columns, in]`, what enters the map at the tokens that its gradient is made of.
    pub(super) keys: Tensor,
}

/// The change of a map that several facts make.
pub(super) struct Combined {
    pub(super) change: LowRank,
    /// The key of each column, `[columns, in]`, where they were solved for.
    pub(super) keys: Option<Tensor>,
    /// How many columns each fact has.
    pub(super) counts: Vec<usize>,
}

/// Makes one change of several; `past` has the keys of earlier commits, `[keys, in]`.
pub(super) fn combined(facts: &[Alone], past: Option<&Tensor>, how: Making) -> Combined {
    let rows = |tensor: &Tensor| usize::try_from(tensor.size()[0]).unwrap_or_default();
    let all =
        |part: fn(&Alone) -> Tensor| Tensor::cat(&facts.iter().map(part).collect::<Vec<_>>(), 0);
    match how.combine {
        Combine::Sum => {
            let left = all(|fact| fact.change.left.shallow_clone());
            let right = all(|fact| fact.change.right.shallow_clone());
            let counts = facts.iter().map(|fact| rows(&fact.change.left)).collect();
            Combined { change: LowRank { left, right }, keys: None, counts }
        }
        Combine::Solve => {
            let left =
                all(|fact| fact.keys.matmul(&fact.change.right.tr()).matmul(&fact.change.left));
            let keys = all(|fact| fact.keys.shallow_clone());
            let right = solved(&keys, past, how.ridge);
            let counts = facts.iter().map(|fact| rows(&fact.keys)).collect();
            Combined { change: LowRank { left, right }, keys: Some(keys), counts }
        }
    }
}

/// Kᵀ (K Kᵀ + P Pᵀ + λI)⁻¹ for keys in rows, `[keys, in]`, in f64; λ is `ridge` times the mean square of a key of K.
fn solved(keys: &Tensor, past: Option<&Tensor>, ridge: f64) -> Tensor {
    let own = keys.size()[0];
    let square = keys.square().sum(Kind::Double).double_value(&[]) / own as f64;
    let all: Vec<&Tensor> = [keys].into_iter().chain(past).collect();
    let wide = Tensor::cat(&all, 0).to_kind(Kind::Double);
    let (count, width) = (wide.size()[0], wide.size()[1]);
    let system = |gram: Tensor| {
        let identity = Tensor::eye(gram.size()[0], (Kind::Double, keys.device()));
        (gram + identity * (ridge * square)).linalg_cholesky(false)
    };
    // Both are the same; the smaller system is solved.
    let solved = if count <= width {
        wide.cholesky_solve(&system(wide.matmul(&wide.tr())), false)
    } else {
        wide.tr().cholesky_solve(&system(wide.tr().matmul(&wide)), false).tr()
    };
    solved.narrow(0, 0, own).to_kind(Kind::Float)
}

#[cfg(test)]
mod tests {
    use super::*;

    const WIDTHS: (i64, i64) = (6, 8);

    fn facts(count: i64, keys: i64) -> Vec<Alone> {
        let (outputs, inputs) = WIDTHS;
        let random = |rows, width| Tensor::randn([rows, width], (Kind::Float, tch::Device::Cpu));
        let fact = |_| Alone {
            change: LowRank { left: random(3, outputs), right: random(3, inputs) },
            keys: random(keys, inputs),
        };
        tch::manual_seed(3);
        (0..count).map(fact).collect()
    }

    fn whole(change: &LowRank) -> Tensor {
        change.left.tr().matmul(&change.right)
    }

    #[test]
    fn solved_facts_move_their_own_keys_as_alone() {
        let facts = facts(3, 2);
        let how = Making { carry: true, combine: Combine::Solve, max_steps: 1, ridge: 1e-7 };
        let Combined { change, counts, .. } = combined(&facts, None, how);
        assert_eq!(counts, [2, 2, 2]);
        for fact in &facts {
            let moved = |change: &LowRank| fact.keys.matmul(&whole(change).tr());
            assert!(moved(&change).allclose(&moved(&fact.change), 1e-3, 1e-3, false));
        }
        let sum = combined(&facts, None, Making { combine: Combine::Sum, ..how });
        assert_eq!((sum.counts, sum.keys), (vec![3, 3, 3], None));
        let each = facts.iter().map(|fact| whole(&fact.change)).reduce(|a, b| a + b);
        assert!(whole(&sum.change).allclose(&each.expect("three"), 1e-5, 1e-5, false));
    }

    /// The normal equations, written out, of fewer keys than a key is wide and of more, with keys that are held and
    /// without.
    #[test]
    fn the_solve_is_ridge_regression() {
        for (keys, held) in [(1, 0), (2, 3), (9, 0), (9, 4)] {
            let facts = facts(2, keys);
            let ridge = 0.3;
            let how = Making { carry: true, combine: Combine::Solve, max_steps: 1, ridge };
            let past = Tensor::randn([held, WIDTHS.1], (Kind::Float, tch::Device::Cpu));
            let Combined { change, .. } = combined(&facts, Some(&past), how);
            let k = Tensor::cat(&[&facts[0].keys, &facts[1].keys], 0).to_kind(Kind::Double);
            let own = |fact: &Alone| fact.keys.matmul(&whole(&fact.change).tr());
            let d = Tensor::cat(&[own(&facts[0]), own(&facts[1])], 0).to_kind(Kind::Double);
            let square = k.square().sum(Kind::Double) / k.size()[0];
            let identity = Tensor::eye(WIDTHS.1, (Kind::Double, tch::Device::Cpu));
            let past = past.to_kind(Kind::Double);
            let system = k.tr().matmul(&k) + past.tr().matmul(&past) + identity * (square * ridge);
            let wanted = d.tr().matmul(&k).matmul(&system.inverse());
            let found = whole(&change).to_kind(Kind::Double);
            assert!(found.allclose(&wanted, 1e-5, 1e-6, false));
        }
    }
}
