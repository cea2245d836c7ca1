//! A model as its flatbuffer describes it: the schema's tables with names instead of offsets. The only place that knows the numbers of
//! the tables' fields; those of operators' options are with the operators.
//!
//! The schema: `tensorflow/compiler/mlir/lite/schema/schema.fbs`, version 3.

use std::collections::HashMap;

use crate::TfliteError;
use crate::codes::{self, Type};
use crate::flat::{Field, Flat, Table};

const MODEL_VERSION: Field = Field(0, "the schema's version");
const MODEL_OPERATOR_CODES: Field = Field(1, "the list of operator codes");
const MODEL_SUBGRAPHS: Field = Field(2, "the list of subgraphs");
const MODEL_DESCRIPTION: Field = Field(3, "the description");
const MODEL_BUFFERS: Field = Field(4, "the list of buffers");
const MODEL_SIGNATURES: Field = Field(7, "the list of signatures");
const CODE_DEPRECATED: Field = Field(0, "an operator's code");
const CODE_CUSTOM: Field = Field(1, "a custom operator's name");
const CODE_BUILTIN: Field = Field(3, "an operator's code");
const GRAPH_TENSORS: Field = Field(0, "the list of tensors");
const GRAPH_INPUTS: Field = Field(1, "the list of inputs");
const GRAPH_OUTPUTS: Field = Field(2, "the list of outputs");
const GRAPH_OPERATORS: Field = Field(3, "the list of operators");
const GRAPH_NAME: Field = Field(4, "the subgraph's name");
const TENSOR_SHAPE: Field = Field(0, "a tensor's shape");
const TENSOR_TYPE: Field = Field(1, "a tensor's type");
const TENSOR_BUFFER: Field = Field(2, "a tensor's buffer");
const TENSOR_NAME: Field = Field(3, "a tensor's name");
const TENSOR_QUANTIZATION: Field = Field(4, "a tensor's quantization");
const TENSOR_SPARSITY: Field = Field(6, "a tensor's sparsity");
const QUANTIZATION_SCALE: Field = Field(2, "a tensor's scales");
const QUANTIZATION_ZERO_POINT: Field = Field(3, "a tensor's zero points");
const QUANTIZATION_DIMENSION: Field = Field(6, "a tensor's quantized dimension");
const OPERATOR_CODE: Field = Field(0, "an operator's code");
const OPERATOR_INPUTS: Field = Field(1, "an operator's inputs");
const OPERATOR_OUTPUTS: Field = Field(2, "an operator's outputs");
const OPERATOR_OPTIONS: Field = Field(4, "an operator's options");
const BUFFER_DATA: Field = Field(0, "a buffer's data");
const BUFFER_OFFSET: Field = Field(1, "a buffer's offset");
const BUFFER_SIZE: Field = Field(2, "a buffer's size");
const SIGNATURE_INPUTS: Field = Field(0, "a signature's inputs");
const SIGNATURE_OUTPUTS: Field = Field(1, "a signature's outputs");
const SIGNATURE_SUBGRAPH: Field = Field(4, "a signature's subgraph");
const MAP_NAME: Field = Field(0, "a name in a signature");
const MAP_TENSOR: Field = Field(1, "a tensor in a signature");

/// More dimensions than any kernel of TensorFlow Lite takes.
const MAX_RANK: usize = 16;

/// A model with one subgraph. Tensors are given by their place in `tensors`, and every such index is valid.
#[derive(Debug)]
pub(crate) struct Model<'a> {
    pub(crate) flat: &'a Flat<'a>,
    pub(crate) description: String,
    pub(crate) name: String,
    pub(crate) tensors: Vec<Tensor<'a>>,
    pub(crate) operators: Vec<Operator<'a>>,
    pub(crate) inputs: Vec<Port>,
    pub(crate) outputs: Vec<Port>,
}

/// An input or output of the model.
#[derive(Clone, Debug)]
pub(crate) struct Port {
    pub(crate) tensor: usize,
    /// From the signature, where there is one, else the tensor's.
    pub(crate) name: String,
}

#[derive(Clone, Debug)]
pub(crate) struct Tensor<'a> {
    pub(crate) name: String,
    pub(crate) ty: Type,
    pub(crate) shape: Vec<usize>,
    /// The encoded elements of a constant.
    pub(crate) data: Option<&'a [u8]>,
    pub(crate) scales: Vec<f32>,
    pub(crate) zero_points: Vec<i64>,
    /// The axis of several scales.
    pub(crate) axis: i32,
    pub(crate) sparse: bool,
}

