#!/usr/bin/env python3
"""Makes the input files of the cases: `python3 tests/cases/make.py` (needs numpy, onnx). The same versions give the same bytes."""

import struct
import zlib
from pathlib import Path

import numpy as np
import onnx
from onnx import TensorProto, helper, numpy_helper

HERE = Path(__file__).resolve().parent
FIXTURES = HERE.parent.parent / "fixtures"
DIGITS = FIXTURES / "digits_mlp"


def put(name, content):
    path = HERE / name
    path.parent.mkdir(exist_ok=True)
    path.write_bytes(content if isinstance(content, bytes) else content.SerializeToString(deterministic=True))


def array(name, values):
    (HERE / name).parent.mkdir(exist_ok=True)
    np.save(HERE / name, values)


def tensor(name, shape, kind=TensorProto.FLOAT):
    return helper.make_tensor_value_info(name, kind, shape)


def model(nodes, inputs, outputs, constants=(), opset=13, domains=()):
    graph = helper.make_graph(nodes, "case", inputs, outputs, [numpy_helper.from_array(value, name) for name, value in constants])
    imports = [helper.make_opsetid("", opset), *(helper.make_opsetid(domain, 1) for domain in domains)]
    return helper.make_model(graph, opset_imports=imports, ir_version=8, producer_name="make.py")


def dense(weights, **options):
    """x [N, 64] times `weights`, through Relu."""
    nodes = [helper.make_node("MatMul", ["x", "w"], ["h"], "dense"), helper.make_node("Relu", ["h"], ["y"], "relu")]
    return model(nodes, [tensor("x", ["N", 64])], [tensor("y", ["N", 10])], [("w", weights.astype(np.float32))], **options)


def stream():
    """A window of 16 columns that slides by two, over a signal of four channels: two convolutions, the greatest values, three classes."""
    generator = np.random.default_rng(7)
    weights = [generator.normal(size=size).astype(np.float32) for size in [(6, 4, 3), (8, 6, 3), (8, 3)]]
    nodes = [
        helper.make_node("Conv", ["x", "w0"], ["a"], "first"),
        helper.make_node("Relu", ["a"], ["b"], "relu"),
        helper.make_node("Conv", ["b", "w1"], ["c"], "second"),
        helper.make_node("GlobalMaxPool", ["c"], ["d"], "greatest"),
        helper.make_node("Flatten", ["d"], ["e"], "flat"),
        helper.make_node("MatMul", ["e", "w2"], ["y"], "classes"),
    ]
    signal = np.cumsum(generator.normal(size=(4, 64)), axis=1).astype(np.float32) / 4
    windows = np.stack([signal[:, at : at + 16] for at in range(0, 49, 2)])
    columns = np.stack([signal[:, at : at + 2] for at in range(0, 64, 2)])
    return model(nodes, [tensor("x", [1, 4, 16])], [tensor("y", [1, 3])], zip(("w0", "w1", "w2"), weights)), windows, columns


