"""Writes what PyTorch does into hooks/testdata/golden.json, the oracle of hooks/golden_test.go.

Run it with "make golden", which uses Debian's python3-torch (PyTorch 1.13). The tests read
the file and never run this script. All numbers are written so that they read back exactly.
"""

import json
import sys

import torch
from torch.nn.utils import clip_grad_norm_, clip_grad_value_

ORDERS = [0.5, 1.0, 1.5, 2.0, 3.0, 4.0, float("inf")]
DTYPES = {"float16": torch.float16, "bfloat16": torch.bfloat16, "float32": torch.float32, "float64": torch.float64}


def numbers(t):
    return t.detach().double().flatten().tolist()


def with_gradients(gradients, dtype):
    params = []
    for g in gradients:
        p = torch.nn.Parameter(torch.zeros_like(g, dtype=dtype))
        p.grad = g.to(dtype).clone()
        params.append(p)
    return params


def run(clip, gradients, name):
    """Clips, in float64 with one rounding at the end where PyTorch 1.13 cannot in this dtype on the CPU."""
    for computed in (name, "float64"):
        params = with_gradients(gradients, DTYPES[computed])
        try:
            result = clip(params)
        except RuntimeError:
            continue
        return result, [numbers(p.grad.to(DTYPES[name])) for p in params], computed
    raise RuntimeError(f"PyTorch cannot clip {name}")


def clips():
    """Single clippings of every dtype by every norm, and by value."""
    torch.manual_seed(1)
    shapes = [(4, 3), (5,), (1,), (2, 3, 2)]
    cases = []
    for name, dtype in DTYPES.items():
        # Norms are far above the 1e-6 that PyTorch adds to the divisor.
        gradients = [(3 * torch.randn(s, dtype=torch.float64)).to(dtype) for s in shapes]
        for p in ORDERS:
            for maximum in (2.0, 1e6):
                total, clipped, computed = run(lambda params: clip_grad_norm_(params, maximum, norm_type=p), gradients, name)
                cases.append(
                    {
                        "dtype": name,
                        "computed": computed,
                        "p": "+Inf" if p == float("inf") else p,
                        "max": maximum,
                        "shapes": shapes,
                        "gradients": [numbers(g) for g in gradients],
                        "total": float(total),
                        "clipped": clipped,
                    }
                )
        _, clipped, computed = run(lambda params: clip_grad_value_(params, 2.0), gradients, name)
        cases.append(
            {
                "dtype": name,
                "computed": computed,
                "value": 2.0,
                "shapes": shapes,
                "gradients": [numbers(g) for g in gradients],
                "clipped": clipped,
            }
        )
    return cases


def trainings():
    """Whole trainings of 50 steps with clipping."""
    optimizers = {
        "sgd": lambda params: torch.optim.SGD(params, lr=0.005),
        "sgd with momentum": lambda params: torch.optim.SGD(params, lr=0.002, momentum=0.9),
        "adam": lambda params: torch.optim.Adam(params, lr=0.01),
    }
    clippers = {
        "norm": lambda params: clip_grad_norm_(params, 10.0),
        "norm_p1": lambda params: clip_grad_norm_(params, 30.0, norm_type=1.0),
        "norm_p+Inf": lambda params: clip_grad_norm_(params, 4.0, norm_type=float("inf")),
        "value": lambda params: clip_grad_value_(params, 3.0),
    }
    runs = []
    for dtype in ("float32", "float64"):
        torch.manual_seed(2)
        kind = DTYPES[dtype]
        start = [torch.randn(s, dtype=kind) for s in ((8, 6), (8,), (3, 8), (3,))]
        x, y = torch.randn(16, 6, dtype=kind), torch.randint(3, (16,))
        for optimizer, build in optimizers.items():
            for clipper, clip in clippers.items():
                params = [torch.nn.Parameter(p.clone()) for p in start]
                opt = build(params)
                losses, norms = [], []
                for _ in range(50):
                    hidden = torch.tanh(x @ params[0].t() + params[1])
                    # A large loss keeps the norms far above PyTorch's 1e-6.
                    loss = 100 * torch.nn.functional.cross_entropy(hidden @ params[2].t() + params[3], y)
                    opt.zero_grad()
                    loss.backward()
                    norms.append(float(torch.stack([p.grad.double().norm() for p in params]).norm()))
                    clip(params)
                    opt.step()
                    losses.append(float(loss))
                runs.append(
                    {
                        "dtype": dtype,
                        "optimizer": optimizer,
                        "clip": clipper,
                        "start": [numbers(p) for p in start],
                        "x": numbers(x),
                        "y": y.tolist(),
                        "losses": losses,
                        "norms": norms,
                        "end": [numbers(p) for p in params],
                    }
                )
    return runs


def main():
    with open(sys.argv[1], "w") as f:
        json.dump({"torch": torch.__version__, "clips": clips(), "trainings": trainings()}, f, indent=None, separators=(",", ":"))
        f.write("\n")


main()
