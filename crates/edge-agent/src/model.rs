//! A program in memory: golden vectors, inference, timing.

use std::io::{self, BufRead, Read, Write};
use std::path::{Path, PathBuf};
use std::time::Instant;

use edge_format::{AlignedBytes, DType, Golden, Io, Program};
use edge_runtime::pack::pack_for_this_machine;
use edge_runtime::{Interpreter, Isa, Resolver};
use serde::{Deserialize, Serialize};
use serde_json::{Value, json};
use thiserror::Error;

use crate::machine::MachineError;

/// The largest program or file of golden vectors, in bytes.
const MAX_FILE: u64 = 1 << 30;
/// The longest line of input, in bytes.
const MAX_LINE: u64 = 256 << 20;

/// Why a program cannot be executed.
#[derive(Debug, Error)]
pub enum ModelError {
    /// A file cannot be read.
    #[error("cannot read {path}: {source}")]
    Io {
        /// The file.
        path: PathBuf,
        /// What happened.
        source: io::Error,
    },
    /// The program.
    #[error("{path} is no program that this runtime executes: {problem}")]
    Program {
        /// The file.
        path: PathBuf,
        /// What is wrong with it.
        problem: String,
    },
    /// The golden vectors.
    #[error("golden vectors: {0}")]
    Golden(String),
    /// An input.
    #[error("input {line}: {problem}")]
    Input {
        /// Which, from 1.
        line: usize,
        /// What is wrong with it.
        problem: String,
    },
    /// The results cannot be written.
    #[error("cannot write the result: {0}")]
    Output(io::Error),
    /// The release.
    #[error(transparent)]
    Release(#[from] MachineError),
    /// A role that the release lacks.
    #[error("the release has no file with the role `{0}`")]
    Role(&'static str),
}

/// A program's bytes, with its golden vectors.
#[derive(Debug)]
pub struct Model {
    path: PathBuf,
    program: AlignedBytes,
    golden: Option<Vec<u8>>,
}

/// What came of the golden vectors.
#[derive(Clone, Debug, Default, PartialEq, Eq, Serialize, Deserialize)]
pub struct SelfTest {
    /// How many there are.
    pub vectors: u64,
    /// How many had other bytes.
    pub mismatches: u64,
    /// The first that had, with the output and the element.
    #[serde(default, skip_serializing_if = "Option::is_none")]
    pub first: Option<String>,
}

/// Times of inferences, in microseconds.
#[derive(Clone, Debug, PartialEq, Serialize, Deserialize)]
pub struct Timing {
    /// How many were timed, after as many tenths of that for warming up.
    pub iterations: usize,
    /// The fastest.
    pub min_us: f64,
    /// Half of them were faster.
    pub p50_us: f64,
    /// Of a hundred, 99 were faster.
    pub p99_us: f64,
    /// The arena.
    pub arena_bytes: u32,
    /// The instruction set whose kernels ran.
    pub isa: String,
}

/// A program that is ready.
pub struct Ready<'p, 'a> {
    interpreter: Interpreter<'p, 'a>,
    golden: Option<Golden<'p>>,
}

impl Model {
    /// Reads a program, and golden vectors for it.
    ///
    /// # Errors
    ///
    /// Where a file cannot be read.
    pub fn read(program: &Path, golden: Option<&Path>) -> Result<Model, ModelError> {
        let read = |path: &Path| {
            let mut bytes = vec![];
            let file = std::fs::File::open(path).and_then(|file| file.take(MAX_FILE).read_to_end(&mut bytes));
            file.map(|_| bytes).map_err(|source| ModelError::Io { path: path.into(), source })
        };
        Ok(Model { path: program.into(), program: AlignedBytes::from(&read(program)?[..]), golden: golden.map(read).transpose()? })
    }

    /// Reads what a release's folder describes.
    ///
    /// # Errors
    ///
    /// Where the folder is none of a release with a program.
    pub fn of_release(home: &Path) -> Result<Model, ModelError> {
        let description = home.join("release.json");
        let bytes = std::fs::read(&description).map_err(|source| ModelError::Io { path: description.clone(), source })?;
        let spec: crate::release::ReleaseSpec = serde_json::from_slice(&bytes)
            .map_err(|error| ModelError::Io { path: description, source: io::Error::new(io::ErrorKind::InvalidData, error) })?;
        spec.check().map_err(MachineError::from)?;
        let path = |role| spec.file(role).map(|file| home.join(&file.path));
        Model::read(&path("program").ok_or(ModelError::Role("program"))?, path("golden").as_deref())
    }

    /// Does something with the program.
    ///
    /// # Errors
    ///
    /// Where the runtime cannot execute it, its golden vectors are none, or what is done fails.
    pub fn with<R>(&self, work: impl FnOnce(&mut Ready<'_, '_>) -> Result<R, ModelError>) -> Result<R, ModelError> {
        let refuse = |problem: String| ModelError::Program { path: self.path.clone(), problem };
        let program = Program::parse(&self.program).map_err(|error| refuse(error.to_string()))?;
        // A bundle is for every machine of an architecture; the kernels of this one want their own layout.
        let packed = pack_for_this_machine(&program).map_err(|error| refuse(error.to_string()))?;
        let program = Program::parse(&packed).map_err(|error| refuse(error.to_string()))?;
        let mut arena = AlignedBytes::zeroed(program.arena_bytes() as usize);
        let interpreter = Interpreter::new(program, &mut arena, Resolver::fastest()).map_err(|error| refuse(error.to_string()))?;
        let golden = self.golden.as_ref().map(|bytes| Golden::parse(bytes, &program));
        let golden = golden.transpose().map_err(|error| ModelError::Golden(error.to_string()))?;
        work(&mut Ready { interpreter, golden })
    }
}

impl<'p> Ready<'p, '_> {
    fn program(&self) -> Program<'p> {
        self.interpreter.program()
    }

