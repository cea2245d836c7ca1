"""A small valid model, and the ways in which it can be broken.

`BROKEN` rows are a name, a writer and the statuses in which `inspect` and `quantize` may end.
"""

import random

import numpy as np
import onnx
from onnx import TensorProto, helper, numpy_helper


def valid_model():
    """Conv, Relu, Flatten, Gemm over a [N, 3, 8, 8] input."""
    rng = np.random.default_rng(0)
    weights = {
        "conv.w": (4, 3, 3, 3),
        "conv.b": (4,),
        "gemm.w": (5, 256),
        "gemm.b": (5,),
    }
    initializers = [
        numpy_helper.from_array(rng.normal(0, 0.2, shape).astype(np.float32), name) for name, shape in weights.items()
    ]
    nodes = [
        helper.make_node("Conv", ["x", "conv.w", "conv.b"], ["a"], "conv", kernel_shape=[3, 3], pads=[1, 1, 1, 1],
                         strides=[1, 1], dilations=[1, 1], group=1),
        helper.make_node("Relu", ["a"], ["b"], "relu"),
        helper.make_node("Flatten", ["b"], ["c"], "flatten", axis=1),
        helper.make_node("Gemm", ["c", "gemm.w", "gemm.b"], ["y"], "gemm", transB=1),
    ]
    graph = helper.make_graph(
        nodes, "small",
        [helper.make_tensor_value_info("x", TensorProto.FLOAT, ["n", 3, 8, 8])],
        [helper.make_tensor_value_info("y", TensorProto.FLOAT, ["n", 5])],
        initializers,
    )
    return helper.make_model(graph, ir_version=8, opset_imports=[helper.make_opsetid("", 13)])


BROKEN = []
REFUSED = ([2], [2])
# A node that cannot be deployed, because there is no such operator or because it contradicts itself: `inspect` shows it, and why.
INSPECTABLE = ([0, 2], [2])
# Against the specification, but with one plain meaning, which onnxruntime accepts too.
TOLERABLE = ([0, 2], [0, 2])


def rows(names, accepted=REFUSED):
    """Registers a writer of `names`; called with the path and, where there are several, the name's index."""
    def register(function):
        for index, name in enumerate(names):
            writer = function if len(names) == 1 else lambda path, index=index: function(path, index)
            BROKEN.append((name, writer, accepted))
        return function
    return register


def edits(names, accepted=REFUSED):
    """As `rows`, for a function that changes the valid model in place."""
    def register(function):
        @rows(names, accepted)
        def write(path, *index):
            model = valid_model()
            function(model, *index)
            path.write_bytes(model.SerializeToString())
        return function
    return register


def attribute(model, node, name):
    return next(a for a in model.graph.node[node].attribute if a.name == name)


# Not ONNX, or not all of it.

