//! Constants: weights, biases, lists of whole numbers, and operands like any other.

use edgectl_graph::{DType, Literal, QuantConst, TensorId, permute};

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
                let values = constant::int32(bias).ok_or_else(|| self.wrong_type(tensor, "int32"))?;
                Some(QuantConst::Bias { values: values.into() })
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
        let mut values = None;
        if self.kind == Kind::Int8 && self.tensor(tensor).ty == Type::INT8 {
            values = constant::int8(self.tensor(tensor));
        }
        if layout == Layout::ChannelsFirst {
            // Axes that the constant lacks count as ones in front.
            let own = literal.shape();
            let shape: Vec<usize> = [1; 4][own.len().min(4)..].iter().chain(own).copied().collect();
            values = values.and_then(|values| permute(&values, &shape, &TO_CHANNELS_FIRST));
            literal = literal.reshaped(shape).and_then(|literal| literal.permuted_f32(&TO_CHANNELS_FIRST)).unwrap_or(literal);
        }
        let params = self.params(tensor);
        let quantized = values.map(|values| Ok::<_, TfliteError>(QuantConst::Operand { values: values.into(), params: params? }));
        let quantized = quantized.transpose()?;
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
