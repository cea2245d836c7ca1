"""`edgectl quantize` of a model with operators that it does not know: they stay float, all others become int8.

A no-op of such operators, `Where(x > -1e9, x, 0)`, is put behind an inner ReLU6 of fmnist/student, so that shapes behind it are known to no
rule and a tensor between them holds no real numbers. The QDQ file must keep both nodes, pass onnx.checker, quantize every layer on either
side, and give in onnxruntime the class that the float model gives for at least 98 % of the samples; an .edgm is refused.
"""

import sys
import tempfile
from pathlib import Path

import numpy as np
import onnx
from common import ROOT, edgectl, onnxruntime_run
from onnx import helper, numpy_helper

AGREEMENT = 0.98
STUDENT = ROOT / "fixtures" / "fmnist_student"


def with_no_op(model):
    clips = [node for node in model.graph.node if node.op_type == "Clip"]
    inner = clips[len(clips) // 2].output[0]
    for node in model.graph.node:
        node.input[:] = ["kept" if name == inner else name for name in node.input]
    constants = [("low", np.float32(-1e9)), ("zero", np.float32(0))]
    model.graph.initializer.extend(numpy_helper.from_array(value, name) for name, value in constants)
    at = next(i for i, node in enumerate(model.graph.node) if inner in node.output) + 1
    model.graph.node.insert(at, helper.make_node("Greater", [inner, "low"], ["above"], "above"))
    model.graph.node.insert(at + 1, helper.make_node("Where", ["above", inner, "zero"], ["kept"], "where"))
    del model.graph.value_info[:]
    return model


def main():
    folder = Path(tempfile.mkdtemp())
    path, qdq = folder / "model.onnx", folder / "model.int8.onnx"
    onnx.save(with_no_op(onnx.load(STUDENT / "model.onnx")), path)
    calibration = ["--calibration", STUDENT / "calib_x.npy", "--scale", "1/255"]
    done = edgectl("quantize", path, *calibration, "-o", qdq)
    if done.status != 0:
        sys.exit(str(done))
    onnx.checker.check_model(str(qdq), full_check=True)
    written = onnx.load(qdq)
    kept = [node.name for node in written.graph.node if node.op_type in ("Greater", "Where")]
    producers = {name: node for node in written.graph.node for name in node.output}
    layers = [node for node in written.graph.node if node.op_type in ("Conv", "Gemm", "MatMul")]
    real = [node.name for node in layers if any(producers[name].op_type != "DequantizeLinear" for name in node.input[:2])]
    x = np.load(STUDENT / "eval_x.npy").astype(np.float32) / 255
    shape = [dim.dim_value or 1 for dim in written.graph.input[0].type.tensor_type.shape.dim]
    x = x.reshape(len(x), *shape[1:])
    classes = [next(iter(onnxruntime_run(model, x).values())).argmax(axis=1) for model in (path, qdq)]
    agreement = float((classes[0] == classes[1]).mean())
    refused = edgectl("quantize", path, *calibration, "-o", folder / "model.edgm")
    print(f"kept {kept}; {len(layers)} layers, of them float {real}; agreement with float {agreement:.4f} of {len(x)} samples")
    if kept != ["above", "where"] or real or agreement < AGREEMENT or refused.status != 2:
        sys.exit("failed")


if __name__ == "__main__":
    main()
