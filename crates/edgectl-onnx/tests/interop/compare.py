"""Compares what the tests export with the originals, in onnxruntime.

    python -m venv /tmp/venv && /tmp/venv/bin/pip install onnx onnxruntime numpy
    /tmp/venv/bin/python crates/edgectl-onnx/tests/interop/compare.py make /tmp/exported ../shared/models
    EDGECTL_INTEROP_DIR=/tmp/exported cargo test -p edgectl-onnx
    /tmp/venv/bin/python crates/edgectl-onnx/tests/interop/compare.py check /tmp/exported
"""

import shutil
import sys
from pathlib import Path

import numpy as np
import onnx
import onnxruntime as ort
from onnx import TensorProto, helper, numpy_helper

# Sizes of dynamic dimensions other than the batch.
SIZES = {"sequence": 576}
ALL = (9, 10, 11, 12, 13, 14, 18, 21)


def f32(*values):
    return np.array(values, np.float32)


def i64(*values):
    return np.array(values, np.int64)


def noise(*shape, seed=1):
    return np.random.default_rng(seed).uniform(-1, 1, shape).astype(np.float32)


def cases():
    """(operator, opsets, shape of the input, other inputs, attributes, is it typed)"""
    window = [
        dict(kernel_shape=[3, 3], strides=[2, 2], pads=[1, 0, 1, 2]),
        dict(kernel_shape=[3, 2], auto_pad="SAME_UPPER", strides=[2, 3]),
        dict(kernel_shape=[2, 3], auto_pad="SAME_LOWER", strides=[1, 2]),
        dict(kernel_shape=[3, 3], auto_pad="VALID", strides=[2, 1]),
    ]
    for attributes in window:
        kernel = attributes["kernel_shape"]
        yield "Conv", ALL, (2, 4, 9, 8), [noise(6, 2, *kernel), noise(6)], dict(attributes, group=2), True
        yield "MaxPool", ALL, (2, 4, 9, 8), [], attributes, True
        yield "AveragePool", ALL, (2, 4, 9, 8), [], attributes, True
        yield "AveragePool", ALL, (2, 4, 9, 8), [], dict(attributes, count_include_pad=1), True
    yield "Conv", ALL, (1, 3, 11), [noise(5, 3, 4)], dict(dilations=[2], pads=[3, 1]), True
    yield "Conv", ALL, (1, 4, 7, 7), [noise(4, 1, 3, 3)], dict(group=4, auto_pad="SAME_UPPER"), True
    for op in "MaxPool", "AveragePool":
        for size in 7, 8, 9, 10:
            yield op, (10, 14, 21), (1, 2, size, size + 1), [], dict(kernel_shape=[3, 2], strides=[2, 2], ceil_mode=1), True
        yield op, (14, 21), (1, 2, 10, 10), [], dict(kernel_shape=[3, 3], strides=[3, 3], ceil_mode=1, pads=[1, 1, 1, 1]), True
        yield op, (14, 21), (1, 2, 12), [], dict(kernel_shape=[3], strides=[2], pads=[1, 0]), True
    yield "AveragePool", (14, 21), (1, 2, 8, 8), [], dict(kernel_shape=[3, 3], strides=[2, 2], ceil_mode=1, count_include_pad=1), False
    yield "MaxPool", (10, 14), (1, 2, 9, 9), [], dict(kernel_shape=[3, 3], dilations=[2, 2], storage_order=1), True
    yield "GlobalAveragePool", ALL, (2, 3, 5, 4), [], {}, True
    yield "GlobalMaxPool", ALL, (2, 3, 5), [], {}, True
    yield "BatchNormalization", ALL, (2, 3, 5), [noise(3), noise(3, seed=2), noise(3, seed=3), noise(3) ** 2 + 0.1], dict(epsilon=1e-3), True
    yield "Gemm", ALL, (3, 4), [noise(4, 5), noise(5)], {}, True
    yield "Gemm", ALL, (4, 3), [noise(5, 4), noise(3, 1)], dict(transA=1, transB=1, alpha=0.5, beta=2.0), True
    yield "Gemm", (11, 13), (3, 4), [noise(4, 5)], {}, True
    for shapes in ((3, 4), (4, 5)), ((2, 3, 4), (4, 5)), ((4,), (4, 5)), ((2, 1, 3, 4), (3, 4, 2)):
        yield "MatMul", (9, 13), shapes[0], [noise(*shapes[1])], {}, True
    for op in "Add", "Sub", "Mul", "Div":
        yield op, ALL, (2, 3, 4), [noise(3, 1) + 2], {}, True
        yield op, (13,), (3, 1), [np.array(2.5, np.float32)], {}, True
    for op in "Max", "Min":
        yield op, ALL, (2, 3, 4), [noise(3, 1)], {}, True
        yield op, (9, 13), (2, 3), [], {}, True
        yield op, (13,), (2, 3), [noise(3), noise(3)], {}, False
    yield "Slice", (9,), (4, 5, 6), [], dict(starts=[1, -2], ends=[3, 1000], axes=[0, 2]), True
    yield "Slice", (10, 13, 21), (4, 5, 6), [i64(1, -2), i64(3, 1000), i64(0, -1)], {}, True
    yield "Slice", (10, 13), (4, 5, 6), [i64(0, 1), i64(4, 5)], {}, True
    yield "Slice", (10, 13), (7, 5, 6), [i64(1, -1, 4), i64(7, -1000, 2), i64(0, 1, 2), i64(3, -1, -1)], {}, True
    yield "Slice", (10, 13), (7, 5), [i64(5, 3), i64(-8, -5), i64(0, 1), i64(-2, -3)], {}, True
    yield "Gather", ALL, (4, 5, 6), [i64(3, -4, 0)], dict(axis=0), True
    yield "Gather", (11, 13), (4, 5, 6), [i64(3, -4, 0, 1).reshape(2, 2)], dict(axis=-2), True
    yield "Gather", (11, 13), (4, 5, 6), [np.array(-1, np.int64)], dict(axis=1), True
    yield "DepthToSpace", (9, 10), (2, 8, 3, 4), [], dict(blocksize=2), True
    for mode in "DCR", "CRD":
        yield "DepthToSpace", (11, 13), (2, 8, 3, 4), [], dict(blocksize=2, mode=mode), True
    yield "SpaceToDepth", (9, 13), (2, 3, 4, 6), [], dict(blocksize=2), True
    yield "Upsample", (9,), (1, 3, 4, 5), [f32(1, 1, 2, 3)], dict(mode="nearest"), True
    yield "Upsample", (9,), (1, 3, 4, 5), [f32(1, 1, 2, 3)], dict(mode="linear"), True
    yield "Resize", (10,), (1, 3, 4, 5), [f32(1, 1, 2, 0.6)], dict(mode="nearest"), True
    for mode in "align_corners", "asymmetric", "half_pixel", "pytorch_half_pixel":
        for sizes in (8, 10), (3, 7), (9, 2):
            attributes = dict(mode="linear", coordinate_transformation_mode=mode)
            yield "Resize", (11, 13, 18), (1, 3, 4, 5), [f32(), f32(), i64(1, 3, *sizes)], attributes, True
            for nearest in "ceil", "floor", "round_prefer_ceil", "round_prefer_floor":
                attributes = dict(mode="nearest", nearest_mode=nearest, coordinate_transformation_mode=mode)
                yield "Resize", (13,), (1, 3, 4, 5), [None, None, i64(1, 3, *sizes)], attributes, True
    yield "Resize", (11, 13), (1, 3, 4, 5), [f32(), f32(1, 1, 2, 2)], dict(mode="nearest"), True
    yield "Resize", (11, 13), (1, 3, 4, 5), [f32(), f32(1, 1, 2, 2)], dict(mode="cubic"), False
    yield "Resize", (11, 13), (1, 3, 4, 5), [f32(), f32(1, 1, 1.7, 2)], dict(mode="nearest"), False
    for op in "Relu", "Sigmoid", "Tanh", "Identity", "Elu", "LeakyRelu", "HardSigmoid", "Softmax":
        yield op, ALL, (3, 7), [], {}, True
    yield "HardSwish", (14, 21), (3, 7), [], {}, True
    for op in "Abs", "Erf", "Exp", "Neg", "Reciprocal", "Softplus", "Softsign":
        yield op, ALL, (3, 7), [], {}, True
    yield "Pow", (9, 12, 13, 15), (3, 7), [np.array(2.0, np.float32)], {}, True
    yield "Pow", (12, 13, 15), (3, 7), [f32(1, 2, 3, 1, 2, 3, 2)], {}, False
    yield "PRelu", ALL, (2, 3, 4), [f32(0.3).reshape(1, 1)], {}, True
    yield "PRelu", ALL, (2, 3, 4), [noise(3, 1)], {}, True
    yield "Mish", (18, 21), (3, 7), [], {}, True
    for attributes in {}, dict(approximate="none"), dict(approximate="tanh"):
        yield "Gelu", (20, 21), (3, 7), [], attributes, True
    yield "Elu", ALL, (3, 7), [], dict(alpha=0.3), True
    yield "LeakyRelu", ALL, (3, 7), [], dict(alpha=0.3), True
    yield "HardSigmoid", ALL, (3, 7), [], dict(alpha=0.3, beta=0.4), True
    yield "Clip", (9, 10), (3, 7), [], dict(min=-0.2, max=0.3), True
    yield "Clip", (9, 10), (3, 7), [], dict(max=0.3), True
    yield "Clip", (11, 13), (3, 7), [np.array(-0.2, np.float32), np.array(0.3, np.float32)], {}, True
    yield "Clip", (11, 13), (3, 7), [None, np.array(0.3, np.float32)], {}, True
    yield "Clip", (13,), (3, 7), [], {}, True
    yield "Softmax", (13, 21), (2, 3, 4), [], dict(axis=1), True
    yield "Softmax", (9, 11), (2, 3, 4), [], dict(axis=1), False
    yield "Softmax", (9, 11), (2, 3, 4), [], dict(axis=2), True
    yield "Softmax", (9, 11), (2, 1, 4, 1), [], dict(axis=1), True
    yield "Softmax", (11, 13), (2, 3, 4), [], dict(axis=-1), True
    yield "Pad", (9, 10), (2, 3, 4), [], dict(pads=[0, 1, 2, 0, 3, 0], value=0.5), True
    yield "Pad", (11, 13, 18), (2, 3, 4), [i64(0, 1, 2, 0, 3, 0), np.array(0.5, np.float32)], {}, True
    yield "Pad", (11, 13), (2, 3, 4), [i64(0, 1, 2, 0, 1, 0)], dict(mode="reflect"), True
    yield "Pad", (11, 13), (2, 3, 4), [i64(0, -1, 2, 0, 1, 0)], {}, False
    yield "Pad", (18, 21), (2, 3, 4), [i64(1, 2, 3, 0), np.array(0.5, np.float32), i64(-1, 0)], {}, True
    yield "Reshape", ALL, (2, 3, 4), [i64(0, -1)], {}, True
    yield "Reshape", ALL, (2, 3, 4), [i64(4, 3, 2)], {}, True
    for axis in 0, 1, 2, 3:
        yield "Flatten", ALL, (2, 3, 4), [], dict(axis=axis), True
    yield "Flatten", (11, 13), (2, 3, 4), [], dict(axis=-1), True
    for op, shape, axes in ("Squeeze", (1, 3, 1, 4), [0, 2]), ("Squeeze", (2, 3, 1), [2]), ("Unsqueeze", (2, 3), [0, 3]):
        yield op, (9, 11, 12), shape, [], dict(axes=axes), True
        yield op, (13, 21), shape, [i64(*axes)], {}, True
    yield "Squeeze", (9, 13), (1, 3, 1, 4), [], {}, True
    yield "Unsqueeze", (11, 12), (2, 3), [], dict(axes=[-1, 0]), True
    yield "Transpose", ALL, (2, 3, 4), [], {}, True
    yield "Transpose", ALL, (2, 3, 4), [], dict(perm=[1, 2, 0]), True
    yield "ReduceMean", (9, 11, 13, 14), (2, 3, 4), [], dict(axes=[1, 2], keepdims=0), True
    yield "ReduceMean", (11, 13), (2, 3, 4), [], dict(axes=[-1]), True
    yield "ReduceMean", ALL, (2, 3, 4), [], {}, True
    yield "ReduceMean", (18, 21), (2, 3, 4), [i64(-1, 0)], dict(keepdims=0), True
    yield "ReduceMean", (18, 21), (2, 3, 4), [i64()], dict(noop_with_empty_axes=1), True
    for op, last in ("ReduceMax", 17), ("ReduceMin", 17), ("ReduceSum", 12):
        for opset in ALL:
            if opset <= last:
                yield op, (opset,), (2, 3, 4), [], dict(axes=[0, -1], keepdims=0), True
            else:
                yield op, (opset,), (2, 3, 4), [i64(0, -1)], dict(keepdims=0), True
        yield op, ALL, (2, 3, 4), [], {}, True
    yield "Concat", ALL, (2, 3), [noise(2, 4)], dict(axis=1), True
    yield "Concat", (11, 13), (2, 3), [noise(4, 3)], dict(axis=-2), True
    yield "Dropout", ALL, (2, 3), [], {}, True
    yield "Cast", ALL, (2, 3), [], dict(to=TensorProto.FLOAT), True
    yield "Cast", ALL, (2, 3), [], dict(to=TensorProto.INT64), False
    yield "QuantizeLinear", (10, 13, 21), (2, 3), [np.array(0.01, np.float32), np.array(3, np.int8)], {}, True
    yield "QuantizeLinear", (10, 13, 21), (2, 3), [np.array(0.01, np.float32)], {}, True
    yield "QuantizeLinear", (13, 19), (2, 3), [f32(0.01, 0.02), np.array([3, 4], np.int8)], dict(axis=0), True
    yield "QuantizeLinear", (13, 19), (2, 3), [f32(0.01, 0.02, 0.03), np.array([3, 4, 5], np.uint8)], dict(axis=-1), True
    yield "QuantizeLinear", (21,), (2, 3), [np.array(0.01, np.float32)], dict(output_dtype=TensorProto.INT8), True
    yield "QuantizeLinear", (21,), (2, 4), [noise(2, 2) ** 2 + 0.01, np.zeros((2, 2), np.int8)], dict(axis=1, block_size=2), False
    yield "Sign", ALL, (2, 3), [], {}, True


