"""GFLOP/s of products in f32, there and back, by each way that `src/model/linear.rs` has.

    python products.py 192x1536 768x3072 --rows 16 64 200

Needs torch 2.11, the library that kledger computes with. Shapes are outputs x inputs of a weight. The ways take turns; each
figure is of the shortest time. `ONEDNN_MAX_CPU_ISA=AVX2` keeps oneDNN from using wider vectors.
"""

import argparse
import time

import torch
import torch.nn.functional as F
from results import Column, Results, add_results_argument


def mkl(x, weight, bias):
    return F.linear(x, weight, bias)


def layout(x, weight, bias):
    return torch._C._nn.mkldnn_linear(x.to_mkldnn(), weight, bias).to_dense()


def convolution(x, weight, bias):
    outputs, inputs = weight.shape
    image = x.reshape(1, -1, 1, inputs).permute(0, 3, 1, 2)
    kernel = weight.reshape(outputs, inputs, 1, 1)
    product = torch.mkldnn_convolution(image, kernel, bias, [0, 0], [1, 1], [1, 1], 1)
    return product.permute(0, 2, 3, 1).reshape(-1, outputs)


WAYS = [mkl, layout, convolution]


def seconds(way, x, weight, bias, slope):
    """Of one product and its way back to x."""
    start = time.perf_counter()
    for _ in range(4):
        x.grad = None
        way(x, weight, bias).backward(slope)
    return (time.perf_counter() - start) / 4


def main():
    parser = argparse.ArgumentParser(description=__doc__.splitlines()[0])
    parser.add_argument("shapes", nargs="+", help="outputs x inputs, such as 768x3072")
    parser.add_argument("--rows", type=int, nargs="+", default=[16, 64, 200, 400])
    parser.add_argument("--threads", type=int, default=2)
    parser.add_argument("--turns", type=int, default=8)
    add_results_argument(parser)
    args = parser.parse_args()
    torch.set_num_threads(args.threads)
    rates = [Column(way.__name__, "GFLOP/s", 0) for way in WAYS]
    question = "How fast products in f32 are, there and back, by each way of src/model/linear.rs."
    results = Results(args, question, ["outputs", "inputs", "rows", *rates], f"shortest of {args.turns}")
    for shape in args.shapes:
        outputs, inputs = map(int, shape.split("x"))
        weight, bias = torch.randn(outputs, inputs), torch.randn(outputs)
        for rows in args.rows:
            x, slope = torch.randn(rows, inputs, requires_grad=True), torch.randn(rows, outputs)
            turns = [[seconds(way, x, weight, bias, slope) for way in WAYS] for _ in range(args.turns)]
            done = 4e-9 * rows * outputs * inputs
            results.add(outputs, inputs, rows, *(done / min(times) for times in zip(*turns)))
    results.write()


main()
