"""Broken and mutated ONNX models through the binary: always a clean error, never a crash.

First a folder of models, each broken in one way: `inspect` and `quantize` must end in the status that the row states, a
message and no output file. Then seeded mutations of small models through `inspect` and `run`: any status but a crash, a signal or a hang.
"""

import argparse
import random
import shutil
import sys
import tempfile
from pathlib import Path

import numpy as np
import onnx
from broken_models import BROKEN, valid_model
from common import MODELS, edgectl
from mutations import mutate

TIMEOUT = 20
# Small real models, and data of the shape that they take.
REAL = {
    "digits_mlp/model.onnx": (64,),
    "fmnist/student.onnx": (1, 28, 28),
    "wand_cnn1d/model.onnx": (6, 119),
    "misc/kws_hybrid_dequant.onnx": (49, 10, 1),
}


def fault(done, accepted, outputs):
    """What is wrong with how a run ended, or None."""
    if done.status is None:
        return f"still running after {TIMEOUT} s"
    if done.crashed:
        return f"crashed, status {done.status}"
    if done.status not in accepted:
        return f"status {done.status}, expected {' or '.join(map(str, accepted))}"
    if done.status != 0 and not done.stderr.strip():
        return "no message"
    if done.status == 2 and done.stdout.strip():
        return "a failed run wrote a result"
    if done.status == 2 and any(outputs.iterdir()):
        return f"left {', '.join(p.name for p in outputs.iterdir())}"
    return None


def attempt(arguments, accepted, outputs):
    """Runs the binary with an empty folder for its outputs; the fault, with the evidence, or None."""
    shutil.rmtree(outputs, ignore_errors=True)
    outputs.mkdir()
    done = edgectl(*arguments, timeout=TIMEOUT)
    found = fault(done, accepted, outputs)
    return found and f"{found}\n{done}"


def samples(path, shape):
    np.save(path, np.random.default_rng(0).normal(0, 1, (8, *shape)).astype(np.float32))
    return path


def broken(folder):
    """Each broken model through `inspect` and `quantize`; the names and faults of those that ended badly."""
    data, outputs = samples(folder / "calib_x.npy", (3, 8, 8)), folder / "outputs"
    faults = []

    def check(name, model, inspect, quantize):
        commands = [
            (["inspect", model], inspect),
            (["quantize", model, "--calibration", data, "-o", outputs / "a.edgm", "-o", outputs / "a.int8.onnx"], quantize),
        ]
        for arguments, accepted in commands:
            found = attempt(arguments, accepted, outputs)
            if found:
                faults.append(f"{name}: {found}")

    # The control: what is broken below is accepted when it is whole.
    whole = folder / "valid.onnx"
    onnx.save(valid_model(), whole)
    check("valid", whole, [0], [0])
    for name, write, accepted in BROKEN:
        place = folder / name
        place.mkdir()
        model = place / "model.onnx"
        write(model)
        check(name, model, *accepted)
    return len(BROKEN) + 1, faults


def mutated(folder, count, seed, keep):
    """Seeded mutations through `inspect` and `run`; the faults."""
    outputs, faults = folder / "outputs", []
    subjects = [(valid_model().SerializeToString(), (3, 8, 8))]
    if MODELS.is_dir():
        subjects += [((MODELS / path).read_bytes(), shape) for path, shape in REAL.items()]
    else:
        print(f"mutations of the real models skipped: {MODELS} is missing")
    data = [samples(folder / f"{i}_x.npy", shape) for i, (_, shape) in enumerate(subjects)]
    model = folder / "mutated.onnx"
    for index in range(count):
        subject = index % len(subjects)
        rng = random.Random(f"{seed} {index}")
        model.write_bytes(mutate(rng, subjects[subject][0]))
        run = ["run", model, "--input", data[subject], "--limit", "2", "--output", outputs / "out.npz"]
        for arguments in (["inspect", model], run):
            found = attempt(arguments, [0, 2], outputs)
            if found:
                keep.mkdir(parents=True, exist_ok=True)
                kept = shutil.copy(model, keep / f"{index}.onnx")
                faults.append(f"mutation {index} (kept as {kept}): {found}")
    return count, faults


def main():
    parser = argparse.ArgumentParser(description=__doc__, formatter_class=argparse.RawDescriptionHelpFormatter)
    parser.add_argument("--mutations", type=int, default=300, help="how many (%(default)s)")
    parser.add_argument("--seed", type=int, default=1, help="of the mutations (%(default)s)")
    parser.add_argument("--keep", type=Path, default=Path(tempfile.gettempdir()) / "edgectl-crashes",
                        help="where models that crash it are kept (%(default)s)")
    options = parser.parse_args()
    with tempfile.TemporaryDirectory() as folder:
        models, faults = broken(Path(folder))
        print(f"{models} models, {len(faults)} faults", flush=True)
    with tempfile.TemporaryDirectory() as folder:
        mutations, more = mutated(Path(folder), options.mutations, options.seed, options.keep)
        print(f"{mutations} mutations, {len(more)} faults")
    for found in faults + more:
        print(f"\n{found}", file=sys.stderr)
    sys.exit(1 if faults or more else 0)


if __name__ == "__main__":
    main()
