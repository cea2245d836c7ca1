//! Gated recurrent units, which TensorFlow Lite does not have: against the textbook in double precision, and against themselves in
//! pieces.
#![allow(clippy::unwrap_used, missing_docs)]

use edge_format::*;
use edge_runtime::{Interpreter, Resolver, prepare, table};
use proptest::prelude::*;

/// A unit with its real numbers as the integers have them.
#[derive(Clone, Debug)]
struct Gru {
    batch: usize,
    steps: usize,
    inputs: usize,
    units: usize,
    reset_after: bool,
    time_major: bool,
    x: (f32, i32),
    y: (f32, i32),
    scales: [[f32; 3]; 2],
    weights: [Vec<i8>; 2],
    biases: [Vec<i32>; 2],
}

/// Pseudo-random bytes.
fn bytes(seed: &mut u64, count: usize) -> Vec<i8> {
    let mut next = || {
        *seed = seed.wrapping_mul(6364136223846793005).wrapping_add(1442695040888963407);
        ((*seed >> 33) as i8).max(-127)
    };
    (0..count).map(|_| next()).collect()
}

fn gru(mut seed: u64, [batch, steps, inputs, units]: [usize; 4], reset_after: bool, time_major: bool, spread: f32) -> Gru {
    let (x, y) = ((0.02, 5), (1.0 / 127.0, -3));
    let scale = |columns: usize, x_scale: f32| spread / (x_scale * 75.0 * 75.0 * (columns as f32).sqrt());
    let scales = [[scale(inputs, x.0); 3], [scale(units, y.0); 3]];
    let weights = [bytes(&mut seed, 3 * units * inputs), bytes(&mut seed, 3 * units * units)];
    let biases = [x.0 * scales[0][0], y.0 * scales[1][0]].map(|step| {
        let bytes = bytes(&mut seed, 3 * units);
        bytes.into_iter().map(|byte| (f32::from(byte) / 127.0 / step) as i32).collect()
    });
    Gru { batch, steps, inputs, units, reset_after, time_major, x, y, scales, weights, biases }
}

impl Gru {
    /// The program that takes so many steps at a time, remembering or not.
    fn program(&self, steps: usize, stateful: bool) -> AlignedBytes {
        let rows = |columns: usize| {
            let (n, t) = (self.batch as u32, steps as u32);
            if self.time_major { vec![t, n, columns as u32] } else { vec![n, t, columns as u32] }
        };
        let (units, state) = (self.units as u32, vec![self.batch as u32, self.units as u32]);
        let states = (2 * self.batch * self.units) as u32;
        let state_bytes = (states + states / 2).next_multiple_of(4);
        let state_at = |offset| if stateful { PlaceSpec::State { offset } } else { PlaceSpec::Arena { offset } };
        let words = |words: &[i32]| PlaceSpec::Data(words.iter().flat_map(|word| word.to_le_bytes()).collect());
        let weights = |bytes: &[i8]| PlaceSpec::Data(bytes.iter().map(|byte| byte.cast_unsigned()).collect());
        let tensor = |dtype, shape: &[u32], place, (scale, zero_point): (f32, i32)| TensorSpec {
            name: String::new(),
            dtype,
            shape: shape.into(),
            place,
            scale,
            zero_point,
        };
        let [x_bytes, y_bytes] = [self.inputs, self.units].map(|columns| (self.batch * steps * columns) as u32);
        let [x_at, y_at, scratch_at] = [state_bytes, state_bytes + x_bytes, state_bytes + x_bytes + y_bytes];
        let plain = (1.0, 0);
        let sigmoid = table::sigmoid_i16(f64::exp).iter().flat_map(|entry| entry.to_le_bytes()).collect();
        let fine = (1.0 / 32768.0, 0);
        let tensors = vec![
            tensor(DType::I8, &rows(self.inputs), PlaceSpec::Arena { offset: x_at }, self.x),
            tensor(DType::I8, &[3 * units, self.inputs as u32], weights(&self.weights[0]), plain),
            tensor(DType::I8, &[3 * units, units], weights(&self.weights[1]), plain),
            tensor(DType::I32, &[3 * units], words(&self.biases[0]), plain),
            tensor(DType::I32, &[3 * units], words(&self.biases[1]), plain),
            tensor(DType::I16, &[256], PlaceSpec::Data(sigmoid), plain),
            tensor(DType::I8, &state, state_at(states), self.y),
            tensor(DType::I16, &state, state_at(0), fine),
            tensor(DType::I8, &rows(self.units), PlaceSpec::Arena { offset: y_at }, self.y),
            tensor(DType::I8, &[units], PlaceSpec::Arena { offset: scratch_at }, self.y),
            tensor(DType::I8, &state, state_at(states), self.y),
            tensor(DType::I16, &state, state_at(0), fine),
            tensor(DType::I8, &state, PlaceSpec::Data(vec![(self.y.1 as i8).cast_unsigned(); states as usize / 2]), self.y),
            tensor(DType::I16, &state, PlaceSpec::Data(vec![0; states as usize]), fine),
        ];
        let scales = prepare::RecurrentScales { input: self.x.0, filter: self.scales[0], recurrent: self.scales[1], hidden: self.y.0 };
        let params = prepare::gru(&scales, self.reset_after, self.time_major);
        let mut ops = vec![OpSpec { params: params.into(), inputs: (0..8).collect(), outputs: (8..12).collect() }];
        if !stateful {
            let copy = |from, to| OpSpec { params: CopyParams {}.into(), inputs: vec![from], outputs: vec![to] };
            ops.splice(0..0, [copy(12, 6), copy(13, 7)]);
        }
        let io = |name: &str, tensor: u32, columns: usize| IoSpec { name: name.into(), tensor, shape: rows(columns) };
        let spec = ProgramSpec {
            arena_bytes: scratch_at + units,
            state_bytes: if stateful { state_bytes } else { 0 },
            tensors,
            ops,
            inputs: vec![io("x", 0, self.inputs)],
            outputs: vec![io("y", 8, self.units)],
            ..ProgramSpec::default()
        };
        AlignedBytes::from(&write(&spec).unwrap()[..])
    }

