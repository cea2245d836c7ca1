//! The crate on a real program: the int8 digits classifier of the fixtures, on built-in profiles.
#![allow(clippy::unwrap_used)]

mod baseline;
mod calibrate;
mod costs;
mod emulator;
mod memory;
mod qemu;

use std::path::Path;
use std::sync::LazyLock;

use edge_format::{AlignedBytes, Program};
use edgectl_bench::backend::{Estimated, Subject};
use edgectl_bench::bench::{self, Question};
use edgectl_bench::finding::{Finding, ModelId};
use edgectl_bench::workload;
use edgectl_profile::{Profile, Registry, Workload};

/// The bytes of the program.
static BYTES: LazyLock<AlignedBytes> = LazyLock::new(|| {
    let path = Path::new(env!("CARGO_MANIFEST_DIR")).join("../../fixtures/digits_mlp/int8.tflite");
    let edgectl_tflite::Model::Int8(quantized) = edgectl_tflite::read(&path).unwrap().model else { panic!("not int8") };
    let lowered = edgectl_lower::lower(&quantized, &edgectl_lower::LowerOptions::default()).unwrap();
    AlignedBytes::from(&lowered.program[..])
});

static WORKLOAD: LazyLock<Workload> = LazyLock::new(|| workload::of_program("digits", program()));

fn program() -> Program<'static> {
    Program::parse(&BYTES).unwrap()
}

fn subject() -> Subject<'static> {
    Subject { workload: &WORKLOAD, program: Some(program()), bytes: &BYTES }
}

fn profile(name: &str) -> Profile {
    Registry::built_in().load(name).unwrap()
}

/// What the digits cost on a profile.
fn finding(profile: &Profile) -> Finding {
    let model = ModelId {
        path: "digits.tflite".into(),
        name: "digits".into(),
        contract: vec!["input[1,64]".into(), "output[1,10]".into()],
        macs: WORKLOAD.macs(),
    };
    let backend = Estimated { profile, kernels: &profile.default_kernels };
    bench::on_profile(Question { model: &model, subject: subject(), duty: None }, &backend, profile).unwrap()
}