    /// The type and the elements of each input, or output.
    fn shapes(&self, ios: impl Iterator<Item = Io<'p>>) -> Vec<(&'p str, DType, usize)> {
        let shape = |io: Io<'p>| Some((io.name, self.program().tensor(io.tensor)?.dtype, io.shape.elements() as usize));
        ios.filter_map(shape).collect()
    }

    /// Inputs in their order: name, type, elements.
    pub fn inputs(&self) -> Vec<(&'p str, DType, usize)> {
        self.shapes(self.program().inputs())
    }

    /// Outputs in their order: name, type, elements.
    pub fn outputs(&self) -> Vec<(&'p str, DType, usize)> {
        self.shapes(self.program().outputs())
    }

    /// Fills an input with the bytes of its elements, little-endian.
    fn write_raw(&mut self, index: usize, dtype: DType, bytes: &[u8]) -> Result<(), edge_runtime::RuntimeError> {
        match dtype {
            DType::I8 => {
                let elements = self.interpreter.input_mut_of::<i8>(index)?;
                elements.iter_mut().zip(bytes).for_each(|(element, byte)| *element = byte.cast_signed());
            }
            DType::I16 => {
                let elements = self.interpreter.input_mut_of::<i16>(index)?;
                elements.iter_mut().zip(bytes.as_chunks().0).for_each(|(element, bytes)| *element = i16::from_le_bytes(*bytes));
            }
            _ => {
                let elements = self.interpreter.input_mut_of::<i32>(index)?;
                elements.iter_mut().zip(bytes.as_chunks().0).for_each(|(element, bytes)| *element = i32::from_le_bytes(*bytes));
            }
        }
        Ok(())
    }

