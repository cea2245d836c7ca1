"""`edgectl quantize` of every float model: the QDQ ONNX in onnxruntime against our int8 program.

The QDQ file must pass onnx.checker and load. On the models marked *, the most likely class must be the same for at least
99 % of the evaluation samples; the other rows are reported. `agreement` counts rows of the first output: for rfb320_face
these are the anchors of all images. `simulated` is the agreement of `edgectl run` on the QDQ file itself with onnxruntime, on the
first samples. `reference` is the int8 accuracy of onnxruntime's own quantization, from meta.json (over all
of the data; fmnist runs on the first 2000 samples here).
"""

import argparse
import json
import sys
import tempfile
from pathlib import Path

import numpy as np
import onnx
from common import CASES, auc, edgectl, edgectl_run, onnxruntime_run, require_models, table

REQUIRED = {"digits_mlp", "fmnist/student", "kws_dscnn"}
AGREEMENT = 0.99
# Samples on which `edgectl run` simulates the QDQ file, in float and slowly.
SIMULATED = 200


def score(case, outputs, x, labels):
    """The case's metric of an output, or None without labels."""
    if labels is None or case.metric == "none":
        return None
    if case.metric == "auc-reconstruction":
        return auc(((outputs - x.reshape(len(x), -1)) ** 2).mean(axis=1), labels == 1)
    return float((outputs.argmax(axis=1) == labels).mean())


def classes(case, outputs):
    return (outputs.reshape(-1, 2) if case.name == "rfb320_face" else outputs).argmax(axis=1)


def shown(value):
    """A figure, or a dash for what there is none of: meta.json has the text of an error there."""
    return f"{value:.4f}" if isinstance(value, float) else "-"


def compare(case, folder):
    """A row of the table, and whether the case passes. RuntimeError: a step of it failed."""
    stored, labels = case.stored("eval", case.limit)
    np.save(folder / "eval_x.npy", stored)
    if labels is not None:
        np.save(folder / "eval_y.npy", labels)
    program, qdq = folder / "model.edgm", folder / "model.int8.onnx"
    metric = ["--metric", case.metric] if case.metric == "auc-reconstruction" else []
    done = edgectl("quantize", case.model_path, "--calibration", case.data_path("calib"), "--eval", folder / "eval_x.npy",
                   *case.options, *metric, "-o", program, "-o", qdq, "--format", "json")
    if done.status != 0:
        raise RuntimeError(str(done))
    report = json.loads(done.stdout)
    for output in report["outputs"]:
        if Path(output["path"]).stat().st_size != output["bytes"]:
            raise RuntimeError(f"{output['path']}: the report says {output['bytes']} bytes")

    onnx.checker.check_model(str(qdq), full_check=True)
    x = case.decoded("eval", case.limit)
    theirs = onnxruntime_run(qdq, x)
    ours = edgectl_run(case, program, folder / "eval_x.npy", folder / "out.npz", len(x))
    if set(ours) != set(theirs):
        raise RuntimeError(f"our outputs are {sorted(ours)}, the QDQ model's {sorted(theirs)}")
    first = next(iter(theirs))
    ours, theirs = ours[first], theirs[first]
    if ours.shape != theirs.shape:
        raise RuntimeError(f"our output has shape {ours.shape}, the QDQ model's {theirs.shape}")
    np.save(folder / "few_x.npy", stored[:SIMULATED])
    few = min(SIMULATED, len(x))
    simulated = edgectl_run(case, qdq, folder / "few_x.npy", folder / "few.npz", few)[first]
    agreement = simulation = None
    if case.metric != "auc-reconstruction":
        agreement = float((classes(case, ours) == classes(case, theirs)).mean())
        simulation = float((classes(case, simulated) == classes(case, theirs[:few])).mean())
        if simulation < AGREEMENT:
            raise RuntimeError(f"`edgectl run` and onnxruntime agree on {simulation:.4f} of the QDQ file's first outputs")

    # The accuracy that was printed is that of the program that was written.
    int8, metrics = score(case, ours, x, labels), report["metrics"]
    if int8 is not None and abs(int8 - metrics["int8"]) > 1e-4:
        raise RuntimeError(f"the report says {metrics['int8']}, the program's outputs give {int8:.4f}")
    if metrics["samples"] != len(x):
        raise RuntimeError(f"the report is over {metrics['samples']} samples, expected {len(x)}")

    required = case.name in REQUIRED
    row = [case.name + (" *" if required else ""), str(len(x)), shown(metrics["float"] if labels is not None else None),
           shown(int8), shown(score(case, theirs, x, labels)), shown(agreement), shown(simulation),
           shown(case.measured().get("int8_ort_qdq_per_channel"))]
    return row, not required or agreement >= AGREEMENT


def main():
    parser = argparse.ArgumentParser(description=__doc__, formatter_class=argparse.RawDescriptionHelpFormatter)
    parser.add_argument("models", nargs="*", help="names of models (default: all)")
    wanted = parser.parse_args().models
    require_models()
    lines, passed = [], True
    for case in CASES:
        if case.name == "kws_hybrid_dequant" or wanted and case.name not in wanted:
            continue
        with tempfile.TemporaryDirectory() as folder:
            try:
                row, agrees = compare(case, Path(folder))
            except Exception as error:  # a row of its own: the other models still run
                print(f"{case.name}: {type(error).__name__}: {error}", file=sys.stderr)
                row, agrees = [case.name, "failed", "-", "-", "-", "-", "-", "-"], False
        lines.append(row)
        passed &= agrees
    table(["model", "samples", "float", "our int8", "ort qdq", "agreement", "simulated", "reference"], lines)
    sys.exit(0 if passed else 1)


if __name__ == "__main__":
    main()
