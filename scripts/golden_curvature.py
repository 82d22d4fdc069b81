"""Writes PyTorch's second derivatives of small networks into internal/torch/testdata/curvature.json,
the oracle of TestGoldenCurvature.

Run it with "make golden", which uses Debian's python3-torch (PyTorch 1.13). The test reads the file and
never runs this script. All numbers are written so that they read back exactly.
"""

import json
import sys

import torch
import torch.nn.functional as F

# Each network: the shapes of its parameters, its input, and logits from both.
CLASSES = 3


def mlp(x, p):
    return F.linear(torch.tanh(F.linear(x, p[0], p[1])), p[2], p[3])


def convolution(x, p):
    h = F.conv2d(x, p[0], p[1])
    h = F.batch_norm(h, torch.zeros_like(p[2]), torch.ones_like(p[2]), p[2], p[3], training=True)
    return F.linear(F.max_pool2d(torch.relu(h), 2).flatten(1), p[4], p[5])


def lstm(x, p):
    zero = torch.zeros(1, x.shape[0], p[1].shape[1], dtype=x.dtype)
    out, _, _ = torch.lstm(x, (zero, zero), p[:4], True, 1, 0.0, True, False, True)
    return F.linear(out[:, -1], p[4], p[5])


def gru(x, p):
    zero = torch.zeros(1, x.shape[0], p[1].shape[1], dtype=x.dtype)
    out, _ = torch.gru(x, zero, p[:4], True, 1, 0.0, True, False, True)
    return F.linear(out[:, -1], p[4], p[5])


def attention(x, p):
    q, k, v = (x @ w for w in p[:3])
    weights = torch.softmax(q @ k.transpose(1, 2) / 2, -1)
    h = F.layer_norm(x + weights @ v, x.shape[-1:], p[3], p[4])
    return F.linear(h.mean(1), p[5], p[6])


def embedding(x, p):
    return F.linear(torch.tanh(F.embedding(x, p[0]).mean(1)), p[1], p[2])


NETWORKS = {
    "mlp": (mlp, [(6, 5), (6,), (CLASSES, 6), (CLASSES,)], (8, 5)),
    "convolution": (convolution, [(3, 2, 3, 3), (3,), (3,), (3,), (CLASSES, 12), (CLASSES,)], (4, 2, 6, 6)),
    "lstm": (lstm, [(16, 4), (16, 4), (16,), (16,), (CLASSES, 4), (CLASSES,)], (3, 5, 4)),
    "gru": (gru, [(12, 4), (12, 4), (12,), (12,), (CLASSES, 4), (CLASSES,)], (3, 5, 4)),
    "attention": (attention, [(4, 4), (4, 4), (4, 4), (4,), (4,), (CLASSES, 4), (CLASSES,)], (3, 5, 4)),
    "embedding": (embedding, [(7, 4), (CLASSES, 4), (CLASSES,)], (6, 3)),
}


def numbers(t):
    return t.detach().double().flatten().tolist()


def second(network, params, x, y, v):
    """Loss, gᵀg, gᵀHg, Hv and, in float64, the eigenvalues of the Hessian."""
    params = [p.clone().requires_grad_() for p in params]
    loss = F.cross_entropy(network(x, params), y)
    g = torch.autograd.grad(loss, params, create_graph=True)

    def product(v):
        products = torch.autograd.grad(g, params, v, retain_graph=True, allow_unused=True)
        return [torch.zeros_like(p) if h is None else h for p, h in zip(params, products)]

    def dot(a, b):
        return float(sum((s.detach().double() * t.detach().double()).sum() for s, t in zip(a, b)))

    out = {"loss": float(loss), "gtg": dot(g, g), "gthg": dot(g, product([t.detach() for t in g])), "hv": [numbers(h) for h in product(v)]}
    if params[0].dtype == torch.float32:
        return out
    columns = []
    for i, p in enumerate(params):
        for j in range(p.numel()):
            unit = [torch.zeros_like(q) for q in params]
            unit[i].view(-1)[j] = 1
            columns.append(torch.cat([h.flatten() for h in product(unit)]))
    eigenvalues = torch.linalg.eigvalsh(torch.stack(columns))
    out["lowest"], out["highest"] = float(eigenvalues[0]), float(eigenvalues[-1])
    return out


def case(name):
    network, shapes, shape = NETWORKS[name]
    # Numbers that are the same in float32 and float64.
    params = [0.6 * torch.randn(s) for s in shapes]
    v = [torch.randn(s) for s in shapes]
    x = torch.randint(7, shape) if name == "embedding" else torch.randn(shape)
    y = torch.randint(CLASSES, shape[:1])
    out = {"name": name, "shapes": shapes, "params": [numbers(p) for p in params], "v": [numbers(p) for p in v], "shape": shape, "x": numbers(x), "y": y.tolist()}
    for dtype in (torch.float32, torch.float64):
        batch = x if name == "embedding" else x.to(dtype)
        result = second(network, [p.to(dtype) for p in params], batch, y, [p.to(dtype) for p in v])
        out[str(dtype).split(".")[1]] = result
    return out


def main():
    torch.manual_seed(1)
    with open(sys.argv[1], "w") as f:
        json.dump({"torch": torch.__version__, "networks": [case(name) for name in NETWORKS]}, f, indent=None, separators=(",", ":"))
        f.write("\n")


main()
