"""`edgectl run` of every float model against onnxruntime on the same samples.

The difference of two outputs is the largest |ours - theirs| / max(1, |theirs|) over all samples and elements: absolute
below one, relative above. It may be 1e-4. A model that edgectl cannot run must end in a clean error.
"""

import argparse
import sys
import tempfile
from pathlib import Path

import numpy as np
from common import CASES, MODELS, edgectl, edgectl_run, onnxruntime_run, require_models, table

TOLERANCE = 1e-4


def difference(ours, theirs):
    """The largest difference as defined above; infinite where the shapes differ or a value is not a number."""
    if ours.shape != theirs.shape:
        return float("inf")
    worst = float((np.abs(ours - theirs) / np.maximum(1.0, np.abs(theirs))).max())
    return worst if np.isfinite(worst) else float("inf")


def compare(case, limit, folder):
    """A row of the table, and whether the case agrees."""
    limit = min(limit, len(case.stored("eval", case.limit)[0]))
    theirs = onnxruntime_run(case.model_path, case.decoded("eval", limit))
    try:
        ours = edgectl_run(case, case.model_path, case.data_path("eval"), folder / "out.npz", limit)
    except Exception as error:  # a row of its own: the other models still run
        print(f"{case.name}: {type(error).__name__}: {error}", file=sys.stderr)
        return [case.name, str(limit), "-", "failed"], False
    if set(ours) != set(theirs):
        print(f"{case.name}: outputs {sorted(ours)}, expected {sorted(theirs)}", file=sys.stderr)
        return [case.name, str(limit), "-", "other outputs"], False
    worst = max(difference(ours[name], theirs[name]) for name in theirs)
    agrees = worst <= TOLERANCE
    return [case.name, str(limit), f"{worst:.1e}", "agrees" if agrees else "differs"], agrees


def refusal(folder):
    """A valid model with operators that edgectl does not run: status 2, a message, no output."""
    output = folder / "refused.npz"
    model = MODELS / "misc/silero_vad_16k_op15.onnx"
    done = edgectl("run", model, "--input", CASES[0].data_path("eval"), "--output", output, timeout=60)
    clean = done.status == 2 and not done.crashed and done.stderr.strip() and not done.stdout and not output.exists()
    if not clean:
        print(done, file=sys.stderr)
    return ["silero_vad_16k_op15", "-", "-", "clean error" if clean else f"status {done.status}"], bool(clean)


def main():
    parser = argparse.ArgumentParser(description=__doc__, formatter_class=argparse.RawDescriptionHelpFormatter)
    parser.add_argument("--limit", type=int, default=200, help="samples per model (%(default)s)")
    limit = parser.parse_args().limit
    require_models()
    with tempfile.TemporaryDirectory() as folder:
        results = [compare(case, limit, Path(folder)) for case in CASES]
        results.append(refusal(Path(folder)))
    table(["model", "samples", "difference", "verdict"], [row for row, _ in results])
    sys.exit(0 if all(agrees for _, agrees in results) else 1)


if __name__ == "__main__":
    main()
