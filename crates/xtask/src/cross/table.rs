//! The table of what the runtime needs on a device: what `edgectl bench` reads.

use std::collections::BTreeMap;
use std::fs;

use anyhow::{Context, Result, ensure};

const PATH: &str = concat!(env!("CARGO_MANIFEST_DIR"), "/../edgectl-bench/src/code-size.csv");

const HEADER: &str = "\
# edge-runtime on bare metal, linked with LTO: flash by `cargo xtask code-size`, stack by `cargo xtask emulate`. An item names the operators
# that share some functions, or is `runtime`, what every program needs: the code for some operators is the sum of all rows that name any
# of them, and of `runtime`. `stack` is the deepest that any golden vector or model was seen to need, to load it or to invoke it.
isa,opt_level,item,bytes
";

/// How far a total may be from what the table has, in percent: the compiler makes a little more or less of the same sources, by where they lie.
const TOLERANCE_PERCENT: u64 = 3;

/// Replaces the rows whose item is one of `mine` by `rows`: `isa,opt_level,item` and bytes. With `--check`, compares their totals instead.
pub(super) fn update(mine: impl Fn(&str) -> bool, rows: &[(String, u64)]) -> Result<()> {
    let old = fs::read_to_string(PATH).with_context(|| format!("cannot read {PATH}"))?;
    if std::env::args().any(|argument| argument == "--check") {
        return check(&old, mine, rows);
    }
    let is_kept =
        |line: &&str| matches!(line.split(',').collect::<Vec<_>>()[..], [_, _, item, bytes] if bytes.parse::<u64>().is_ok() && !mine(item));
    let mut lines: Vec<String> = old.lines().filter(is_kept).map(str::to_owned).collect();
    lines.extend(rows.iter().map(|(key, bytes)| format!("{key},{bytes}")));
    lines.sort();
    fs::write(PATH, format!("{HEADER}{}\n", lines.join("\n"))).with_context(|| format!("cannot write {PATH}"))
}

fn check(table: &str, mine: impl Fn(&str) -> bool, rows: &[(String, u64)]) -> Result<()> {
    let mut totals: BTreeMap<String, [u64; 2]> = BTreeMap::new();
    let expected = table.lines().filter_map(|line| line.rsplit_once(',')).filter_map(|(key, bytes)| Some((key, bytes.parse().ok()?)));
    let found = rows.iter().map(|(key, bytes)| (key.as_str(), *bytes));
    for (at, (key, bytes)) in expected.map(|row| (0, row)).chain(found.map(|row| (1, row))) {
        let Some((target, item)) = key.rsplit_once(',').filter(|(_, item)| mine(item)) else { continue };
        let kind = if item == "stack" { "stack" } else { "code" };
        totals.entry(format!("{target},{kind}")).or_default()[at] += bytes;
    }
    for (key, [expected, found]) in totals {
        let far = expected.abs_diff(found) * 100 > expected * TOLERANCE_PERCENT;
        ensure!(!far, "{key}: expected about {expected} bytes, as {PATH} has, found {found}: make the table again, without --check");
    }
    Ok(())
}
