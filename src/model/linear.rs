//! Linear maps by the fastest product that libtorch has.

use tch::{Device, Kind, Tensor};

/// With AVX-512 oneDNN's product is the faster one from so many rows: it lays the weight out anew each
/// time, which costs as much as some rows.
const ROWS: usize = 64;

/// And from so many multiplications, where its fixed cost does not matter.
const PRODUCTS: usize = 1 << 22;

/// With AVX2 alone it is the faster one for weights of so many elements, whatever the rows.
const ELEMENTS: usize = 1 << 22;

/// `x` times `weight` `[out, in]`, plus `bias`: `[.., in]` -> `[.., out]`, all of one kind.
///
/// In f32 on a CPU large products go to oneDNN. The default, MKL, does not use the wide vectors of
/// CPUs of other makers than its own, and is half as fast there; and without those it is slow where
/// few rows meet a large weight.
pub(super) fn linear(x: &Tensor, weight: &Tensor, bias: Option<&Tensor>) -> Tensor {
    let plain_f32 = x.device() == Device::Cpu && x.kind() == Kind::Float;
    if plain_f32 && tch::utils::has_mkldnn() && suits_onednn(x, weight, has_wide_vectors()) {
        by_onednn(x, weight, bias)
    } else {
        x.linear(weight, bias)
    }
}

fn suits_onednn(x: &Tensor, weight: &Tensor, wide_vectors: bool) -> bool {
    if wide_vectors {
        let rows = x.numel() / weight.size()[1].max(1) as usize;
        rows >= ROWS && x.numel() * weight.size()[0] as usize >= PRODUCTS
    } else {
        weight.numel() >= ELEMENTS
    }
}

fn by_onednn(x: &Tensor, weight: &Tensor, bias: Option<&Tensor>) -> Tensor {
    x.to_mkldnn().mkldnn_linear(weight, bias).to_dense(None, false)
}

#[cfg(target_arch = "x86_64")]
fn has_wide_vectors() -> bool {
    std::arch::is_x86_feature_detected!("avx512f")
}

#[cfg(not(target_arch = "x86_64"))]
const fn has_wide_vectors() -> bool {
    false
}

#[cfg(test)]
mod tests {
    use super::*;

    type Product = fn(&Tensor, &Tensor, Option<&Tensor>) -> Tensor;

    #[test]
    fn products_are_those_of_the_definition() {
        let options = (Kind::Float, Device::Cpu);
        let mut ways: Vec<Product> = vec![linear];
        ways.extend(tch::utils::has_mkldnn().then_some(by_onednn as Product));
        let shapes = [[16, 16, 160], [1, 9, 160]];
        for (shape, linear) in shapes.iter().flat_map(|s| ways.iter().map(move |way| (s, way))) {
            tch::manual_seed(1);
            let [weight, bias] =
                [Tensor::randn([256, 160], options), Tensor::randn([256], options)];
            let x = Tensor::randn(*shape, options).set_requires_grad(true);
            for bias in [Some(&bias), None] {
                let exact = x.to_kind(Kind::Double).matmul(&weight.to_kind(Kind::Double).tr());
                let exact = bias.map_or(exact.shallow_clone(), |bias| &exact + bias);
                let found = linear(&x, &weight, bias);
                assert!(apart(&found, &exact) < 1e-6);
                let slope = |y: Tensor| {
                    let y = y.square().sum(Kind::Double);
                    Tensor::run_backward(&[y], &[&x], true, false).remove(0)
                };
                assert!(apart(&slope(found), &slope(exact)) < 1e-6);
            }
        }
    }

    /// Difference over size, Frobenius.
    fn apart(found: &Tensor, exact: &Tensor) -> f64 {
        ((found - exact).norm() / exact.norm()).double_value(&[])
    }
}
