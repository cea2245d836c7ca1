//! Writes small `.tflite` models, with the official flatbuffers library, and runs programs.

use edge_format::{AlignedBytes, Program};
use edge_runtime::{Interpreter, Resolver};
use edgectl_graph::QuantGraph;
use edgectl_lower::{LowerOptions, lower};
use edgectl_tflite::{Model, TfliteError, import};
use flatbuffers::{FlatBufferBuilder, TableFinishedWIPOffset, WIPOffset};

/// TensorFlow Lite's numbers for types.
pub(crate) const FLOAT32: u8 = 0;
pub(crate) const INT32: u8 = 2;
pub(crate) const INT64: u8 = 4;
pub(crate) const INT16: u8 = 7;
pub(crate) const INT8: u8 = 9;

/// A tensor; one with data is a constant.
#[derive(Clone, Default)]
pub(crate) struct Tensor {
    pub(crate) name: String,
    pub(crate) ty: u8,
    pub(crate) shape: Vec<i32>,
    pub(crate) data: Option<Vec<u8>>,
    pub(crate) scales: Vec<f32>,
    pub(crate) zero_points: Vec<i64>,
    pub(crate) axis: i32,
}

impl Tensor {
    pub(crate) fn new(name: &str, ty: u8, shape: &[i32]) -> Tensor {
        Tensor { name: name.into(), ty, shape: shape.to_vec(), ..Tensor::default() }
    }

    pub(crate) fn int8(name: &str, shape: &[i32], scale: f32, zero_point: i64) -> Tensor {
        Tensor { scales: vec![scale], zero_points: vec![zero_point], ..Tensor::new(name, INT8, shape) }
    }

    pub(crate) fn int32s(name: &str, shape: &[i32], values: &[i32]) -> Tensor {
        let data = values.iter().flat_map(|value| value.to_le_bytes()).collect();
        Tensor { data: Some(data), ..Tensor::new(name, INT32, shape) }
    }

    pub(crate) fn f32s(name: &str, shape: &[i32], values: &[f32]) -> Tensor {
        let data = values.iter().flat_map(|value| value.to_le_bytes()).collect();
        Tensor { data: Some(data), ..Tensor::new(name, FLOAT32, shape) }
    }
}

/// An option of an operator.
#[derive(Clone, Copy)]
pub(crate) enum Value {
    U8(u8),
    I32(i32),
    F32(f32),
}

/// An operator; `options` are fields of its options table by number.
#[derive(Clone, Default)]
pub(crate) struct Operator {
    pub(crate) code: i32,
    pub(crate) custom: Option<String>,
    pub(crate) inputs: Vec<i32>,
    pub(crate) outputs: Vec<i32>,
    pub(crate) options: Vec<(u16, Value)>,
}

impl Operator {
    pub(crate) fn new(code: i32, inputs: &[i32], outputs: &[i32], options: &[(u16, Value)]) -> Operator {
        let (inputs, outputs, options) = (inputs.to_vec(), outputs.to_vec(), options.to_vec());
        Operator { code, custom: None, inputs, outputs, options }
    }
}

/// Names of tensors.
pub(crate) type Names = Vec<(String, u32)>;

/// A model with one kind of operator per operator and one buffer per tensor.
#[derive(Clone)]
pub(crate) struct Spec {
    pub(crate) version: u32,
    pub(crate) subgraphs: usize,
    pub(crate) tensors: Vec<Tensor>,
    pub(crate) operators: Vec<Operator>,
    pub(crate) inputs: Vec<i32>,
    pub(crate) outputs: Vec<i32>,
    /// Names of inputs and outputs.
    pub(crate) signature: Option<(Names, Names)>,
}

impl Spec {
    pub(crate) fn new(tensors: Vec<Tensor>, operators: Vec<Operator>, inputs: &[i32], outputs: &[i32]) -> Spec {
        let (inputs, outputs) = (inputs.to_vec(), outputs.to_vec());
        Spec { version: 3, subgraphs: 1, tensors, operators, inputs, outputs, signature: None }
    }

