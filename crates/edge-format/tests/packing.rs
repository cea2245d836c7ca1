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
    Packing::pack(4, &(1..=12).collect::<Vec<i8>>())
}

#[test]
fn rows_come_in_blocks_and_columns_in_groups() {
    let weights: Vec<i8> = (0..17 * 5).collect();
    let packed = Packing::pack(5, &weights);
    assert_eq!(packed.len(), 2 * 2 * 64);
    assert_eq!(packed[..8], [0, 1, 2, 3, 5, 6, 7, 8]);
    assert_eq!(packed[64..72], [4, 0, 0, 0, 9, 0, 0, 0]);
    assert_eq!(packed[128..136], [80, 81, 82, 83, 0, 0, 0, 0]);
    assert_eq!(packed[192..196], [84, 0, 0, 0]);
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
    fn every_element_has_a_place_of_its_own_and_the_rest_is_zero(rows in 1usize..40, columns in 1usize..40) {
        let weights = vec![1i8; rows * columns];
        let packed = Packing::pack(columns, &weights);
        let places = (0..rows).flat_map(|row| (0..columns).map(move |column| Packing::index(columns, row, column)));
        let mut marked = vec![0u8; Packing::blocks(rows) * Packing::groups(columns) * Packing::GROUP_BYTES];
        places.for_each(|place| marked[place] += 1);
        prop_assert_eq!(packed, marked);
    }
}
