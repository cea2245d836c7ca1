"""Whether Espressif's own tools see in our images and partition tables what we do: esptool's `image-info` and `merge-bin`, and the partition
tool of ESP-IDF (`gen_esp32part.py`, as the package esp-idf-defs has it).

    esp_images.py FOLDER      what `cargo test -p edgectl-esp --test images` left in EDGECTL_ESP_IMAGES
"""

import subprocess
import sys
import tempfile
from pathlib import Path

from esp_idf_defs.otadata import OtaDataSelectEntry
from esp_idf_defs.partitions import PartitionTable

CHIPS = {"esp32": 0x1000, "esp32s2": 0x1000, "esp32s3": 0, "esp32c3": 0, "esp32c6": 0, "esp32h2": 0, "esp32p4": 0x2000}
# Rules that a table may break, and a word of what both say.
BROKEN = [
    "a,app,factory,0x11000,64K",
    "a,app,factory,0x10000,100",
    "a,data,nvs,0x9000,0x1000",
    "a,data,ota,0x9000,0x1000",
    "a,data,ota,0x9000,0x2000\nb,data,ota,,0x2000",
    "a,data,phy,0x9000,4K\na,data,phy,,4K",
    "a,data,phy,0x9000,8K\nb,data,phy,0xa000,4K",
    "a,data,phy,0x8000,4K",
    "a,data,phy,0x9001,4K",
    "a,data,ota,0x9000,8K,readonly",
    "a,data,phy,0x9000,4K,secret",
    "a,app,,0x10000,64K",
    "a,data,phy,0x9000,",
]


def esptool(*arguments):
    result = subprocess.run([sys.executable, "-m", "esptool", *map(str, arguments)], capture_output=True, text=True)
    assert result.returncode == 0, f"{arguments}: {result.stdout}{result.stderr}"
    return result.stdout


def table_of(text):
    table = PartitionTable.from_csv(text)
    table.verify(0x8000)
    return table


def main(folder):
    ours = table_of((folder / "table.csv").read_text()).to_binary()
    for chip, boot_offset in CHIPS.items():
        part = lambda name: folder / f"{chip}-{name}.bin"
        for name in ("boot-loader", "application"):
            info = esptool("--chip", chip, "image-info", part(name))
            assert "Checksum: 0x" in info and "(valid)" in info.split("Checksum: 0x")[1].splitlines()[0], info
            assert "(valid)" in info.split("Validation hash:")[1].splitlines()[0], info
            assert "Flash size: 4MB" in info, info
        binary = part("partition-table").read_bytes()
        assert binary == ours, f"{chip}: the table differs from gen_esp32part.py's"
        PartitionTable.from_binary(binary).verify(0x8000)
        with tempfile.TemporaryDirectory() as merged:
            out = Path(merged) / "merged.bin"
            parts = [hex(boot_offset), part("boot-loader"), "0x8000", part("partition-table"), "0x10000", part("application")]
            # What a merged file of esptool's begins with is what comes first.
            esptool("--chip", chip, "merge-bin", "--output", out, "--target-offset", "0", *parts)
            assert out.read_bytes() == part("merged").read_bytes(), f"{chip}: esptool merges otherwise"
        print(f"{chip}: boot loader, application, table and merged image are as Espressif's tools have them")
    for text in BROKEN:
        try:
            table_of(text)
        except RuntimeError:
            continue
        raise AssertionError(f"{text!r} is refused here, and taken by gen_esp32part.py")
    assert OtaDataSelectEntry.from_bytes(bytes.fromhex("01000000" + "ff" * 24 + "9a984347")).seq == 1
    print(f"{len(BROKEN)} broken tables are refused by both")


if __name__ == "__main__":
    main(Path(sys.argv[1]))
