"""The operators and their seeded random configurations: `OPS[name](rng, index)` gives a `Case`.

The index walks through the regimes, so that extremes are certain and not left to chance.
"""

import numpy as np
from recurrent import lstm
from single_op import Case, Tensor, f32, schema

ACTIVATIONS = ["NONE", "RELU", "NONE", "RELU6", "NONE", "RELU_N1_TO_1", "NONE"]
# How the requantization multiplier is chosen; see `multipliers`.
REGIMES = ["typical", "ties", "saturating", "above_one", "typical", "flat", "below_one", "tiny"]


def pick(rng, options):
    return options[int(rng.integers(len(options)))]


def scale(rng, low=1e-4, high=1.0):
    """A log-uniform float32 scale."""
    return f32(np.exp(rng.uniform(np.log(low), np.log(high))))


def zero_point(rng):
    """Any zero point; every second one is a limit of int8 or 0."""
    return pick(rng, [-128, 127, 0]) if rng.random() < 0.5 else int(rng.integers(-128, 128))


def values(rng, shape, spread=None, centre=0):
    """int8 values: all of the range with its limits frequent, or within `spread` of `centre`."""
    if spread is not None:
        near = centre + rng.integers(-spread, spread + 1, shape)
        return np.clip(near, -128, 127).astype(np.int8)
    data = rng.integers(-128, 128, shape)
    limits = rng.random(shape)
    return np.where(limits < 0.05, -128, np.where(limits > 0.95, 127, data)).astype(np.int8)


def activation_tensor(rng, shape, step, offset, **kwargs):
    return Tensor(list(shape), values(rng, shape, **kwargs), scales=[step], zero_point=offset)


def indices(data):
    data = np.array(data, np.int32)
    return Tensor(list(data.shape), data, dtype="int32", constant=True)


def multipliers(rng, regime, accumulator, count):
    """`count` requantization multipliers for accumulators of about the size `accumulator`.

    typical: the output fills int8. saturating: it clips. flat: few distinct outputs. ties: 1/2 to 1/16,
    where every rounding rule shows. below_one: so near to 1 that the Q31 value rounds up to it. tiny:
    around 2^-32, where the shift leaves its range. above_one: a left shift.
    """
    if regime == "ties":
        return np.exp2(-rng.integers(1, 5, count))
    if regime == "below_one":
        return np.full(count, 1.0 - 2.0**-34)
    if regime == "tiny":
        return np.exp2(rng.uniform(-33.5, -24, count))
    if regime == "above_one":
        return np.exp2(rng.uniform(0, 6, count))
    gain = {"typical": 1.0, "saturating": 12.0, "flat": 0.02}[regime]
    return gain * 50.0 / accumulator * np.exp(rng.uniform(-1.5, 1.5, count))


def steps(rng, regime, activation):
    """The scales of input and output of a convolution-like case."""
    x_scale = scale(rng)
    # Under an activation, steps at which its limits lie inside int8.
    y_scale = scale(rng) if activation == "NONE" else scale(rng, 0.008, 0.08)
    if activation in ("RELU6", "RELU_N1_TO_1") and rng.random() < 0.7:  # a limit at a tie
        y_scale = f32({"RELU6": 6, "RELU_N1_TO_1": 1}[activation] / (int(rng.integers(5, 90)) + 0.5))
    if regime == "ties":
        x_scale, y_scale = 2.0 ** round(np.log2(x_scale)), 2.0 ** round(np.log2(y_scale))
    elif regime == "below_one":  # (1 + 2^-17) (1 - 2^-17), each of them a float32
        y_scale = 2.0 ** round(np.log2(y_scale))
        x_scale = y_scale * (1 + 2.0**-17)
    return x_scale, y_scale


def biases(rng, regime, accumulator, depth, channels):
    """As large as the accumulators; in the regime `tiny` often as large as int32 allows."""
    if regime != "tiny":
        reach = 1 + int(accumulator)
        return rng.integers(-reach, reach + 1, channels)
    reach = 2**31 - 1 - depth * 255 * 128
    limits = rng.random(channels) < 0.5
    return np.where(limits, reach * rng.choice([-1, 1], channels), rng.integers(-reach, reach + 1, channels))


