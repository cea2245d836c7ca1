//! The int16 forms of the operators.

use edge_format::*;
use edge_runtime::{prepare, table};

use super::{Case, Constant};

impl Case {
    pub(super) fn params_and_constants_i16(&self) -> (Params, Vec<Constant>) {
        let (x, y, activation) = (&self.inputs[0], &self.output, self.activation());
        let real = |min, max| match y.dtype() {
            DType::I16 => prepare::activation_range_of::<i16>(min, max, y.affine()),
            _ => prepare::activation_range(min, max, y.affine()),
        };
        let all = real(f32::NEG_INFINITY, f32::INFINITY);
        let table = |table: &[i16]| (DType::I16, vec![table.len() as u32], table.iter().flat_map(|q| q.to_le_bytes()).collect());
        let slopes = |above, below, range| prepare::slopes(x.scale, y.scale, above, below, range).into();
        let params = match self.base() {
            "abs" => slopes(1.0, -1.0, all),
            "add" => I16(prepare::add_i16(x.scale, self.inputs[1].scale, y.scale, activation)).into(),
            "exp" => return (TableI16Params {}.into(), vec![table(&table::interpolated(x.affine(), y.affine(), f32::exp))]),
            "leaky_relu" => slopes(1.0, self.attrs.alpha, all),
            "logistic" => {
                let (multiplier, right_shift) = prepare::sigmoid_i16(x.scale);
                return (LogisticI16Params { multiplier, right_shift }.into(), vec![table(&table::sigmoid_i16(f64::exp))]);
            }
            "quantize" => prepare::requantize(x.scale, y.scale, all).into(),
            "relu" => slopes(1.0, 1.0, real(0.0, f32::INFINITY)),
            "relu6" => slopes(1.0, 1.0, real(0.0, 6.0)),
            "softmax" => {
                let tables = table::softmax_i16(f32::exp).map(|entries| table(&entries));
                return (prepare::softmax_i16(x.scale, self.attrs.beta).into(), tables.into());
            }
            "sub" => I16(prepare::sub_i16(x.scale, self.inputs[1].scale, y.scale, activation)).into(),
            "tanh" => {
                let (multiplier, right_shift) = prepare::sigmoid_i16(x.scale);
                return (TanhI16Params { multiplier, right_shift }.into(), vec![table(&table::sigmoid_i16(f64::exp))]);
            }
            _ => {
                let (params, constants) = self.params_and_constants_i8();
                return (wide(params), constants);
            }
        };
        (params, vec![])
    }
}

/// Parameters that are the same in int16; those of operators that only move elements stay.
fn wide(params: Params) -> Params {
    match params {
        Params::AveragePool2d(params) => I16(params).into(),
        Params::Conv2d(params) => I16(params).into(),
        Params::DepthwiseConv2d(params) => I16(params).into(),
        Params::FullyConnected(params) => I16(params).into(),
        Params::MaxPool2d(params) => I16(params).into(),
        Params::Maximum(params) => I16(params).into(),
        Params::Mean(params) => I16(params).into(),
        Params::Minimum(params) => I16(params).into(),
        Params::Mul(params) => I16(params).into(),
        Params::ReduceMax(params) => I16(params).into(),
        Params::ReduceMin(params) => I16(params).into(),
        other => other,
    }
}
