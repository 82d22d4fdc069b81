"""Prints, as JSON, how long a training step with gᵀHg by double backward takes in PyTorch, over a plain step, for the
networks of hooks/curvature_bench_test.go."""

import json
import time

import torch
from torch import nn

torch.set_num_threads(1)


class Last(nn.Module):
    def __init__(self):
        super().__init__()
        self.r = nn.LSTM(32, 64, batch_first=True)
        self.l = nn.Linear(64, 10)

    def forward(self, x):
        return self.l(self.r(x)[0][:, -1])


MODELS = {
    "mlp": (lambda: nn.Sequential(nn.Linear(784, 512), nn.Tanh(), nn.Linear(512, 512), nn.Tanh(), nn.Linear(512, 10)), (128, 784)),
    "conv": (
        lambda: nn.Sequential(nn.Conv2d(1, 16, 3), nn.Tanh(), nn.Conv2d(16, 16, 3), nn.Tanh(), nn.Flatten(), nn.Linear(16 * 24 * 24, 10)),
        (32, 1, 28, 28),
    ),
    "lstm": (Last, (16, 32, 32)),
}


def ratio(make, shape):
    torch.manual_seed(1)
    model = make()
    params = list(model.parameters())
    x, y = torch.randn(shape), torch.randint(10, shape[:1])
    opt = torch.optim.SGD(params, lr=1e-3)

    def step(measure):
        start = time.perf_counter()
        loss = nn.functional.cross_entropy(model(x), y)
        if measure:
            g = torch.autograd.grad(loss, params, create_graph=True, retain_graph=True)
            v = [p.detach() for p in g]
            hv = torch.autograd.grad(g, params, v, retain_graph=True)
            float(sum((a * b).sum() for a, b in zip(v, hv)))
        opt.zero_grad()
        loss.backward()
        opt.step()
        return time.perf_counter() - start

    times = {False: [], True: []}
    for i in range(30):
        for measure in (False, True):
            t = step(measure)
            if i >= 5:
                times[measure].append(t)
    middle = {m: sorted(t)[len(t) // 2] for m, t in times.items()}
    return middle[True] / middle[False]


print(json.dumps({name: ratio(*spec) for name, spec in MODELS.items()}))
