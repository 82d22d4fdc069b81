"""Times torch.nn.utils.clip_grad_norm_: one request a line, as JSON, and one
answer, in seconds. {"shapes": ...} makes gradients, {"threads": ..., "clips": ...}
clips them once."""

import json
import sys
import time

import torch

params, norm = [], 0.0

for line in sys.stdin:
    request = json.loads(line)
    seconds = 0.0
    if "shapes" in request:
        params = []
        for shape in request["shapes"]:
            p = torch.empty(shape, requires_grad=True)
            p.grad = torch.randn(shape)
            params.append(p)
        norm = float(torch.nn.utils.clip_grad_norm_(params, float("inf")))
    else:
        if torch.get_num_threads() != request["threads"]:
            torch.set_num_threads(request["threads"])
        now = float(torch.norm(torch.stack([p.grad.norm() for p in params])))
        if now < norm * 0.75:  # clipped to a half
            now *= 2
            for p in params:
                p.grad.mul_(2)
        limit = now / 2 if request["clips"] else now * 2
        start = time.perf_counter()
        torch.nn.utils.clip_grad_norm_(params, limit)
        seconds = time.perf_counter() - start
    print(seconds, flush=True)
