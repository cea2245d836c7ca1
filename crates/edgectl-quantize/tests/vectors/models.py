"""Small float models with random weights, each a mix of operators, and models whose pairs stand where other tools put them."""

import numpy as np
import onnx
from onnx import TensorProto, helper, numpy_helper

OPSET = 17


class Build:
    """A model in the making. Every method adds a node and returns the name of its output."""

    def __init__(self, name, shape, seed, dtype=TensorProto.FLOAT):
        self.name, self.random = name, np.random.default_rng(seed)
        self.nodes, self.constants, self.count = [], [], 0
        self.inputs = [helper.make_tensor_value_info("x", dtype, shape)]

    def constant(self, values, dtype=np.float32):
        name = f"c{len(self.constants)}"
        self.constants.append(numpy_helper.from_array(np.asarray(values, dtype), name))
        return name

    def op(self, kind, *inputs, **attributes):
        self.count += 1
        output = f"{kind.lower()}{self.count}"
        self.nodes.append(helper.make_node(kind, list(inputs), [output], output, **attributes))
        return output

    def weights(self, *shape):
        fan_in = int(np.prod(shape[1:]))
        # Channels of different size, so that one scale for all is not enough.
        spread = self.random.uniform(0.3, 1.5, (shape[0],) + (1,) * (len(shape) - 1))
        return self.random.normal(0, fan_in**-0.5, shape) * spread

    def conv(self, x, outputs, inputs, kernel, groups=1, bias=True, **attributes):
        tensors = [self.constant(self.weights(outputs, inputs // groups, *kernel))]
        if bias:
            tensors.append(self.constant(self.random.normal(0, 0.2, outputs)))
        return self.op("Conv", x, *tensors, group=groups, kernel_shape=kernel, **attributes)

    def gemm(self, x, outputs, inputs, transposed=True):
        weights = self.weights(outputs, inputs)
        bias = self.constant(self.random.normal(0, 0.2, outputs))
        return self.op("Gemm", x, self.constant(weights if transposed else weights.T), bias, transB=int(transposed))

    def clip(self, x, low, high):
        return self.op("Clip", x, self.constant(low), self.constant(high))

    def reshape(self, x, shape):
        return self.op("Reshape", x, self.constant(shape, np.int64))

    def pair(self, x, scale, zero_point, dtype, axis=None):
        """QuantizeLinear and DequantizeLinear."""
        parameters = self.constant(scale), self.constant(zero_point, dtype)
        axis = {} if axis is None else {"axis": axis}
        return self.op("DequantizeLinear", self.op("QuantizeLinear", x, *parameters, **axis), *parameters, **axis)

    def fake_quantized(self, weights, axis):
        """A float constant with its pair: one symmetric scale for each element of the axis."""
        others = tuple(i for i in range(weights.ndim) if i != axis)
        scale = np.abs(weights).max(others) / 127
        return self.pair(self.constant(weights), scale, np.zeros(len(scale)), np.int8, axis)

    def model(self, *outputs):
        outputs = [onnx.ValueInfoProto(name=name) for name in outputs]
        graph = helper.make_graph(self.nodes, self.name, self.inputs, outputs, self.constants)
        model = helper.make_model(graph, opset_imports=[helper.make_opsetid("", OPSET)], ir_version=8)
        model = onnx.shape_inference.infer_shapes(model, strict_mode=True)
        del model.graph.value_info[:]
        return model


def residual():
    """Convolutions of each kind, a residual sum, pooling, a classifier."""
    b = Build("residual", [1, 3, 9, 9], 1)
    y = b.op("Relu", b.conv("x", 8, 3, [3, 3], strides=[2, 2], pads=[1, 1, 1, 1]))
    z = b.clip(b.conv(y, 8, 8, [3, 3], groups=8, pads=[1, 1, 1, 1]), 0, 6)
    z = b.conv(z, 8, 8, [1, 1], bias=False)
    y = b.op("Relu", b.op("Add", y, z))
    y = b.op("MaxPool", y, kernel_shape=[2, 2], strides=[2, 2])
    y = b.op("Flatten", b.op("GlobalAveragePool", y))
    return b.model(b.op("Softmax", b.gemm(y, 5, 8), axis=1))


def branches():
    """Branches of different range that are concatenated, and a gate."""
    b = Build("branches", [1, 2, 8, 6], 2)
    y = b.conv("x", 4, 2, [3, 3], pads=[1, 1, 1, 1])
    pools = {"kernel_shape": [3, 3], "pads": [1, 1, 1, 1]}
    parts = b.op("MaxPool", y, **pools), b.op("AveragePool", y, **pools), b.op("Relu", b.conv(y, 3, 4, [1, 1]))
    y = b.op("Concat", *parts, axis=1)
    gate = b.op("HardSigmoid", b.conv(b.op("GlobalAveragePool", y), 11, 11, [1, 1]), alpha=0.25)
    y = b.op("Mul", y, gate)
    return b.model(b.conv(y, 2, 11, [2, 2], strides=[2, 2]))


def dense():
    """Layers as Gemm, with weights either way round, and as MatMul and Add; the axis of classes in the middle is kept."""
    b = Build("dense", [1, 4, 10], 3)
    y = b.op("MatMul", "x", b.constant(b.weights(12, 10).T))
    y = b.op("Relu", b.op("Add", y, b.constant(b.random.normal(0, 0.2, 12))))
    y = b.op("Relu", b.gemm(b.reshape(y, [1, 48]), 9, 48, transposed=False))
    return b.model(b.op("Sigmoid", b.gemm(y, 6, 9)))


def sequence():
    """One spatial axis, channels last at the input, padding, functions that become tables."""
    b = Build("sequence", [1, 20, 3], 4)
    y = b.op("Transpose", "x", perm=[0, 2, 1])
    y = b.op("LeakyRelu", b.conv(y, 6, 3, [5], strides=[2]), alpha=0.1)
    y = b.op("Pad", y, b.constant([0, 0, 1, 0, 0, 2], np.int64), mode="constant")
    y = b.op("HardSwish", b.conv(y, 6, 6, [3], groups=2))
    y = b.op("Elu", b.conv(y, 4, 6, [1]), alpha=0.8)
    return b.model(b.conv(y, 3, 4, [3], dilations=[2]))


def gates():
    """Functions whose output scale the int8 operators fix, coarser than onnxruntime's: what follows them sees less."""
    b = Build("gates", [1, 4, 12], 10)
    value = b.op("Tanh", b.conv("x", 6, 4, [3]))
    gate = b.op("Sigmoid", b.conv("x", 6, 4, [3]))
    return b.model(b.conv(b.op("Mul", value, gate), 3, 6, [3]))


FLOAT = [residual, branches, dense, sequence, gates]


def trained():
    """As NNCF and PyTorch export: float weights with their pairs, a BatchNormalization, a transpose after the pair of a matrix."""
    b = Build("trained", [1, 3, 8, 8], 6)
    x = b.pair("x", 0.05, 120, np.uint8)
    y = b.op("Conv", x, b.fake_quantized(b.weights(6, 3, 3, 3), 0), kernel_shape=[3, 3])
    factors = [b.random.uniform(0.5, 1.5, 6) * [1, -1, 1, 1, -1, 1], b.random.normal(0, 0.3, 6), b.random.normal(0, 0.3, 6)]
    y = b.op("BatchNormalization", y, *map(b.constant, [*factors, b.random.uniform(0.5, 2, 6)]))
    y = b.pair(b.op("Relu", y), 0.03, 0, np.uint8)
    y = b.pair(b.op("Flatten", b.op("GlobalAveragePool", y)), 0.01, 0, np.uint8)
    y = b.op("MatMul", y, b.op("Transpose", b.fake_quantized(b.weights(4, 6), 0), perm=[1, 0]))
    y = b.op("Add", y, b.constant(b.random.normal(0, 0.2, 4)))
    return b.model(b.pair(y, 0.02, 100, np.uint8))


def inputs_only():
    """As TensorRT wants it: pairs before the layers and nowhere else. Pooling takes its scale from below; the output has none."""
    b = Build("inputs_only", [1, 2, 8, 8], 7)
    y = b.op("Conv", b.pair("x", 0.04, 0, np.int8), b.fake_quantized(b.weights(4, 2, 3, 3), 0), kernel_shape=[3, 3])
    y = b.op("MaxPool", b.op("Relu", y), kernel_shape=[2, 2], strides=[2, 2])
    return b.model(b.op("Conv", b.pair(y, 0.02, 0, np.int8), b.fake_quantized(b.weights(3, 4, 1, 1), 0), kernel_shape=[1, 1]))


def own_scales():
    """Scales of their own where int8 operators share or fix them: a pool, a concatenation, a softmax, two pairs on one tensor."""
    b = Build("own_scales", [1, 4, 4, 4], 8)
    x = b.pair("x", 0.02, 3, np.int8)
    pooled = b.pair(b.op("MaxPool", x, kernel_shape=[2, 2], strides=[2, 2]), 0.03, -5, np.int8)
    finer = b.pair(b.op("AveragePool", x, kernel_shape=[3, 3]), 0.015, 2, np.int8)
    joined = b.pair(b.op("Concat", pooled, finer, axis=1), 0.025, 0, np.int8)
    y = b.pair(b.op("Softmax", b.op("Flatten", joined), axis=1), 0.002, -128, np.int8)
    return b.model(y, b.pair(b.pair(joined, 0.047, 1, np.int8), 0.031, 1, np.int8))


def integers():
    """uint8 in and out: the model's own interface is quantized. Weights are uint8 with zero point 128."""
    b = Build("integers", [1, 8], 9, TensorProto.UINT8)
    parameters = b.constant(0.02), b.constant(131, np.uint8)
    x = b.op("DequantizeLinear", "x", *parameters)
    weights = b.constant(b.random.integers(1, 256, (8, 5)), np.uint8)
    weights = b.op("DequantizeLinear", weights, b.constant(0.01), b.constant(128, np.uint8))
    y = b.op("MatMul", x, weights)
    return b.model(b.op("QuantizeLinear", y, b.constant(0.05), b.constant(120, np.uint8)))


def exact():
    """Nothing but selection and movement with one scale: no arithmetic that could round."""
    b = Build("exact", [1, 4, 6, 6], 5)
    parameters = 0.02, 131, np.uint8
    y = b.pair("x", *parameters)
    y = b.pair(b.op("MaxPool", y, kernel_shape=[2, 2], strides=[2, 2]), *parameters)
    y = b.op("Transpose", b.pair(b.op("Relu", y), *parameters), perm=[0, 2, 3, 1])
    padded = b.op("Pad", y, b.constant([0, 0, 0, 1, 0, 1, 0, 0], np.int64))
    return b.model(b.pair(b.op("Concat", b.reshape(padded, [1, 60]), b.reshape(y, [1, 36]), axis=1), *parameters))


PAIRED = [exact, trained, inputs_only, own_scales, integers]
