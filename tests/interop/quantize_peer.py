"""Wall time and peak memory of `edgectl quantize` beside onnxruntime's `quantize_static`.

Both quantize fmnist/teacher from the same 200 calibration samples: int8 weights per channel, int8 activations, min-max. Each is
a process of its own, from start to end; the median of three. A report: it fails when a child does, never on a figure.
"""

import argparse
import os
import statistics
import sys
import tempfile
import time
from pathlib import Path

from common import CASES, binary, require_models, table

CASE = next(case for case in CASES if case.name == "fmnist/teacher")
REPEATS = 3


def measure(arguments):
    """Seconds, and peak resident MiB, of a child. Its peak counts from ours, which is why this process stays small."""
    start = time.perf_counter()
    with open(os.devnull, "w") as null:
        actions = [(os.POSIX_SPAWN_DUP2, null.fileno(), 1)]
        pid = os.posix_spawn(arguments[0], arguments, os.environ, file_actions=actions)
        _, status, usage = os.wait4(pid, 0)
    seconds = time.perf_counter() - start
    if os.waitstatus_to_exitcode(status) != 0:
        sys.exit(f"{' '.join(arguments)}: status {os.waitstatus_to_exitcode(status)}")
    return seconds, usage.ru_maxrss / 1024


def median(make_arguments):
    runs = []
    for _ in range(REPEATS):
        with tempfile.TemporaryDirectory() as folder:
            runs.append(measure([str(a) for a in make_arguments(Path(folder))]))
    return [statistics.median(column) for column in zip(*runs)]


def ours(folder):
    return [binary(), "quantize", CASE.model_path, "--calibration", CASE.data_path("calib"), *CASE.options,
            "-o", folder / "teacher.edgm", "-o", folder / "teacher.int8.onnx", "--format", "json"]


def theirs(folder):
    return [sys.executable, Path(__file__).resolve(), "--child", folder / "teacher.int8.onnx"]


def quantize_static(output):
    """The peer: what its documentation tells to do for a convolutional network."""
    from onnxruntime import quantization
    from onnxruntime.quantization.shape_inference import quant_pre_process

    class Samples(quantization.CalibrationDataReader):
        def __init__(self):
            self.samples = ({"input": x[None]} for x in CASE.decoded("calib", 200))

        def get_next(self):
            return next(self.samples, None)

    prepared = output.with_suffix(".prepared.onnx")
    quant_pre_process(str(CASE.model_path), str(prepared))
    quantization.quantize_static(
        str(prepared), str(output), Samples(), quant_format=quantization.QuantFormat.QDQ, per_channel=True,
        activation_type=quantization.QuantType.QInt8, weight_type=quantization.QuantType.QInt8,
        calibrate_method=quantization.CalibrationMethod.MinMax,
    )


def main():
    parser = argparse.ArgumentParser(description=__doc__, formatter_class=argparse.RawDescriptionHelpFormatter)
    parser.add_argument("--child", type=Path, help=argparse.SUPPRESS)
    output = parser.parse_args().child
    require_models()
    if output:
        quantize_static(output)
        return
    if binary().parent.name == "debug":
        print(f"note: {binary()} is a debug build", file=sys.stderr)
    peer, own = median(theirs), median(ours)
    rows = [["onnxruntime quantize_static", f"{peer[0]:.2f}", f"{peer[1]:.0f}"],
            ["edgectl quantize", f"{own[0]:.2f}", f"{own[1]:.0f}"],
            ["ratio", f"{own[0] / peer[0]:.2f}", f"{own[1] / peer[1]:.2f}"]]
    table(["median of 3", "seconds", "peak MiB"], rows)


if __name__ == "__main__":
    main()