    /// The bytes of an output's elements, little-endian.
    fn read_raw(&self, index: usize, dtype: DType) -> Result<Vec<u8>, edge_runtime::RuntimeError> {
        Ok(match dtype {
            DType::I8 => self.interpreter.output_of::<i8>(index)?.iter().map(|q| q.cast_unsigned()).collect(),
            DType::I16 => self.interpreter.output_of::<i16>(index)?.iter().flat_map(|q| q.to_le_bytes()).collect(),
            _ => self.interpreter.output_of::<i32>(index)?.iter().flat_map(|q| q.to_le_bytes()).collect(),
        })
    }

    /// Runs the program on the bytes of its inputs, one after the other, and returns those of its outputs.
    ///
    /// # Errors
    ///
    /// Where the kernels do not run.
    pub fn infer_raw(&mut self, mut bytes: &[u8]) -> Result<Vec<u8>, edge_runtime::RuntimeError> {
        for (index, (_, dtype, elements)) in self.inputs().into_iter().enumerate() {
            let (input, rest) = bytes.split_at_checked(elements * dtype.size_bytes() as usize).unwrap_or((bytes, &[]));
            self.write_raw(index, dtype, input)?;
            bytes = rest;
        }
        self.interpreter.invoke()?;
        let mut outputs = vec![];
        for (index, (_, dtype, _)) in self.outputs().into_iter().enumerate() {
            outputs.extend(self.read_raw(index, dtype)?);
        }
        Ok(outputs)
    }

    /// Replays the golden vectors: all, or the first of them.
    ///
    /// # Errors
    ///
    /// Where the kernels do not run.
    pub fn self_test(&mut self, limit: usize) -> Result<SelfTest, ModelError> {
        let Some(golden) = self.golden else { return Ok(SelfTest::default()) };
        let mut found = SelfTest::default();
        // A program with state goes on from one vector to the next.
        self.interpreter.reset();
        for vector in golden.vectors().take(limit) {
            let outputs = self.infer_raw(vector.inputs).map_err(|error| ModelError::Golden(error.to_string()))?;
            found.vectors += 1;
            if outputs != vector.outputs {
                found.mismatches += 1;
                let at = outputs.iter().zip(vector.outputs).position(|(a, b)| a != b).unwrap_or(0);
                found.first.get_or_insert(format!("vector {}, byte {at} of the outputs", found.vectors));
            }
        }
        self.interpreter.reset();
        Ok(found)
    }

    /// Runs the program on real numbers: a list for its only input, or a list by name. Returns lists by name.
    ///
    /// # Errors
    ///
    /// In words.
    pub fn infer_json(&mut self, text: &str) -> Result<Value, String> {
        let value: Value = serde_json::from_str(text).map_err(|error| error.to_string())?;
        let inputs = self.inputs();
        let value = match &value {
            Value::Object(map) if map.contains_key("input") && inputs.iter().all(|(name, ..)| *name != "input") => &value["input"],
            other => other,
        };
        for (index, (name, _, elements)) in inputs.iter().enumerate() {
            let list = match value {
                Value::Object(map) => map.get(*name).ok_or_else(|| format!("no input `{name}`"))?,
                other if inputs.len() == 1 => other,
                _ => return Err(format!("the program has {} inputs: expected an object of lists by name", inputs.len())),
            };
            let mut numbers = Vec::with_capacity(*elements);
            flatten(list, &mut numbers).map_err(|problem| format!("input `{name}`: {problem}"))?;
            if numbers.len() != *elements {
                return Err(format!("input `{name}`: expected {elements} numbers, found {}", numbers.len()));
            }
            self.interpreter.write_input(index, &numbers).map_err(|error| error.to_string())?;
        }
        let begin = Instant::now();
        self.interpreter.invoke().map_err(|error| error.to_string())?;
        let micros = begin.elapsed().as_secs_f64() * 1e6;
        let mut outputs = serde_json::Map::new();
        for (index, (name, ..)) in self.outputs().into_iter().enumerate() {
            let values: Vec<f32> = self.interpreter.read_output(index).map_err(|error| error.to_string())?.collect();
            outputs.insert(name.into(), json!(values));
        }
        Ok(json!({ "output": outputs, "us": (micros * 10.0).round() / 10.0 }))
    }