def weighted(rng, index, operator, x_shape, w_shape, y_shape, axis, depth, options, attrs, per_channel=True):
    """A convolution-like case: `depth` products per output, output channels on `axis` of the filter."""
    regime = REGIMES[index % len(REGIMES)]
    channels = w_shape[axis]
    small = regime in ("above_one", "below_one", "ties")
    x_zero = zero_point(rng)
    y_zero = int(rng.integers(-40, 41)) if attrs["activation"] == "NONE" and index % 3 else zero_point(rng)
    x_scale, y_scale = steps(rng, regime, attrs["activation"])
    x = activation_tensor(rng, x_shape, x_scale, x_zero, spread=3 if small else None, centre=x_zero)
    w_data = np.maximum(values(rng, w_shape, spread=2 if small else None), -127)
    accumulator = np.sqrt(depth) * (4 if small else 75 * np.hypot(75, x_zero))
    gains = multipliers(rng, regime, accumulator, channels if per_channel else 1)
    w_scales = [f32(m * y_scale / x_scale) for m in gains]
    w = Tensor(list(w_shape), w_data, scales=w_scales, axis=axis if per_channel else 0,
               per_channel=True, constant=True)
    y = Tensor(list(y_shape), scales=[y_scale], zero_point=y_zero)
    inputs, reach = [x, w], 0
    if index // 7 % 4 != 3:
        bias = biases(rng, regime, accumulator, depth, channels)
        reach = int(np.abs(bias).max())
        inputs.append(Tensor([channels], bias, dtype="int32", constant=True, axis=0,
                             scales=[f32(np.float32(x_scale) * np.float32(s)) for s in w_scales]))
    # The reference computes in int32 without a check: a case beyond it would record undefined behaviour.
    reach += depth * int(np.abs(x.data.astype(int) - x_zero).max()) * int(np.abs(w_data.astype(int)).max())
    left_shift = max(0, int(np.floor(np.log2(gains.max()))) + 1)
    assert reach << left_shift < 2**31, "int32 overflow"
    return Case(operator, inputs, y, attrs, options)