impl Tensor<'_> {
    /// Whether it is an activation of a quantized operator, or could be: int8, or int16 with a scale.
    pub(crate) fn is_quantized(&self) -> bool {
        self.ty == Type::INT8 || self.ty == Type::INT16 && !self.scales.is_empty()
    }
}

#[derive(Clone, Debug)]
pub(crate) struct Operator<'a> {
    pub(crate) code: i32,
    /// TensorFlow Lite's name, or that of a custom operator.
    pub(crate) name: String,
    /// `None` for an optional input left out.
    pub(crate) inputs: Vec<Option<usize>>,
    pub(crate) outputs: Vec<usize>,
    options: Option<Table<'a>>,
}

impl<'a> Operator<'a> {
    pub(crate) fn input(&self, index: usize) -> Option<usize> {
        self.inputs.get(index).copied().flatten()
    }

    /// A number among the options. Absent options have their defaults.
    pub(crate) fn i32(&self, field: Field, default: i32) -> Result<i32, TfliteError> {
        self.options.map_or(Ok(default), |options| options.i32(field, default))
    }

    pub(crate) fn u8(&self, field: Field) -> Result<u8, TfliteError> {
        self.options.map_or(Ok(0), |options| options.u8(field, 0))
    }

    pub(crate) fn bool(&self, field: Field) -> Result<bool, TfliteError> {
        self.options.map_or(Ok(false), |options| options.bool(field))
    }

    pub(crate) fn f32(&self, field: Field) -> Result<f32, TfliteError> {
        self.options.map_or(Ok(0.0), |options| options.f32(field, 0.0))
    }
}

/// An index into a table of `limit` entries.
fn index(found: i64, limit: usize, what: &'static str) -> Result<usize, TfliteError> {
    usize::try_from(found).ok().filter(|&index| index < limit).ok_or(TfliteError::Index { what, found, limit })
}

impl<'a> Model<'a> {
    pub(crate) fn parse(flat: &'a Flat<'a>) -> Result<Model<'a>, TfliteError> {
        let root = flat.root()?;
        let version = root.u32(MODEL_VERSION, 0)?;
        if version != 3 {
            return Err(TfliteError::Version { found: version });
        }
        let graph = match root.tables(MODEL_SUBGRAPHS)?[..] {
            [graph] => graph,
            ref graphs => return Err(TfliteError::Subgraphs { found: graphs.len() }),
        };
        let codes = root.tables(MODEL_OPERATOR_CODES)?.into_iter().map(code).collect::<Result<Vec<_>, _>>()?;
        let buffers = root.tables(MODEL_BUFFERS)?.into_iter().map(|table| buffer(flat, table)).collect::<Result<Vec<_>, _>>()?;
        let tensors = graph.tables(GRAPH_TENSORS)?.into_iter().map(|table| tensor(table, &buffers)).collect::<Result<Vec<_>, _>>()?;
        let limit = tensors.len();
        let operators = graph.tables(GRAPH_OPERATORS)?.into_iter().map(|table| operator(flat, table, &codes, limit));
        let operators = operators.collect::<Result<Vec<_>, _>>()?;
        let signatures = root.tables(MODEL_SIGNATURES)?;
        let signature = if let [signature] = signatures[..] { Some(signature) } else { None };
        let ports = |field, names| ports(graph.i32s(field)?, &tensors, signature, names);
        let inputs = ports(GRAPH_INPUTS, SIGNATURE_INPUTS)?;
        let outputs = ports(GRAPH_OUTPUTS, SIGNATURE_OUTPUTS)?;
        let (description, name) = (root.string(MODEL_DESCRIPTION)?, graph.string(GRAPH_NAME)?);
        Ok(Model { flat, description, name, tensors, operators, inputs, outputs })
    }
}

/// The code and the name of a kind of operator. Codes above 127 are in a newer field than the others.
fn code(table: Table<'_>) -> Result<(i32, String), TfliteError> {
    let code = table.i32(CODE_BUILTIN, 0)?.max(table.u8(CODE_DEPRECATED, 0)?.into());
    let custom = table.string(CODE_CUSTOM)?;
    let name = if code == codes::CUSTOM && !custom.is_empty() { custom } else { codes::operator_name(code) };
    Ok((code, name))
}