def make(folder, models):
    shutil.rmtree(folder, ignore_errors=True)
    for name in "in", "out":
        (folder / name).mkdir(parents=True)
    for path in models.glob("*/*.onnx"):
        shutil.copy(path, folder / "in" / f"{path.parent.name}__{path.name}")
    for number, (op, opsets, shape, others, attributes, typed) in enumerate(cases()):
        for opset in opsets:
            names = ["x"] + [f"c{i}" if value is not None else "" for i, value in enumerate(others)]
            node = helper.make_node(op, names, ["y"], name="n", **attributes)
            constants = [numpy_helper.from_array(value, f"c{i}") for i, value in enumerate(others) if value is not None]
            x = helper.make_tensor_value_info("x", TensorProto.FLOAT, shape)
            graph = helper.make_graph([node], "case", [x], [helper.make_empty_tensor_value_info("y")], constants)
            model = helper.make_model(graph, opset_imports=[helper.make_opsetid("", opset)], ir_version=8 if opset < 21 else 10)
            model = onnx.shape_inference.infer_shapes(model, strict_mode=True)
            kind = "typed" if typed else "opaque"
            onnx.save(model, folder / "in" / f"{kind}-{number:03}-{op}-{opset}.onnx")


def outputs(path, optimize=False):
    onnx.checker.check_model(str(path), full_check=True)
    options = ort.SessionOptions()
    options.log_severity_level = 4
    if not optimize:
        options.graph_optimization_level = ort.GraphOptimizationLevel.ORT_DISABLE_ALL
    session = ort.InferenceSession(str(path), options)
    random = np.random.default_rng(0)
    feed = {}
    for i in session.get_inputs():
        shape = [d if isinstance(d, int) else SIZES.get(d, 1) for d in i.shape]
        integer = i.type == "tensor(int64)"
        feed[i.name] = np.array(16000) if integer else random.uniform(-1, 1, shape).astype(np.float32)
    return {o.name: value for o, value in zip(session.get_outputs(), session.run(None, feed))}


