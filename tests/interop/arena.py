"""Arena beside the live-set lower bound and beside what TensorFlow Lite Micro allocates, for the models in `../shared/models`.

Fails where ours is more than 5 % above the bound, or above TensorFlow Lite Micro's. Its recording allocator tells two numbers: `head`, its plan of
activations and scratch, and `total`, which has its bookkeeping and persistent buffers too. Ours is everything that edge-runtime has beside its
stack: activations, scratch, states. Float models are quantized first, with their own calibration data; those have no peer.
"""

import json
import re
import subprocess
import sys
import tempfile
from pathlib import Path

from common import CASES, MODELS, edgectl, require_models, table

LIMIT = 1.05
# In a process of its own, since the allocator prints to standard error.
RECORD = "import sys; from tflite_micro import runtime; runtime.Interpreter.from_file(sys.argv[1]).print_allocations()"


def micro(path):
    """TensorFlow Lite Micro's head and total."""
    done = subprocess.run([sys.executable, "-c", RECORD, str(path)], capture_output=True, text=True, check=True)
    said = done.stdout + done.stderr
    return [int(re.search(rf"Arena allocation {part} (\d+) bytes", said)[1]) for part in ("head", "total")]


def ours(model, *options):
    """Our arena and the lower bound."""
    with tempfile.TemporaryDirectory() as folder:
        done = edgectl("quantize", model, *options, "--output", Path(folder) / "program.edgm", "--format", "json")
    if done.status not in (0, 1):
        raise RuntimeError(str(done))
    found = json.loads(done.stdout)["model"]
    return found["arena_bytes"], found["arena_lower_bound_bytes"]


def main():
    require_models()
    rows, failures = [], []
    int8 = [(path.relative_to(MODELS), path, ()) for path in sorted(MODELS.glob("*/*int8.tflite"))]
    float32 = [(case.model, case.model_path, ("--calibration", case.data_path("calib"), *case.options)) for case in CASES]
    for name, path, options in [*int8, *float32]:
        arena, bound = ours(path, *options)
        head, total = (None, None) if options else micro(path)
        rows.append([str(cell) for cell in (name, arena, bound, f"{arena / bound:.3f}", head or "-", total or "-")])
        if arena > LIMIT * bound:
            failures.append(f"{name}: {arena} bytes, {arena / bound:.3f} of the bound of {bound}")
        if total is not None and arena > min(head, total):
            failures.append(f"{name}: {arena} bytes, TensorFlow Lite Micro {head} for activations and scratch, {total} in all")
    table(["model", "arena", "bound", "ratio", "TFLM head", "TFLM total"], rows)
    for failure in failures:
        print(f"FAILED {failure}")
    sys.exit(bool(failures))


if __name__ == "__main__":
    main()
