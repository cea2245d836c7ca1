"""The forward pass of training against onnxruntime: single operators in all their forms, and the real models where they are there.

The models are those of `crates/edgectl-onnx/tests/interop/compare.py`, with a batch of one, which training runs as a batch of three. The example
`forward` of `edgectl-train` computes them (`cargo build -p edgectl-train --example forward`; FORWARD names another binary). It fails where a
value differs, or where too few models could be run at all.
"""

import os
import subprocess
import sys
import tempfile
from pathlib import Path

import numpy as np
import onnx
import onnxruntime as ort
from onnx import helper

from common import CASES, MODELS, ROOT

sys.path.insert(0, str(ROOT / "crates/edgectl-onnx/tests/interop"))
import compare  # noqa: E402

BATCH, TOLERANCE = 3, 2e-4
# So many forms of operators can be run as a batch; fewer mean that an operator was lost.
LEAST = 250


def binary():
    target = Path(os.environ.get("CARGO_TARGET_DIR", ROOT / "target"))
    return Path(os.environ.get("FORWARD", target / "debug" / "examples" / "forward"))


def single_operators():
    """Models of one operator, of batch one."""
    for number, (op, opsets, shape, others, attributes, typed) in enumerate(compare.cases()):
        if not typed or not shape:
            continue
        shape = (1, *shape[1:]) if shape[0] in (1, 2) else (1, *shape)
        for opset in (opsets[0], opsets[-1]):
            yield f"{number:03}-{op}-{opset}", op, opset, shape, others, attributes


def model_of(op, opset, shape, others, attributes):
    names = ["x"] + ["" if value is None else f"c{i}" for i, value in enumerate(others)]
    constants = [onnx.numpy_helper.from_array(value, f"c{i}") for i, value in enumerate(others) if value is not None]
    x = helper.make_tensor_value_info("x", onnx.TensorProto.FLOAT, shape)
    y = helper.make_tensor_value_info("y", onnx.TensorProto.FLOAT, None)
    graph = helper.make_graph([helper.make_node(op, names, ["y"], **attributes)], op, [x], [y], constants)
    return helper.make_model(graph, opset_imports=[helper.make_opsetid("", opset)], ir_version=8)


def session(path):
    options = ort.SessionOptions()
    options.log_severity_level = 4
    options.graph_optimization_level = ort.GraphOptimizationLevel.ORT_DISABLE_ALL
    return ort.InferenceSession(str(path), options, providers=["CPUExecutionProvider"])


def expected(path, x):
    """The outputs of each sample, one after the other: output by output."""
    run = session(path)
    name = run.get_inputs()[0].name
    outputs = [run.run(None, {name: sample[None]}) for sample in x]
    return np.concatenate([np.concatenate([np.ravel(of_sample[i]) for of_sample in outputs]) for i in range(len(outputs[0]))])


def main():
    random = np.random.default_rng(1)
    with tempfile.TemporaryDirectory() as folder:
        folder, wanted = Path(folder), {}
        for name, op, opset, shape, others, attributes in single_operators():
            path = folder / f"{name}.onnx"
            onnx.save(model_of(op, opset, shape, others, attributes), path)
            x = random.uniform(-1, 1, (BATCH, *shape[1:])).astype(np.float32)
            try:
                wanted[name] = expected(path, x)
            except Exception:  # A form that this batch does not have.
                path.unlink()
                continue
            x.tofile(path.with_suffix(".in"))
        single = len(wanted)
        for case in CASES if MODELS.is_dir() else []:
            name = case.name.replace("/", "-")
            path = folder / f"{name}.onnx"
            path.write_bytes(case.model_path.read_bytes())
            x = case.decoded("eval", BATCH)
            x = x.reshape(BATCH, *[dim for dim in session(path).get_inputs()[0].shape[1:]])
            wanted[name] = expected(path, x)
            x.tofile(path.with_suffix(".in"))
        print(f"{single} single operators, {len(wanted) - single} models")
        refused = subprocess.run([binary(), folder], check=True, capture_output=True, text=True).stdout.splitlines()
        worst, bad, done = 0.0, [], 0
        for name, want in wanted.items():
            out = folder / f"{name}.out"
            if not out.exists():
                continue
            found = np.fromfile(out, np.float32)
            done += 1
            with np.errstate(invalid="ignore"):
                error = np.inf if found.shape != want.shape else np.max(np.abs(found - want) / (1 + np.abs(want)), initial=0)
            if not error <= TOLERANCE:
                bad.append(f"{name}: {error}")
            else:
                worst = max(worst, error)
        print(f"{done} agree with onnxruntime to {worst:.1e}; {len(refused)} cannot be trained or run as a batch")
        for line in refused:
            print("  " + line)
        if bad or done < LEAST:
            sys.exit("\n".join(bad) or f"only {done} models were run; expected {LEAST}")


if __name__ == "__main__":
    main()