def main():
    weights = np.linspace(-1, 1, 640).reshape(64, 10)
    digits = (DIGITS / "model.onnx").read_bytes()
    x = np.load(DIGITS / "eval_x.npy")[:8]

    # What `accuracy.rs` streams, too.
    streamed, windows, columns = stream()
    put("sequence_of_a_model_that_forgets/model.onnx", streamed)
    array("sequence_of_a_model_that_forgets/windows.npy", windows)
    array("sequence_of_a_model_that_forgets/columns.npy", columns)

    # Models
    put("model_truncated/model.onnx", digits[:4000])
    put("model_empty/model.onnx", b"")
    put("model_is_an_array/model.onnx", (DIGITS / "eval_y.npy").read_bytes())
    put("model_is_text/model.onnx", b"This is no model.\n")
    put("model_of_old_opset/model.onnx", dense(weights, opset=7))
    put("model_of_new_opset/model.onnx", dense(weights, opset=99))
    put("model_is_tflite/model.tflite", b"\x1c\0\0\0TFL3" + bytes(20))
    put("model_of_unknown_kind/model.pt", b"PK\x03\x04")
    filters = np.array([[[0.5, np.inf, -0.5]]], np.float32)
    conv = helper.make_node("Conv", ["x", "w"], ["y"], "conv")
    put("weights_not_finite/model.onnx", model([conv], [tensor("x", [1, 1, 64])], [tensor("y", [1, 1, 62])], [("w", filters)]))

    unknown = helper.make_node("Det", ["x"], ["y"], "head/det")
    inverse = model([unknown], [tensor("x", ["N", 8, 8])], [tensor("y", ["N"])])
    for case in ["operator_not_supported", "inspect_marks_operators"]:
        put(f"{case}/model.onnx", inverse)
    custom = helper.make_node("Relu", ["x"], ["y"], "my/relu", domain="com.example")
    put("operator_of_foreign_domain/model.onnx", model([custom], [tensor("x", ["N", 64])], [tensor("y", ["N", 64])], domains=["com.example"]))
    cubic = helper.make_node("Resize", ["x", "", "scales"], ["y"], "enlarge", mode="cubic")
    put("operator_form_not_supported/model.onnx",
        model([cubic], [tensor("x", [1, 1, 8, 8])], [tensor("y", [1, 1, 16, 16])], [("scales", np.array([1, 1, 2, 2], np.float32))]))
    computed = [helper.make_node("Unsqueeze", ["x", "axis"], ["a"], "signal"), helper.make_node("Relu", ["a"], ["w"], "filter"),
                helper.make_node("Conv", ["a", "w"], ["y"], "correlate")]
    put("no_int8_form/model.onnx", model(computed, [tensor("x", [1, 64])], [tensor("y", [1, 1, 1])], [("axis", np.array([1]))]))
    sequence = helper.make_node("Relu", ["x"], ["y"], "relu")
    dynamic = model([sequence], [tensor("x", ["N", "steps", 8])], [tensor("y", ["N", "steps", 8])])
    for case in ["dynamic_shape", "dynamic_shape_run"]:
        put(f"{case}/model.onnx", dynamic)
    pair = [helper.make_node("Relu", ["a"], ["c"], "left"), helper.make_node("Add", ["c", "b"], ["y"], "sum")]
    put("two_inputs/model.onnx", model(pair, [tensor("a", [1, 64]), tensor("b", [1, 64])], [tensor("y", [1, 64])]))
    towers = [helper.make_node("MatMul", ["a", "w"], ["h"], "left"), helper.make_node("Relu", ["h"], ["r"], "relu"),
              helper.make_node("MatMul", ["b", "v"], ["s"], "right"), helper.make_node("Add", ["r", "s"], ["y"], "sum")]
    waves = np.sin(np.arange(1280) * 1.7).astype(np.float32).reshape(2, 64, 10)
    constants = [("w", waves[0]), ("v", waves[1])]
    pixels = np.load(DIGITS / "eval_x.npy")[:80] / np.float32(16)
    for case in ["quantize_two_inputs", "two_inputs_of_different_counts", "two_inputs_scaled"]:
        put(f"{case}/model.onnx", model(towers, [tensor("a", ["N", 64]), tensor("b", ["N", 64])], [tensor("y", ["N", 10])], constants))
        np.savez(HERE / case / "x.npz", a=pixels[:40], b=pixels[40:] if "counts" not in case else pixels[40:60])
    split = [helper.make_node("Relu", ["x"], ["y"], "left"), helper.make_node("Sigmoid", ["x"], ["z"], "right")]
    for case in ["against_other_outputs", "metric_of_two_outputs", "npy_of_two_outputs"]:
        put(f"{case}/model.onnx", model(split, [tensor("x", [1, 64])], [tensor("y", [1, 64]), tensor("z", [1, 64])]))
    outside = dense(weights)
    constant = outside.graph.initializer[0]
    constant.ClearField("raw_data")
    constant.data_location = TensorProto.EXTERNAL
    constant.external_data.add(key="location", value="../../../../etc/passwd")
    put("external_data_outside/model.onnx", outside)

    # One layer, of which every channel is an output
    put("prune_nothing_to_remove/model.onnx", dense(weights))
    array("prune_nothing_to_remove/x.npy", x.astype(np.float32))
    array("prune_labels_out_of_range/far_x.npy", x)
    array("prune_labels_out_of_range/far_y.npy", np.full(8, 10))

    # Programs
    put("program_damaged/model.edgm", b"\x89EDGM\r\n\x1a" + struct.pack("<HHII", 2, 1, 100, zlib.crc32(b"other")) + bytes(80))
    put("program_of_new_version/model.edgm", b"\x89EDGM\r\n\x1a" + struct.pack("<HHII", 9, 1, 100, 0) + bytes(80))
    put("program_is_text/model.edgm", b"This is no program, though it is long enough to be one. " * 2)

    # Data
    array("data_of_wrong_shape/x.npy", np.zeros((4, 10, 10), np.float32))
    array("data_of_wrong_type/x.npy", np.zeros((4, 64), np.complex64))
    array("data_of_text/x.npy", np.full((4, 64), "a"))
    array("data_in_fortran_order/x.npy", np.asfortranarray(np.arange(256, dtype=np.float32).reshape(4, 64)))
    array("data_empty/x.npy", np.zeros((0, 64), np.float32))
    missing = x.astype(np.float32)
    missing[5, 7] = np.nan
    for case in ["data_with_nan", "eval_data_with_nan"]:
        array(f"{case}/x.npy", missing)
    (HERE / "data_truncated").mkdir(exist_ok=True)
    (HERE / "data_truncated/x.npy").write_bytes((DIGITS / "calib_x.npy").read_bytes()[:5000])
    put("data_is_no_array/x.npy", b"x,y\n1,2\n")
    put("data_of_unknown_form/x.parquet", b"PAR1")
    for case in ["labels_missing", "labels_missing_quantize"]:
        array(f"{case}/x.npy", x)
    array("labels_too_few/few_x.npy", x)
    array("labels_too_few/few_y.npy", np.zeros(7, np.int64))
    array("labels_out_of_range/far_x.npy", x)
    array("labels_out_of_range/far_y.npy", np.full(8, 10))
    array("train_labels_out_of_range/far_x.npy", x)
    array("train_labels_out_of_range/far_y.npy", np.full(8, 10))
    array("train_class_of_one/few_x.npy", x)
    array("train_class_of_one/few_y.npy", np.array([0, 0, 0, 1, 1, 1, 1, 5]))
    put("train_checkpoint_is_text/m.onnx.checkpoint", b"This is no checkpoint.\n")
    two = model([helper.make_node("MatMul", ["x", "w"], ["y"], "dense")], [tensor("x", ["N", 64])], [tensor("y", ["N", 2])],
                [("w", weights[:, :2].astype(np.float32))])
    put("train_teacher_of_other_classes/two.onnx", two)
    put("train_no_gradient/model.onnx", model(
        [helper.make_node("MatMul", ["x", "w"], ["h"], "dense"), helper.make_node("TopK", ["h", "k"], ["y", "i"], "top")],
        [tensor("x", ["N", 64])], [tensor("y", ["N", 3])], [("w", weights.astype(np.float32)), ("k", np.array([3]))]))
    array("labels_of_one_class/one_x.npy", x)
    array("labels_of_one_class/one_y.npy", np.zeros(8, np.int64))
    put("labels_of_one_class/model.onnx", model(
        [helper.make_node("MatMul", ["x", "w"], ["y"], "score")], [tensor("x", ["N", 64])], [tensor("y", ["N", 1])],
        [("w", weights[:, :1].astype(np.float32))]))
    (HERE / "array_not_in_archive").mkdir(exist_ok=True)
    # Quantized by others, so that a sum may leave int32
    constants = [("s", np.float32(1)), ("z", np.int8(-128)), ("w", np.full((64, 1), 127, np.int8)), ("o", np.int8(0)),
                 ("b", np.array([2**31 - 10_000], np.int32))]
    put("accumulator_of_import/model.onnx", model([
        helper.make_node("QuantizeLinear", ["x", "s", "z"], ["xq"]), helper.make_node("DequantizeLinear", ["xq", "s", "z"], ["xd"]),
        helper.make_node("DequantizeLinear", ["w", "s"], ["wd"]), helper.make_node("DequantizeLinear", ["b", "s"], ["bd"]),
        helper.make_node("Gemm", ["xd", "wd", "bd"], ["h"], "dense"),
        helper.make_node("QuantizeLinear", ["h", "s", "o"], ["hq"]), helper.make_node("DequantizeLinear", ["hq", "s", "o"], ["y"])],
        [tensor("x", [1, 64])], [tensor("y", [1, 1])], constants))
    # What is not supported stays float in .onnx; nothing states the shapes behind it
    put("around_opaque/model.onnx", model([
        helper.make_node("Gemm", ["x", "w"], ["h"], "dense"), helper.make_node("CumSum", ["h", "axis"], ["s"], "sum"),
        helper.make_node("Relu", ["s"], ["r"], "relu"), helper.make_node("Gemm", ["r", "v"], ["y"], "last")],
        [tensor("x", ["N", 64])], [tensor("y", ["N", 10])],
        [("w", weights.astype(np.float32)), ("v", weights[:10].astype(np.float32)), ("axis", np.int64(1))]))
    (HERE / "around_opaque_explained").mkdir(exist_ok=True)
    (HERE / "around_opaque_explained/model.onnx").write_bytes((HERE / "around_opaque/model.onnx").read_bytes())
    # Data that are valid, and yet not what they should be
    array("calibration_constant/x.npy", np.zeros((32, 64), np.float32))
    array("calibration_underflows/x.npy", x * np.float32(1e-39))
    # Pairs before the layer and none after it; a window that leaves nothing.
    open_end = [helper.make_node("QuantizeLinear", ["x", "s", "z"], ["xq"]), helper.make_node("DequantizeLinear", ["xq", "s", "z"], ["xd"]),
                helper.make_node("DequantizeLinear", ["w", "s"], ["wd"]), helper.make_node("MatMul", ["xd", "wd"], ["y"], "dense")]
    whole = np.rint(weights * 127).astype(np.int8)
    put("calibration_constant_of_import/model.onnx", model(open_end, [tensor("x", [1, 64])], [tensor("y", [1, 10])],
        [("s", np.float32(0.01)), ("z", np.int8(0)), ("w", whole)]))
    array("calibration_constant_of_import/x.npy", np.zeros((32, 64), np.float32))
    cut = [helper.make_node("Slice", ["x", "at", "at", "axis"], ["none"], "cut"), helper.make_node("Concat", ["x", "none"], ["y"], "join", axis=1)]
    put("tensor_is_empty/model.onnx", model(cut, [tensor("x", ["N", 64])], [tensor("y", ["N", 64])],
        [("at", np.array([3])), ("axis", np.array([1]))]))
    random = np.random.default_rng(0).random((64, 64)).astype(np.float32) * 16
    array("lint_random/x.npy", random)
    array("lint_strict/x.npy", random)
    np.savez(HERE / "array_not_in_archive/data.npz", images=x)
    rows = "".join(",".join(map(str, row)) + ",seven\n" for row in x[:2].tolist())
    put("csv_without_label_column/data.csv", rows.encode())


if __name__ == "__main__":
    main()
