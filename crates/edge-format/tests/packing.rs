//! Packed weights: where elements are, and what a reader refuses.
#![allow(clippy::unwrap_used, missing_docs)]

mod common;

use common::{bytes, spec};
use edge_format::*;
use proptest::prelude::*;

/// The small program with its filter of 3 rows and 4 columns packed as given, or its bias.
fn with(tensor: usize, place: PlaceSpec) -> Result<Vec<u8>, WriteError> {
    let mut spec = spec();
    spec.tensors[tensor].place = place;
    write(&spec)
}

fn packed() -> Vec<u8> {
    Matrix { rows: 3, runs: 1, run: 4 }.pack(&(1..=12).collect::<Vec<i8>>())
}

#[test]
fn rows_come_in_blocks_and_columns_in_groups() {
    let weights: Vec<i8> = (0..17 * 5).collect();
    let packed = Matrix { rows: 17, runs: 1, run: 5 }.pack(&weights);
    assert_eq!(packed.len(), 2 * 2 * 64);
    assert_eq!(packed[..8], [0, 1, 2, 3, 5, 6, 7, 8]);
    assert_eq!(packed[64..72], [4, 0, 0, 0, 9, 0, 0, 0]);
    assert_eq!(packed[128..136], [80, 81, 82, 83, 0, 0, 0, 0]);
    assert_eq!(packed[192..196], [84, 0, 0, 0]);
}

#[test]
fn each_run_is_filled_up() {
    let packed = Matrix { rows: 1, runs: 2, run: 3 }.pack(&[1, 2, 3, 4, 5, 6]);
    assert_eq!(packed.len(), 2 * 64);
    assert_eq!((&packed[..4], &packed[64..68]), (&[1, 2, 3, 0][..], &[4, 5, 6, 0][..]));
    let of = |dims: &[u32]| Matrix::of(&Shape::new(dims).unwrap());
    assert_eq!(of(&[8, 3, 5, 2]), Some(Matrix { rows: 8, runs: 3, run: 10 }));
    assert_eq!(of(&[8, 3, 5]), Some(Matrix { rows: 8, runs: 1, run: 15 }));
    assert_eq!((of(&[8]), of(&[])), (Some(Matrix { rows: 8, runs: 1, run: 1 }), None));
}

#[test]
fn packed_weights_come_back() {
    for packing in [Packing::InterleavedU8, Packing::InterleavedI8] {
        let bytes = AlignedBytes::from(&with(1, PlaceSpec::Packed(packing, packed())).unwrap()[..]);
        let tensor = Program::parse(&bytes).unwrap().tensor(1).unwrap();
        assert_eq!(tensor.place, Place::Packed(packing, &packed()));
        assert_eq!((tensor.shape.dims(), tensor.byte_length), (&[3, 4][..], 64));
        // Who does not know about packings must not take the bytes for plain ones.
        assert_eq!((tensor.constant(), tensor.constant_i8()), (None, None));
    }
    assert_eq!(Program::parse(&bytes()).unwrap().tensor(1).unwrap().constant_i8().map(<[i8]>::len), Some(12));
}

#[test]
fn what_is_packed_wrongly_is_refused() {
    let refused = |tensor, bytes| match with(tensor, PlaceSpec::Packed(Packing::InterleavedI8, bytes)) {
        Err(WriteError::Format(error)) => error,
        other => panic!("{other:?}"),
    };
    assert_eq!(refused(2, vec![0; 12]), FormatError::Packed { tensor: 2, dtype: DType::I32, rank: 1 });
    assert_eq!(refused(1, vec![0; 12]), FormatError::ByteLength { tensor: 1, expected: 64, found: 12 });
    let mut bytes = packed();
    bytes[63] = 7;
    assert_eq!(refused(1, bytes), FormatError::PackedPadding { tensor: 1, position: 63, found: 7 });
}

proptest! {
    #[test]
    fn every_element_has_a_place_of_its_own_and_the_rest_is_zero(rows in 1usize..40, runs in 1usize..4, run in 1usize..20) {
        let matrix = Matrix { rows, runs, run };
        let packed = matrix.pack(&vec![1i8; rows * runs * run]);
        let mut marked = vec![0u8; Packing::blocks(rows) * matrix.groups() * Packing::GROUP_BYTES];
        for (row, at, column) in (0..rows).flat_map(|row| (0..runs).flat_map(move |at| (0..run).map(move |column| (row, at, column)))) {
            marked[matrix.index(row, at, column)] += 1;
        }
        prop_assert_eq!(&packed, &marked);
        // What is filled up is refused where it is not zero.
        for (place, _) in marked.iter().enumerate().filter(|&(_, &mark)| mark == 0) {
            let mut wrong = packed.clone();
            wrong[place] = 9;
            let mut spec = spec();
            spec.tensors[1].shape = vec![rows as u32, runs as u32, run as u32, 1];
            spec.tensors[1].place = PlaceSpec::Packed(Packing::InterleavedI8, wrong);
            let error = WriteError::Format(FormatError::PackedPadding { tensor: 1, position: place as u32, found: 9 });
            prop_assert_eq!(write(&spec).map_err(|found| found.to_string()), Err(error.to_string()));
        }
    }
}
