"""Whether esptool takes the stand-in for a chip: it must find it, flash it, read it back and verify it, with its stub and without.

    esptool_accepts.py STANDIN      STANDIN: the program `edgectl-esp-standin`
"""

import random
import subprocess
import sys
import tempfile
from pathlib import Path

CHIPS = ["esp32", "esp32s2", "esp32s3", "esp32c3", "esp32c6", "esp32h2"]
MAC = "60:55:f9:01:02:03"


class StandIn:
    def __init__(self, program, chip, folder, *options):
        self.dump_path = Path(folder) / "dump.bin"
        command = [program, chip, "--flash", str(self.dump_path), *options]
        self.process = subprocess.Popen(command, stdin=subprocess.PIPE, stdout=subprocess.PIPE, text=True)
        self.port = self.process.stdout.readline().strip()

    def say(self, word):
        self.process.stdin.write(word + "\n")
        self.process.stdin.flush()
        self.process.stdout.readline()

    def dump(self):
        self.say("dump")
        return self.dump_path.read_bytes()

    def close(self):
        self.process.stdin.close()
        self.process.wait()


def esptool(stand_in, chip, *arguments, stub=True):
    stand_in.say("loader")
    command = [sys.executable, "-m", "esptool", "--chip", chip, "--port", stand_in.port, "--before", "no-reset", "--after", "no-reset"]
    command += [] if stub else ["--no-stub"]
    result = subprocess.run([*command, *map(str, arguments)], capture_output=True, text=True, timeout=120)
    assert result.returncode == 0, f"{chip} {arguments}: {result.stdout}{result.stderr}"
    return result.stdout


def main(program):
    with tempfile.TemporaryDirectory() as folder:
        for chip in CHIPS:
            for stub in (True, False):
                stand_in = StandIn(program, chip, folder)
                try:
                    check(stand_in, chip, stub, Path(folder))
                finally:
                    stand_in.close()
                print(f"{chip}, {'stub' if stub else 'ROM'}: found, written, read back, verified")


def check(stand_in, chip, stub, folder):
    noise = random.Random(chip).randbytes(70_001)
    content = noise[:30_000] + bytes(20_000) + noise[30_000:]
    (folder / "in.bin").write_bytes(content)
    found = esptool(stand_in, "auto", "flash-id", stub=stub)
    assert "4MB" in found and MAC in found.lower(), found
    # What lies around is to stay, and what was there before is to go.
    other = random.Random(1).randbytes(0x30000)
    (folder / "other.bin").write_bytes(other)
    esptool(stand_in, chip, "write-flash", "0x10000", folder / "other.bin", stub=stub)
    written = esptool(stand_in, chip, "write-flash", "0x11000", folder / "in.bin", stub=stub)
    assert "Hash of data verified" in written, written
    flash = stand_in.dump()
    assert flash[0x11000 : 0x11000 + len(content)] == content
    assert flash[0x10000:0x11000] == other[:0x1000]
    end = (0x11000 + len(content) + 0xFFF) // 0x1000 * 0x1000
    assert flash[end : 0x40000] == other[end - 0x10000 :]
    assert set(flash[:0x10000]) == {0xFF} and set(flash[0x40000:]) == {0xFF}
    assert "matched" in esptool(stand_in, chip, "verify-flash", "0x11000", folder / "in.bin", stub=stub)
    length = len(content) if stub else 1024
    esptool(stand_in, chip, "read-flash", "0x11000", length, folder / "out.bin", stub=stub)
    assert (folder / "out.bin").read_bytes() == content[:length]
    if stub:
        esptool(stand_in, chip, "--baud", "460800", "erase-region", "0x11000", "0x2000")
        assert set(stand_in.dump()[0x11000:0x13000]) == {0xFF}


if __name__ == "__main__":
    main(sys.argv[1])