def compare(label, found, expected, tolerance):
    assert found.keys() == expected.keys(), (label, found.keys(), expected.keys())
    for name in found:
        assert found[name].shape == expected[name].shape and found[name].dtype == expected[name].dtype, (label, name)
        difference = np.abs(found[name].astype(np.float64) - expected[name].astype(np.float64)).max()
        assert difference <= tolerance, (label, name, difference)


def check(folder):
    paths = sorted((folder / "in").iterdir())
    for path in paths:
        # Explicit padding may change the order of a sum.
        compare(path.name, outputs(folder / "out" / path.name), outputs(path), 1e-6)
    built = sorted(folder.glob("built-*.onnx"))
    for path in built:
        try:
            found = outputs(path)
        except ort.capi.onnxruntime_pybind11_state.NotImplemented as error:
            # The newest opsets have operators that onnxruntime lacks.
            print(f"skipped {path.name}: {error}")
            continue
        compare(path.name, found, outputs(built[0]), 1e-6)
    made = outputs(folder / "made.float.onnx")
    for optimize in False, True:
        compare("made.qdq.onnx", outputs(folder / "made.qdq.onnx", optimize), made, 6 / 256)
    print(f"{len(paths) + len(built)} models agree")


if __name__ == "__main__":
    {"make": make, "check": check}[sys.argv[1]](*map(Path, sys.argv[2:]))
