//! The binary from outside: cases as folders, what a folder cannot say, and the arrows between the crates.
#![allow(clippy::print_stderr, clippy::unwrap_used)]

mod accuracy;
mod architecture;
mod bench;
mod boards;
mod bundles;
mod completions;
#[cfg(unix)]
mod deploy;
mod esp;
mod failures;
mod prune;
mod support;
mod training;

#[test]
fn cases() {
    if let Err(error) = support::CASES.run() {
        panic!("{error}");
    }
}
