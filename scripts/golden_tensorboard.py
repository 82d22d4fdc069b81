"""Writes an event file with TensorBoard's and PyTorch's own writers into adapters/tensorboard/testdata/golden.tfevents,
and what TensorBoard's own reader finds in it into golden.json beside it: the oracles of adapters/tensorboard.

Run it with a Python that has tensorboard (2.21; "pip install tensorboard") and torch (1.13):

    python3 scripts/golden_tensorboard.py adapters/tensorboard/testdata

With the paths of other event files it prints what the reader finds in each. The tests read the golden files and
never run this script. The run that it writes is that of TestGolden.
"""

import json
import math
import os
import sys

import numpy as np
from tensorboard.backend.event_processing import event_file_loader
from tensorboard.compat.proto import event_pb2, summary_pb2
from tensorboard.plugins.text.summary_v2 import text_pb
from tensorboard.summary.writer.record_writer import RecordWriter
from tensorboard.util import tensor_util
from torch.utils.tensorboard.summary import histogram_raw, scalar

START = 1700000000.25
RUN = """| run | golden |
|---|---|
| started | 2023-11-14 22:13:20 UTC |
| device | cpu |
| optimizer | sgd |
| lr | 0.5 |
| params | 4 with 10 elements |
"""
EVENT = """**warning**, firing at step 7: lstm.weight\\_hh

The gradient norm leapt to 64.

Lower the learning rate.

Section 8.2.4

| value |  |
|---|---|
| norm | 64 |
"""
VERDICT = """| section | finding | evidence |
|---|---|---|
| 8.2.4 | cliffs | One, at step 7. |
"""


def log10(v):
    """As Go computes it: exact for the binary logarithm of a power of two, and one product."""
    return math.log2(v) * 0.30102999566398119521373889472449


def histo(tag, norms):
    """Counted by numpy; the first bucket is empty, as in those that torch's histogram makes (1.13's own needs numpy < 1.24)."""
    values = np.array([log10(n) for n in norms])
    counts, edges = np.histogram(values, bins=np.arange(-400, 400) / 8)
    first, last = np.flatnonzero(counts)[[0, -1]]
    return histogram_raw(
        tag,
        min=values.min(),
        max=values.max(),
        num=len(values),
        sum=sum(values),
        sum_squares=sum(values * values),
        bucket_limits=edges[first : last + 2].tolist(),
        bucket_counts=[0] + counts[first : last + 1].tolist(),
    )


def event(t, step, *summaries):
    return event_pb2.Event(
        wall_time=START + t,
        step=step,
        summary=summary_pb2.Summary(value=[v for s in summaries for v in s.value]),
    )


def write(path):
    with open(path, "wb") as f:
        writer = RecordWriter(f)
        for e in (
            event_pb2.Event(
                wall_time=START,
                file_version="brain.Event:2",
                source_metadata=event_pb2.SourceMetadata(writer="github.com/seed-140d0f39/gtg/adapters/tensorboard"),
            ),
            event(0, 0, text_pb("run", RUN)),
            event_pb2.Event(
                wall_time=START + 1.5, step=7, session_log=event_pb2.SessionLog(status=event_pb2.SessionLog.START)
            ),
            event(
                1.5,
                7,
                scalar("loss", 2.302585092994046),
                scalar("lr", 0.5),
                scalar("grad_norm", 64.0),
                scalar("nonfinite", 0.0),
                scalar("clip.factor", 0.25),
                scalar("clip.threshold", 16.0),
                scalar("clip.norm_after", 16.0),
                scalar("gtg_seconds", 0.001),
                scalar("curvature.gthg", -3.0),
                scalar("curvature.rayleigh", -0.000732421875),
                scalar("curvature.rho", -9.1552734375e-05),
                scalar("curvature.lambda_max", 1e300),
                scalar("curvature.lambda_min", float("nan")),
                scalar("curvature.spectral_radii/lstm.weight_hh", 1.0625),
                histo("param_grad_norms.log10", [64.0, 0.0078125, 0.0078125]),
                scalar("param_grad_norms.zero", 1.0),
                scalar("param_grad_norms/a", 64.0),
                histo("param_norms.log10", [1.0, 1.0, 1.0, 1.0]),
            ),
            event(1.5, 7, text_pb("events/cliff", EVENT)),
            event(2, 8, scalar("loss", 2.25), scalar("action.skip", 1.0)),
            event(2.5, 8, text_pb("verdict", VERDICT)),
        ):
            writer.write(e.SerializeToString())


def number(v):
    v = float(v)
    return v if math.isfinite(v) else "NaN" if math.isnan(v) else "+Inf" if v > 0 else "-Inf"


def read(path):
    """What TensorBoard's loader finds, in the form in which its plugins get it."""
    found = []
    for e in event_file_loader.EventFileLoader(path).Load():
        record = {"wall_time": e.wall_time, "step": e.step}
        if e.HasField("file_version"):
            found.append(record | {"file_version": e.file_version})
        if e.HasField("session_log"):
            found.append(record | {"session_log": e.session_log.status})
        for v in e.summary.value:
            value = tensor_util.make_ndarray(v.tensor)
            line = record | {"tag": v.tag, "plugin": v.metadata.plugin_data.plugin_name}
            if v.metadata.plugin_data.plugin_name == "text":
                line["text"] = value.item().decode()
            elif value.ndim == 0:
                line["scalar"] = number(value)
            else:
                line["buckets"] = [[number(x) for x in bucket] for bucket in value]
            found.append(line)
    return found


if __name__ == "__main__":
    if len(sys.argv) == 2 and os.path.isdir(sys.argv[1]):
        golden = os.path.join(sys.argv[1], "golden.tfevents")
        write(golden)
        with open(os.path.join(sys.argv[1], "golden.json"), "w") as f:
            f.write("[\n" + ",\n".join(json.dumps(line, sort_keys=True) for line in read(golden)) + "\n]\n")
    elif len(sys.argv) > 1:
        for path in sys.argv[1:]:
            for line in read(path):
                print(json.dumps(line, sort_keys=True))
    else:
        sys.exit(__doc__)
