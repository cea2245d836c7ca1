"""Figures of `distill` and `finetune` on fmnist, three seeds each: `train_figures.py [--epochs N] [--seeds N]`.

- The student from the teacher, and alone by the same recipe: both begin with the same random weights, see the same samples in the same order.
- int8 of the quantization-aware student beside its float model, both on all 10,000 evaluation samples.

A report: it fails when a child does, never on a figure.
"""

import argparse
import json
import statistics
import subprocess
import tempfile
from pathlib import Path

from common import MODELS, binary, require_models


def run(folder, *arguments):
    command = [binary(), *arguments, "--scale", "1/255", "--format", "json", "-q"]
    done = subprocess.run([str(word) for word in command], cwd=folder, capture_output=True, text=True)
    if done.returncode != 0:
        raise SystemExit(f"{command}\n{done.stderr}")
    return json.loads(done.stdout)


def top1(report):
    return 100 * report["models"][-1]["metric"]["value"]


def main():
    require_models()
    parser = argparse.ArgumentParser(description=__doc__)
    parser.add_argument("--epochs", type=int, default=30)
    parser.add_argument("--seeds", type=int, default=3)
    options = parser.parse_args()
    fmnist = MODELS / "fmnist"
    data = ["--data", fmnist / "train_x.npy", "--eval", fmnist / "eval_x.npy", "--teacher", fmnist / "teacher.onnx"]
    distill = ["distill", "--student", fmnist / "student.onnx", "--reinitialize", *data, "--epochs", options.epochs]
    rows = []
    print("seed   alone   taught    gain | quantization-aware: float    int8    drop")
    with tempfile.TemporaryDirectory() as folder:
        for seed in range(options.seeds):
            taught = top1(run(folder, *distill, "--seed", seed, "-o", "taught.onnx"))
            alone = top1(run(folder, *distill, "--seed", seed, "--teacher-weight", 0, "-o", "alone.onnx"))
            aware = run(folder, "finetune", "taught.onnx", "--quantization-aware", *data,
                        "--epochs", max(options.epochs // 6, 1), "--seed", seed, "-o", "aware.edgm")
            int8 = 100 * aware["int8"]["value"]
            rows.append((alone, taught, taught - alone, top1(aware), int8, top1(aware) - int8))
            print(f"{seed:4} {alone:7.2f} {taught:8.2f} {taught - alone:7.2f} | {top1(aware):25.2f} {int8:7.2f} {top1(aware) - int8:7.2f}")
    if len(rows) > 1:
        means = [(statistics.mean(column), statistics.stdev(column)) for column in zip(*rows)]
        print("mean and standard deviation: " + ", ".join(f"{mean:.2f} ± {spread:.2f}" for mean, spread in means))


if __name__ == "__main__":
    main()
