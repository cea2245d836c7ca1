//! Puts the memory map of the chip where the linker finds it.

use std::path::PathBuf;
use std::{env, fs};

fn main() {
    let out = PathBuf::from(env::var_os("OUT_DIR").unwrap_or_default());
    let map = if env::var_os("CARGO_FEATURE_RP2350").is_some() { "rp2350.x" } else { "rp2040.x" };
    if let Err(error) = fs::copy(map, out.join("memory.x")) {
        println!("cargo::error={map}: {error}");
    }
    println!("cargo::rustc-link-search={}", out.display());
    println!("cargo::rerun-if-changed={map}");
}
