//! Constants: weights, biases, lists of whole numbers, and operands like any other.

use edgectl_graph::{DType, Literal, QuantConst, QuantParams, TensorId, permute};

use super::{Importer, Layout, Stop, TO_CHANNELS_FIRST, unsupported};
use crate::arrange::Kind;
use crate::codes::Type;
use crate::schema::Tensor;
use crate::{TfliteError, constant};

impl Importer<'_> {
    /// The weights of a convolution or dense layer, permuted; `channels` is the axis of output channels before that.
    pub(crate) fn weights(&mut self, tensor: usize, perm: &[usize], channels: usize) -> Result<TensorId, Stop> {
        let weights = self.tensor(tensor);
        if weights.data.is_none() || weights.shape.len() != perm.len() {
            return unsupported(format!("its weights \"{}\" are no constant of rank {}", self.names[tensor], perm.len()));
        }
        let literal = self.literal(tensor)?;
        let shape = weights.shape.clone();
        let permuted: Vec<usize> = perm.iter().map(|&axis| shape[axis]).collect();
        let values = literal.as_f32().and_then(|values| permute(values, &shape, perm));
        let Some(literal) = values.and_then(|values| Literal::f32(permuted, values)) else {
            return unsupported(format!("its weights \"{}\" are {} without a scale", self.names[tensor], weights.ty));
        };
        let quantized = match self.kind {
            Kind::Float => None,
            Kind::Int8 => {
                let values = constant::int8(weights).ok_or_else(|| self.wrong_type(tensor, "int8"))?;
                if weights.scales.len() > 1 && weights.axis != channels as i32 {
                    let (expected, found) = (format!("scales along dimension {channels}"), format!("along {}", weights.axis));
                    return Err(TfliteError::Tensor { tensor: weights.name.clone(), expected, found }.into());
                }
                if weights.zero_points.iter().any(|&zero| zero != 0) {
                    return unsupported(format!("its weights \"{}\" have a zero point other than 0", self.names[tensor]));
                }
                let values = permute(&values, &shape, perm).unwrap_or_default().into();
                Some(QuantConst::Weights { values, scales: weights.scales.clone().into() })
            }
        };
        Ok(self.add_constant(tensor, literal, quantized))
    }

    /// The weights of a recurrent layer's gates, one scale each, one below the other.
    pub(crate) fn stacked_weights(&mut self, gates: &[usize]) -> Result<TensorId, Stop> {
        let (mut values, mut integers, mut scales) = (vec![], vec![], vec![]);
        let shape = self.tensor(gates[0]).shape.clone();
        let [units, columns] = shape[..] else { return unsupported(format!("its weights are of rank {}", shape.len())) };
        if columns == 0 {
            return unsupported("its weights have no columns");
        }
        for &gate in gates {
            let weights = self.tensor(gate);
            if weights.shape != shape || weights.data.is_none() {
                return unsupported(format!("its weights \"{}\" are no constant like those of its other gates", self.names[gate]));
            }
            let literal = self.literal(gate)?;
            let Some(floats) = literal.as_f32() else {
                return unsupported(format!("its weights \"{}\" are {} without a scale", self.names[gate], weights.ty));
            };
            values.extend_from_slice(floats);
            if self.is_int8() {
                if self.params(gate)?.zero_point != 0 {
                    return unsupported(format!("its weights \"{}\" have a zero point other than 0", self.names[gate]));
                }
                integers.extend(constant::int8(weights).ok_or_else(|| self.wrong_type(gate, "int8"))?);
                scales.extend(std::iter::repeat_n(weights.scales[0], units));
            }
        }
        let quantized = self.is_int8().then(|| QuantConst::Weights { values: integers.into(), scales: scales.into() });
        match Literal::f32(vec![gates.len() * units, columns], values) {
            Some(literal) => Ok(self.add_constant(gates[0], literal, quantized)),
            None => unsupported("its weights do not fit each other"),
        }
    }

    /// The biases of a recurrent layer's gates, one behind the other.
    pub(crate) fn stacked_bias(&mut self, gates: &[usize]) -> Result<TensorId, Stop> {
        let (mut values, mut integers) = (vec![], vec![]);
        for &gate in gates {
            let bias = self.tensor(gate);
            let literal = if bias.data.is_some() { Some(self.literal(gate)?) } else { None };
            let Some(floats) = literal.as_ref().and_then(Literal::as_f32) else {
                return unsupported(format!("its bias \"{}\" is no constant with a scale", self.names[gate]));
            };
            values.extend_from_slice(floats);
            if self.is_int8() {
                integers.extend(constant::int32(bias).ok_or_else(|| self.wrong_type(gate, "int32"))?);
            }
        }
        let quantized = self.is_int8().then(|| QuantConst::Bias { values: integers.into() });
        match Literal::f32(vec![values.len()], values) {
            Some(literal) => Ok(self.add_constant(gates[0], literal, quantized)),
            None => unsupported("its biases do not fit each other"),
        }
    }

    /// The cell of a recurrent layer before the first step, of which only the scale is in the model.
    pub(crate) fn cell(&mut self, tensor: usize, units: usize) -> Result<TensorId, Stop> {
        let Tensor { scales, zero_points, .. } = self.tensor(tensor);
        let quantized = match (self.kind, &scales[..]) {
            (Kind::Float, _) => None,
            (Kind::Int8, &[scale]) if scale > 0.0 && scale.log2().fract() == 0.0 && zero_points.iter().all(|&zero| zero == 0) => {
                Some(QuantConst::WideOperand { values: vec![0; units].into(), params: QuantParams::int16(scale) })
            }
            (Kind::Int8, _) => return unsupported(format!("the scale of its cell is {scales:?}, no power of two")),
        };
        match Literal::f32(vec![1, units], vec![0.0; units]) {
            Some(literal) => Ok(self.add_constant(tensor, literal, quantized)),
            None => unsupported("its cell has no elements"),
        }
    }

    /// The bias of a convolution or dense layer.
    pub(crate) fn bias(&mut self, tensor: Option<usize>) -> Result<Option<TensorId>, Stop> {
        let Some(tensor) = tensor else { return Ok(None) };
        let bias = self.tensor(tensor);
        if bias.data.is_none() {
            return unsupported(format!("its bias \"{}\" is computed", self.names[tensor]));
        }
        let literal = self.literal(tensor)?;
        if literal.dtype() != DType::F32 {
            return unsupported(format!("its bias \"{}\" is {} without a scale", self.names[tensor], bias.ty));
        }
        let quantized = match self.kind {
            Kind::Float => None,
            Kind::Int8 => {
                let wide = constant::int64(bias).map(|values| QuantConst::WideBias { values: values.into() });
                let narrow = || constant::int32(bias).map(|values| QuantConst::Bias { values: values.into() });
                Some(wide.or_else(narrow).ok_or_else(|| self.wrong_type(tensor, "int32"))?)
            }
        };
        Ok(Some(self.add_constant(tensor, literal, quantized)))
    }

    /// The elements of a constant of whole numbers: axes, paddings.
    pub(crate) fn integers(&mut self, tensor: usize) -> Result<Vec<i64>, Stop> {
        if self.tensor(tensor).data.is_none() || !matches!(self.tensor(tensor).ty, Type::INT32 | Type::INT64) {
            return unsupported(format!("its operand \"{}\" is no constant of whole numbers", self.names[tensor]));
        }
        let numbers = self.literal(tensor)?.to_i64s();
        numbers.map_or_else(|| unsupported(format!("its operand \"{}\" has a scale", self.names[tensor])), Ok)
    }

    /// A constant as an operand like any other.
    pub(super) fn operand(&mut self, tensor: usize, layout: Layout) -> Result<TensorId, TfliteError> {
        let mut literal = self.literal(tensor)?;
        let stored = Some(self.tensor(tensor)).filter(|_| self.kind == Kind::Int8);
        let mut values = stored.and_then(constant::int8);
        let mut wide = stored.filter(|stored| stored.is_quantized()).and_then(constant::int16);
        if layout == Layout::ChannelsFirst {
            // Axes that the constant lacks count as ones in front.
            let own = literal.shape();
            let shape: Vec<usize> = [1; 4][own.len().min(4)..].iter().chain(own).copied().collect();
            values = values.and_then(|values| permute(&values, &shape, &TO_CHANNELS_FIRST));
            wide = wide.and_then(|values| permute(&values, &shape, &TO_CHANNELS_FIRST));
            literal = literal.reshaped(shape).and_then(|literal| literal.permuted_f32(&TO_CHANNELS_FIRST)).unwrap_or(literal);
        }
        let params = self.params(tensor);
        let quantized = match (values, wide) {
            (Some(values), _) => Some(QuantConst::Operand { values: values.into(), params: params? }),
            (None, Some(values)) => Some(QuantConst::WideOperand { values: values.into(), params: params? }),
            (None, None) => None,
        };
        Ok(self.add_constant(tensor, literal, quantized))
    }

    /// A constant as the graph knows it; numbers with scales become float.
    fn literal(&self, tensor: usize) -> Result<Literal, TfliteError> {
        let Tensor { name, data, .. } = self.tensor(tensor);
        self.model.flat.charge(name.len() + data.map_or(0, <[u8]>::len))?;
        constant::literal(self.tensor(tensor))
    }

    fn add_constant(&mut self, tensor: usize, literal: Literal, quantized: Option<QuantConst>) -> TensorId {
        let name = self.own_name(tensor);
        let id = self.graph.add_constant(name, literal);
        self.constants.extend(quantized.map(|quantized| (id, quantized)));
        id
    }
}
