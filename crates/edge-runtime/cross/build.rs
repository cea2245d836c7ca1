//! Linker arguments of the images.

fn main() {
    println!("cargo::rustc-link-arg-bin=link=-eload_and_invoke");
    println!("cargo::rerun-if-changed=build.rs");
}
