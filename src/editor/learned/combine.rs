//! From the changes of several facts to one change.
//!
//! Added up, they disturb each other: prompts have tokens in common, and what each fact changes there is multiplied. The
//! solve moves the keys of each fact as its own change would (Tan et al., 2024, section 4.1):
//!
//!   min ‖ΔW K − D‖² + λ ‖ΔW‖²,  ΔW = D Kᵀ (K Kᵀ + λI)⁻¹,
//!
//! where K are the keys of all facts' tokens and D what each fact's own change makes of its own.

use tch::{Kind, Tensor};

use super::{
    maps::LowRank,
    settings::{Combine, Combining},
};

/// The change of a map that one fact makes, alone.
#[derive(Debug)]
pub(super) struct Alone {
    /// `[columns, out]` and `[columns, in]`.
    pub(super) change: LowRank,
    /// Its keys, `[columns, in]`, what enters the map at the tokens that its gradient is made of.
    pub(super) keys: Tensor,
}

/// The change of a map that several facts make, and how many columns each has.
pub(super) fn combined(facts: &[Alone], how: Combining) -> (LowRank, Vec<usize>) {
    let rows = |tensor: &Tensor| usize::try_from(tensor.size()[0]).unwrap_or_default();
    let all =
        |part: fn(&Alone) -> Tensor| Tensor::cat(&facts.iter().map(part).collect::<Vec<_>>(), 0);
    match how.combine {
        Combine::Sum => {
            let left = all(|fact| fact.change.left.shallow_clone());
            let right = all(|fact| fact.change.right.shallow_clone());
            (LowRank { left, right }, facts.iter().map(|fact| rows(&fact.change.left)).collect())
        }
        Combine::Solve => {
            let left =
                all(|fact| fact.keys.matmul(&fact.change.right.tr()).matmul(&fact.change.left));
            let right = solved(&all(|fact| fact.keys.shallow_clone()), how.ridge);
            (LowRank { left, right }, facts.iter().map(|fact| rows(&fact.keys)).collect())
        }
    }
}

/// (K Kᵀ + λI)⁻¹ K for keys in rows, `[keys, in]`, in f64; λ is `ridge` times the mean square of a key.
fn solved(keys: &Tensor, ridge: f64) -> Tensor {
    let wide = keys.to_kind(Kind::Double);
    let (count, width) = (keys.size()[0], keys.size()[1]);
    let square = wide.square().sum(Kind::Double).double_value(&[]) / count as f64;
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
    solved.to_kind(Kind::Float)
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
        let how = Combining { combine: Combine::Solve, ridge: 1e-7 };
        let (change, counts) = combined(&facts, how);
        assert_eq!(counts, [2, 2, 2]);
        for fact in &facts {
            let moved = |change: &LowRank| fact.keys.matmul(&whole(change).tr());
            assert!(moved(&change).allclose(&moved(&fact.change), 1e-3, 1e-3, false));
        }
        let (sum, counts) = combined(&facts, Combining { combine: Combine::Sum, ridge: 1.0 });
        assert_eq!(counts, [3, 3, 3]);
        let each = facts.iter().map(|fact| whole(&fact.change)).reduce(|a, b| a + b);
        assert!(whole(&sum).allclose(&each.expect("three"), 1e-5, 1e-5, false));
    }

    /// The normal equations, written out, of fewer keys than a key is wide and of more.
    #[test]
    fn the_solve_is_ridge_regression() {
        for keys in [2, 9] {
            let facts = facts(2, keys);
            let ridge = 0.3;
            let (change, _) = combined(&facts, Combining { combine: Combine::Solve, ridge });
            let k = Tensor::cat(&[&facts[0].keys, &facts[1].keys], 0).to_kind(Kind::Double);
            let own = |fact: &Alone| fact.keys.matmul(&whole(&fact.change).tr());
            let d = Tensor::cat(&[own(&facts[0]), own(&facts[1])], 0).to_kind(Kind::Double);
            let square = k.square().sum(Kind::Double) / k.size()[0];
            let identity = Tensor::eye(WIDTHS.1, (Kind::Double, tch::Device::Cpu));
            let system = k.tr().matmul(&k) + identity * (square * ridge);
            let wanted = d.tr().matmul(&k).matmul(&system.inverse());
            let found = whole(&change).to_kind(Kind::Double);
            assert!(found.allclose(&wanted, 1e-5, 1e-6, false));
        }
    }
}
