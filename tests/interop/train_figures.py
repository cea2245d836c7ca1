"""Figures of `distill` and `finetune` on fmnist, three seeds each: `train_figures.py [--epochs N] [--seeds N...]`.

- The student from the teacher, and alone by the same recipe: both begin with the same random weights, see the same samples in the same order.
  With few steps the labels alone are faster; soft targets are better at the end, once the learning rate brings small networks there.
- int8 of the quantization-aware student beside its float model, both on all 10,000 evaluation samples.

The accuracy of float models is onnxruntime's.

A report: it fails when a child does, never on a figure.
"""

import argparse
import json
import statistics
import subprocess
import tempfile
from pathlib import Path

import onnxruntime
from common import CASES, MODELS, binary, require_models


def run(folder, *arguments):
    command = [binary(), *arguments, "--scale", "1/255", "--format", "json", "-q"]
    done = subprocess.run([str(word) for word in command], cwd=folder, capture_output=True, text=True)
    if done.returncode != 0:
        raise SystemExit(f"{command}\n{done.stderr}")
    return json.loads(done.stdout)


def top1(path):
    """The accuracy of a float model on all evaluation samples, in percent."""
    case = next(case for case in CASES if case.name == "fmnist/student")
    labels = case.stored("eval", 1 << 20)[1]
    session = onnxruntime.InferenceSession(path)
    name = session.get_inputs()[0].name
    classes = [session.run(None, {name: sample[None]})[0].argmax() for sample in case.decoded("eval", 1 << 20)]
    return 100 * sum(found == label for found, label in zip(classes, labels)) / len(labels)


def main():
    require_models()
    parser = argparse.ArgumentParser(description=__doc__)
    parser.add_argument("--epochs", type=int, default=40)
    parser.add_argument("--learning-rate", type=float, default=0.02)
    parser.add_argument("--seeds", type=int, nargs="+", default=(0, 1, 2))
    options = parser.parse_args()
    fmnist = MODELS / "fmnist"
    data = ["--data", fmnist / "train_x.npy", "--teacher", fmnist / "teacher.onnx"]
    distill = ["distill", "--student", fmnist / "student.onnx", "--reinitialize", *data, "--epochs", options.epochs,
               "--learning-rate", options.learning_rate]
    rows = []
    print("seed   alone   taught    gain | quantization-aware: float    int8    drop")
    with tempfile.TemporaryDirectory() as folder:
        for seed in options.seeds:
            run(folder, *distill, "--seed", seed, "-o", "taught.onnx")
            run(folder, *distill, "--seed", seed, "--teacher-weight", 0, "-o", "alone.onnx")
            taught, alone = (top1(Path(folder, name)) for name in ("taught.onnx", "alone.onnx"))
            aware = run(folder, "finetune", "taught.onnx", "--quantization-aware", *data, "--eval", fmnist / "eval_x.npy",
                        "--epochs", max(options.epochs // 6, 1), "--seed", seed, "-o", "aware.edgm")
            float32, int8 = (100 * found["value"] for found in (aware["models"][-1]["metric"], aware["int8"]))
            rows.append((alone, taught, taught - alone, float32, int8, float32 - int8))
            print(f"{seed:4} {alone:7.2f} {taught:8.2f} {taught - alone:7.2f} | {float32:25.2f} {int8:7.2f} {float32 - int8:7.2f}", flush=True)
    if len(rows) > 1:
        means = [(statistics.mean(column), statistics.stdev(column)) for column in zip(*rows)]
        print("mean and standard deviation: " + ", ".join(f"{mean:.2f} ± {spread:.2f}" for mean, spread in means))


if __name__ == "__main__":
    main()
