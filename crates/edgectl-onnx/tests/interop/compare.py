"""Runs what the tests exported in onnxruntime and compares it with the originals.

    python -m venv /tmp/venv && /tmp/venv/bin/pip install onnx onnxruntime numpy
    mkdir /tmp/exported && EDGECTL_ROUND_TRIP_DIR=/tmp/exported cargo test -p edgectl-onnx
    /tmp/venv/bin/python crates/edgectl-onnx/tests/interop/compare.py /tmp/exported ../shared/models
"""

import sys
from pathlib import Path

import numpy as np
import onnx
import onnxruntime as ort

# Sizes of dynamic dimensions other than the batch.
SIZES = {"sequence": 576}


def outputs(path, optimize=False):
    onnx.checker.check_model(str(path), full_check=True)
    options = ort.SessionOptions()
    options.log_severity_level = 3
    if not optimize:
        options.graph_optimization_level = ort.GraphOptimizationLevel.ORT_DISABLE_ALL
    session = ort.InferenceSession(str(path), options)
    noise = np.random.default_rng(0)
    feed = {}
    for i in session.get_inputs():
        shape = [d if isinstance(d, int) else SIZES.get(d, 1) for d in i.shape]
        integer = i.type == "tensor(int64)"
        feed[i.name] = np.array(16000) if integer else noise.uniform(-1, 1, shape).astype(np.float32)
    return {o.name: value for o, value in zip(session.get_outputs(), session.run(None, feed))}


def compare(label, found, expected, tolerance):
    assert found.keys() == expected.keys(), (label, found.keys(), expected.keys())
    difference = max(float(np.abs(found[name] - expected[name]).max()) for name in found)
    print(f"{label:40} {difference:.3g}")
    assert difference <= tolerance, label


exported, models = map(Path, sys.argv[1:])
for path in sorted(exported.glob("*__*.onnx")):
    compare(path.name, outputs(path), outputs(models / path.name.replace("__", "/", 1)), 0)
made = outputs(exported / "made.float.onnx")
for optimize in False, True:
    # Ten steps of the int8 softmax.
    compare(f"made.qdq.onnx, optimized: {optimize}", outputs(exported / "made.qdq.onnx", optimize), made, 10 / 256)
