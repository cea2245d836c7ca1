//! The table of what the runtime needs on a device: what `edgectl bench` reads.

use std::fs;

use anyhow::{Context, Result};

const PATH: &str = concat!(env!("CARGO_MANIFEST_DIR"), "/../edgectl-bench/src/code-size.csv");

const HEADER: &str = "\
# edge-runtime on bare metal, linked with LTO: flash by `cargo xtask code-size`, stack by `cargo xtask emulate`. An item names the operators
# that share some functions, or is `runtime`, what every program needs: the code for some operators is the sum of all rows that name any
# of them, and of `runtime`. `stack` is the deepest that any golden vector or model was seen to need, to load it or to invoke it.
isa,opt_level,item,bytes
";

/// Replaces the rows whose item is one of `mine` by `rows`: `isa,opt_level,item` and bytes.
pub(super) fn update(mine: impl Fn(&str) -> bool, rows: &[(String, u64)]) -> Result<()> {
    let old = fs::read_to_string(PATH).with_context(|| format!("cannot read {PATH}"))?;
    let is_kept =
        |line: &&str| matches!(line.split(',').collect::<Vec<_>>()[..], [_, _, item, bytes] if bytes.parse::<u64>().is_ok() && !mine(item));
    let mut lines: Vec<String> = old.lines().filter(is_kept).map(str::to_owned).collect();
    lines.extend(rows.iter().map(|(key, bytes)| format!("{key},{bytes}")));
    lines.sort();
    fs::write(PATH, format!("{HEADER}{}\n", lines.join("\n"))).with_context(|| format!("cannot write {PATH}"))
}
