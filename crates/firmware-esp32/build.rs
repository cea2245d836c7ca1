//! Hands the linker the memory map of the chip.

fn main() {
    println!("cargo::rerun-if-changed=ld");
    let chips = ["esp32", "esp32c3", "esp32c6", "esp32s3"];
    let Some(chip) = chips.into_iter().find(|chip| std::env::var_os(format!("CARGO_FEATURE_{}", chip.to_uppercase())).is_some()) else {
        println!("cargo::error=choose a chip: --features {}", chips.join(", "));
        return;
    };
    println!("cargo::rustc-link-search={}/ld", env!("CARGO_MANIFEST_DIR"));
    println!("cargo::rustc-link-arg=-T{chip}.x");
    println!("cargo::rustc-link-arg=--gc-sections");
}
