#!/usr/bin/env python3
"""The .onnx of `quantize --mode weights-only|dynamic`, run by onnxruntime: agrees with the float model, and with what edgectl measured.

Usage: weights_agree.py EDGECTL MODELS, with the folder of the models. Prints a line for each; exits with 1 where the accuracies differ by
more than two samples.
"""

import json
import subprocess
import sys
import tempfile
from pathlib import Path

import numpy as np
import onnxruntime

CASES = {
    "digits_mlp": ("model.onnx", 1.0),
    "kws_dscnn": ("model.onnx", 1.0),
    "wand_cnn1d": ("model.onnx", 1.0),
    "fmnist": ("teacher.onnx", 1 / 255),
}
LIMIT = 300


def run(path, samples):
    session = onnxruntime.InferenceSession(str(path), providers=["CPUExecutionProvider"])
    given = session.get_inputs()[0]
    shape = [1, *given.shape[1:]]
    return np.array([session.run(None, {given.name: sample.reshape(shape)})[0].ravel() for sample in samples])


def main():
    edgectl, models = sys.argv[1], Path(sys.argv[2])
    failed = False
    for (name, (file, scale)), mode in ((case, mode) for case in CASES.items() for mode in ("weights-only", "dynamic")):
        folder = models / name
        with tempfile.TemporaryDirectory() as temp:
            out = Path(temp) / "out.onnx"
            command = [edgectl, "quantize", folder / file, "--mode", mode, "--scale", str(scale), "--eval", folder / "eval_x.npy"]
            command += ["--limit", str(LIMIT), "--format", "json", "-o", out]
            measured = json.loads(subprocess.run(command, check=True, capture_output=True).stdout)["metrics"]
            x = (np.load(folder / "eval_x.npy")[:LIMIT].astype(np.float64) * scale).astype(np.float32)
            y = np.load(folder / "eval_y.npy")[:LIMIT]
            float_outputs, int8_outputs = run(folder / file, x), run(out, x)
        noise = np.sum((float_outputs - int8_outputs) ** 2)
        snr = 10 * np.log10(np.sum(float_outputs**2) / noise)
        accuracy = np.mean(int8_outputs.argmax(1) == y)
        agrees = abs(accuracy - measured["int8"]) * len(y) <= 2
        failed |= not agrees
        print(f"{name:12} {mode:12} top1 {accuracy:.4f}, edgectl says {measured['int8']:.4f}; SNR {snr:.1f} dB, {measured['outputs'][0]['snr_db']:.1f} dB")
    sys.exit(failed)


if __name__ == "__main__":
    main()
