"""What `edgectl prune` writes: onnxruntime loads it, it is smaller, and it computes there what `edgectl run` computes here. Without data
loss where nothing may be lost: the outputs are those of the model before, to rounding.
"""

import sys
import tempfile
from pathlib import Path

import numpy as np
import onnx
from common import CASES, edgectl, edgectl_run, onnxruntime_run, require_models

SAMPLES = 64
MODELS = ("digits_mlp", "fmnist/student", "fmnist/teacher", "kws_dscnn", "nab_machine_temp_ae", "wand_cnn1d")


def parameters(path):
    """The numbers of all constants of floating point type."""
    return sum(np.prod(t.dims, dtype=int) for t in onnx.load(path).graph.initializer if t.data_type == onnx.TensorProto.FLOAT)


def check(case, folder, label, options):
    """Prunes; returns what is wrong."""
    out = Path(folder, "pruned.onnx")
    done = edgectl("prune", case.model_path, *case.options, *options, "-o", out)
    if done.status != 0:
        return str(done)
    onnx.checker.check_model(str(out), full_check=True)
    before, after = parameters(case.model_path), parameters(out)
    x = case.decoded("calib", SAMPLES)
    expected, found = edgectl_run(case, out, case.data_path("calib"), Path(folder, "y.npz"), len(x)), onnxruntime_run(out, x)
    worst = max(np.abs(expected[name] - found[name]).max() / max(1, np.abs(found[name]).max()) for name in found)
    problems = [f"differs from onnxruntime by {worst:.1e}"] if not worst < 1e-4 else []
    if label == "lossless":
        whole = onnxruntime_run(case.model_path, x)
        lost = max(np.abs(whole[name] - found[name]).max() / max(1, np.abs(whole[name]).max()) for name in found)
        problems += [f"the outputs changed by {lost:.1e}"] if not lost < 1e-4 else []
    elif after > 0.71 * before:
        problems.append("it is not smaller")
    if isinstance(onnx.load(case.model_path).graph.input[0].type.tensor_type.shape.dim[0].dim_param, str):
        dims = [onnx.load(p).graph.input[0].type.tensor_type.shape.dim[0].dim_param for p in (case.model_path, out)]
        problems += [f"the batch {dims[0]} became {dims[1] or 'fixed'}"] if bool(dims[0]) != bool(dims[1]) else []
    print(f"{case.name:<22} {label:<9} {before:>8} -> {after:>7} parameters, {worst:.0e} from onnxruntime", flush=True)
    return "; ".join(problems)


def main():
    require_models()
    failures = []
    with tempfile.TemporaryDirectory() as folder:
        for case in (case for case in CASES if case.name in MODELS):
            data = ["--data", case.data_path("calib"), "--samples", SAMPLES, "--steps", 1, "--epochs", 0]
            for label, options in {"lossless": ["--lossless"], "pruned": [*data, "--sparsity", 0.3]}.items():
                if problem := check(case, folder, label, options):
                    failures.append(f"{case.name}, {label}: {problem}")
    print("\n".join(failures))
    return bool(failures)


if __name__ == "__main__":
    sys.exit(main())
