"""Speed of edge-runtime beside its peers, on the models in `../shared/models`: asserts nothing.

Each engine runs on one thread, one after the other, in rounds, and the least time counts. Ours comes from
`cargo bench -p edge-runtime --features std`, which names the instruction sets that it uses; LiteRT runs the same .tflite with XNNPACK,
TFLite Micro its reference kernels, onnxruntime the QDQ ONNX that `edgectl quantize` makes of the model, and tract the float model. Models
without an int8 .tflite are quantized by edgectl. What the peers take includes a call from Python, about a microsecond of onnxruntime's
and tract's times. `peers.py FOLDER` keeps what edgectl makes of the models there, and takes what it finds: the second run only measures.
"""

import math
import os
import re
import subprocess
import sys
import tempfile
import time
from pathlib import Path

from common import MODELS, RFB320, ROOT, edgectl, require_models, table

# An int8 model and its float original; of some there is only one of them.
FILES = {
    "digits_mlp": ("digits_mlp/ref_int8.tflite", "digits_mlp/model.onnx"),
    "fmnist/student": ("fmnist/student_ref_int8.tflite", "fmnist/student.onnx"),
    "fmnist/teacher": ("fmnist/teacher_ref_int8.tflite", "fmnist/teacher.onnx"),
    "kws_dscnn": ("kws_dscnn/ref_int8.tflite", "kws_dscnn/model.onnx"),
    "hello_world": ("misc/hello_world_int8.tflite", None),
    "micro_speech": ("misc/micro_speech_int8.tflite", None),
    "person_detect": ("misc/person_detect_int8.tflite", None),
    "nab_machine_temp_ae": ("nab_machine_temp_ae/ref_int8.tflite", "nab_machine_temp_ae/model.onnx"),
    "rfb320_face": (None, "rfb320_face/model.onnx"),
    "wand_cnn1d": (None, "wand_cnn1d/model.onnx"),
}
NAMES = list(FILES)
PREPROCESSING = {"rfb320_face": RFB320}
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


def tflite(name):
    """The int8 .tflite of a model, or nothing."""
    found = FILES[name][0]
    if found is None:
        raise LookupError(f"{name} has no int8 .tflite")
    return str(MODELS / found)


def litert(name, _):
    from ai_edge_litert.interpreter import Interpreter

    interpreter = Interpreter(tflite(name), num_threads=1)
    interpreter.allocate_tensors()
    for x in interpreter.get_input_details():
        interpreter.set_tensor(x["index"], noise(x["shape"], x["dtype"]))
    return least_us(interpreter.invoke)


def micro(name, _):
    from tflite_micro import runtime

    interpreter = runtime.Interpreter.from_file(tflite(name))
    details = interpreter.get_input_details(0)
    interpreter.set_input(noise(details["shape"], details["dtype"]), 0)
    return least_us(interpreter.invoke)


def quantized(name, folder, suffix):
    """A model in int8, as a program (.edgm) or for others (.onnx): what `edgectl quantize` makes of it, unless it is there."""
    stem = name.replace("/", "_")
    made = folder / f"{stem}{suffix}"
    if not made.exists():
        int8, original = FILES[name]
        source = MODELS / (int8 or original)
        options = [] if int8 else ["--calibration", source.parent / "calib_x.npy", *PREPROCESSING.get(name, [])]
        done = edgectl("quantize", source, *options, "-o", folder / f"{stem}.edgm", "-o", folder / f"{stem}.onnx")
        if done.status not in (0, 1):
            raise RuntimeError(str(done))
    return made


def onnxruntime(name, folder):
    return by_onnxruntime(quantized(name, folder, ".onnx"))


def by_onnxruntime(model):
    import numpy as np
    import onnxruntime as ort

    options = ort.SessionOptions()
    options.intra_op_num_threads = options.inter_op_num_threads = 1
    session = ort.InferenceSession(str(model), options, providers=["CPUExecutionProvider"])
    feed = {x.name: np.zeros([d if isinstance(d, int) else 1 for d in x.shape], np.float32) for x in session.get_inputs()}
    return least_us(lambda: session.run(None, feed))


def tract(name, _):
    import numpy as np
    import tract

    path = FILES[name][1]
    if path is None:
        raise LookupError(f"{name} has no float model")
    model = tract.onnx().load(str(MODELS / path))
    shapes = []
    for index in range(model.input_count()):
        *dims, dtype = str(model.input_fact(index)).split(",")
        shapes.append([int(dim) if dim.isdigit() else 1 for dim in dims])
        model.set_input_fact(index, ",".join([*map(str, shapes[-1]), dtype]))
    model.analyse()
    runnable = model.into_model().into_runnable()
    inputs = [np.random.default_rng(1).random(shape, np.float32) for shape in shapes]
    return least_us(lambda: runnable.run(inputs))


PEERS = {"LiteRT": litert, "onnxruntime": onnxruntime, "tract": tract, "TFLite Micro": micro}


def ours(folder):
    """Our times by model, and the instruction set."""
    command = os.environ.get("EDGE_RUNTIME_BENCH")
    command = [command] if command else ["cargo", "bench", "--quiet", "-p", "edge-runtime", "--features", "std", "--bench", "kernels", "--"]
    programs = [tflite(name) if FILES[name][0] else str(quantized(name, folder, ".edgm")) for name in NAMES]
    output = subprocess.run([*command, *programs], cwd=ROOT, check=True, capture_output=True, text=True).stdout.splitlines()
    isa = output[0].split()[-2]
    rows = [re.findall(r"([\d.]+) us", line) for line in output if line.rstrip().endswith("x") and " us" in line]
    return {name: float(row[-1]) for name, row in zip(NAMES, rows, strict=True)}, isa


def child(peer, name, folder):
    """A peer's time, measured in a process of its own: some end the process when they meet what they cannot run."""
    done = subprocess.run([sys.executable, __file__, str(folder), peer, name], capture_output=True, text=True, timeout=600)
    match = re.search(r"^least ([\d.]+)$", done.stdout, re.MULTILINE)
    return float(match[1]) if match else None


def measure(folder):
    """Our times and instruction set, and those of the peers: by model."""
    for name in NAMES:
        quantized(name, folder, ".onnx")
    before, isa = ours(folder)
    theirs = {peer: {name: child(peer, name, folder) for name in NAMES} for peer in PEERS}
    after, _ = ours(folder)
    return {name: min(before[name], after[name]) for name in NAMES}, isa, theirs


def main():
    require_models()
    if len(sys.argv) == 4:
        _, folder, peer, name = sys.argv
        print("least", PEERS[peer](name, Path(folder)))
        return
    with tempfile.TemporaryDirectory() as temporary:
        folder = Path(sys.argv[1] if len(sys.argv) == 2 else temporary)
        folder.mkdir(exist_ok=True)
        own, isa, theirs = measure(folder)
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