def window(rng, index, dilate):
    """A random filter, stride and padding with an input that holds at least one window.

    `dilate` None: the operator has no dilation.
    """
    filter_h, filter_w = pick(rng, [(1, 1), (3, 3), (1, 3), (2, 5), (5, 1), (4, 4), (3, 2), (1, 7)])
    stride_h, stride_w = pick(rng, [1, 1, 2, 3]), pick(rng, [1, 1, 2, 3])
    dilation_h, dilation_w = (int(rng.integers(1, 4)), int(rng.integers(1, 4))) if dilate else (1, 1)
    padding = "SAME" if index // 5 % 2 == 0 else "VALID"
    reach_h, reach_w = (filter_h - 1) * dilation_h + 1, (filter_w - 1) * dilation_w + 1
    low_h, low_w = (1, 1) if padding == "SAME" else (reach_h, reach_w)
    in_h, in_w = low_h + int(rng.integers(0, 11)), low_w + int(rng.integers(0, 11))
    if filter_h == 1 and rng.random() < 0.5:
        in_h = 1
    if padding == "SAME":
        out_h, out_w = -(-in_h // stride_h), -(-in_w // stride_w)
    else:
        out_h, out_w = (in_h - reach_h) // stride_h + 1, (in_w - reach_w) // stride_w + 1
    attrs = {"stride_h": stride_h, "stride_w": stride_w, "padding": padding,
             "activation": ACTIVATIONS[index % 7]}
    if dilate is not None:
        attrs |= {"dilation_h": dilation_h, "dilation_w": dilation_w}
    return attrs, (filter_h, filter_w), (in_h, in_w), (out_h, out_w)


def window_options(options, attrs):
    options.strideH, options.strideW = attrs["stride_h"], attrs["stride_w"]
    options.padding = getattr(schema.Padding, attrs["padding"])
    options.fusedActivationFunction = getattr(schema.ActivationFunctionType, attrs["activation"])
    if "dilation_h" in attrs:
        options.dilationHFactor, options.dilationWFactor = attrs["dilation_h"], attrs["dilation_w"]
    return options


def conv2d(rng, index):
    attrs, kernel, size, out = window(rng, index, dilate=index % 3 == 1)
    groups = pick(rng, [2, 3, 4]) if index % 5 == 2 else 1
    depth = int(rng.integers(1, 4 if groups > 1 else 8))
    channels_out = groups * int(rng.integers(1, 4)) if groups > 1 else int(rng.integers(2, 12))
    batch = 2 if index % 9 == 8 else 1
    return weighted(rng, index, "CONV_2D", (batch, *size, groups * depth), (channels_out, *kernel, depth),
                    (batch, *out, channels_out), 0, kernel[0] * kernel[1] * depth,
                    window_options(schema.Conv2DOptionsT(), attrs), attrs)


def depthwise_conv2d(rng, index):
    attrs, kernel, size, out = window(rng, index, dilate=index % 3 == 1)
    depth_multiplier = int(rng.integers(1, 5)) if index % 5 >= 3 else 1
    channels = int(rng.integers(2, 10))
    attrs["depth_multiplier"] = depth_multiplier
    options = window_options(schema.DepthwiseConv2DOptionsT(), attrs)
    options.depthMultiplier = depth_multiplier
    batch = 2 if index % 9 == 8 else 1
    return weighted(rng, index, "DEPTHWISE_CONV_2D", (batch, *size, channels),
                    (1, *kernel, channels * depth_multiplier), (batch, *out, channels * depth_multiplier),
                    3, kernel[0] * kernel[1], options, attrs)


def conv_transpose2d(rng, index):
    """The windows lead from the output to the input."""
    attrs, kernel, size, out = window(rng, index, dilate=None)
    depth, channels, batch = int(rng.integers(1, 8)), int(rng.integers(2, 12)), 2 if index % 9 == 8 else 1
    options = schema.TransposeConvOptionsT()
    options.strideH, options.strideW = attrs["stride_h"], attrs["stride_w"]
    options.padding = getattr(schema.Padding, attrs["padding"])
    options.fusedActivationFunction = getattr(schema.ActivationFunctionType, attrs["activation"])
    case = weighted(rng, index, "TRANSPOSE_CONV", (batch, *out, depth), (channels, *kernel, depth), (batch, *size, channels), 0,
                    kernel[0] * kernel[1] * depth, options, attrs)
    case.indices = [indices(case.output.shape)]
    x, w, *bias = range(len(case.inputs))
    case.order = [len(case.inputs), w, x, *bias]
    return case


def fully_connected(rng, index):
    batch, depth, channels = int(rng.integers(1, 5)), int(rng.integers(1, 64)), int(rng.integers(1, 24))
    attrs = {"activation": ACTIVATIONS[index % 7]}
    options = schema.FullyConnectedOptionsT()
    options.fusedActivationFunction = getattr(schema.ActivationFunctionType, attrs["activation"])
    return weighted(rng, index, "FULLY_CONNECTED", (batch, depth), (channels, depth), (batch, channels), 0,
                    depth, options, attrs, per_channel=index >= 24)


def pool(operator):
    def build(rng, index):
        attrs, kernel, size, out = window(rng, index, dilate=None)
        if index % 7 == 6:  # the window covers the whole input, as a global pooling does
            kernel, out = size, (1, 1)
            attrs |= {"padding": "VALID", "stride_h": 1, "stride_w": 1}
        attrs |= {"filter_h": kernel[0], "filter_w": kernel[1]}
        channels, batch = int(rng.integers(1, 7)), 2 if index % 9 == 8 else 1
        options = window_options(schema.Pool2DOptionsT(), attrs)
        options.filterHeight, options.filterWidth = kernel
        x = activation_tensor(rng, (batch, *size, channels), scale(rng, 1e-3, 1.0), zero_point(rng))
        if index % 5 == 4:  # sums that end in .5, of both signs
            x.data = values(rng, x.shape, spread=2)
        y = Tensor([batch, *out, channels], scales=x.scales, zero_point=x.zero_point)
        return Case(operator, [x], y, attrs, options)
    return build


def fitted(rng, index, real, gain, power_of_two=False):
    """A scale and zero point for the values `real`: of `gain` times the step at which they fill int8."""
    low, high = min(0.0, float(real.min())), max(0.0, float(real.max()))
    step = f32(max(high - low, 1e-6) / 255 * gain)
    if power_of_two:
        step = 2.0 ** round(np.log2(step))
    offset = int(np.clip(round(-128 - low / step), -128, 127))
    return step, zero_point(rng) if index % 4 == 3 else offset


def real(tensor):
    return tensor.scales[0] * (tensor.data.astype(float) - tensor.zero_point)


def ratio(rng, index):
    """Output scale over input scale: equal, a power of two (ties), about one, or extreme."""
    kind = index % 5
    if kind == 0:
        return 1.0
    if kind == 1:
        return 2.0 ** int(rng.integers(1, 4))
    return float(np.exp(rng.uniform(*[(-0.7, 0.7), (2.0, 6.0), (-5.0, -0.7)][kind - 2])))


def rescaled(rng, index, shape, **kwargs):
    """An input tensor and the scale and zero point of an output beside it."""
    step = 2.0 ** int(rng.integers(-8, 0)) if index % 5 == 1 else scale(rng, 1e-3, 1.0)
    x = activation_tensor(rng, shape, step, zero_point(rng), **kwargs)
    gain = ratio(rng, index)
    return x, f32(step * gain), x.zero_point if index % 5 == 0 else zero_point(rng)


# Reduced axes, and the rank of the input.
MEAN_AXES = [
    ((1, 2), 4), ((1, 2), 4), ((3,), 4), ((0, 1, 2, 3), 4), ((1,), 2), ((1,), 3), ((0,), 1), ((2, 1), 4), ((0, 2), 3),
]


def mean(rng, index):
    axes, rank = MEAN_AXES[index % len(MEAN_AXES)]
    shape = [int(rng.integers(1, [0, 300, 40, 20, 9][rank])) for _ in range(rank)]
    keep_dims = index % 2 == 0
    x, y_scale, y_zero = rescaled(rng, index, shape, spread=60, centre=int(rng.integers(-80, 80)))
    if index % 5 > 1:  # otherwise the scales are equal, or a power of two apart
        y_scale, y_zero = fitted(rng, index, real(x).mean(axes), [1.0, 30.0, 0.7][index % 5 - 2])
    if keep_dims:
        y_shape = [1 if i in axes else d for i, d in enumerate(shape)]
    else:
        y_shape = [d for i, d in enumerate(shape) if i not in axes]
    options = schema.ReducerOptionsT()
    options.keepDims = keep_dims
    y = Tensor(y_shape, scales=[y_scale], zero_point=y_zero)
    return Case("MEAN", [x], y, {"axes": list(axes), "keep_dims": keep_dims}, options, [indices(axes)])


def reduce(operator):
    """Of one scale, but for sums."""
    def build(rng, index):
        axes, rank = MEAN_AXES[index % len(MEAN_AXES)]
        shape = [int(rng.integers(1, [0, 40, 12, 9, 6][rank])) for _ in range(rank)]
        keep_dims = index % 2 == 0
        x = activation_tensor(rng, shape, scale(rng, 1e-3, 1.0), zero_point(rng))
        y_scale, y_zero = x.scales[0], x.zero_point
        if operator == "SUM":
            y_scale, y_zero = fitted(rng, index, real(x).sum(axes), 1.0)
        y_shape = [1 if i in axes else d for i, d in enumerate(shape) if keep_dims or i not in axes]
        options = schema.ReducerOptionsT()
        options.keepDims = keep_dims
        y = Tensor(y_shape, scales=[y_scale], zero_point=y_zero)
        return Case(operator, [x], y, {"axes": list(axes), "keep_dims": keep_dims}, options, [indices(axes)])
    return build


BROADCASTS = [
    ((4, 5, 6), (4, 5, 6)), ((1, 5, 7, 4), (1, 5, 7, 4)), ((1, 4, 7, 5), (5,)), ((9, 11), (1,)), ((5, 1, 7), (1, 6, 1)),
    ((67,), (67,)), ((1, 3, 5, 7), (1, 1, 1, 7)), ((9,), (2, 4, 9)), ((1, 2, 8, 4), (1, 2, 1, 4)), ((1,), (133,)),
]


def binary(operator, options_type, function):
    def build(rng, index):
        shapes = BROADCASTS[index % len(BROADCASTS)]
        kind = index % 6
        scales = [scale(rng, 1e-3, 1.0), scale(rng, 1e-3, 1.0)]
        if kind in (0, 3):  # operands of about the same weight
            scales[1] = f32(scales[0] * rng.uniform(0.5, 2.0))
        elif kind == 1:  # powers of two: ties
            scales = [2.0 ** int(rng.integers(-8, -4)) for _ in range(2)]
        elif kind == 2:  # one operand almost vanishes
            scales[index // 6 % 2] = f32(scales[1 - index // 6 % 2] * 1e-6)
        x = [activation_tensor(rng, s, step, zero_point(rng)) for s, step in zip(shapes, scales)]
        if operator == "DIV":  # elsewhere the reference divides by zero, or shifts by more than a word
            for tensor, least in zip(x, [64, 1 + 9 * (kind != 4)]):
                near = np.abs(tensor.data.astype(int) - tensor.zero_point) < least
                tensor.data[near] = -128 if tensor.zero_point > 0 else 127
        if operator == "MUL" and kind == 1:
            for tensor in x:
                tensor.data = values(rng, tensor.shape, spread=9, centre=tensor.zero_point)
        result = function(*map(real, x))
        gain = {0: 1.0, 1: 1.0, 2: 1.1, 3: 0.1, 4: 20.0, 5: 0.8}[kind]
        y_scale, y_zero = fitted(rng, index, result, gain, power_of_two=kind == 1)
        if operator == "MUL" and index % 7 == 6:  # the multiplier is above one
            y_scale = f32(scales[0] * scales[1] / float(np.exp2(rng.uniform(0, 8))))
        if operator == "DIV":
            y_scale = f32(min(y_scale, scales[0] / scales[1]))
        attrs = {"activation": ACTIVATIONS[index % 7]}
        if attrs["activation"] != "NONE":  # both interpreters refuse steps at which 6 is beyond int32
            y_scale = max(y_scale, 2.0**-20)
        options = options_type()
        options.fusedActivationFunction = getattr(schema.ActivationFunctionType, attrs["activation"])
        return Case(operator, x, Tensor(list(result.shape), scales=[y_scale], zero_point=y_zero), attrs, options)
    return build


def batch_matmul(rng, index):
    rank = 2 + index % 3
    # Both alike, or one of them the same for all.
    batch = [[int(rng.integers(1, 4)) for _ in range(rank - 2)]] * 2
    if index % 4 == 3:
        batch = [batch[0], [1] * (rank - 2)]
    rows, depth, columns = int(rng.integers(1, 8)), int(rng.integers(1, 24)), int(rng.integers(1, 20))
    adj_y = index % 5 > 2
    shapes = [*batch[0], rows, depth], [*batch[1], *((columns, depth) if adj_y else (depth, columns))]
    x = [activation_tensor(rng, shape, scale(rng, 1e-3, 0.5), zero_point(rng)) for shape in shapes]
    a, b = map(real, x)
    result = a @ (np.swapaxes(b, -1, -2) if adj_y else b)
    y_scale, y_zero = fitted(rng, index, result, [1.0, 0.2, 20.0][index % 3], power_of_two=index % 6 == 5)
    options = schema.BatchMatMulOptionsT()
    options.adjY = adj_y
    return Case("BATCH_MATMUL", x, Tensor(list(result.shape), scales=[y_scale], zero_point=y_zero), {"adj_y": adj_y}, options)


def prelu(rng, index):
    shape, slopes = [((1, 4, 7, 5), (1, 1, 5)), ((1, 3, 5, 7), (1, 3, 5, 7)), ((2, 9, 6), (1, 6)), ((1, 5, 5, 3), (1,))][index % 4]
    x = activation_tensor(rng, shape, scale(rng, 1e-3, 1.0), zero_point(rng))
    slope = activation_tensor(rng, slopes, scale(rng, 1e-4, 2e-2), zero_point(rng) if index % 3 else 0)
    result = np.where(real(x) >= 0, real(x), real(x) * real(slope))
    y_scale, y_zero = fitted(rng, index, result, [1.0, 0.3, 5.0][index % 3], power_of_two=index % 5 == 4)
    return Case("PRELU", [x, slope], Tensor(list(shape), scales=[y_scale], zero_point=y_zero), {})


def row(rng, index):
    """A tensor whose last axis is searched: with many equal elements, or few."""
    shape = [[int(rng.integers(1, 60))], [int(rng.integers(1, 5)), int(rng.integers(1, 40))], [2, 3, int(rng.integers(1, 13))]][index % 3]
    return activation_tensor(rng, shape, scale(rng), zero_point(rng), spread=[None, 2, 30][index % 4 % 3])


def arg(operator, options_type):
    def build(rng, index):
        x = row(rng, index)
        options = options_type()
        options.outputType = schema.TensorType.INT32
        y = Tensor(x.shape[:-1], dtype="int32")
        return Case(operator, [x], y, {}, options, [indices(-1)])
    return build


def top_k(what):
    """Its values or its indices: the operator has both outputs."""
    def build(rng, index):
        x = row(rng, index)
        k = 1 + int(rng.integers(0, x.shape[-1]))
        both = [Tensor([*x.shape[:-1], k], scales=x.scales, zero_point=x.zero_point), Tensor([*x.shape[:-1], k], dtype="int32")]
        return Case("TOPK_V2", [x], both[what == "indices"], {}, schema.TopKV2OptionsT(), [indices(k)], outputs=both)
    return build


def concat(rng, index):
    rank = 1 + index % 4
    axis = int(rng.integers(rank))
    shape = [int(rng.integers(1, 6)) for _ in range(rank)]
    step, offset = scale(rng, 1e-3, 1.0), zero_point(rng)
    parts = []
    for _ in range(int(rng.integers(2, 5))):
        part = [*shape]
        part[axis] = int(rng.integers(1, 6))
        parts.append(activation_tensor(rng, part, step, offset))
    shape[axis] = sum(p.shape[axis] for p in parts)
    options = schema.ConcatenationOptionsT()
    options.axis = axis
    return Case("CONCATENATION", parts, Tensor(shape, scales=[step], zero_point=offset), {"axis": axis}, options)


def extreme(operator):
    """Minimum and maximum: one scale and zero point for all."""
    def build(rng, index):
        shapes = BROADCASTS[index % len(BROADCASTS)]
        step, offset = scale(rng), zero_point(rng)
        x = [activation_tensor(rng, shape, step, offset) for shape in shapes]
        shape = list(np.broadcast_shapes(*shapes))
        return Case(operator, x, Tensor(shape, scales=[step], zero_point=offset), {}, schema.MaximumMinimumOptionsT())
    return build


def strided_slice(rng, index):
    rank = 1 + index % 4
    shape = [int(rng.integers(1, 9)) for _ in range(rank)]
    begin = [int(rng.integers(1 + d // 3)) for d in shape]
    strides = [pick(rng, [1, 1, 2, 3]) for _ in shape]
    end = [int(rng.integers(max(b, d - 2), d)) + 1 for b, d in zip(begin, shape)]
    x = activation_tensor(rng, shape, scale(rng), zero_point(rng))
    y = Tensor([-(-(e - b) // s) for b, e, s in zip(begin, end, strides)], scales=x.scales, zero_point=x.zero_point)
    # A stride beyond the axis takes one element, as every stride would.
    attrs = {"begin": begin, "strides": [min(s, d) for s, d in zip(strides, shape)]}
    return Case("STRIDED_SLICE", [x], y, attrs, schema.StridedSliceOptionsT(),
                [indices(begin), indices(end), indices(strides)])


def gather(rng, index):
    rank = 1 + index % 4
    axis = int(rng.integers(rank))
    shape = [int(rng.integers(1, 7)) for _ in range(rank)]
    picked = rng.integers(0, shape[axis], int(rng.integers(1, 9)))
    x = activation_tensor(rng, shape, scale(rng), zero_point(rng))
    y = Tensor([*shape[:axis], len(picked), *shape[axis + 1:]], scales=x.scales, zero_point=x.zero_point)
    options = schema.GatherOptionsT()
    options.axis = axis
    return Case("GATHER", [x], y, {"axis": axis, "indices": picked.tolist()}, options, [indices(picked)])


def resize(operator, options_type):
    def build(rng, index):
        shape = [1 + index % 2, int(rng.integers(1, 7)), int(rng.integers(1, 7)), int(rng.integers(1, 5))]
        size = [int(rng.integers(1, 14)), int(rng.integers(1, 14))]
        if index % 4 == 3:  # a whole multiple
            size = [shape[1] * 2, shape[2] * int(rng.integers(1, 4))]
        attrs = {"align_corners": index % 3 == 1, "half_pixel_centers": index % 3 == 2}
        options = options_type()
        options.alignCorners, options.halfPixelCenters = attrs["align_corners"], attrs["half_pixel_centers"]
        x = activation_tensor(rng, shape, scale(rng), zero_point(rng))
        y = Tensor([shape[0], *size, shape[3]], scales=x.scales, zero_point=x.zero_point)
        sizes = indices(size)
        return Case(operator, [x], y, attrs, options, [sizes])
    return build


def pad(rng, index):
    rank = 1 + index % 4
    shape = [int(rng.integers(1, 6)) for _ in range(rank)]
    paddings = rng.integers(0, 4, (rank, 2))
    x = activation_tensor(rng, shape, scale(rng), zero_point(rng))
    y = Tensor([d + int(p.sum()) for d, p in zip(shape, paddings)], scales=x.scales, zero_point=x.zero_point)
    return Case("PAD", [x], y, {"paddings": paddings.tolist()}, schema.PadOptionsT(), [indices(paddings)])


def transpose(rng, index):
    rank = 2 + index % 4
    shape = [int(rng.integers(1, 6)) for _ in range(rank)]
    perm = [int(p) for p in rng.permutation(rank)]
    x = activation_tensor(rng, shape, scale(rng), zero_point(rng))
    y = Tensor([shape[p] for p in perm], scales=x.scales, zero_point=x.zero_point)
    return Case("TRANSPOSE", [x], y, {"perm": perm}, schema.TransposeOptionsT(), [indices(perm)])


def softmax(rng, index):
    shape = [[int(rng.integers(1, 40))], [int(rng.integers(1, 5)), int(rng.integers(1, 40))],
             [2, 3, int(rng.integers(1, 13))]][index % 3]
    beta = [1.0, 1.0, 0.5, 2.0][index % 4]
    step = [scale(rng, 1e-2, 0.3), scale(rng, 1e-5, 1e-2), scale(rng, 0.3, 20.0), 2.0**-4][index // 2 % 4]
    x = activation_tensor(rng, shape, step, zero_point(rng))
    if index % 7 == 6:
        x.data = np.full(shape, pick(rng, [-128, 0, 127]), np.int8)
    options = schema.SoftmaxOptionsT()
    options.beta = beta
    return Case("SOFTMAX", [x], Tensor(shape, scales=[1 / 256], zero_point=-128), {"beta": beta}, options)


def log_softmax(rng, index):
    case = softmax(rng, index)
    case.operator, case.attrs, case.options = "LOG_SOFTMAX", {}, schema.LogSoftmaxOptionsT()
    case.output.scales, case.output.zero_point = [1 / 16], 127
    return case


UNARY_SHAPES = [(256,), (1, 256), (2, 128), (1, 4, 8, 8)]


def every_value(rng, index, step, offset):
    """A tensor that holds each of the 256 int8 values once."""
    shape = UNARY_SHAPES[index % len(UNARY_SHAPES)]
    return Tensor(list(shape), np.arange(-128, 128, dtype=np.int8), scales=[step], zero_point=offset)


def fixed_range(operator, y_scale, y_zero):
    """Sigmoid and tanh: the specification fixes the output's scale and zero point."""
    def build(rng, index):
        step = [scale(rng, 0.01, 0.15), scale(rng, 1e-5, 1e-2), scale(rng, 0.15, 5.0), 16 / 256][index % 4]
        x = every_value(rng, index, step, zero_point(rng))
        return Case(operator, [x], Tensor(x.shape, scales=[y_scale], zero_point=y_zero), {})
    return build


def unary(operator, options_type=None, same_quantization=False):
    def build(rng, index):
        like, y_scale, y_zero = rescaled(rng, index, (1,))
        x = every_value(rng, index, like.scales[0], like.zero_point)
        if same_quantization:
            y_scale, y_zero = x.scales[0], x.zero_point
        attrs, options = {}, options_type() if options_type else None
        if operator == "LOG":  # mostly of positive numbers
            x.zero_point = -128 if index % 4 else zero_point(rng)
            y_scale, y_zero = fitted(rng, index, np.log(np.maximum(real(x), x.scales[0])), [1.0, 0.3][index % 2])
        if operator == "GELU":
            attrs["approximate"] = options.approximate = index % 2 == 1
            x.scales = [f32(x.scales[0] / 4)]
        if operator == "LEAKY_RELU":
            attrs["alpha"] = options.alpha = f32([0.01, 0.1, 0.2, 0.5, 0.3, 1.5][index % 6])
        return Case(operator, [x], Tensor(x.shape, scales=[y_scale], zero_point=y_zero), attrs, options)
    return build


# name: (number of cases, configuration)
OPS = {
    "conv2d": (48, conv2d),
    "depthwise_conv2d": (48, depthwise_conv2d),
    "conv_transpose2d": (48, conv_transpose2d),
    "fully_connected": (48, fully_connected),
    "average_pool2d": (30, pool("AVERAGE_POOL_2D")),
    "max_pool2d": (24, pool("MAX_POOL_2D")),
    "mean": (36, mean),
    "add": (40, binary("ADD", schema.AddOptionsT, np.add)),
    "mul": (40, binary("MUL", schema.MulOptionsT, np.multiply)),
    "sub": (40, binary("SUB", schema.SubOptionsT, np.subtract)),
    "div": (40, binary("DIV", schema.DivOptionsT, np.divide)),
    "prelu": (36, prelu),
    "concat": (20, concat),
    "maximum": (20, extreme("MAXIMUM")),
    "minimum": (20, extreme("MINIMUM")),
    "strided_slice": (24, strided_slice),
    "gather": (20, gather),
    "resize_nearest": (30, resize("RESIZE_NEAREST_NEIGHBOR", schema.ResizeNearestNeighborOptionsT)),
    "resize_bilinear": (36, resize("RESIZE_BILINEAR", schema.ResizeBilinearOptionsT)),
    "reduce_max": (27, reduce("REDUCE_MAX")),
    "reduce_min": (27, reduce("REDUCE_MIN")),
    "sum": (27, reduce("SUM")),
    "batch_matmul": (30, batch_matmul),
    "pad": (20, pad),
    "transpose": (20, transpose),
    "softmax": (36, softmax),
    "log_softmax": (36, log_softmax),
    "logistic": (20, fixed_range("LOGISTIC", 1 / 256, -128)),
    "tanh": (20, fixed_range("TANH", 1 / 128, 0)),
    "hard_swish": (20, unary("HARD_SWISH", schema.HardSwishOptionsT)),
    "relu": (20, unary("RELU")),
    "relu6": (20, unary("RELU6", same_quantization=True)),
    "leaky_relu": (24, unary("LEAKY_RELU", schema.LeakyReluOptionsT)),
    "abs": (20, unary("ABS", schema.AbsOptionsT)),
    "elu": (20, unary("ELU")),
    "arg_max": (24, arg("ARG_MAX", schema.ArgMaxOptionsT)),
    "arg_min": (24, arg("ARG_MIN", schema.ArgMinOptionsT)),
    "top_k_indices": (24, top_k("indices")),
    "top_k_values": (24, top_k("values")),
    "gelu": (20, unary("GELU", schema.GeluOptionsT)),
    "log": (20, unary("LOG")),
    "exp": (20, unary("EXP", schema.ExpOptionsT)),
    "quantize": (20, unary("QUANTIZE", schema.QuantizeOptionsT)),
    "lstm": (30, lstm),
}
