"""How long edgectl takes to flash and verify, and how long esptool does, on the same stand-in, alternately; the ratio of the medians, esptool's
over ours. Once as fast as it goes, and once with a line of 921,600 bits in a second. The stand-in's flash takes no time: what is compared is
what each makes of the line.

    esp_throughput.py STANDIN FLASH FILE...     FLASH: the example `flash` of edgectl-esp, built with --release
"""

import re
import statistics
import subprocess
import sys
import tempfile
import time
from pathlib import Path

from esptool_accepts import StandIn

OFFSET = "0x10000"
ROUNDS = 5


def esptool(port, file):
    begin = time.monotonic()
    command = [sys.executable, "-m", "esptool", "--chip", "esp32c3", "--port", port, "--baud", "460800", "--before", "no-reset"]
    command += ["--after", "no-reset", "write-flash", OFFSET, file]
    out = subprocess.run(command, capture_output=True, text=True, check=True).stdout
    assert "Hash of data verified" in out, out
    # Its own figure has no verification in it, the whole has the start of Python: both are given.
    return float(re.search(r"Wrote .* in ([0-9.]+) second", out).group(1)), time.monotonic() - begin


def edgectl(flash, port, file):
    begin = time.monotonic()
    out = subprocess.run([flash, port, "esp32c3", OFFSET, file], capture_output=True, text=True, check=True).stdout
    assert "verified true" in out, out
    return float(re.search(r": ([0-9.]+) s of", out).group(1)), time.monotonic() - begin


def main(program, flash, *files):
    for line in (None, 921600):
        for file in files:
            times = {"esptool": [], "edgectl": []}
            with tempfile.TemporaryDirectory() as folder:
                for _ in range(ROUNDS if line is None else 2):
                    for name, run in (("esptool", esptool), ("edgectl", lambda *a: edgectl(flash, *a))):
                        # A chip of its own for each, with blank flash.
                        stand_in = StandIn(program, "esp32c3", folder, *(["--line", str(line)] if line else []))
                        try:
                            times[name].append(run(stand_in.port, file))
                        finally:
                            stand_in.close()
            median = {name: [statistics.median(values) for values in zip(*times[name])] for name in times}
            (theirs, whole), (ours, our_whole) = median["esptool"], median["edgectl"]
            size = Path(file).stat().st_size
            print(
                f"{Path(file).name}, {size} bytes, {f'{line} baud' if line else 'no limit'}: writing {theirs:.2f} s / {ours:.2f} s ="
                f" {theirs / ours:.2f}x; whole command {whole:.2f} s / {our_whole:.2f} s = {whole / our_whole:.2f}x"
            )


if __name__ == "__main__":
    main(*sys.argv[1:])
