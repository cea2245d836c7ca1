#!/usr/bin/env python3
"""Takes one safeguard after the other out of edge-device, and demands that tests/power.rs notices each.

    crates/edge-device/tests/mutants.py
"""

import os
import pathlib
import re
import shutil
import subprocess
import sys
import tempfile

CRATES = pathlib.Path(__file__).resolve().parents[2]

# File, what is there, what stands in its place, which safeguard that takes out.
MUTANTS = [
    ("slots.rs", "Some(header) if self.holds(progress.slot, &header)? => header,", "Some(header) => header,", "the digest of what has arrived"),
    ("slots.rs", "Some(header) if self.holds(index, &header)? => header,", "Some(header) => header,", "the digest of what is to run"),
    ("slots.rs", "} else if self.holds(index, &header)? {", "} else if true {", "the digest of what was found in flash"),
    ("slots.rs", "if trial && slot.boots >= if slot.found { FOUND_BOOTS } else { 1 } {", "if false {", "one start on trial only"),
    ("slots.rs", "self.set(index, Slot { boots: slot.boots + 1, ..slot })?;", "", "counting starts on trial"),
    ("slots.rs", "Some(_) => Err(SlotError::OnTrial),", "Some((index, _)) => Ok(1 - index),", "the slot to go back to"),
    ("slots.rs", "self.expect_floor(security_version)?;\n", "", "the floor on arrival"),
    ("slots.rs", "record.floor = record.floor.max(slot.security_version);", "", "the floor rises"),
    ("slots.rs", "self.set(index, Slot { state: State::Erasing, digest, ..Slot::default() })?;", "", "the record before erasing"),
    ("slots.rs", "erase(&mut self.flash, unit, region.erase_bytes).map_err(flash_error)?;", "", "erasing what may be torn"),
    ("journal.rs", "|| u32_at(bytes, CHECKSUM_OFFSET)? != checksum", "", "the checksum of records"),
    ("journal.rs", "if self.newest.is_some() { 1 - area } else { area }", "area", "the other area when one is full"),
    ("journal.rs", "if blank(flash, self.offset::<F>(area, place), stride::<F>())? {", "if true {", "a blank place for records"),
]


def main():
    survivors = []
    with tempfile.TemporaryDirectory() as folder:
        folder = pathlib.Path(folder)
        for name in ("edge-device", "edge-format", "edge-runtime"):
            shutil.copytree(CRATES / name, folder / "crates" / name, ignore=shutil.ignore_patterns("target", "vectors"))
        # Its tests need what is not here.
        runtime = folder / "crates/edge-runtime/Cargo.toml"
        runtime.write_text(re.sub(r"\[dev-dependencies\].*?(?=\n\[|\Z)", "", runtime.read_text(), flags=re.DOTALL))
        # The workspace of these alone, without what only its other members and their tests need.
        manifest = (CRATES.parent / "Cargo.toml").read_text().split("\n[package]\n")[0]
        manifest = manifest.replace('members = ["crates/*"]', 'members = ["crates/edge-device", "crates/edge-format"]')
        manifest += "\n[profile.dev.package.sha2]\nopt-level = 3\n"
        (folder / "Cargo.toml").write_text(manifest)
        shutil.copy(CRATES.parent / "Cargo.lock", folder)
        shutil.copy(CRATES.parent / "rust-toolchain.toml", folder)
        sources = folder / "crates/edge-device/src"
        target = os.environ.get("CARGO_TARGET_DIR") or str(CRATES.parent / "target")
        environment = {**os.environ, "CARGO_TARGET_DIR": f"{target}/mutants"}
        command = ["cargo", "test", "--quiet", "--offline", "-p", "edge-device", "--test", "power"]

        def passes():
            return subprocess.run(command, cwd=folder, env=environment, capture_output=True, text=True)

        whole = passes()
        if whole.returncode != 0:
            sys.exit(f"the tests fail without a mutant:\n{whole.stdout}{whole.stderr}")
        for name, there, instead, safeguard in MUTANTS:
            path = sources / name
            original = path.read_text()
            if original.count(there) < 1:
                sys.exit(f"{name}: expected {there!r}, found none")
            path.write_text(original.replace(there, instead, 1))
            ran = passes()
            path.write_text(original)
            noticed = ran.returncode != 0
            compiled = not re.search(r"^error(\[E\d+\])?: (?!test failed)", ran.stderr, re.MULTILINE)
            if not compiled:
                sys.exit(f"without {safeguard}: does not compile\n{ran.stderr}")
            print(f"{'noticed' if noticed else 'SURVIVES'}: without {safeguard}", flush=True)
            if not noticed:
                survivors.append(safeguard)
    sys.exit(f"{len(survivors)} of {len(MUTANTS)} survive" if survivors else 0)


main()