    fn row(&self, sequence: usize, step: usize) -> usize {
        if self.time_major { step * self.batch + sequence } else { sequence * self.steps + step }
    }

    /// The textbook, in double precision.
    fn exact(&self, x: &[i8]) -> Vec<f64> {
        let mut y = vec![0.0; self.batch * self.steps * self.units];
        let logistic = |x: f64| 1.0 / (1.0 + (-x).exp());
        for sequence in 0..self.batch {
            let mut hidden = vec![0.0; self.units];
            for step in 0..self.steps {
                let row = self.row(sequence, step);
                let x: Vec<f64> = x[row * self.inputs..][..self.inputs]
                    .iter()
                    .map(|&q| f64::from(self.x.0) * f64::from(i32::from(q) - self.x.1))
                    .collect();
                // Of the input (0) or the hidden state (1), with its bias.
                let product = |of: usize, gate: usize, unit: usize, x: &[f64], x_scale: f32| -> f64 {
                    let (row, scale) = (gate * self.units + unit, f64::from(self.scales[of][gate]));
                    let weights = &self.weights[of][row * x.len()..][..x.len()];
                    let sum: f64 = weights.iter().zip(x).map(|(&weight, x)| f64::from(weight) * scale * x).sum();
                    sum + f64::from(self.biases[of][row]) * scale * f64::from(x_scale)
                };
                let gate =
                    |gate: usize, unit: usize| logistic(product(0, gate, unit, &x, self.x.0) + product(1, gate, unit, &hidden, self.y.0));
                let reset: Vec<f64> = (0..self.units).map(|unit| gate(1, unit) * hidden[unit]).collect();
                let next: Vec<f64> = (0..self.units)
                    .map(|unit| {
                        let recurrent = match self.reset_after {
                            true => gate(1, unit) * product(1, 2, unit, &hidden, self.y.0),
                            false => product(1, 2, unit, &reset, self.y.0),
                        };
                        let (update, new) = (gate(0, unit), (product(0, 2, unit, &x, self.x.0) + recurrent).tanh());
                        (1.0 - update) * new + update * hidden[unit]
                    })
                    .collect();
                y[row * self.units..][..self.units].copy_from_slice(&next);
                hidden = next;
            }
        }
        y
    }
}

/// The outputs of invocation after invocation.
fn run(program: &AlignedBytes, x: &[i8]) -> Vec<i8> {
    let program = Program::parse(program).unwrap();
    let mut arena = AlignedBytes::from(&vec![0x55; program.arena_bytes() as usize][..]);
    let mut interpreter = Interpreter::new(program, &mut arena, Resolver::all()).unwrap();
    let mut y = vec![];
    for x in x.chunks_exact(interpreter.input_mut(0).unwrap().len()) {
        interpreter.input_mut(0).unwrap().copy_from_slice(x);
        interpreter.invoke().unwrap();
        y.extend_from_slice(interpreter.output(0).unwrap());
    }
    y
}

proptest! {
    #![proptest_config(ProptestConfig { cases: 200, failure_persistence: None, ..ProptestConfig::default() })]

    #[test]
    fn a_gated_recurrent_unit_follows_the_textbook(
        seed: u64, sizes in (1usize..4, 1usize..12, 1usize..24, 1usize..24), reset_after: bool, time_major: bool, spread in 0.1f32..2.0,
    ) {
        let gru = gru(seed, [sizes.0, sizes.1, sizes.2, sizes.3], reset_after, time_major, spread);
        let x = bytes(&mut (seed ^ 1), gru.batch * gru.steps * gru.inputs);
        let found: Vec<f64> = run(&gru.program(gru.steps, false), &x).iter().map(|&q| f64::from(gru.y.0) * f64::from(i32::from(q) - gru.y.1)).collect();
        let exact = gru.exact(&x);
        let noise: f64 = exact.iter().zip(&found).map(|(a, b)| (a - b).powi(2)).sum();
        // The hidden state enters the products in int8: a step and a half of it on average, three where there are few values to average.
        let most = (3.0 * f64::from(gru.y.0)).powi(2) * exact.len() as f64;
        prop_assert!(noise <= most, "noise of {} steps", (noise / exact.len() as f64).sqrt() / f64::from(gru.y.0));
    }

    #[test]
    fn a_sequence_in_pieces_gives_the_bytes_that_it_gives_as_a_whole(
        seed: u64, pieces in 1usize..5, sizes in (1usize..4, 1usize..12, 1usize..12), reset_after: bool,
    ) {
        // One sequence, or many with time first: then the pieces follow each other in memory.
        for (batch, time_major) in [(1, false), (3, true)] {
            let gru = gru(seed, [batch, pieces * sizes.0, sizes.1, sizes.2], reset_after, time_major, 1.0);
            let x = bytes(&mut (seed ^ 1), gru.batch * gru.steps * gru.inputs);
            let whole = run(&gru.program(gru.steps, false), &x);
            prop_assert_eq!(&run(&gru.program(gru.steps, true), &x), &whole);
            prop_assert_eq!(run(&gru.program(sizes.0, true), &x), whole);
        }
    }
}
