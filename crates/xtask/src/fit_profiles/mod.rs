//! Fits the cost model of `edgectl-profile` to published measurements, and writes the coefficients into `profiles/` and the figures into
//! `ACCURACY.md`. With `--check`, changes nothing and fails where these are stale; with `--tune`, only prints how far groups of measurements
//! should be allowed to differ.

mod architecture;
mod intervals;
mod layers;
mod measurements;
mod models;
mod profiles;
mod report;
mod worlds;

use std::fs;
use std::path::{Path, PathBuf};

use anyhow::{Context, Result, ensure};
use edgectl_profile::fit::Terms;

use measurements::World;
pub(crate) use profiles::{digits, stated};

const BEGIN: &str = "<!-- written by cargo xtask fit-profiles -->\n";
const END: &str = "<!-- end -->\n";

/// Arguments: `[FOLDER] [--check | --tune]`; the folder holds `calibrate.csv` and `kernels.csv`.
pub(crate) fn run() -> Result<()> {
    let root = Path::new(concat!(env!("CARGO_MANIFEST_DIR"), "/../.."));
    let arguments: Vec<String> = std::env::args().skip(2).collect();
    let check = arguments.iter().any(|argument| argument == "--check");
    let folder = arguments.iter().find(|argument| !argument.starts_with("--")).map(PathBuf::from);
    let measurements = measurements::read(&folder.unwrap_or_else(|| root.join("../shared/latency")))?;
    if arguments.iter().any(|argument| argument == "--tune") {
        [World::Linux, World::Gpu].into_iter().for_each(|world| worlds::tune(world, &measurements.rows));
        return Ok(());
    }
    let fits = [World::Micro, World::Linux, World::Gpu].map(|world| worlds::fit(world, &measurements.rows));

    let prior = fits[0].coefficients(&measurements::like("pico", World::Micro, "cmsis-nn", edgectl_profile::DType::Int8, "1", |_| 0));
    let [one, two] = ["1", "2"].map(|threads| layers::fit(&measurements.rows, threads, &prior));
    let (one, two) = (one?, two?);
    let replace = |threads: &str, terms: &mut Terms| {
        let layers = if threads == "1" { &one } else { &two };
        layers.replace(terms);
        layers.measured
    };
    let report = report::markdown(&measurements, &fits, &one)?;
    let mut files = profiles::rewritten(&root.join("profiles"), &fits, &replace)?;
    let path = root.join("crates/edgectl-profile/ACCURACY.md");
    let old = fs::read_to_string(&path).with_context(|| format!("cannot read {}", path.display()))?;
    let (head, rest) = old.split_once(BEGIN).with_context(|| format!("{} has no line\n{BEGIN}", path.display()))?;
    let (_, tail) = rest.split_once(END).with_context(|| format!("{} has no line\n{END}", path.display()))?;
    files.push((path, format!("{head}{BEGIN}\n{report}\n{END}{tail}")));

    for (path, text) in files {
        if check {
            ensure!(fs::read_to_string(&path)? == text, "{} is stale; run cargo xtask fit-profiles", path.display());
        } else {
            fs::write(&path, text).with_context(|| format!("cannot write {}", path.display()))?;
        }
    }
    print!("{report}");
    Ok(())
}