@rows(["empty", "one_byte", "half", "without_last_byte"])
def truncated(path, index):
    data = valid_model().SerializeToString()
    path.write_bytes(data[: [0, 1, len(data) // 2, len(data) - 1][index]])


@rows(["random_bytes"])
def random_bytes(path):
    path.write_bytes(random.Random(1).randbytes(4096))


@rows(["text"])
def text(path):
    path.write_text("this is not a model\n" * 50)


@rows(["directory"])
def directory(path):
    path.mkdir()


@rows(["length_beyond_the_file"])
def length_beyond(path):
    path.write_bytes(b"\x08\x08\x3a\xff\xff\xff\xff\x7f" + bytes(64))


def enclose(tag, payload):
    """A length-delimited protobuf field."""
    length, size = b"", len(payload)
    while size > 127:
        length, size = length + bytes([size & 127 | 128]), size >> 7
    return bytes([tag << 3 | 2]) + length + bytes([size]) + payload


@rows(["nested_5000_deep"])
def nested(path):
    graph = b""
    for _ in range(5000):  # GraphProto.node 1, NodeProto.attribute 5, AttributeProto.g 6
        graph = enclose(1, enclose(5, enclose(6, graph)))
    path.write_bytes(b"\x08\x08" + enclose(7, graph) + enclose(8, b"\x10\x0d"))


@edits(["no_graph", "no_opset", "opset_7", "opset_99", "opset_negative"])
def versions(model, index):
    if index == 0:
        model.ClearField("graph")
    elif index == 1:
        model.ClearField("opset_import")
    else:
        model.opset_import[0].version = [7, 99, -3][index - 2]


# Sound ONNX that cannot be deployed.

@edits(["unknown_operator", "unknown_domain"], accepted=INSPECTABLE)
def unknown(model, index):
    if index == 0:
        model.graph.node[1].op_type = "Frobnicate"
    else:
        model.graph.node[1].domain = "com.example"
        model.opset_import.append(helper.make_opsetid("com.example", 1))


@edits(["dynamic_height", "no_input_shape"], accepted=INSPECTABLE)
def dynamic(model, index):
    if index == 0:
        model.graph.input[0].type.tensor_type.shape.dim[2].dim_param = "height"
    else:
        model.graph.input[0].type.tensor_type.ClearField("shape")


# External data.

EXTERNAL = {
    "external_parent": {"location": "../secret.bin"},
    "external_hidden_parent": {"location": "a/../../secret.bin"},
    "external_absolute": {"location": "/etc/passwd"},
    "external_missing": {"location": "missing.bin"},
    "external_symlink": {"location": "link.bin"},
    "external_empty_location": {"location": ""},
    "external_no_location": {},
    "external_beyond_end": {"location": "weights.bin", "offset": "4096", "length": "432"},
    "external_too_long": {"location": "weights.bin", "offset": "0", "length": "999999999999"},
    "external_offset_overflow": {"location": "weights.bin", "offset": "18446744073709551615", "length": "432"},
    "external_negative_offset": {"location": "weights.bin", "offset": "-4", "length": "432"},
    "external_short": {"location": "weights.bin", "offset": "0", "length": "16"},
    "external_device": {"location": "/dev/zero"},
}


@rows(list(EXTERNAL))
def external(path, index):
    model = valid_model()
    tensor = model.graph.initializer[0]
    payload = tensor.raw_data
    tensor.ClearField("raw_data")
    tensor.data_location = TensorProto.EXTERNAL
    for key, value in list(EXTERNAL.values())[index].items():
        tensor.external_data.add(key=key, value=value)
    # Where a reader follows the path, it finds what would fit.
    (path.parent.parent / "secret.bin").write_bytes(payload)
    (path.parent / "weights.bin").write_bytes(payload)
    (path.parent / "a").mkdir()
    (path.parent / "link.bin").symlink_to(path.parent.parent / "secret.bin")
    path.write_bytes(model.SerializeToString())


# Initializers.

@edits(["data_too_short", "data_too_long", "data_empty", "float_data_count"])
def initializer_data(model, index):
    tensor = model.graph.initializer[0]
    if index == 0:
        tensor.raw_data = tensor.raw_data[:-4]
    elif index == 1:
        tensor.raw_data += bytes(4)
    else:
        tensor.ClearField("raw_data")
    if index == 3:
        tensor.float_data.extend([1.0] * 7)


@edits(["unknown_data_type", "string_weights"], accepted=INSPECTABLE)
def initializer_type(model, index):
    tensor = model.graph.initializer[0]
    if index == 0:
        tensor.data_type = 999
    else:
        tensor.ClearField("raw_data")
        tensor.data_type = TensorProto.STRING
        tensor.string_data.extend([b"x"] * 108)


def set_dims(model, dims):
    del model.graph.initializer[0].dims[:]
    model.graph.initializer[0].dims.extend(dims)


@edits(["dims_huge", "dims_overflow", "dims_negative"])
def initializer_dims(model, index):
    set_dims(model, [[2**40, 2**20, 3, 3], [2**62, 4, 2**62, 4], [4, -3, 3, 3]][index])


@edits(["dims_swapped"], accepted=INSPECTABLE)
def initializer_dims_swapped(model):
    set_dims(model, [3, 4, 3, 3])


@edits(["input_dims_huge", "input_dims_zero"], accepted=INSPECTABLE)
def input_dims(model, index):
    for dim in model.graph.input[0].type.tensor_type.shape.dim[2:]:
        dim.dim_value = [2**40, 0][index]


# The graph.

@edits(["cycle", "self_loop", "undefined_input", "duplicate_output", "output_shadows_input",
        "duplicate_initializer", "duplicate_input", "output_undefined", "no_outputs"])
def structure(model, index):
    graph = model.graph
    nodes = graph.node
    if index == 0:
        nodes[0].input[0] = "b"
    elif index == 1:
        nodes[1].input[0] = "b"
    elif index == 2:
        nodes[1].input[0] = "nowhere"
    elif index == 3:
        nodes[1].output[0] = "a"
    elif index == 4:
        nodes[0].output[0] = "x"
    elif index == 5:
        graph.initializer[1].name = "conv.w"
    elif index == 6:
        graph.input.append(graph.input[0])
    elif index == 7:
        graph.output[0].name = "nowhere"
    else:
        graph.ClearField("output")


@edits(["wrong_order", "two_data_fields", "input_dims_negative"], accepted=TOLERABLE)
def tolerable(model, index):
    if index == 0:
        nodes = [onnx.NodeProto.FromString(node.SerializeToString()) for node in reversed(model.graph.node)]
        model.graph.ClearField("node")
        model.graph.node.extend(nodes)
    elif index == 1:
        model.graph.initializer[0].float_data.extend([1.0] * 108)
    else:
        model.graph.input[0].type.tensor_type.shape.dim[2].dim_value = -8


@edits(["stride_zero", "stride_huge", "pads_negative_huge", "pads_huge", "dilation_zero", "group_zero", "group_not_a_divisor",
        "kernel_shape_differs", "strides_of_other_rank", "flatten_axis", "conv_without_weights", "gemm_shapes",
        "attribute_of_other_type"], accepted=INSPECTABLE)
def attributes(model, index):
    conv, flatten = 0, 2
    if index in (0, 1):
        attribute(model, conv, "strides").ints[0] = [0, 2**62][index]
    elif index in (2, 3):
        attribute(model, conv, "pads").ints[0] = [-(2**62), 2**62][index - 2]
    elif index == 4:
        attribute(model, conv, "dilations").ints[0] = 0
    elif index in (5, 6):
        attribute(model, conv, "group").i = [0, 2][index - 5]
    elif index == 7:
        attribute(model, conv, "kernel_shape").ints[0] = 5
    elif index == 8:
        attribute(model, conv, "strides").ints.append(1)
    elif index == 9:
        attribute(model, flatten, "axis").i = 99
    elif index == 10:
        del model.graph.node[conv].input[1:]
    elif index == 11:
        model.graph.initializer[2].dims[:] = [256, 5]
    else:
        wrong = attribute(model, conv, "strides")
        wrong.ClearField("ints")
        wrong.type = onnx.AttributeProto.STRING
        wrong.s = b"1"
