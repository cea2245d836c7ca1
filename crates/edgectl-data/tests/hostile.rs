//! Arbitrary and mutated files end in samples or in an error, without a panic or an allocation of the size that a header claims.
#![allow(clippy::unwrap_used)]

mod common;

use std::path::Path;

use common::{Folder, fixture};
use edgectl_data::{DataOptions, DataSet};
use proptest::prelude::*;

/// Reads at most 50 samples and checks what every sample promises.
fn exercise(path: &Path) {
    let Ok(data) = DataSet::open(path, &DataOptions::default()) else { return };
    assert!(data.len() > 0 && !data.sample_shape().contains(&0));
    for sample in data.samples().take(50) {
        let Ok(sample) = sample else { break };
        assert_eq!(sample.values.len(), sample.shape.iter().product::<usize>());
        assert!(sample.values.iter().all(|value| value.is_finite()));
        assert!(sample.label.is_none_or(|label| label >= 0));
    }
}

const SEEDS: [&str; 9] =
    ["version1.npy", "version2.npy", "f2_be.npy", "stored.npz", "deflated.npz", "arrays.safetensors", "rgb.png", "rgb.bmp", "flat.jpg"];

/// Writes `bytes` where a file of the kind of `seed` belongs, and reads it.
fn exercise_as(seed: &str, bytes: &[u8]) {
    let folder = Folder::new();
    let image = [".png", ".bmp", ".jpg"].iter().any(|kind| seed.ends_with(kind));
    folder.write(seed, bytes);
    exercise(&if image { folder.path("") } else { folder.path(seed) });
}

proptest! {
    #![proptest_config(ProptestConfig::with_cases(256))]

    #[test]
    fn arbitrary_bytes(bytes in prop::collection::vec(any::<u8>(), 0..300), seed in prop::sample::select(&SEEDS[..])) {
        exercise_as(seed, &bytes);
        exercise_as("a.csv", &bytes);
    }

    #[test]
    fn mutated_files(
        seed in prop::sample::select(&SEEDS[..]),
        changes in prop::collection::vec((any::<prop::sample::Index>(), any::<u8>()), 1..6),
        cut in prop::option::weighted(0.2, any::<prop::sample::Index>()),
    ) {
        let mut bytes = std::fs::read(fixture(seed)).unwrap();
        for (at, byte) in changes {
            let at = at.index(bytes.len());
            bytes[at] = byte;
        }
        if let Some(cut) = cut {
            bytes.truncate(cut.index(bytes.len()));
        }
        exercise_as(seed, &bytes);
    }

    #[test]
    fn npy_headers_of_any_text(text in "[{}()\\[\\]'\",: <>|a-zA-Z0-9]{0,80}") {
        let header = [b"\x93NUMPY\x01\x00", &(text.len() as u16).to_le_bytes()[..], text.as_bytes(), &[0; 16]].concat();
        exercise_as("a.npy", &header);
    }

    #[test]
    fn npy_shapes_of_any_size(shape in prop::collection::vec(any::<u64>(), 0..5), data in 0_usize..64) {
        let dims: String = shape.iter().map(|dim| format!("{dim},")).collect();
        let text = format!("{{'descr': '<f4', 'fortran_order': False, 'shape': ({dims})}}");
        let header = [b"\x93NUMPY\x01\x00", &(text.len() as u16).to_le_bytes()[..], text.as_bytes(), &vec![0; data]].concat();
        exercise_as("a.npy", &header);
    }

    #[test]
    fn safetensors_headers_of_any_numbers(shape in prop::collection::vec(any::<u64>(), 0..4), from in any::<u64>(), to in any::<u64>()) {
        let header = format!(r#"{{"x":{{"dtype":"F32","shape":{shape:?},"data_offsets":[{from},{to}]}}}}"#);
        let bytes = [&(header.len() as u64).to_le_bytes()[..], header.as_bytes(), &[0; 16]].concat();
        exercise_as("a.safetensors", &bytes);
    }

    #[test]
    fn csv_of_any_text(text in "[0-9a,.\"\n\r -]{0,80}") {
        exercise_as("a.csv", text.as_bytes());
    }
}
