"""RAM beside what others published for the same architectures on the same inputs. Fails where ours is more than 5 % away.

Published are the buffers of activations that TinyMaix (github.com/sipeed/TinyMaix, its table of models: `calibrate.csv` rows TMAIX-*) takes for four models
on every board that it names. The models are made here by the builders of the zoo, with random weights: sizes do not depend on those.
Figures of whole programs (MicroFlow's, X-CUBE-AI's "total RAM", TensorFlow Lite's processes) have drivers, stacks or interpreters in them, and
what TinyEngine's table says of TensorFlow Lite Micro has its persistent buffers; no arena is comparable with these.

TinyMaix counts input and output of the operator that needs most, in KiB with at most one decimal, without its own structures.
"""

import json
import sys
import tempfile
from pathlib import Path

import onnx

from common import edgectl, table
from zoo_models import Net

LIMIT = 0.05
SAME = [0, 0, 1, 1]


def mobilenet(side, classes):
    """MobileNetV1 of width 0.25 (Howard et al. 2017, table 1)."""
    n = Net((1, 3, side, side))
    x = n.cba("x", 8, stride=2, pad=SAME)
    widths = [(16, 1), (32, 2), (32, 1), (64, 2), (64, 1), (128, 2), *[(128, 1)] * 5, (256, 2), (256, 1)]
    for out, stride in widths:
        x = n.cba(x, n.channels[x], stride=stride, groups=n.channels[x], pad=SAME if stride == 2 else None)
        x = n.cba(x, out, 1)
    return n.finish(n.op("Softmax", n.head(x, classes), axis=1))


def cifar():
    """TinyMaix's cifar10: three 5x5 convolutions with stride 2 of 32, 32 and 64 channels, 1024 values into a dense layer."""
    n = Net((1, 3, 32, 32))
    x = "x"
    for out in (32, 32, 64):
        x = n.act(n.conv(x, out, 5, 2, bias=True, pad=[1, 1, 2, 2]), "Relu")
    flat = n.op("Flatten", x, axis=1)
    w = n.weights(10, 1024, fan_in=1024)
    return n.finish(n.op("Softmax", n.op("Gemm", flat, w, n.constant([0.0] * 10), transB=1, channels=10), axis=1))


def mnist():
    """TinyMaix's mnist: three 3x3 convolutions with stride 2 of 4, 8 and 16 channels without padding, pooled."""
    n = Net((1, 1, 28, 28))
    x = "x"
    for out in (4, 8, 16):
        x = n.act(n.conv(x, out, 3, 2, bias=True, pad=[0] * 4), "Relu")
    return n.finish(n.op("Softmax", n.head(x), axis=1))


# Model, builder, published KiB, how many rows have it.
PUBLISHED = [
    ("vww96 (MobileNetV1-0.25)", lambda: mobilenet(96, 2), 54, 9),
    ("mbnet128 (MobileNetV1-0.25)", lambda: mobilenet(128, 1001), 96, 7),
    ("cifar10", cifar, 11, 12),
    ("mnist", mnist, 1.4, 11),
]


def main():
    rows, failures = [], []
    for name, build, published, count in PUBLISHED:
        with tempfile.TemporaryDirectory() as folder:
            path = Path(folder) / "model.onnx"
            onnx.save(build(), path)
            done = edgectl("bench", path, "--profile", "stm32h7", "--format", "json")
        if done.status != 0:
            sys.exit(str(done))
        ram = json.loads(done.stdout)["findings"][0]["memory"]["ram"]
        kib = ram["arena_bytes"] / 1024
        rows.append([name, str(ram["arena_bytes"]), f"{kib:.2f}", str(published), f"{100 * (kib / published - 1):+.1f} %", str(count)])
        if abs(kib / published - 1) > LIMIT:
            failures.append(f"{name}: {kib:.2f} KiB, published {published}")
    table(["model", "arena, bytes", "KiB", "published", "difference", "rows"], rows)
    for failure in failures:
        print(f"FAILED {failure}")
    sys.exit(bool(failures))


if __name__ == "__main__":
    main()
