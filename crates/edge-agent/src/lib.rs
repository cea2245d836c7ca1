//! The Linux device's side of `edgectl deploy`, and the runtime that executes what was deployed.
//!
//! One static binary does both. As a *session* ([`session`]) it is started over SSH, takes requests ([`protocol`]) on standard input, and
//! does all that must be atomic where the files are: comparing digests, syncing, switching, judging, going back. As a *guard* ([`guard`])
//! it outlives the session and takes a release back when nobody commits it in time. As a *service* ([`serve`]) it executes the current
//! release's program.
//!
//! ```text
//! <folder>/<application>/
//!   blobs/<sha256>          verified files, read-only; releases link to them
//!   staging/<sha256>.part   what is on its way
//!   releases/<digest16>/    the files of a release under their names, and release.json
//!   current  -> releases/…  previous -> releases/…
//!   journal.json            where a deployment stands; the history; the highest security version that was committed
//!   lock                    held by a session while it deploys: who
//!   journal.lock            held by whoever changes the journal or `current`
//!   run/                    the service's socket and process id
//! ```
//!
//! | module | role |
//! |---|---|
//! | [`protocol`] | requests and responses, one JSON document a line |
//! | [`release`] | the description of a release |
//! | [`storage`] | every operation on files that the state machine makes; the disk |
//! | [`journal`] | where a deployment stands |
//! | [`machine`] | the state machine |
//! | [`device`] | clock, boot, locks, the machine on this device |
//! | [`session`] | requests → state machine |
//! | [`guard`] | the dead-man's timer, and what happens at boot |
//! | [`service`] | starting and stopping what executes the program |
//! | [`model`] | a program in memory: golden vectors, inference, timing |
//! | [`serve`] | the service: socket, systemd |
//! | [`http`] | as much of HTTP/1.1 as a local socket needs |
//!
//! This crate depends on no crate of the host.

#![forbid(unsafe_code)]

mod account;
pub mod device;
pub mod guard;
pub mod http;
pub mod journal;
pub mod machine;
pub mod model;
pub mod protocol;
pub mod release;
pub mod serve;
pub mod service;
pub mod session;
pub mod storage;

/// Lower-case hexadecimal digits.
pub fn hex(bytes: &[u8]) -> String {
    const DIGITS: &[u8; 16] = b"0123456789abcdef";
    bytes.iter().flat_map(|byte| [DIGITS[usize::from(byte >> 4)], DIGITS[usize::from(byte & 15)]]).map(char::from).collect()
}
