"""Published architectures with random weights, from ONNX to int8 programs: `zoo.py [NAME...]`.

Each model of `zoo_models.py` must be quantized and become a program with no operator left out, and the program's outputs must agree with
onnxruntime's float outputs: by cosine similarity, and for indices by the share of equal ones. Calibration and evaluation data are
random, smooth and of the same kind. The least SNR of several outputs counts. `--keep DIR` keeps the models and programs.
"""

import argparse
import json
import sys
import tempfile
import zlib
from pathlib import Path

import numpy as np
import onnx
from common import edgectl, onnxruntime_run, table
from zoo_models import MODELS, waves

CALIBRATION, EVALUATION = 24, 16
# Networks that were never trained amplify the noise of rounding, some by far; one that is lowered wrongly has no similarity left.
LEAST_COSINE = 0.9
# Of pixels or places whose classes are close to each other.
LEAST_EQUAL = 0.85


def samples(name, shape, count, split):
    return waves(np.random.default_rng([zlib.crc32(name.encode()), split]), count, shape)


def compare(name, folder):
    """A row of the table, and whether the model passes."""
    model = MODELS[name]()
    path, program = folder / f"{name}.onnx", folder / f"{name}.edgm"
    onnx.save(model, path)
    shape = [d.dim_value for d in model.graph.input[0].type.tensor_type.shape.dim][1:]
    calibration, evaluation, found = (folder / f"{name}_{what}" for what in ("calib_x.npy", "eval_x.npy", "out.npz"))
    np.save(calibration, samples(name, shape, CALIBRATION, 0))
    x = samples(name, shape, EVALUATION, 1)
    np.save(evaluation, x)
    done = edgectl("quantize", path, "--calibration", calibration, "-o", program, "--format", "json")
    if done.status != 0:
        return [name, "-", "-", "-", "-", str(done).splitlines()[1][:110]], False
    done = edgectl("run", program, "--input", evaluation, "--output", found, "--format", "json")
    if done.status != 0:
        return [name, "-", "-", "-", "-", str(done).splitlines()[1][:110]], False
    expected = onnxruntime_run(path, x)
    with np.load(found) as outputs:
        outputs = {key: outputs[key].reshape(len(x), -1) for key in outputs.files}
    assert set(outputs) == set(expected), f"{set(outputs)} is not {set(expected)}"
    cosine, snr, equal = [], [], []
    for key, real in expected.items():
        ours = outputs[key].astype(np.float64)
        if real.dtype.kind == "i":
            equal.append((ours == real).mean())
            continue
        real = real.astype(np.float64)
        cosine.append((real * ours).sum() / np.sqrt((real**2).sum() * (ours**2).sum()))
        snr.append(10 * np.log10((real**2).sum() / ((real - ours) ** 2).sum()))
    passes = min(cosine, default=1) >= LEAST_COSINE and min(equal, default=1) >= LEAST_EQUAL
    shown = [f"{min(v):.{d}f}" if v else "-" for v, d in ((snr, 1), (cosine, 5), (equal, 3))]
    return [name, str(len(model.graph.node)), *shown, "ok" if passes else "FAILS"], passes


def main():
    parser = argparse.ArgumentParser(description=__doc__.splitlines()[0])
    parser.add_argument("names", nargs="*", default=list(MODELS))
    parser.add_argument("--keep", type=Path)
    arguments = parser.parse_args()
    with tempfile.TemporaryDirectory() as temporary:
        folder = arguments.keep or Path(temporary)
        folder.mkdir(parents=True, exist_ok=True)
        rows = [compare(name, folder) for name in arguments.names]
    table(["model", "nodes", "SNR dB", "cosine", "equal", ""], [row for row, _ in rows])
    sys.exit(0 if all(passes for _, passes in rows) else 1)


main()