    /// Answers every line of JSON with one.
    ///
    /// # Errors
    ///
    /// At the first line that is no input; what came before is answered.
    pub fn infer_lines(&mut self, input: &mut impl BufRead, output: &mut impl Write) -> Result<usize, ModelError> {
        let mut line = String::new();
        for number in 1.. {
            line.clear();
            let problem = |problem: String| ModelError::Input { line: number, problem };
            let read = input.take(MAX_LINE).read_line(&mut line).map_err(|error| problem(error.to_string()))?;
            if read == 0 {
                return Ok(number - 1);
            }
            if !line.trim().is_empty() {
                let answer = self.infer_json(&line).map_err(problem)?;
                writeln!(output, "{answer}").and_then(|()| output.flush()).map_err(ModelError::Output)?;
            }
        }
        Ok(0)
    }

    /// Answers the bytes of inputs, as many after each other as there are, with those of outputs.
    ///
    /// # Errors
    ///
    /// Where the last of them is cut short.
    pub fn infer_tensors(&mut self, input: &mut impl Read, output: &mut impl Write) -> Result<usize, ModelError> {
        let size = self.inputs().iter().map(|(_, dtype, elements)| elements * dtype.size_bytes() as usize).sum();
        let mut bytes = vec![0; size];
        for number in 1.. {
            let problem = |problem: String| ModelError::Input { line: number, problem };
            let mut filled = 0;
            while filled < size {
                match input.read(&mut bytes[filled..]).map_err(|error| problem(error.to_string()))? {
                    0 if filled == 0 => return Ok(number - 1),
                    0 => return Err(problem(format!("expected {size} bytes, found {filled}"))),
                    count => filled += count,
                }
            }
            let answer = self.infer_raw(&bytes).map_err(|error| problem(error.to_string()))?;
            output.write_all(&answer).and_then(|()| output.flush()).map_err(ModelError::Output)?;
        }
        Ok(0)
    }

    /// Times inferences on the input of the first golden vector, or on zeros.
    ///
    /// # Errors
    ///
    /// Where the kernels do not run.
    pub fn bench(&mut self, iterations: usize) -> Result<Timing, ModelError> {
        let first = self.golden.and_then(|golden| golden.vectors().next()).map(|vector| vector.inputs);
        let inputs = first.unwrap_or_default();
        let mut time = || -> Result<f64, ModelError> {
            self.infer_raw(inputs).map_err(|error| ModelError::Golden(error.to_string()))?;
            let begin = Instant::now();
            self.interpreter.invoke().map_err(|error| ModelError::Golden(error.to_string()))?;
            Ok(begin.elapsed().as_secs_f64() * 1e6)
        };
        for _ in 0..iterations.div_ceil(10) {
            time()?;
        }
        let mut times = (0..iterations.max(1)).map(|_| time()).collect::<Result<Vec<_>, _>>()?;
        times.sort_by(f64::total_cmp);
        let quantile = |share: f64| times[((times.len() - 1) as f64 * share).round() as usize];
        let [min_us, p50_us, p99_us] = [0.0, 0.5, 0.99].map(|share| (quantile(share) * 100.0).round() / 100.0);
        Ok(Timing {
            iterations: times.len(),
            min_us,
            p50_us,
            p99_us,
            arena_bytes: self.program().arena_bytes(),
            isa: Isa::detect().name().into(),
        })
    }
}

/// The numbers of nested lists, in order.
fn flatten(value: &Value, numbers: &mut Vec<f32>) -> Result<(), String> {
    match value {
        Value::Array(values) => values.iter().try_for_each(|value| flatten(value, numbers)),
        Value::Number(number) => {
            numbers.push(number.as_f64().unwrap_or_default() as f32);
            Ok(())
        }
        other => Err(format!("expected numbers, found {other}")),
    }
}