    pub(crate) fn bytes(&self) -> Vec<u8> {
        let mut writer = Writer(FlatBufferBuilder::new());
        let root = writer.model(self);
        writer.0.finish(root, Some("TFL3"));
        writer.0.finished_data().to_vec()
    }

    pub(crate) fn import(&self) -> Result<edgectl_tflite::Imported, TfliteError> {
        import(&self.bytes())
    }

    /// The message of the error that this model gives.
    pub(crate) fn error(&self) -> String {
        self.import().unwrap_err().to_string()
    }

    pub(crate) fn int8(&self) -> QuantGraph {
        match self.import().unwrap().model {
            Model::Int8(quantized) => quantized,
            other => panic!("expected an int8 model, found {other:?}"),
        }
    }

    pub(crate) fn float(&self) -> edgectl_graph::Graph {
        match self.import().unwrap().model {
            Model::Float(graph) => graph,
            other => panic!("expected a float model, found {other:?}"),
        }
    }
}

type Table = WIPOffset<TableFinishedWIPOffset>;

struct Writer<'b>(FlatBufferBuilder<'b>);

/// The offset of field `number` in a vtable.
fn slot(number: u16) -> u16 {
    4 + 2 * number
}

impl Writer<'_> {
    fn tables<T>(&mut self, items: &[T], mut table: impl FnMut(&mut Self, &T) -> Table) -> WIPOffset<flatbuffers::UnionWIPOffset> {
        let tables: Vec<Table> = items.iter().map(|item| table(self, item)).collect();
        self.0.create_vector(&tables).as_union_value()
    }

    fn table(&mut self, fields: impl FnOnce(&mut FlatBufferBuilder<'_>)) -> Table {
        let start = self.0.start_table();
        fields(&mut self.0);
        self.0.end_table(start)
    }

    fn model(&mut self, spec: &Spec) -> Table {
        let codes = self.tables(&spec.operators, |writer, operator| {
            let custom = operator.custom.as_ref().map(|name| writer.0.create_string(name));
            writer.table(|b| {
                b.push_slot_always(slot(0), operator.code.min(127) as i8);
                b.push_slot_always(slot(3), operator.code);
                if let Some(custom) = custom {
                    b.push_slot_always(slot(1), custom);
                }
            })
        });
        let graphs = self.tables(&vec![(); spec.subgraphs], |writer, ()| writer.subgraph(spec));
        let buffers: Vec<_> = [None].into_iter().chain(spec.tensors.iter().map(|tensor| tensor.data.clone())).collect();
        let buffers = self.tables(&buffers, |writer, data| {
            let data = data.as_ref().map(|data| writer.0.create_vector(data));
            writer.table(|b| data.into_iter().for_each(|data| b.push_slot_always(slot(0), data)))
        });
        let signatures: Vec<_> = spec.signature.iter().collect();
        let signatures = self.tables(&signatures, |writer, (inputs, outputs)| {
            let [inputs, outputs] = [inputs, outputs].map(|names| {
                writer.tables(names, |writer, (name, tensor)| {
                    let name = writer.0.create_string(name);
                    writer.table(|b| {
                        b.push_slot_always(slot(0), name);
                        b.push_slot_always(slot(1), *tensor);
                    })
                })
            });
            writer.table(|b| {
                b.push_slot_always(slot(0), inputs);
                b.push_slot_always(slot(1), outputs);
            })
        });
        let description = self.0.create_string("made by a test");
        self.table(|b| {
            b.push_slot_always(slot(0), spec.version);
            b.push_slot_always(slot(1), codes);
            b.push_slot_always(slot(2), graphs);
            b.push_slot_always(slot(3), description);
            b.push_slot_always(slot(4), buffers);
            b.push_slot_always(slot(7), signatures);
        })
    }

    fn subgraph(&mut self, spec: &Spec) -> Table {
        let numbered: Vec<_> = (1u32..).zip(&spec.tensors).collect();
        let tensors = self.tables(&numbered, |writer, (buffer, tensor)| writer.tensor(*buffer, tensor));
        let numbered: Vec<_> = (0u32..).zip(&spec.operators).collect();
        let operators = self.tables(&numbered, |writer, (code, operator)| writer.operator(*code, operator));
        let [inputs, outputs] = [&spec.inputs, &spec.outputs].map(|list| self.0.create_vector(list));
        let name = self.0.create_string("main");
        self.table(|b| {
            b.push_slot_always(slot(0), tensors);
            b.push_slot_always(slot(1), inputs);
            b.push_slot_always(slot(2), outputs);
            b.push_slot_always(slot(3), operators);
            b.push_slot_always(slot(4), name);
        })
    }

    fn tensor(&mut self, buffer: u32, tensor: &Tensor) -> Table {
        let [scales, zeros] =
            [self.0.create_vector(&tensor.scales).as_union_value(), self.0.create_vector(&tensor.zero_points).as_union_value()];
        let quantization = self.table(|b| {
            b.push_slot_always(slot(2), scales);
            b.push_slot_always(slot(3), zeros);
            b.push_slot_always(slot(6), tensor.axis);
        });
        let shape = self.0.create_vector(&tensor.shape);
        let name = self.0.create_string(&tensor.name);
        self.table(|b| {
            b.push_slot_always(slot(0), shape);
            b.push_slot_always(slot(1), tensor.ty);
            b.push_slot_always(slot(2), buffer);
            b.push_slot_always(slot(3), name);
            b.push_slot_always(slot(4), quantization);
        })
    }

    fn operator(&mut self, code: u32, operator: &Operator) -> Table {
        let [inputs, outputs] = [&operator.inputs, &operator.outputs].map(|list| self.0.create_vector(list));
        let options = self.table(|b| {
            for &(number, value) in &operator.options {
                match value {
                    Value::U8(value) => b.push_slot_always(slot(number), value),
                    Value::I32(value) => b.push_slot_always(slot(number), value),
                    Value::F32(value) => b.push_slot_always(slot(number), value),
                }
            }
        });
        self.table(|b| {
            b.push_slot_always(slot(0), code);
            b.push_slot_always(slot(1), inputs);
            b.push_slot_always(slot(2), outputs);
            b.push_slot_always(slot(4), options);
        })
    }
}

