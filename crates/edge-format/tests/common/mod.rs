//! A small program that every test starts from: x -> fully connected -> view as a row -> table.

use edge_format::*;

/// Index of `x`, the model's input.
pub(crate) const X: u32 = 0;

pub(crate) fn spec() -> ProgramSpec {
    let words = |values: &[i32]| PlaceSpec::Data(values.iter().flat_map(|value| value.to_le_bytes()).collect());
    let tensor = |name: &str, dtype, shape: &[u32], place, scale, zero_point| TensorSpec {
        name: name.into(),
        dtype,
        shape: shape.into(),
        place,
        scale,
        zero_point,
    };
    let constant = |name: &str, shape: &[u32], place| tensor(name, DType::I32, shape, place, 1.0, 0);
    ProgramSpec {
        name: "small".into(),
        producer: "edge-format tests".into(),
        arena_bytes: 40,
        state_bytes: 0,
        tensors: vec![
            tensor("x", DType::I8, &[1, 4], PlaceSpec::Arena { offset: 0 }, 0.5, -3),
            tensor("filter", DType::I8, &[3, 4], PlaceSpec::Data((0..12).collect()), 0.25, 0),
            constant("bias", &[3], words(&[5, -6, 7])),
            constant("multiplier_q31", &[3], words(&[1 << 30; 3])),
            constant("shift", &[3], words(&[-4, -4, -4])),
            tensor("hidden", DType::I8, &[1, 3], PlaceSpec::Arena { offset: 16 }, 0.125, 4),
            tensor("row", DType::I8, &[3], PlaceSpec::Arena { offset: 16 }, 0.125, 4),
            tensor("table", DType::I8, &[256], PlaceSpec::Data((0..=255).collect()), 1.0, 0),
            tensor("y", DType::I8, &[3], PlaceSpec::Arena { offset: 16 }, 0.125, 4),
            constant("shift again", &[3], words(&[-4, -4, -4])),
        ],
        ops: vec![
            OpSpec {
                params: FullyConnectedParams { activation_min: -128, activation_max: 127 }.into(),
                inputs: vec![0, 1, 2, 3, 4],
                outputs: vec![5],
            },
            OpSpec { params: TableParams {}.into(), inputs: vec![6, 7], outputs: vec![8] },
        ],
        inputs: vec![IoSpec { name: "serving_default_x:0".into(), tensor: X, shape: vec![1, 4, 1] }],
        outputs: vec![IoSpec { name: "probabilities".into(), tensor: 8, shape: vec![1, 3] }],
    }
}

pub(crate) fn bytes() -> AlignedBytes {
    AlignedBytes::from(&write(&spec()).unwrap()[..])
}
