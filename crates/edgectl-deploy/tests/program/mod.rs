//! A program so small that a person can say what it computes.

use edge_format::*;

/// Negates its four inputs.
pub(crate) fn program(name: &str) -> Vec<u8> {
    let negation = (0..256).map(|index| (128 - index).min(127) as i8 as u8).collect();
    let tensor =
        |length: u32, place| TensorSpec { name: String::new(), dtype: DType::I8, shape: vec![length], place, scale: 1.0, zero_point: 0 };
    let io = |name: &str, tensor| vec![IoSpec { name: name.into(), tensor, shape: vec![4] }];
    let spec = ProgramSpec {
        name: name.into(),
        arena_bytes: 4,
        tensors: vec![
            tensor(4, PlaceSpec::Arena { offset: 0 }),
            tensor(256, PlaceSpec::Data(negation)),
            tensor(4, PlaceSpec::Arena { offset: 0 }),
        ],
        ops: vec![OpSpec { params: TableParams {}.into(), inputs: vec![0, 1], outputs: vec![2] }],
        inputs: io("x", 0),
        outputs: io("y", 2),
        ..ProgramSpec::default()
    };
    write(&spec).unwrap()
}

/// What it computes.
pub(crate) const GOOD: &[(&[u8], &[u8])] = &[(&[0, 1, 2, 3], &[0, 255, 254, 253]), (&[128, 127, 255, 9], &[127, 129, 1, 247])];
/// The same, with a byte that it does not compute.
pub(crate) const BAD: &[(&[u8], &[u8])] = &[(&[0, 1, 2, 3], &[0, 255, 254, 253]), (&[128, 127, 255, 9], &[127, 129, 1, 246])];
