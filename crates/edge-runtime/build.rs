//! Names what the compiler knows of Arm's microcontrollers and does not tell.

fn main() {
    println!("cargo::rerun-if-changed=build.rs");
    println!("cargo::rustc-check-cfg=cfg(armv6m, arm_dsp)");
    let target = std::env::var("TARGET").unwrap_or_default();
    if target.starts_with("thumbv6m-") {
        println!("cargo::rustc-cfg=armv6m");
    }
    // ARMv8-M's extension is optional; no core with a floating point unit was made without it.
    if target.starts_with("thumbv7em-") || target == "thumbv8m.main-none-eabihf" {
        println!("cargo::rustc-cfg=arm_dsp");
    }
}
