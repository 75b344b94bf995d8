//! A few keys that stand for a request's keys in all contexts.
//!
//! An edit is solved for the key k_c of every context, by its weight w_c: of a request it holds H = Σ w_c k_c k_cᵀ.
//! Later edits are to hold the same, and not what the mean key alone would: where a layer reads more than the name the
//! contexts' keys differ, and what is not held of them wears off. There are many contexts, so that is kept of H which
//! its largest eigenvalues have: m rows, whose sum of squares is the best approximation of H of rank m. They are not
//! keys of any text.

use tch::{Kind, Tensor};

use crate::editor::matrix::int;

/// Rows that hold all but this part of what the contexts' keys would, on the mean of the requests, are enough.
const LOST: f64 = 0.01;

/// The keys of some requests' contexts, as they are heard.
pub(super) struct StandIns {
    requests: usize,
    /// How many are to stand for a request, at most.
    most: usize,
    /// The request of each row of `keys`, i64.
    of: Vec<Tensor>,
    /// √w k of contexts, `[rows, in]`.
    keys: Vec<Tensor>,
}

impl StandIns {
    pub(super) const fn new(requests: usize, most: usize) -> Self {
        Self { requests, most, of: Vec::new(), keys: Vec::new() }
    }

    /// Takes more contexts: their requests, i64, and √w k, `[rows, in]`.
    pub(super) fn hear(&mut self, requests: &Tensor, keys: &Tensor) {
        self.of.push(requests.shallow_clone());
        self.keys.push(keys.shallow_clone());
    }

    /// The rows that stand for the requests, `[requests · m, in]`, one request's after the other's, the weightiest
    /// first; rows that a request does not need are zero.
    pub(super) fn found(self) -> Tensor {
        let (of, keys) = (Tensor::cat(&self.of, 0), Tensor::cat(&self.keys, 0));
        let (requests, most, inputs) = (int(self.requests), int(self.most), keys.size()[1]);
        let found = Tensor::zeros([requests, most, inputs], (Kind::Float, keys.device()));
        let mut lost = Tensor::zeros([most], (Kind::Double, keys.device()));
        for request in 0..requests {
            let own = of.eq(request).nonzero().squeeze_dim(1);
            let own = keys.index_select(0, &own).to_kind(Kind::Double);
            let rows = leading(&own, most);
            let count = rows.size()[0];
            found.get(request).narrow(0, 0, count).copy_(&rows);
            let held = rows.square().sum_dim_intlist([1i64].as_slice(), false, Kind::Double);
            let held = held.cumsum(0, Kind::Double) / own.square().sum(Kind::Double);
            let _added_in_place = lost.narrow(0, 0, count).g_add_(&(held.ones_like() - held));
        }
        lost /= requests as f64;
        let enough = lost.le(LOST).nonzero();
        let enough = if enough.numel() > 0 { enough.int64_value(&[0, 0]) + 1 } else { most };
        found.narrow(1, 0, enough).reshape([requests * enough, inputs])
    }
}

/// The rows, `most` of them or fewer, whose XᵀX is nearest to that of `keys` `[contexts, in]`: with U its leading left
/// singular vectors, Uᵀ keys. Each is turned so that its sum is not negative, as a vector is as good as its opposite.
fn leading(keys: &Tensor, most: i64) -> Tensor {
    let count = keys.size()[0].min(most);
    let (_, vectors) = keys.matmul(&keys.tr()).linalg_eigh("L"); // ascending
    let leading = vectors.flip([1]).narrow(1, 0, count);
    let rows = leading.tr().matmul(keys);
    let sums = rows.sum_dim_intlist([1i64].as_slice(), true, Kind::Double);
    let turned = rows.neg();
    rows.where_self(&sums.ge(0.0), &turned)
}

#[cfg(test)]
mod tests {
    use tch::Device;

    use super::*;

    fn gram(rows: &Tensor) -> Tensor {
        rows.tr().matmul(rows).to_kind(Kind::Double)
    }

    /// Three requests with contexts heard in two parts.
    fn heard(most: usize) -> (Tensor, Vec<Tensor>) {
        tch::manual_seed(3);
        let keys = Tensor::randn([9, 7], (Kind::Float, Device::Cpu));
        let requests = [2, 0, 1, 0, 2, 0, 0, 2, 0];
        let of = Tensor::from_slice(&requests.map(i64::from));
        let mut stand_ins = StandIns::new(3, most);
        for (start, count) in [(0, 5), (5, 4)] {
            stand_ins.hear(&of.narrow(0, start, count), &keys.narrow(0, start, count));
        }
        let own = |request: i64| keys.index_select(0, &of.eq(request).nonzero().squeeze_dim(1));
        (stand_ins.found(), (0..3).map(own).collect())
    }

    #[test]
    fn where_enough_are_left_hardly_anything_is_lost() {
        let (found, all) = heard(5);
        let each = found.size()[0] / 3;
        assert!((2..=5).contains(&each), "{each} rows");
        let lost = all.iter().zip(0..).map(|(keys, request)| {
            let held = gram(&found.narrow(0, each * request, each));
            let wanted = gram(keys);
            ((wanted.trace() - held.trace()) / wanted.trace()).double_value(&[])
        });
        let lost = lost.sum::<f64>() / 3.0;
        assert!((-1e-6..=LOST).contains(&lost), "{lost}");
    }

    #[test]
    fn fewer_hold_the_most_that_so_many_can() {
        let (found, all) = heard(2);
        let keys = all[0].to_kind(Kind::Double);
        let (_, values, _) = keys.svd(true, true);
        let squares = values.square();
        let least = squares.narrow(0, 2, 3).norm().double_value(&[]);
        let lost = (gram(&found.narrow(0, 0, 2)) - gram(&keys)).norm().double_value(&[]);
        assert!((lost - least).abs() < 1e-4 * least, "{lost}, {least}");
        let shares = |row: i64| found.get(row).square().sum(Kind::Double).double_value(&[]);
        assert!(shares(0) > shares(1));
        // One context is its own stand-in.
        let only = all[1].get(0);
        let near = found.get(2).allclose(&only, 1e-5, 1e-5, false)
            || found.get(2).allclose(&only.neg(), 1e-5, 1e-5, false);
        assert!(near);
        assert_eq!(found.get(3).count_nonzero(0).int64_value(&[]), 0);
    }

    #[test]
    fn contexts_with_about_one_key_leave_one() {
        tch::manual_seed(4);
        let options = (Kind::Float, Device::Cpu);
        let key = Tensor::randn([1, 7], options);
        let keys = &key + Tensor::randn([6, 7], options) * 0.01;
        let mut stand_ins = StandIns::new(1, 4);
        stand_ins.hear(&Tensor::zeros([6], (Kind::Int64, Device::Cpu)), &keys);
        let found = stand_ins.found();
        assert_eq!(found.size(), [1, 7]);
        let off = ((gram(&found) - gram(&keys)).norm() / gram(&keys).norm()).double_value(&[]);
        assert!(off < 0.01, "{off}");
    }
}