/// Lowers an int8 model and runs it once on the bytes of its inputs; the bytes of its first output.
pub(crate) fn run(quantized: &QuantGraph, inputs: &[Vec<i8>]) -> Vec<i8> {
    let lowered = lower(quantized, &LowerOptions::default()).unwrap();
    let bytes = AlignedBytes::from(&lowered.program[..]);
    let program = Program::parse(&bytes).unwrap();
    let mut arena = AlignedBytes::from(&vec![0; program.arena_bytes() as usize][..]);
    let mut interpreter = Interpreter::new(program, &mut arena, Resolver::all()).unwrap();
    for (index, values) in inputs.iter().enumerate() {
        if let Ok(input) = interpreter.input_mut_of::<i16>(index) {
            let pairs = values.chunks(2).map(|pair| i16::from_le_bytes([pair[0], pair[1]].map(i8::cast_unsigned)));
            input.iter_mut().zip(pairs).for_each(|(q, value)| *q = value);
        } else {
            interpreter.input_mut(index).unwrap().copy_from_slice(values);
        }
    }
    interpreter.invoke().unwrap();
    if let Ok(indices) = interpreter.output_of::<i32>(0) {
        indices.iter().flat_map(|index| index.to_le_bytes().map(u8::cast_signed)).collect()
    } else if let Ok(output) = interpreter.output_of::<i16>(0) {
        output.iter().flat_map(|q| q.to_le_bytes().map(u8::cast_signed)).collect()
    } else {
        interpreter.output(0).unwrap().to_vec()
    }
}
