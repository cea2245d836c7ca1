"""How long `bench` takes for 10 models on 15 devices, estimates only: the process from start to end, the median of 5 runs.

It asserts nothing, since a machine may be busy. Give it a release build (EDGECTL=target/release/edgectl).
"""

import statistics
import subprocess
import sys
import time

from common import MODELS, ROOT, binary

COUNT_MODELS, COUNT_PROFILES, RUNS = 10, 15, 5


def main():
    found = sorted([*ROOT.glob("fixtures/*/*.onnx"), *ROOT.glob("fixtures/*/*.tflite"), *MODELS.glob("*/*.onnx"), *MODELS.glob("*/*.tflite")])
    models = [path for path in found if path.stat().st_size < 1_000_000 and path.name != "silero_vad_16k_op15.onnx"][:COUNT_MODELS]
    listed = subprocess.run([binary(), "profiles", "list", "--format", "csv"], check=True, capture_output=True, text=True).stdout
    profiles = [line.split(",")[0] for line in listed.splitlines()[1:]][:COUNT_PROFILES]
    command = [binary(), "bench", *models, "--profile", ",".join(profiles), "--format", "csv"]
    seconds = []
    for _ in range(RUNS):
        begin = time.perf_counter()
        done = subprocess.run(command, capture_output=True, text=True)
        seconds.append(time.perf_counter() - begin)
        if done.returncode == 2:
            sys.exit(done.stderr)
    rows = len(done.stdout.splitlines()) - 1
    print(f"{len(models)} models x {len(profiles)} profiles, {rows} estimates: {statistics.median(seconds):.3f} s, fastest {min(seconds):.3f} s")


if __name__ == "__main__":
    main()
