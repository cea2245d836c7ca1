//! Runs a model in float: reference outputs, activations to observe, teachers.
//!
//! The engine is tract, and this crate is the only one that knows it. tract runs convolutions of a QDQ model in float, so that a
//! [`FloatModel`] made of one *simulates* int8; the integer arithmetic itself is in `edge-runtime`.
//!
//! A model takes one sample at a time (the batch is 1) and keeps no state between samples, so that threads can share it. Memory is that
//! of the weights and of one sample's live activations per thread: a tensor that is only observed is gone once it has been shown.

mod error;
mod guard;
mod shown;

use std::sync::Arc;

use edgectl_graph::{Fact, Graph, Shape, TensorId};
use edgectl_onnx::ExportOptions;
use tract_onnx::pb::ModelProto;
use tract_onnx::prelude::{
    DatumType, Framework, InferenceFact, InferenceModel, InferenceModelExt, IntoRunnable, IntoTValue, Tensor, TractResult,
    TypedRunnableModel,
};
use tract_onnx::tract_hir::infer::Factoid;
use tract_onnx::tract_hir::internal::{DimLike, ToDim};
use tract_onnx::tract_hir::ops::unimpl::UnimplementedOp;

pub use error::FloatError;
use shown::Shown;

/// Domains whose operators the engine knows. It looks operators up by name alone, and would take `any.domain.Relu` for a `Relu`.
const DOMAINS: [&str; 4] = ["", "ai.onnx", "ai.onnx.ml", "com.microsoft"];

/// An input or output of a model.
#[derive(Clone, Debug, PartialEq, Eq)]
pub struct Port {
    /// The tensor's name.
    pub name: String,
    /// Its dimensions, with a batch of 1.
    pub shape: Vec<usize>,
}

/// A model ready to run.
#[derive(Debug)]
pub struct FloatModel {
    plan: Arc<TypedRunnableModel>,
    inputs: Vec<(Port, DatumType)>,
    outputs: Vec<Port>,
    /// By output: whether it holds real numbers.
    real: Vec<bool>,
    shown: Shown,
}

impl FloatModel {
    /// Prepares a graph. The tensors in `observe` become outputs after the graph's own, in this order.
    ///
    /// # Errors
    /// Where the graph cannot be exported, has a dynamic shape or an operator that the engine does not support.
    pub fn from_graph(graph: &Graph, observe: &[TensorId]) -> Result<FloatModel, FloatError> {
        let mut graph = graph.clone();
        graph.bind_batch(1)?;
        FloatModel::from_onnx(&edgectl_onnx::export(&graph, &ExportOptions { observe })?)
    }

    /// Prepares an ONNX model given as bytes; its external data, if any, must be inside.
    ///
    /// # Errors
    /// Where the bytes are no model, a shape is dynamic or the engine does not support an operator.
    pub fn from_onnx(bytes: &[u8]) -> Result<FloatModel, FloatError> {
        let Parsed { mut model, quantizes } = step("reading the model", || parse(bytes))??;
        let names: Vec<String> = step("listing the outputs", || {
            let outlets = model.output_outlets()?;
            Ok(outlets.iter().map(|&outlet| model.outlet_label(outlet).unwrap_or_default().to_owned()).collect())
        })?;
        let mut inputs = step("listing the inputs", || bind_batch(&mut model))??;
        let mut model = step("planning the model", move || {
            // The optimizer takes softmax for an elementwise function: it makes `DequantizeLinear -> Softmax -> QuantizeLinear` a
            // lookup table. So what simulates int8 runs as it is written, which takes several times as long.
            if quantizes { model.into_typed() } else { model.into_optimized() }
        })?;
        // The sources' types are only complete once all shapes and types have been inferred.
        for (i, (_, dtype)) in inputs.iter_mut().enumerate() {
            *dtype = step("listing the inputs", || Ok(model.input_fact(i)?.datum_type))?;
        }
        let mut real = vec![];
        let outputs = names.into_iter().enumerate().map(|(i, name)| {
            let fact = step("listing the outputs", || Ok(model.output_fact(i)?.clone()))?;
            let fixed = fact.shape.as_concrete().map(<[usize]>::to_vec);
            let dynamic = || FloatError::Dynamic { tensor: name.clone(), shape: format!("[{:?}]", fact.shape) };
            real.push(fact.datum_type == DatumType::F32);
            Ok(Port { shape: fixed.ok_or_else(dynamic)?, name: name.clone() })
        });
        let outputs = outputs.collect::<Result<_, FloatError>>()?;
        let (shown, plan) = step("planning the model", move || Ok((Shown::new(&mut model)?, model.into_runnable()?)))?;
        Ok(FloatModel { plan, inputs, outputs, real, shown })
    }

    /// The inputs, in the model's order.
    pub fn inputs(&self) -> impl ExactSizeIterator<Item = &Port> {
        self.inputs.iter().map(|(port, _)| port)
    }

    /// The outputs, in the model's order; those observed come last.
    pub fn outputs(&self) -> &[Port] {
        &self.outputs
    }

    /// What is known of an output; nothing where it holds no real numbers.
    pub fn output_fact(&self, output: usize) -> Option<Fact> {
        let port = self.outputs.get(output).filter(|_| self.real[output])?;
        Some(Fact::f32(Shape::new(port.shape.iter().copied())))
    }