/// The bytes of a buffer, within the table or, in large models, behind it.
fn buffer<'a>(flat: &'a Flat<'a>, table: Table<'a>) -> Result<&'a [u8], TfliteError> {
    match (table.u64(BUFFER_OFFSET)?, table.u64(BUFFER_SIZE)?) {
        (0 | 1, _) => table.bytes(BUFFER_DATA),
        (offset, size) => {
            let [at, len] = [offset, size].map(|number| usize::try_from(number).unwrap_or(usize::MAX));
            flat.slice(at, len, BUFFER_DATA.1)
        }
    }
}

fn tensor<'a>(table: Table<'a>, buffers: &[&'a [u8]]) -> Result<Tensor<'a>, TfliteError> {
    let name = table.string(TENSOR_NAME)?;
    let dims = table.i32s(TENSOR_SHAPE)?;
    let shape = dims.iter().map(|&dim| usize::try_from(dim)).collect::<Result<_, _>>().map_err(|_| TfliteError::Tensor {
        tensor: name.clone(),
        expected: "dimensions that are not negative".into(),
        found: format!("{dims:?}"),
    })?;
    if dims.len() > MAX_RANK {
        let (expected, found) = (format!("at most {MAX_RANK} dimensions"), dims.len().to_string());
        return Err(TfliteError::Tensor { tensor: name, expected, found });
    }
    let buffer = table.u32(TENSOR_BUFFER, 0)?;
    let data = match buffer {
        0 => None,
        _ => Some(buffers[index(buffer.into(), buffers.len(), TENSOR_BUFFER.1)?]).filter(|bytes| !bytes.is_empty()),
    };
    let quantization = table.table(TENSOR_QUANTIZATION)?;
    Ok(Tensor {
        name,
        ty: Type(table.u8(TENSOR_TYPE, 0)?),
        shape,
        data,
        scales: quantization.map_or(Ok(vec![]), |table| table.f32s(QUANTIZATION_SCALE))?,
        zero_points: quantization.map_or(Ok(vec![]), |table| table.i64s(QUANTIZATION_ZERO_POINT))?,
        axis: quantization.map_or(Ok(0), |table| table.i32(QUANTIZATION_DIMENSION, 0))?,
        sparse: table.table(TENSOR_SPARSITY)?.is_some(),
    })
}

fn operator<'a>(flat: &Flat<'_>, table: Table<'a>, codes: &[(i32, String)], tensors: usize) -> Result<Operator<'a>, TfliteError> {
    let (code, name) = &codes[index(table.u32(OPERATOR_CODE, 0)?.into(), codes.len(), OPERATOR_CODE.1)?];
    flat.charge(name.len())?;
    let inputs = table.i32s(OPERATOR_INPUTS)?.into_iter().map(|input| match input {
        -1 => Ok(None),
        input => index(input.into(), tensors, OPERATOR_INPUTS.1).map(Some),
    });
    let outputs = table.i32s(OPERATOR_OUTPUTS)?.into_iter().map(|output| index(output.into(), tensors, OPERATOR_OUTPUTS.1));
    Ok(Operator {
        code: *code,
        name: name.clone(),
        inputs: inputs.collect::<Result<_, _>>()?,
        outputs: outputs.collect::<Result<_, _>>()?,
        options: table.table(OPERATOR_OPTIONS)?,
    })
}

/// Inputs or outputs with the names that a signature gives them.
fn ports(list: Vec<i32>, tensors: &[Tensor<'_>], signature: Option<Table<'_>>, names: Field) -> Result<Vec<Port>, TfliteError> {
    let maps = match signature {
        Some(signature) if signature.u32(SIGNATURE_SUBGRAPH, 0)? == 0 => signature.tables(names)?,
        _ => vec![],
    };
    let named = maps.iter().map(|map| Ok((map.u32(MAP_TENSOR, 0)? as usize, map.string(MAP_NAME)?)));
    let named = named.collect::<Result<HashMap<_, _>, TfliteError>>()?;
    list.into_iter()
        .map(|found| {
            let tensor = index(found.into(), tensors.len(), names.1)?;
            let name = named.get(&tensor).filter(|name| !name.is_empty()).unwrap_or(&tensors[tensor].name).clone();
            Ok(Port { tensor, name })
        })
        .collect()
}
