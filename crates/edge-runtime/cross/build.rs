//! Linker arguments of the images.

fn main() {
    println!("cargo::rerun-if-changed=ld");
    println!("cargo::rerun-if-env-changed=EDGE_UNRESOLVED");
    println!("cargo::rustc-link-arg-bin=link=-eload_and_invoke");
    println!("cargo::rustc-link-arg-bin=link=--emit-relocs");
    // For who wants to see where a panic comes from.
    if std::env::var_os("EDGE_UNRESOLVED").is_some() {
        println!("cargo::rustc-link-arg-bin=link=--unresolved-symbols=ignore-all");
    }
    let arch = std::env::var("CARGO_CFG_TARGET_ARCH").unwrap_or_default();
    println!("cargo::rustc-link-arg-bin=replay=-T{}/ld/{arch}.ld", env!("CARGO_MANIFEST_DIR"));
}
