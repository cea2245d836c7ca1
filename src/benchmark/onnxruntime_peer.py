"""Times an ONNX model in onnxruntime, one thread, float inputs of noise.

    python3 onnxruntime_peer.py MODEL BLOCKS BLOCK_SECONDS WARM_UP_SECONDS

Prints one JSON object: the version, the runs before the measurement, and the times of each block in microseconds. `edgectl bench --peers
onnxruntime` runs it with $EDGECTL_PYTHON or python3.
"""

import json
import sys
import time

import numpy
import onnxruntime

TYPES = {"tensor(float)": "f4", "tensor(int8)": "i1", "tensor(uint8)": "u1", "tensor(int32)": "i4", "tensor(int64)": "i8"}

path, blocks, block_seconds, warm_up_seconds = sys.argv[1], int(sys.argv[2]), float(sys.argv[3]), float(sys.argv[4])
options = onnxruntime.SessionOptions()
options.intra_op_num_threads = options.inter_op_num_threads = 1
options.log_severity_level = 3
session = onnxruntime.InferenceSession(path, options, providers=["CPUExecutionProvider"])
random = numpy.random.default_rng(1)


def noise(port):
    shape = [size if isinstance(size, int) else 1 for size in port.shape]
    return random.random(shape).astype(TYPES[port.type])


inputs = {port.name: noise(port) for port in session.get_inputs()}


def block(seconds):
    times, begin = [], time.perf_counter_ns()
    before = begin
    while True:
        session.run(None, inputs)
        now = time.perf_counter_ns()
        times.append((now - before) / 1e3)
        if now - begin >= seconds * 1e9:
            return times
        before = time.perf_counter_ns()


warm_up = block(warm_up_seconds)
print(json.dumps({"version": onnxruntime.__version__, "warm_up_runs": len(warm_up), "blocks_us": [block(block_seconds) for _ in range(blocks)]}))
