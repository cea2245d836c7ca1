"""What `edgectl prune` costs in accuracy, on real models and for several seeds: mean and spread. `prune_figures.py [PART...]`, parts being

- `teacher`   fmnist/teacher with 80 % of its parameters and 70 % of its MACs gone
- `untrained` the model from 30 % to 95 % of its parameters without any training, beside plain magnitude
- `curve`     from 30 % to 95 % with a short training, beside Torch-Pruning
- `kws`       kws_dscnn with 30 % of its MACs gone, from 100 samples without labels
- `kws-choice` how its recipe was chosen: on these 100 samples alone, by how near the pruned model comes to the outputs of the unpruned one
  on the fifth of them that it was not trained on, five times

Torch-Pruning prunes the same network, rebuilt in PyTorch from the same weights, and trains it as long by the same recipe; it is left out,
and said so, where `torch` and `torch_pruning` are not installed. EDGECTL names the binary; training wants a release build.
"""

import argparse
import json
import statistics
import sys
import tempfile
import time
from pathlib import Path

from common import CASES, edgectl, require_models

SEEDS = (1, 2, 3)
MOST_SECONDS = 24 * 3600
# One recipe for all models that have labels, ours and the peer's: images are mirrored and moved, and the unpruned model says what they are.
EPOCHS, CURVE_EPOCHS, BATCH, RATE, DISTILL_WEIGHT = 30, 6, 64, 3e-3, 0.9
SHARES = (0.3, 0.5, 0.7, 0.8, 0.9, 0.95)


def case(name):
    return next(case for case in CASES if case.name == name)


def prune(case, data, options, folder):
    """The JSON report of a run, whatever its verdict."""
    arguments = ["prune", case.model_path, "--data", data, "--eval", case.data_path("eval"), *case.options, *options]
    start = time.monotonic()
    done = edgectl(*arguments, "-o", Path(folder, "out.onnx"), "--format", "json", timeout=MOST_SECONDS)
    report = json.loads(done.stdout)
    report["seconds"] = time.monotonic() - start
    return report


def figures(report):
    """Metric before and after in percent, and the shares of parameters and MACs that are gone."""
    metrics, before, after = report["metrics"], report["before"], report["after"]
    gone = lambda name: 100 * (1 - after[name] / before[name])
    return 100 * metrics["before"]["value"], 100 * metrics["after"]["value"], gone("parameters"), gone("macs")


def mean_and_spread(values):
    return f"{statistics.mean(values):.2f} ± {statistics.stdev(values):.2f}" if len(values) > 1 else f"{values[0]:.2f}"


def several(name, data, options, seeds):
    """Runs all seeds; prints and returns a row."""
    model = case(name)
    with tempfile.TemporaryDirectory() as folder:
        runs = [prune(model, data, [*options, "--seed", seed], folder) for seed in seeds]
    found = [figures(run) for run in runs]
    lost = [before - after for before, after, _, _ in found]
    row = {
        "metric": [after for _, after, _, _ in found],
        "lost": lost,
        "parameters": statistics.mean(run[2] for run in found),
        "macs": statistics.mean(run[3] for run in found),
        "samples": runs[0]["metrics"]["samples"],
        "seconds": statistics.mean(run["seconds"] for run in runs),
    }
    return row


def show(label, row):
    print(
        f"{label:<34} {row['parameters']:5.1f} % of parameters, {row['macs']:5.1f} % of MACs gone;"
        f" top1 {mean_and_spread(row['metric'])} %, {mean_and_spread(row['lost'])} points lost"
        f" ({len(row['lost'])} seeds, {row['samples']} samples, {row['seconds']:.0f} s a run)",
        flush=True,
    )


def recipe(epochs):
    return ["--steps", 1, "--final-epochs", epochs, "--batch", BATCH, "--learning-rate", RATE, "--distill-weight", DISTILL_WEIGHT,
            "--augment", "flip,shift=1"]


def teacher(arguments):
    model = case("fmnist/teacher")
    options = [*recipe(EPOCHS), "--sparsity", 0.8, "--max-macs", macs_left(0.7)]
    row = several(model.name, model.data_path("train"), options, arguments.seeds)
    show("fmnist/teacher", row)


def macs_left(share):
    """The MACs that are left when a share of them is gone from the teacher."""
    found = json.loads(edgectl("inspect", case("fmnist/teacher").model_path, "--format", "json").stdout)
    return round((1 - share) * found["model"]["macs"])


