"""Seconds that an epoch of training takes, beside PyTorch on the same network, batch and optimizer in the same run:
`train_speed.py [plain|separable ...]`.

PyTorch is not among the common requirements: its wheels take gigabytes (`setup.sh train`, or any environment that has it). Ours is the
example `epoch` of `edgectl-train`, built before by `cargo build --release -p edgectl-train --example epoch`; EPOCH names another binary. Both
use all cores. Each is run three times, in turn, and the fastest epoch counts. A report: it never fails on a figure.
"""

import os
import re
import subprocess
import sys
import time
from pathlib import Path

ROOT = Path(__file__).resolve().parents[2]
SAMPLES, BATCH, REPEATS = 9984, 64, 3


def binary():
    target = Path(os.environ.get("CARGO_TARGET_DIR", ROOT / "target"))
    return Path(os.environ.get("EPOCH", target / "release" / "examples" / "epoch"))


def ours(kind):
    out = subprocess.run([binary(), kind, "1"], check=True, capture_output=True, text=True).stdout
    seconds, parameters = re.match(r"([\d.]+) s .* (\d+) parameters", out).groups()
    return float(seconds), int(parameters)


def network(kind):
    from torch import nn

    layers, channels = [], 1

    def conv(filters, kernel, groups=1):
        nonlocal channels
        layers.extend([nn.Conv2d(channels, filters, kernel, padding=kernel // 2, groups=groups, bias=False),
                       nn.BatchNorm2d(filters), nn.ReLU()])
        channels = filters

    conv(16, 3)
    if kind == "separable":
        for filters, pools in (32, True), (64, True), (128, False), (128, False):
            conv(channels, 3, channels)
            conv(filters, 1)
            if pools:
                layers.append(nn.MaxPool2d(2))
    else:
        conv(32, 3)
        layers.append(nn.MaxPool2d(2))
        conv(64, 3)
        layers.append(nn.MaxPool2d(2))
        conv(64, 1)
    return nn.Sequential(*layers, nn.AdaptiveAvgPool2d(1), nn.Flatten(), nn.Linear(channels, 10))


def torch_epoch(kind):
    import torch

    torch.manual_seed(1)
    model = network(kind)
    x, y = torch.rand(SAMPLES, 1, 28, 28), torch.arange(SAMPLES) % 10
    optimizer = torch.optim.AdamW(model.parameters(), lr=1e-3, weight_decay=1e-4)
    order = torch.randperm(SAMPLES)
    start = time.perf_counter()
    for first in range(0, SAMPLES, BATCH):
        places = order[first:first + BATCH]
        optimizer.zero_grad()
        torch.nn.functional.cross_entropy(model(x[places]), y[places]).backward()
        torch.nn.utils.clip_grad_norm_(model.parameters(), 5.0)
        optimizer.step()
    return time.perf_counter() - start, sum(p.numel() for p in model.parameters())


def main():
    import torch

    print(f"PyTorch {torch.__version__}, {torch.get_num_threads()} threads; {os.cpu_count()} cores; {SAMPLES} samples of 28x28, batch {BATCH}")
    for kind in sys.argv[1:] or ("plain", "separable"):
        pairs = [(ours(kind), torch_epoch(kind)) for _ in range(REPEATS)]
        own, (_, own_parameters) = min(pair[0][0] for pair in pairs), pairs[0][0]
        peer, peer_parameters = min(pair[1][0] for pair in pairs), pairs[0][1][1]
        assert own_parameters == peer_parameters, (own_parameters, peer_parameters)
        print(f"{kind} ({own_parameters} parameters): edgectl {own:.2f} s, PyTorch {peer:.2f} s, ratio {own / peer:.2f}")


if __name__ == "__main__":
    main()
