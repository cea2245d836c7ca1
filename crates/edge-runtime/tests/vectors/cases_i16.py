"""The int16 forms of the operators: the configurations of int8, with activations that are 128 times finer and symmetric.

Weights stay int8. `OPS[name](rng, index)` gives a `Case`.
"""

import numpy as np
from cases import OPS as OPS_I8, f32, scale, unary, values
from single_op import Case, Tensor, schema

FINER = 128
UNIT = 1 / 32768


def widened(rng, tensor, small):
    """An activation of int8 in int16: the distance from the zero point, and seven bits more unless all values are `small`."""
    data = None
    if tensor.data is not None:
        data = tensor.data.astype(int) - tensor.zero_point
        if not small:
            data = data * FINER + rng.integers(0, FINER, data.shape)
            limits = rng.random(data.shape)
            data = np.where(limits < 0.03, -32768, np.where(limits > 0.97, 32767, data))
        data = np.clip(data, -32768, 32767).astype(np.int16)
    step = tensor.scales[0] if small else tensor.scales[0] / FINER
    return Tensor(tensor.shape, data, dtype="int16", scales=[f32(step)])


def wide(build, small_scales=True):
    """The int16 form of a configuration. The bias becomes int64; of some convolutions int32, which TFLite Micro takes for int64."""
    def widen(rng, index):
        case = build(rng, index)
        activations = [t for t in case.inputs if not t.constant and t.dtype == "int8"]
        spread = max(np.abs(t.data.astype(int) - t.zero_point).max() for t in activations)
        small = small_scales and spread <= 9
        inputs = [t if t.constant or t.dtype != "int8" else widened(rng, t, small) for t in case.inputs]
        output, litert_only = widened(rng, case.output, small), False
        if case.operator in ("ADD", "SUB"):
            # LiteRT has another arithmetic for powers of two. The output's multiplier must be below one.
            for tensor in [*inputs, output]:
                tensor.scales = [f32(tensor.scales[0] * 1.25)]
            output.scales = [f32(max(output.scales[0], 2.0**-13.9 * max(t.scales[0] for t in inputs)))]
        for tensor in inputs:
            if tensor.constant and tensor.dtype == "int32":
                tensor.dtype = "int64"
                if not small:
                    tensor.data = tensor.data.astype(np.int64) * FINER
                    tensor.scales = [f32(s / FINER) for s in tensor.scales]
                # Without int64 the reference sums up in int32, without a check.
                depth = np.abs(inputs[1].data.astype(np.int64)).reshape(-1).sum()
                fits = depth * 32768 + np.abs(tensor.data).max() < 2**31
                if index % 3 == 1 and case.operator == "CONV_2D" and fits:
                    tensor.dtype, litert_only = "int32", True
                    case.options.quantizedBiasType = schema.TensorType.INT32
        return Case(case.operator, inputs, output, case.attrs, case.options, case.indices, litert_only=litert_only)
    return widen


def unit(operator):
    """Sigmoid and tanh: the output's scale is fixed, and a power of two as input scale has a rule of its own."""
    def build(rng, index):
        step = [scale(rng, 1e-5, 1e-3), 2.0**-12, scale(rng, 1e-4, 5e-4), 2.0**-11][index % 4]
        x = Tensor([192], values16(rng, [192]), dtype="int16", scales=[f32(step)])
        return Case(operator, [x], Tensor(x.shape, dtype="int16", scales=[UNIT]), {})
    return build


def values16(rng, shape):
    data = rng.integers(-32768, 32768, shape)
    limits = rng.random(shape)
    near = rng.integers(-300, 301, shape)
    data = np.where(limits < 0.03, -32768, np.where(limits > 0.97, 32767, np.where(limits > 0.8, near, data)))
    return data.astype(np.int16)


def softmax(rng, index):
    shape = [[1, 10], [4, 5], [2, 3, 7], [1, 1], [3, 33], [1, 120]][index % 6]
    step = [scale(rng, 1e-5, 1e-3), 2.0**-12, scale(rng, 1e-4, 1e-2)][index % 3]
    x = Tensor(shape, values16(rng, shape), dtype="int16", scales=[f32(step)])
    if index % 4 == 1:  # all alike
        x.data = (x.data // 256).astype(np.int16)
    options = schema.SoftmaxOptionsT()
    options.beta = f32([1.0, 1.0, 0.5, 2.0][index % 4])
    attrs = {"beta": options.beta}
    return Case("SOFTMAX", [x], Tensor(shape, dtype="int16", scales=[UNIT]), attrs, options)


def exp(rng, index):
    """Interpolated."""
    step = scale(rng, 1e-5, 2e-4)
    x = Tensor([192], values16(rng, [192]), dtype="int16", scales=[step])
    y_scale = f32(np.exp(step * 32767) / 32767 * [1.0, 0.5, 3.0][index % 3])
    return Case("EXP", [x], Tensor(x.shape, dtype="int16", scales=[y_scale]), {}, schema.ExpOptionsT())


def quantize(rng, index):
    """Between int8 and int16, either way, and from one scale of int16 to another."""
    types = [("int8", "int16"), ("int16", "int8"), ("int16", "int16")][index % 3]
    case = unary("QUANTIZE", schema.QuantizeOptionsT)(rng, index)
    x, y = case.inputs[0], case.output
    if types[0] == "int16":
        x = Tensor([192], values16(rng, [192]), dtype="int16", scales=[f32(x.scales[0] / FINER)])
        y = Tensor([192], scales=y.scales, zero_point=y.zero_point)
    if types[1] == "int16":
        y = Tensor(y.shape, dtype="int16", scales=[f32(y.scales[0] / FINER)])
    return Case("QUANTIZE", [x], y, {}, case.options)


COUNT = 21
WIDENED = [
    "conv2d", "depthwise_conv2d", "fully_connected", "average_pool2d", "max_pool2d", "mean", "sum", "reduce_max", "reduce_min", "add",
    "sub", "mul", "maximum", "minimum", "concat", "strided_slice", "gather", "resize_nearest", "pad", "transpose", "relu", "relu6",
    "leaky_relu", "abs",
]

# name: (number of cases, configuration)
OPS = {f"{name}_i16": (COUNT, wide(OPS_I8[name][1])) for name in WIDENED} | {
    "softmax_i16": (24, softmax),
    "logistic_i16": (COUNT, unit("LOGISTIC")),
    "tanh_i16": (COUNT, unit("TANH")),
    "exp_i16": (COUNT, exp),
    "quantize_i16": (24, quantize),
}