    /// Runs one sample: one slice per input, one list of values per output, outermost dimension first. The values of inputs are converted
    /// to the tensor's own type, those of outputs to float.
    ///
    /// # Errors
    /// Where the values do not fit the inputs, or the engine fails.
    pub fn run(&self, inputs: &[&[f32]]) -> Result<Vec<Vec<f32>>, FloatError> {
        let mut outputs = vec![vec![]; self.outputs.len()];
        self.show(inputs, &mut |place, values| outputs[place] = values.to_vec())?;
        Ok(outputs)
    }

    /// Runs one sample and shows each output with its place among them, in the order in which they are computed, as soon as they are.
    ///
    /// # Errors
    /// As [`FloatModel::run`]; some outputs may have been shown by then.
    pub fn show(&self, inputs: &[&[f32]], see: &mut dyn FnMut(usize, &[f32])) -> Result<(), FloatError> {
        if inputs.len() != self.inputs.len() {
            return Err(FloatError::InputCount { expected: self.inputs.len(), found: inputs.len() });
        }
        for ((port, _), values) in self.inputs.iter().zip(inputs) {
            let expected = port.shape.iter().product();
            if values.len() != expected {
                return Err(FloatError::InputLength { input: port.name.clone(), expected, found: values.len() });
            }
        }
        step("running a sample", || {
            let tensors =
                self.inputs.iter().zip(inputs).map(|((port, dtype), values)| {
                    Ok(Tensor::from_shape(&port.shape, values)?.cast_to_dt(*dtype)?.into_owned().into_tvalue())
                });
            self.shown.run(&self.plan, tensors.collect::<TractResult<_>>()?, see)
        })
    }
}

/// Calls the engine; both its errors and its panics name the step.
fn step<T>(step: &'static str, call: impl FnOnce() -> TractResult<T>) -> Result<T, FloatError> {
    match guard::catch(call) {
        Ok(Ok(value)) => Ok(value),
        Ok(Err(error)) => Err(FloatError::Engine { step, message: one_line(&format!("{error:#}")) }),
        Err(panic) => Err(FloatError::EnginePanic { step, message: one_line(&panic) }),
    }
}

/// The engine quotes whole nodes in its messages.
fn one_line(message: &str) -> String {
    const LIMIT: usize = 300;
    let mut line = message.split_whitespace().collect::<Vec<_>>().join(" ");
    if let Some((end, _)) = line.char_indices().nth(LIMIT) {
        line.truncate(end);
        line.push('…');
    }
    line
}

/// A model as read.
struct Parsed {
    model: InferenceModel,
    /// Whether it quantizes activations.
    quantizes: bool,
}

/// Parses the model; the inner error is an operator that the engine does not have.
fn parse(bytes: &[u8]) -> TractResult<Result<Parsed, FloatError>> {
    let onnx = tract_onnx::onnx().with_ignore_output_shapes(true).with_ignore_value_info(true);
    let proto: ModelProto = onnx.proto_model_for_read(&mut &*bytes)?;
    let nodes = proto.graph.iter().flat_map(|graph| &graph.node);
    if let Some(node) = nodes.into_iter().find(|node| !DOMAINS.contains(&node.domain.as_str())) {
        let name = if node.name.is_empty() { node.output.first().cloned().unwrap_or_default() } else { node.name.clone() };
        return Ok(Err(FloatError::Unsupported { node: name, op: format!("{}.{}", node.domain, node.op_type) }));
    }
    let quantizes = proto.graph.iter().flat_map(|graph| &graph.node).any(|node| node.op_type == "QuantizeLinear");
    let model = onnx.model_for_proto_model(&proto)?;
    let missing = model.nodes().iter().find(|node| node.op.as_op().is::<UnimplementedOp>());
    Ok(match missing {
        Some(node) => {
            let op = node.op.name();
            let op = op.trim_start_matches("Unimplemented(").trim_end_matches(')').to_owned();
            Err(FloatError::Unsupported { node: node.name.clone(), op })
        }
        None => Ok(Parsed { model, quantizes }),
    })
}

/// Gives the first dimension of every input the size 1 where it is symbolic, and lists the inputs.
fn bind_batch(model: &mut InferenceModel) -> TractResult<Result<Vec<(Port, DatumType)>, FloatError>> {
    let mut ports = vec![];
    for (i, outlet) in model.input_outlets()?.to_vec().into_iter().enumerate() {
        let name = model.node(outlet.node).name.clone();
        let fact = model.input_fact(i)?.clone();
        let dims: Vec<_> = fact.shape.dims().map(|dim| dim.concretize()).collect();
        let sizes = dims.iter().enumerate().map(|(axis, dim)| match dim.as_ref().map(|dim| dim.to_usize()) {
            Some(Ok(size)) => Some(size),
            _ => (axis == 0).then_some(1),
        });
        let sizes: Option<Vec<usize>> = sizes.collect();
        let Some(shape) = sizes.filter(|_| !fact.shape.is_open()) else {
            return Ok(Err(FloatError::Dynamic { tensor: name, shape: format!("[{:?}]", fact.shape) }));
        };
        let mut bound = InferenceFact::default().with_shape(shape.iter().map(|size| size.to_dim()).collect::<Vec<_>>());
        let dtype = fact.datum_type.concretize();
        if let Some(dtype) = dtype {
            bound = bound.with_datum_type(dtype);
        }
        model.set_input_fact(i, bound)?;
        ports.push((Port { name, shape }, dtype.unwrap_or(DatumType::F32)));
    }
    Ok(Ok(ports))
}