def curve(arguments):
    model = case("fmnist/teacher")
    points = {}
    for share in arguments.shares:
        options = [*recipe(CURVE_EPOCHS), "--keep", 0.05, "--sparsity", share]
        row = several(model.name, model.data_path("train"), options, arguments.seeds)
        show(f"edgectl, {share:.0%}", row)
        points.setdefault("edgectl", []).append(row)
    try:
        import torch_pruning_peer
    except ImportError as error:
        print(f"SKIPPED: Torch-Pruning ({error})")
    else:
        for share in arguments.shares:
            row = torch_pruning_peer.run(
                model, share, arguments.seeds, {"epochs": CURVE_EPOCHS, "batch": BATCH, "rate": RATE, "distill_weight": DISTILL_WEIGHT}
            )
            show(f"Torch-Pruning, {share:.0%}", row)
            points.setdefault("Torch-Pruning", []).append(row)
    write(points, arguments)


def untrained(arguments):
    """No randomness: one seed says it all."""
    model = case("fmnist/teacher")
    kinds = {"reconstruction": [], "plain magnitude": ["--importance", "l2", "--no-compensation"]}
    points = {}
    for label, extra in kinds.items():
        for share in arguments.shares:
            options = ["--samples", 256, "--steps", 1, "--epochs", 0, "--keep", 0.05, *extra, "--sparsity", share]
            row = several(model.name, model.data_path("train"), options, arguments.seeds[:1])
            show(f"{label}, {share:.0%}", row)
            points.setdefault(label, []).append(row)
    write(points, arguments)


def write(points, arguments):
    if arguments.csv:
        lines = [f"{label},{row['parameters']:.2f},{statistics.mean(row['metric']):.3f}" for label, rows in points.items() for row in rows]
        Path(arguments.csv).write_text("\n".join(lines) + "\n")


def kws_recipe(feature_weight, rate):
    return ["--final-epochs", 100, "--feature-weight", feature_weight, "--learning-rate", rate]


KWS_RECIPES = {
    "outputs alone, 3e-4": kws_recipe(0, 3e-4),
    "outputs alone, 1e-3": kws_recipe(0, 1e-3),
    "inner tensors, 3e-4": kws_recipe(100, 3e-4),
    "inner tensors, 1e-3": kws_recipe(100, 1e-3),
}
KWS_CHOICE = "inner tensors, 1e-3"
KWS_COMMON = ["--steps", 1, "--batch", 10]
KWS_FOLDS = 5


def kws_macs(model):
    return round(0.7 * json.loads(edgectl("inspect", model.model_path, "--format", "json").stdout)["model"]["macs"])


def kws(arguments):
    model = case("kws_dscnn")
    for label, changes in {"without training": ["--final-epochs", 0], KWS_CHOICE: KWS_RECIPES[KWS_CHOICE]}.items():
        options = [*KWS_COMMON, *changes, "--max-macs", kws_macs(model)]
        show(f"kws_dscnn, {label}", several(model.name, model.data_path("calib"), options, arguments.seeds))


def kws_choice(_):
    import numpy as np

    model = case("kws_dscnn")
    samples = np.load(model.data_path("calib"))
    with tempfile.TemporaryDirectory() as folder:
        for label, changes in KWS_RECIPES.items():
            found = []
            for fold in range(KWS_FOLDS):
                held_out = np.arange(len(samples)) % KWS_FOLDS == fold
                kept, left = Path(folder, "kept.npy"), Path(folder, "left.npy")
                np.save(kept, samples[~held_out])
                np.save(left, samples[held_out])
                done = edgectl("prune", model.model_path, "--data", kept, "--eval", left, *KWS_COMMON, *changes,
                               "--max-macs", kws_macs(model), "-o", Path(folder, "out.onnx"), "--format", "json")
                agreement = json.loads(done.stdout)["metrics"]["agreement"][0]
                found.append((agreement["mse"], agreement["top1"]))
            mse, top1 = (statistics.mean(column) for column in zip(*found))
            print(f"{label:<26} held out: mean squared error {mse:.5f}, same class {top1:.0%}", flush=True)


PARTS = {"teacher": teacher, "untrained": untrained, "curve": curve, "kws": kws, "kws-choice": kws_choice}


def main():
    require_models()
    parser = argparse.ArgumentParser(description=__doc__, formatter_class=argparse.RawDescriptionHelpFormatter)
    parser.add_argument("parts", nargs="*", choices=[[], *PARTS], default=["teacher", "untrained", "curve", "kws"])
    parser.add_argument("--seeds", type=int, nargs="+", default=SEEDS)
    parser.add_argument("--shares", type=float, nargs="+", default=SHARES)
    parser.add_argument("--csv", help="where the points of the curve are written, for `cargo run -p edgectl-report --example curve`")
    arguments = parser.parse_args()
    for part in arguments.parts:
        PARTS[part](arguments)


if __name__ == "__main__":
    sys.exit(main())
