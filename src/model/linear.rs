//! Linear maps by the fastest product that libtorch has.

use tch::{Device, Kind, Tensor};

/// `x` times `weight` `[out, in]`, plus `bias`: `[.., in]` -> `[.., out]`, all of one kind.
///
/// In f32 on a CPU they go to oneDNN where that is faster. The default, MKL, does not use the wide
/// vectors of CPUs of other makers than its own, and is half as fast there; and without those it is
/// slow where few rows meet a large weight.
pub(super) fn linear(x: &Tensor, weight: &Tensor, bias: Option<&Tensor>) -> Tensor {
    let plain_f32 = x.device() == Device::Cpu && x.kind() == Kind::Float;
    if !(plain_f32 && tch::utils::has_mkldnn()) {
        return x.linear(weight, bias);
    }
    let rows = x.numel() / weight.size()[1].max(1) as usize;
    match Way::of(rows, weight.numel(), has_wide_vectors()) {
        Way::Mkl => x.linear(weight, bias),
        Way::Layout => in_its_layout(x, weight, bias),
        Way::Convolution => by_convolution(x, weight, bias),
    }
}

/// How a product is made.
#[derive(Debug, Clone, Copy)]
enum Way {
    /// As libtorch does by default.
    Mkl,
    /// By oneDNN, in its own layout: it copies rows and product to and fro, and lays the weight out anew
    /// each time.
    Layout,
    /// By oneDNN, as a convolution, which takes rows and product as they are, but is slow in laying out
    /// a large weight.
    Convolution,
}

impl Way {
    /// The fastest one, or nearly, by what `benches/editing/products.py` measures: for `rows` and a
    /// `weight` of so many elements.
    const fn of(rows: usize, weight: usize, wide_vectors: bool) -> Self {
        const MILLION: usize = 1 << 20;
        if wide_vectors {
            match rows {
                32.. if weight >= MILLION => Self::Layout,
                64.. if rows * weight >= 4 * MILLION => Self::Convolution,
                _ => Self::Mkl,
            }
        } else if weight >= 4 * MILLION {
            Self::Layout
        } else {
            Self::Mkl
        }
    }
}

fn in_its_layout(x: &Tensor, weight: &Tensor, bias: Option<&Tensor>) -> Tensor {
    x.to_mkldnn().mkldnn_linear(weight, bias).to_dense(None, false)
}

/// The rows are one column of an image that has an input in each channel.
fn by_convolution(x: &Tensor, weight: &Tensor, bias: Option<&Tensor>) -> Tensor {
    let (outputs, inputs) = weight.size2().expect("because it is [out, in]");
    let image = x.reshape([1, -1, 1, inputs]).permute([0, 3, 1, 2]);
    let kernel = weight.reshape([outputs, inputs, 1, 1]);
    let (padding, step) = ([0i64, 0].as_slice(), [1i64, 1].as_slice());
    let product = image.mkldnn_convolution(&kernel, bias, padding, step, step, 1);
    let mut shape = x.size();
    *shape.last_mut().expect("because rows have a width") = outputs;
    product.permute([0, 2, 3, 1]).reshape(shape)
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
        if tch::utils::has_mkldnn() {
            ways.extend([in_its_layout as Product, by_convolution]);
        }
        let shapes = [[16, 16, 160], [1, 9, 160], [1, 1, 160]];
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
