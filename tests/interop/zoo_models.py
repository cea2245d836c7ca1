"""Published architectures of small models as ONNX graphs with random weights, narrow and at low resolution.

`MODELS[name]()` gives a model with one input `x`. Blocks, strides, activations and their order are those of the paper that each
builder names; widths and depths are cut down. Batch normalization is written as training leaves it: a node after its convolution.
"""

import numpy as np
import onnx
from onnx import TensorProto, helper


def waves(rng, count, shape):
    """Samples: waves of random frequency and phase along each axis, and some noise."""
    x = rng.normal(0, 0.3, (count, *shape))
    for axis, size in enumerate(shape, 1):
        for _ in range(3):
            wave = np.sin(np.arange(size) * rng.uniform(0.05, 0.8, (count, 1)) + rng.uniform(0, 7, (count, 1)))
            x += 0.7 * wave.reshape(count, *[size if a == axis else 1 for a in range(1, len(shape) + 1)])
    return x.astype(np.float32)


class Net:
    """An ONNX graph in the making. Methods add nodes and return the names of their outputs."""

    def __init__(self, shape, opset=17, seed=0):
        self.rng = np.random.default_rng(seed)
        self.nodes, self.values, self.opset, self.shape = [], {}, opset, list(shape)
        self.channels = {"x": shape[1]}

    def constant(self, array, kind=np.float32):
        name = f"c{len(self.values)}"
        self.values[name] = np.asarray(array, kind)
        return name

    def op(self, kind, *inputs, outputs=1, channels=None, **attributes):
        names = [f"{kind.lower()}{len(self.nodes)}_{i}" for i in range(outputs)]
        self.nodes.append(helper.make_node(kind, list(inputs), names, name=names[0], **attributes))
        for name in names:
            self.channels[name] = self.channels.get(inputs[0]) if channels is None else channels
        return names[0] if outputs == 1 else names

    def weights(self, *shape, fan_in):
        return self.constant(self.rng.normal(0, np.sqrt(2 / fan_in), shape))

    def conv(self, x, out, kernel=3, stride=1, groups=1, pad=None, dilation=1, bias=False, **more):
        depth, rank = self.channels[x], len(self.shape) - 2
        sizes = [kernel] * rank if isinstance(kernel, int) else list(kernel)
        pads = [dilation * (k // 2) for k in sizes] * 2 if pad is None else pad
        w = self.weights(out, depth // groups, *sizes, fan_in=depth // groups * int(np.prod(sizes)))
        inputs = [x, w] + ([self.constant(self.rng.normal(0, 0.1, out))] if bias else [])
        return self.op("Conv", *inputs, channels=out, kernel_shape=sizes, strides=[stride] * rank, group=groups, pads=pads,
                       dilations=[dilation] * rank, **more)

    def deconv(self, x, out, kernel=2, stride=2, pad=0, output_padding=0):
        depth, rank = self.channels[x], len(self.shape) - 2
        w = self.weights(depth, out, *[kernel] * rank, fan_in=depth * kernel**rank / stride**rank)
        bias = self.constant(self.rng.normal(0, 0.1, out))
        return self.op("ConvTranspose", x, w, bias, channels=out, kernel_shape=[kernel] * rank, strides=[stride] * rank,
                       pads=[pad] * 2 * rank, output_padding=[output_padding] * rank)

    def norm(self, x):
        c = self.channels[x]
        gamma, beta, mean = (self.rng.normal(m, 0.1, c) for m in (1, 0, 0))
        return self.op("BatchNormalization", x, *map(self.constant, (gamma, beta, mean, self.rng.uniform(0.7, 1.3, c))))

    def act(self, x, kind):
        if kind == "ReLU6":
            return self.op("Clip", x, self.constant(0.0), self.constant(6.0))
        if kind == "SiLU":
            return self.op("Mul", x, self.op("Sigmoid", x))
        if kind == "PReLU":
            return self.op("PRelu", x, self.constant(self.rng.uniform(0.05, 0.4, (self.channels[x], 1, 1))))
        return self.op(kind, x, **({"alpha": 0.1} if kind == "LeakyRelu" else {})) if kind else x

    def cba(self, x, out, kernel=3, stride=1, act="Relu", **more):
        """Convolution, batch normalization, activation."""
        return self.act(self.norm(self.conv(x, out, kernel, stride, **more)), act)

    def dense(self, x, inputs, out):
        """Of the last axis of any input."""
        product = self.op("MatMul", x, self.weights(inputs, out, fan_in=inputs), channels=out)
        return self.op("Add", product, self.constant(self.rng.normal(0, 0.1, out)))

    def head(self, x, classes=10):
        pooled = self.op("Flatten", self.op("GlobalAveragePool", x), axis=1)
        w = self.weights(classes, self.channels[x], fan_in=self.channels[x])
        return self.op("Gemm", pooled, w, self.constant(self.rng.normal(0, 0.1, classes)), transB=1, channels=classes)

    def reshape(self, x, *shape, channels=None):
        return self.op("Reshape", x, self.constant(shape, np.int64), channels=channels)

    def finish(self, *outputs):
        model = onnx.shape_inference.infer_shapes(self.model(self.nodes, *outputs), strict_mode=True)
        onnx.checker.check_model(model, full_check=True)
        return model

    def model(self, nodes, *outputs):
        info = helper.make_tensor_value_info
        used = {name for node in nodes for name in node.input}
        graph = helper.make_graph(
            nodes, "zoo", [info("x", TensorProto.FLOAT, self.shape)],
            [helper.make_empty_tensor_value_info(name) for name in outputs],
            [onnx.numpy_helper.from_array(value, name) for name, value in self.values.items() if name in used],
        )
        model = helper.make_model(graph, opset_imports=[helper.make_opsetid("", self.opset)])
        model.ir_version = 10 if self.opset > 21 else 8
        return model


def mobilenet_v1():
    """Howard et al. 2017, table 1."""
    n = Net((1, 3, 64, 64))
    x = n.cba("x", 8, stride=2)
    for out, stride in [(16, 1), (32, 2), (32, 1), (64, 2), (64, 1), (128, 2), (128, 1), (128, 1), (256, 2), (256, 1)]:
        x = n.cba(n.cba(x, n.channels[x], stride=stride, groups=n.channels[x]), out, 1)
    return n.finish(n.op("Softmax", n.head(x), axis=1))


def inverted(n, x, out, stride, expand, kernel=3, act="ReLU6", squeeze=None):
    """Sandler et al. 2018, figure 4; squeeze-and-excite as in MobileNetV3."""
    inner, y = n.channels[x] * expand, x
    if expand != 1:
        y = n.cba(y, inner, 1, act=act)
    y = n.cba(y, inner, kernel, stride, act, groups=inner)
    if squeeze:
        y = excite(n, y, squeeze)
    y = n.cba(y, out, 1, act=None)
    return n.op("Add", x, y) if stride == 1 and n.channels[x] == out else y


def excite(n, x, ratio, gate="HardSigmoid"):
    """Hu et al. 2018, figure 2, with 1x1 convolutions."""
    c = n.channels[x]
    s = n.act(n.conv(n.op("GlobalAveragePool", x), max(8, c // ratio), 1, bias=True), "Relu")
    s = n.conv(s, c, 1, bias=True)
    s = n.op("HardSigmoid", s, alpha=1 / 6, beta=0.5) if gate == "HardSigmoid" else n.op("Sigmoid", s)
    return n.op("Mul", x, s)


def mobilenet_v2():
    """Sandler et al. 2018, table 2."""
    n = Net((1, 3, 64, 64))
    x = n.cba("x", 16, stride=2, act="ReLU6")
    for expand, out, count, stride in [(1, 8, 1, 1), (6, 12, 2, 2), (6, 16, 3, 2), (6, 32, 2, 2), (6, 48, 2, 1)]:
        for i in range(count):
            x = inverted(n, x, out, stride if i == 0 else 1, expand)
    return n.finish(n.head(n.cba(x, 160, 1, act="ReLU6")))


def mobilenet_v3():
    """Howard et al. 2019, table 2 (small)."""
    n = Net((1, 3, 64, 64))
    x = n.cba("x", 16, stride=2, act="HardSwish")
    for kernel, expand, out, squeeze, act, stride in [
        (3, 1, 16, 4, "Relu", 2), (3, 4, 24, None, "Relu", 2), (3, 4, 24, None, "Relu", 1), (5, 4, 40, 4, "HardSwish", 2),
        (5, 6, 40, 4, "HardSwish", 1), (5, 3, 48, 4, "HardSwish", 1),
    ]:
        x = inverted(n, x, out, stride, expand, kernel, act, squeeze)
    x = n.cba(x, 144, 1, act="HardSwish")
    x = n.act(n.conv(n.op("GlobalAveragePool", x), 128, 1, bias=True), "HardSwish")
    return n.finish(n.op("Flatten", n.conv(x, 10, 1, bias=True), axis=1))


def efficientnet_lite():
    """Tan and Le 2019, table 1, without squeeze-and-excite and with ReLU6 (EfficientNet-Lite)."""
    n = Net((1, 3, 64, 64))
    x = n.cba("x", 16, stride=2, act="ReLU6")
    for expand, kernel, out, count, stride in [(1, 3, 8, 1, 1), (6, 3, 12, 2, 2), (6, 5, 20, 2, 2), (6, 3, 40, 2, 2), (6, 5, 56, 2, 1)]:
        for i in range(count):
            x = inverted(n, x, out, stride if i == 0 else 1, expand, kernel)
    return n.finish(n.head(n.cba(x, 160, 1, act="ReLU6")))


def squeezenet():
    """Iandola et al. 2016, version 1.1."""
    n = Net((1, 3, 64, 64))

    def fire(x, squeeze, expand):
        s = n.act(n.conv(x, squeeze, 1, bias=True), "Relu")
        parts = [n.act(n.conv(s, expand, k, bias=True), "Relu") for k in (1, 3)]
        return n.op("Concat", *parts, axis=1, channels=2 * expand)

    def pool(x):
        return n.op("MaxPool", x, kernel_shape=[3, 3], strides=[2, 2], ceil_mode=1)

    x = pool(n.act(n.conv("x", 32, 3, 2, pad=[0, 0, 0, 0], bias=True), "Relu"))
    for squeeze, expand in [(8, 32), (8, 32)]:
        x = fire(x, squeeze, expand)
    x = pool(x)
    for squeeze, expand in [(16, 64), (16, 64)]:
        x = fire(x, squeeze, expand)
    x = n.act(n.conv(x, 10, 1, bias=True), "Relu")
    return n.finish(n.op("Flatten", n.op("GlobalAveragePool", x), axis=1))


def shuffle(n, x, groups, size):
    c = n.channels[x]
    x = n.reshape(x, 1, groups, c // groups, size, size)
    return n.reshape(n.op("Transpose", x, perm=[0, 2, 1, 3, 4]), 1, c, size, size, channels=c)


def shufflenet_v1():
    """Zhang et al. 2018, figure 2, three groups."""
    n, groups = Net((1, 3, 64, 64)), 3
    x = n.op("MaxPool", n.cba("x", 24, stride=2), kernel_shape=[3, 3], strides=[2, 2], pads=[1, 1, 1, 1])
    size = 16
    for out, count in [(60, 2), (120, 2)]:
        for i in range(count):
            stride, inner = (2, out - n.channels[x]) if i == 0 else (1, out)
            y = n.cba(x, out // 4 // groups * groups, 1, groups=1 if n.channels[x] == 24 else groups)
            y = n.cba(shuffle(n, y, groups, size), n.channels[y], stride=stride, act=None, groups=n.channels[y])
            y = n.cba(y, inner, 1, act=None, groups=groups)
            if stride == 2:
                size //= 2
                short = n.op("AveragePool", x, kernel_shape=[3, 3], strides=[2, 2], pads=[1, 1, 1, 1], count_include_pad=1)
                x = n.act(n.op("Concat", short, y, axis=1, channels=out), "Relu")
            else:
                x = n.act(n.op("Add", x, y), "Relu")
    return n.finish(n.head(x))


def shufflenet_v2():
    """Ma et al. 2018, figure 3 (c) and (d)."""
    n = Net((1, 3, 64, 64))
    x = n.op("MaxPool", n.cba("x", 24, stride=2), kernel_shape=[3, 3], strides=[2, 2], pads=[1, 1, 1, 1])
    size = 16
    for out, count in [(32, 3), (64, 3)]:
        half = out // 2
        for i in range(count):
            if i == 0:
                left = n.cba(n.cba(x, n.channels[x], stride=2, act=None, groups=n.channels[x]), half, 1)
                right, size = n.cba(x, half, 1), size // 2
            else:
                left, right = n.op("Split", x, n.constant([half, half], np.int64), outputs=2, axis=1, channels=half)
                right = n.cba(right, half, 1)
            right = n.cba(n.cba(right, half, stride=2 if i == 0 else 1, act=None, groups=half), half, 1)
            x = shuffle(n, n.op("Concat", left, right, axis=1, channels=out), 2, size)
    return n.finish(n.head(n.cba(x, 128, 1)))


def resnet18():
    """He et al. 2016, table 1 and figure 3."""
    n = Net((1, 3, 64, 64))
    x = n.op("MaxPool", n.cba("x", 16, 7, 2), kernel_shape=[3, 3], strides=[2, 2], pads=[1, 1, 1, 1])
    for out, stride in [(16, 1), (16, 1), (32, 2), (32, 1), (64, 2), (64, 1)]:
        y = n.cba(n.cba(x, out, stride=stride), out, act=None)
        short = x if stride == 1 and n.channels[x] == out else n.cba(x, out, 1, stride, act=None)
        x = n.act(n.op("Add", y, short), "Relu")
    return n.finish(n.head(x))


def se_resnet():
    """Hu et al. 2018, figure 3, with bottlenecks."""
    n = Net((1, 3, 32, 32))
    x = n.cba("x", 16)
    for out, stride in [(32, 1), (32, 1), (64, 2), (64, 1)]:
        y = n.cba(n.cba(n.cba(x, out // 4, 1), out // 4, stride=stride), out, 1, act=None)
        short = x if stride == 1 and n.channels[x] == out else n.cba(x, out, 1, stride, act=None)
        x = n.act(n.op("Add", excite(n, y, 4, "Sigmoid"), short), "Relu")
    return n.finish(n.head(x))


def densenet():
    """Huang et al. 2017: normalization and activation before each convolution, all features joined."""
    n = Net((1, 3, 32, 32))
    x = n.conv("x", 16)
    for last in (False, True):
        for _ in range(4):
            y = n.conv(n.act(n.norm(x), "Relu"), 24, 1)
            y = n.conv(n.act(n.norm(y), "Relu"), 12)
            x = n.op("Concat", x, y, axis=1, channels=n.channels[x] + 12)
        if not last:
            x = n.conv(n.act(n.norm(x), "Relu"), n.channels[x] // 2, 1)
            x = n.op("AveragePool", x, kernel_shape=[2, 2], strides=[2, 2])
    return n.finish(n.head(n.act(n.norm(x), "Relu")))


def yolo_tiny():
    """Redmon and Farhadi 2018 (YOLOv3-tiny): two scales, leaky ReLU, upsampling."""
    n = Net((1, 3, 96, 96))
    x = "x"
    for out in (8, 16, 32, 64):
        x = n.cba(x, out, act="LeakyRelu")
        x = n.op("MaxPool", x, kernel_shape=[2, 2], strides=[2, 2])
    fine = n.cba(x, 64, act="LeakyRelu")
    x = n.op("MaxPool", fine, kernel_shape=[2, 2], strides=[2, 2])
    coarse = n.cba(n.cba(x, 128, act="LeakyRelu"), 64, 1, act="LeakyRelu")
    first = n.conv(n.cba(coarse, 64, act="LeakyRelu"), 21, 1, bias=True)
    up = n.op("Resize", n.cba(coarse, 32, 1, act="LeakyRelu"), "", n.constant([1, 1, 2, 2]), mode="nearest",
              coordinate_transformation_mode="asymmetric", nearest_mode="floor")
    joined = n.op("Concat", up, fine, axis=1, channels=96)
    second = n.conv(n.cba(joined, 64, act="LeakyRelu"), 21, 1, bias=True)
    outputs = []
    for out, size in ((first, 3), (second, 6)):
        y = n.op("Transpose", n.reshape(out, 1, 3, 7, size, size), perm=[0, 1, 3, 4, 2])
        outputs.append(n.op("Sigmoid", y))
    return n.finish(*outputs)


def yolo_n():
    """Ultralytics YOLOv8n: C2f, SPPF, a path up, and a head that reads boxes off distributions."""
    n = Net((1, 3, 64, 64))

    def cbs(x, out, kernel=3, stride=1):
        return n.cba(x, out, kernel, stride, "SiLU")

    def c2f(x, out):
        x = cbs(x, out, 1)
        half = out // 2
        parts = n.op("Split", x, n.constant([half, half], np.int64), outputs=2, axis=1, channels=half)
        parts.append(n.op("Add", parts[1], cbs(cbs(parts[1], half), half)))
        return cbs(n.op("Concat", *parts, axis=1, channels=3 * half), out, 1)

    p3 = c2f(cbs(c2f(cbs(cbs("x", 8, stride=2), 16, stride=2), 16), 32, stride=2), 32)
    x = cbs(c2f(cbs(p3, 48, stride=2), 48), 24, 1)
    pools = [x]
    for _ in range(3):
        pools.append(n.op("MaxPool", pools[-1], kernel_shape=[5, 5], strides=[1, 1], pads=[2, 2, 2, 2]))
    p4 = cbs(n.op("Concat", *pools, axis=1, channels=96), 48, 1)
    up = n.op("Resize", p4, "", n.constant([1, 1, 2, 2]), mode="nearest", coordinate_transformation_mode="asymmetric", nearest_mode="floor")
    p3 = c2f(n.op("Concat", up, p3, axis=1, channels=80), 32)
    boxes = n.reshape(n.conv(cbs(p3, 16), 32, 1, bias=True), 1, 4, 8, 64)
    boxes = n.op("Softmax", n.op("Transpose", boxes, perm=[0, 2, 1, 3]), axis=1)
    n.channels[boxes], n.shape = 8, [1, 8, 4, 64]
    n.values["bins"] = np.arange(8, dtype=np.float32).reshape(1, 8, 1, 1)
    boxes = n.op("Conv", boxes, "bins", kernel_shape=[1, 1], channels=1)
    n.shape = [1, 3, 64, 64]
    classes = n.op("Sigmoid", n.reshape(n.conv(cbs(p3, 16), 5, 1, bias=True), 1, 5, 64))
    return n.finish(n.reshape(boxes, 1, 4, 64), classes)


def ds_cnn():
    """Zhang et al. 2017 (Hello Edge), on 49 x 10 features."""
    n = Net((1, 1, 49, 10))
    x = n.cba("x", 32, (10, 4), stride=2, pad=[4, 1, 5, 2])
    for _ in range(4):
        x = n.cba(n.cba(x, 32, groups=32), 32, 1)
    x = n.op("AveragePool", x, kernel_shape=[25, 5])
    w = n.weights(12, 32, fan_in=32)
    return n.finish(n.op("Softmax", n.op("Gemm", n.op("Flatten", x, axis=1), w, transB=1), axis=1))


def tcn():
    """Bai et al. 2018, figure 1: causal dilated convolutions, padding cut off behind."""
    n = Net((1, 4, 128))
    x = "x"
    for level, out in enumerate((16, 24, 24, 32)):
        d = 2**level
        y = x
        for _ in range(2):
            y = n.conv(y, out, 3, pad=[2 * d, 2 * d], dilation=d, bias=True)
            ends = [n.constant(v, np.int64) for v in ([0], [-2 * d], [2])]
            y = n.act(n.op("Slice", y, *ends), "Relu")
        short = x if n.channels[x] == out else n.conv(x, out, 1, bias=True)
        x = n.act(n.op("Add", y, short), "Relu")
    last = n.op("Gather", x, n.constant(127, np.int64), axis=2)
    w = n.weights(6, 32, fan_in=32 * 100)  # logits that differ by a few units: below -16 there is nothing
    return n.finish(n.op("LogSoftmax", n.op("Gemm", last, w, transB=1), axis=-1))


def autoencoder():
    """Convolutions down, transposed convolutions up (Zeiler et al. 2010)."""
    n = Net((1, 1, 32, 32))
    x = n.cba(n.cba(n.cba("x", 8, stride=2), 16, stride=2), 24, stride=2)
    for out in (16, 8):
        x = n.act(n.norm(n.deconv(x, out, 3, 2, 1, 1)), "Relu")
    return n.finish(n.op("Sigmoid", n.deconv(x, 1, 4, 2, 1)))


def unet():
    """Ronneberger et al. 2015, figure 1, padded; an ArgMax gives the class of each pixel."""
    n = Net((1, 3, 32, 32))
    x, skips = "x", []
    for out in (8, 16):
        x = n.cba(n.cba(x, out), out)
        skips.append(x)
        x = n.op("MaxPool", x, kernel_shape=[2, 2], strides=[2, 2])
    x = n.cba(n.cba(x, 32), 32)
    for skip in reversed(skips):
        out = n.channels[skip]
        x = n.op("Concat", skip, n.deconv(x, out), axis=1, channels=2 * out)
        x = n.cba(n.cba(x, out), out)
    logits = n.conv(x, 4, 1, bias=True)
    return n.finish(logits, n.op("ArgMax", logits, axis=1, keepdims=0))


def face():
    """Chen et al. 2018 (MobileFaceNets): PReLU per channel, a global depthwise convolution."""
    n = Net((1, 3, 48, 48))
    x = n.cba("x", 16, stride=2, act="PReLU")
    x = n.cba(x, 16, act="PReLU", groups=16)
    for out, stride in [(16, 2), (16, 1), (32, 2), (32, 1)]:
        inner = 2 * n.channels[x]
        y = n.cba(n.cba(x, inner, 1, act="PReLU"), inner, stride=stride, act="PReLU", groups=inner)
        y = n.cba(y, out, 1, act=None)
        x = n.op("Add", x, y) if stride == 1 else y
    x = n.cba(n.cba(x, 64, 1, act="PReLU"), 64, 6, act=None, groups=64, pad=[0, 0, 0, 0])
    return n.finish(n.op("Flatten", n.cba(x, 32, 1, act=None), axis=1))


def layer_norm(n, x, size):
    gamma, beta = n.constant(n.rng.normal(1, 0.2, size)), n.constant(n.rng.normal(0, 0.2, size))
    return n.op("LayerNormalization", x, gamma, beta, axis=-1)


def attention(n, x, tokens, size, heads, width):
    """Vaswani et al. 2017, 3.2.2."""
    def split(y, perm):
        return n.op("Transpose", n.reshape(y, 1, tokens, heads, width), perm=perm)

    q, k, v = (n.dense(x, size, heads * width) for _ in range(3))
    q, k, v = split(q, [0, 2, 1, 3]), split(k, [0, 2, 3, 1]), split(v, [0, 2, 1, 3])
    scores = n.op("Div", n.op("MatMul", q, k), n.constant(np.sqrt(width)))
    mixed = n.op("Transpose", n.op("MatMul", n.op("Softmax", scores, axis=-1), v), perm=[0, 2, 1, 3])
    return n.dense(n.reshape(mixed, 1, tokens, heads * width), heads * width, size)


def vit():
    """Dosovitskiy et al. 2021, figure 1: patches, a class token, layers normalized first."""
    n, size = Net((1, 3, 32, 32)), 32
    x = n.op("Transpose", n.reshape(n.conv("x", size, 8, 8, pad=[0, 0, 0, 0], bias=True), 1, size, 16), perm=[0, 2, 1])
    x = n.op("Concat", n.constant(n.rng.normal(0, 0.5, (1, 1, size))), x, axis=1)
    x = n.op("Add", x, n.constant(n.rng.normal(0, 0.5, (1, 17, size))))
    for _ in range(3):
        x = n.op("Add", x, attention(n, layer_norm(n, x, size), 17, size, 4, 8))
        y = n.op("Mul", *(lambda h: (h, n.op("Add", n.op("Erf", n.op("Div", h, n.constant(np.sqrt(2)))), n.constant(1.0))))(
            n.dense(layer_norm(n, x, size), size, 64)))
        x = n.op("Add", x, n.dense(n.op("Mul", y, n.constant(0.5)), 64, size))
    token = n.op("Gather", layer_norm(n, x, size), n.constant(0, np.int64), axis=1)
    return n.finish(n.dense(token, size, 10))


def transformer():
    """Vaswani et al. 2017, figure 1: an encoder over 24 vectors, layers normalized last, as older exporters write that."""
    n, size = Net((1, 24, 32), opset=13), 32
    x = n.op("Add", "x", n.constant(n.rng.normal(0, 0.5, (1, 24, size))))

    def normalized(x):
        d = n.op("Sub", x, n.op("ReduceMean", x, axes=[-1]))
        variance = n.op("ReduceMean", n.op("Pow", d, n.constant(2.0)), axes=[-1])
        y = n.op("Div", d, n.op("Sqrt", n.op("Add", variance, n.constant(1e-5))))
        return n.op("Add", n.op("Mul", y, n.constant(n.rng.normal(1, 0.2, size))), n.constant(n.rng.normal(0, 0.2, size)))

    for _ in range(2):
        x = normalized(n.op("Add", x, attention(n, x, 24, size, 4, 8)))
        x = normalized(n.op("Add", x, n.dense(n.act(n.dense(x, size, 64), "Relu"), 64, size)))
    return n.finish(n.dense(n.op("ReduceMean", x, axes=[1], keepdims=0), size, 5))


def gated_transformer():
    """Touvron et al. 2023 (LLaMA) without positions: RMS normalization, gated SiLU."""
    n, size = Net((1, 16, 32), opset=23), 32
    x = "x"

    def normalized(x):
        return n.op("RMSNormalization", x, n.constant(n.rng.normal(1, 0.2, size)), axis=-1)

    for _ in range(2):
        x = n.op("Add", x, attention(n, normalized(x), 16, size, 2, 16))
        y = normalized(x)
        gate = n.act(n.dense(y, size, 64), "SiLU")
        x = n.op("Add", x, n.dense(n.op("Mul", gate, n.dense(y, size, 64)), 64, size))
    return n.finish(n.dense(normalized(x), size, 8))


def convnext():
    """Liu et al. 2022, figure 4: 7x7 depthwise, layer normalization over channels, GELU, layer scale."""
    n = Net((1, 3, 32, 32), opset=20)
    x, size = n.conv("x", 24, 4, 4, pad=[0, 0, 0, 0], bias=True), 24
    for _ in range(3):
        y = n.op("Transpose", n.conv(x, size, 7, groups=size, bias=True), perm=[0, 2, 3, 1])
        y = n.op("Gelu", n.dense(layer_norm(n, y, size), size, 4 * size))
        y = n.op("Mul", n.dense(y, 4 * size, size), n.constant(n.rng.uniform(0.3, 0.6, size)))
        x = n.op("Add", x, n.op("Transpose", y, perm=[0, 3, 1, 2]), channels=size)
    pooled = n.op("Flatten", n.op("GlobalAveragePool", x), axis=1)
    return n.finish(n.dense(layer_norm(n, pooled, size), size, 10))


def style():
    """Johnson et al. 2016: reflected borders, instance normalization, residual blocks, upsampling."""
    n = Net((1, 3, 32, 32), opset=18)

    def block(x, out, kernel, stride=1, act=True):
        p = kernel // 2
        x = n.op("Pad", x, n.constant([0, 0, p, p] * 2, np.int64), mode="reflect")
        x = n.conv(x, out, kernel, stride, pad=[0, 0, 0, 0], bias=True)
        x = n.op("InstanceNormalization", x, n.constant(n.rng.normal(1, 0.1, out)), n.constant(n.rng.normal(0, 0.1, out)))
        return n.act(x, "Relu") if act else x

    x = block(block("x", 8, 9), 16, 3, 2)
    for _ in range(2):
        x = n.op("Add", x, block(block(x, 16, 3), 16, 3, act=False))
    x = n.op("Resize", x, "", n.constant([1, 1, 2, 2]), mode="nearest", coordinate_transformation_mode="asymmetric", nearest_mode="floor")
    x = block(x, 8, 3)
    return n.finish(n.op("Tanh", n.conv(x, 3, 3, bias=True)))


def ranker():
    """The three best of many scores, and where they are."""
    n = Net((1, 32))
    x = n.act(n.dense("x", 32, 64), "Relu")
    return n.finish(*n.op("TopK", n.dense(x, 64, 40), n.constant([3], np.int64), outputs=2, axis=-1))


MODELS = {
    build.__name__: build
    for build in (
        mobilenet_v1, mobilenet_v2, mobilenet_v3, efficientnet_lite, squeezenet, shufflenet_v1, shufflenet_v2, resnet18, se_resnet,
        densenet, yolo_tiny, yolo_n, ds_cnn, tcn, autoencoder, unet, face, vit, transformer, gated_transformer, convnext, style, ranker,
    )
}
