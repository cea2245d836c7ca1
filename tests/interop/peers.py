"""Speed of edge-runtime beside its peers, on the int8 models in `../shared/models`: asserts nothing.

Each engine runs on one thread, one after the other, in rounds, and the least time counts. Ours comes from
`cargo bench -p edge-runtime --features std`, which names the instruction sets that it uses; LiteRT runs the same .tflite with XNNPACK,
TFLite Micro its reference kernels, and onnxruntime the QDQ ONNX that `edgectl quantize` makes of the model. What the peers take
includes a call from Python, about a microsecond of onnxruntime's times.
"""

import math
import os
import re
import subprocess
import sys
import tempfile
import time
from pathlib import Path

from common import MODELS, ROOT, edgectl, require_models, table

NAMES = [
    "digits_mlp/ref_int8", "fmnist/student_ref_int8", "fmnist/teacher_ref_int8", "kws_dscnn/ref_int8", "misc/hello_world_int8",
    "misc/micro_speech_int8", "misc/person_detect_int8", "nab_machine_temp_ae/ref_int8",
]
ROUNDS = 12
ROUND_S = 0.02


def least_us(invoke):
    """The least time of a call, of several rounds of many."""
    start = time.perf_counter()
    invoke()
    best = time.perf_counter() - start
    for _ in range(ROUNDS):
        count = max(1, int(ROUND_S / best))
        start = time.perf_counter()
        for _ in range(count):
            invoke()
        best = min(best, (time.perf_counter() - start) / count)
    return best * 1e6


def noise(shape, dtype):
    import numpy as np

    return np.random.default_rng(1).integers(-128, 128, shape).astype(dtype)


def litert(path, _):
    from ai_edge_litert.interpreter import Interpreter

    interpreter = Interpreter(str(path), num_threads=1)
    interpreter.allocate_tensors()
    for x in interpreter.get_input_details():
        interpreter.set_tensor(x["index"], noise(x["shape"], x["dtype"]))
    return least_us(interpreter.invoke)


def micro(path, _):
    from tflite_micro import runtime

    interpreter = runtime.Interpreter.from_file(str(path))
    details = interpreter.get_input_details(0)
    interpreter.set_input(noise(details["shape"], details["dtype"]), 0)
    return least_us(interpreter.invoke)


def onnxruntime(path, folder):
    import numpy as np
    import onnxruntime as ort

    model = folder / (path.parent.name + path.stem + ".onnx")
    done = edgectl("quantize", path, "-o", model)
    if done.status != 0:
        raise RuntimeError(str(done))
    options = ort.SessionOptions()
    options.intra_op_num_threads = options.inter_op_num_threads = 1
    session = ort.InferenceSession(str(model), options, providers=["CPUExecutionProvider"])
    feed = {x.name: np.zeros([d if isinstance(d, int) else 1 for d in x.shape], np.float32) for x in session.get_inputs()}
    return least_us(lambda: session.run(None, feed))


PEERS = {"LiteRT": litert, "onnxruntime": onnxruntime, "TFLite Micro": micro}


def ours():
    """Our times by model, and the instruction set."""
    command = os.environ.get("EDGE_RUNTIME_BENCH")
    command = [command] if command else ["cargo", "bench", "--quiet", "-p", "edge-runtime", "--features", "std", "--bench", "kernels", "--"]
    paths = [str(MODELS / f"{name}.tflite") for name in NAMES]
    output = subprocess.run([*command, *paths], cwd=ROOT, check=True, capture_output=True, text=True).stdout.splitlines()
    isa = output[0].split()[-2]
    rows = [re.findall(r"([\d.]+) us", line) for line in output if line.rstrip().endswith("x") and " us" in line]
    return {name: float(row[-1]) for name, row in zip(NAMES, rows, strict=True)}, isa


def child(peer, name):
    """A peer's time, measured in a process of its own: some end the process when they meet what they cannot run."""
    done = subprocess.run([sys.executable, __file__, peer, name], capture_output=True, text=True, timeout=600)
    match = re.search(r"^least ([\d.]+)$", done.stdout, re.MULTILINE)
    return float(match[1]) if match else None


def main():
    require_models()
    if len(sys.argv) == 3:
        with tempfile.TemporaryDirectory() as folder:
            print("least", PEERS[sys.argv[1]](MODELS / f"{sys.argv[2]}.tflite", Path(folder)))
        return
    before, isa = ours()
    theirs = {peer: {name: child(peer, name) for name in NAMES} for peer in PEERS}
    after, _ = ours()
    own = {name: min(before[name], after[name]) for name in NAMES}
    print(f"one thread, {isa}; times in us, and how many times as fast we are")
    cell = lambda found, mine: "-" if found is None else f"{found:.1f} {found / mine:5.2f}x"
    table(["model", "edge-runtime", *PEERS], [[n, f"{own[n]:.1f}", *(cell(theirs[p][n], own[n]) for p in PEERS)] for n in NAMES])
    for peer, found in theirs.items():
        ratios = [found[name] / own[name] for name in NAMES if found[name]]
        if ratios:
            mean = math.exp(sum(map(math.log, ratios)) / len(ratios))
            print(f"{peer}: geometric mean {mean:.2f}x, least {min(ratios):.2f}x, of {len(ratios)} models")


if __name__ == "__main__":
    main()
