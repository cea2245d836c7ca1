//! Recurrent layers from gates that x already entered, and back through time.

use edgectl_graph::{Cell, Extents, Recurrent};

use super::matmul::{Matrix, matmul};

/// A layer over a batch.
#[derive(Clone, Copy, Debug)]
pub(crate) struct Layer {
    pub(crate) recurrent: Recurrent,
    pub(crate) extents: Extents,
}

/// What a step computed that going back needs. All are `[N, ...]`.
struct Step {
    /// The hidden state before.
    hidden: Vec<f32>,
    /// The gates after their functions, `[N, G * U]`.
    gates: Vec<f32>,
    /// LSTM: the cell before and after; GRU: the recurrent product of the new gate (`reset_after`), or the hidden state times the reset
    /// gate.
    extra: [Vec<f32>; 2],
}

/// The gradients of the gates of x, the recurrent weights, and the recurrent bias.
pub(crate) struct Gradients {
    pub(crate) gates: Vec<f32>,
    pub(crate) weights: Vec<f32>,
    pub(crate) bias: Vec<f32>,
}

fn sigmoid(x: f32) -> f32 {
    1.0 / (1.0 + (-x).exp())
}

impl Layer {
    fn gates(&self) -> usize {
        self.recurrent.cell.gates() * self.extents.units
    }

    /// `x [N, G * U]` of a step, out of those of all.
    fn pick(&self, all: &[f32], step: usize, width: usize) -> Vec<f32> {
        let row = |n| &all[self.recurrent.row(&self.extents, n, step) * width..][..width];
        (0..self.extents.batch).flat_map(row).copied().collect()
    }

    /// Adds the `[N, width]` of a step to those of all.
    fn put(&self, all: &mut [f32], step: usize, width: usize, values: &[f32]) {
        for (n, values) in values.chunks_exact(width).enumerate() {
            let to = &mut all[self.recurrent.row(&self.extents, n, step) * width..][..width];
            to.iter_mut().zip(values).for_each(|(to, from)| *to += from);
        }
    }

    /// The hidden states, in the order of the output. `x` are the gates' sums of x and biases, `weights` the recurrent ones `[G * U, U]`,
    /// `bias` the recurrent one of a GRU.
    pub(crate) fn forward(&self, x: &[f32], weights: &[f32], bias: &[f32]) -> Vec<f32> {
        let Extents { batch, steps, units, .. } = self.extents;
        let mut y = vec![0.0; batch * steps * units];
        self.run(x, weights, bias, |step, hidden, _| self.put(&mut y, step, units, hidden));
        y
    }

    /// Goes through the sequence and shows each step: its number, the hidden state after it, what it computed.
    fn run(&self, x: &[f32], weights: &[f32], bias: &[f32], mut show: impl FnMut(usize, &[f32], Step)) {
        let Extents { batch, steps, units, .. } = self.extents;
        let width = self.gates();
        let mut hidden = vec![0.0; batch * units];
        let mut cell = vec![0.0; batch * units];
        for step in 0..steps {
            let mut gates = self.pick(x, step, width);
            let before = hidden.clone();
            let extra = match self.recurrent.cell {
                Cell::Lstm { clip } => {
                    matmul(&mut gates, [batch, units, width], Matrix::plain(&hidden), Matrix::transposed(weights), true);
                    let cell_before = cell.clone();
                    for n in 0..batch {
                        let gates = &mut gates[n * width..][..width];
                        for u in 0..units {
                            let [i, f, g, o] = [0, 1, 2, 3].map(|gate| gate * units + u);
                            (gates[i], gates[f], gates[g], gates[o]) =
                                (sigmoid(gates[i]), sigmoid(gates[f]), gates[g].tanh(), sigmoid(gates[o]));
                            let at = n * units + u;
                            let mut next = gates[f] * cell[at] + gates[i] * gates[g];
                            if clip > 0.0 {
                                next = next.clamp(-clip, clip);
                            }
                            cell[at] = next;
                            hidden[at] = gates[o] * next.tanh();
                        }
                    }
                    [cell_before, cell.clone()]
                }
                Cell::Gru { reset_after } => self.gru_step(reset_after, &mut gates, &mut hidden, weights, bias),
                // A cell that is newer than this crate: `Network::new` refuses it.
                _ => [vec![], vec![]],
            };
            show(step, &hidden, Step { hidden: before, gates, extra });
        }
    }

    fn gru_step(&self, reset_after: bool, gates: &mut [f32], hidden: &mut [f32], weights: &[f32], bias: &[f32]) -> [Vec<f32>; 2] {
        let Extents { batch, units, .. } = self.extents;
        let width = self.gates();
        // The recurrent products with their biases; those of the new gate take what the reset gate leaves, unless it comes after.
        let mut products: Vec<f32> = bias.iter().copied().cycle().take(batch * width).collect();
        matmul(&mut products, [batch, units, width], Matrix::plain(hidden), Matrix::transposed(weights), true);
        let mut kept = vec![0.0; batch * units];
        for n in 0..batch {
            for u in 0..units {
                let (z, r) = (n * width + u, n * width + units + u);
                gates[z] = sigmoid(gates[z] + products[z]);
                gates[r] = sigmoid(gates[r] + products[r]);
                kept[n * units + u] = hidden[n * units + u] * gates[r];
            }
        }
        let new = |n: usize| n * width + 2 * units;
        let product: Vec<f32> = if reset_after {
            (0..batch).flat_map(|n| products[new(n)..new(n) + units].to_vec()).collect()
        } else {
            let mut product: Vec<f32> = bias[2 * units..].iter().copied().cycle().take(batch * units).collect();
            let weights = Matrix::transposed(&weights[2 * units * units..]);
            matmul(&mut product, [batch, units, units], Matrix::plain(&kept), weights, true);
            product
        };
        for n in 0..batch {
            for u in 0..units {
                let at = n * units + u;
                let recurrent = if reset_after { gates[n * width + units + u] * product[at] } else { product[at] };
                let new = &mut gates[new(n) + u];
                *new = (*new + recurrent).tanh();
                let (new, z) = (*new, gates[n * width + u]);
                hidden[at] = (1.0 - z) * new + z * hidden[at];
            }
        }
        [product, kept]
    }

    /// The gradients, `dy` being those of the hidden states.
    pub(crate) fn backward(&self, x: &[f32], weights: &[f32], bias: &[f32], dy: &[f32]) -> Gradients {
        let Extents { batch, steps, units, .. } = self.extents;
        let width = self.gates();
        let mut trace = Vec::with_capacity(steps);
        self.run(x, weights, bias, |_, _, step| trace.push(step));
        let mut found = Gradients { gates: vec![0.0; x.len()], weights: vec![0.0; weights.len()], bias: vec![0.0; bias.len()] };
        let mut d_hidden = vec![0.0; batch * units];
        let mut d_cell = vec![0.0; batch * units];
        for (step, seen) in trace.iter().enumerate().rev() {
            d_hidden.iter_mut().zip(self.pick(dy, step, units)).for_each(|(to, more)| *to += more);
            match self.recurrent.cell {
                Cell::Lstm { clip } => {
                    let d_gates = self.lstm_back(clip, seen, &d_hidden, &mut d_cell);
                    matmul(&mut d_hidden, [batch, width, units], Matrix::plain(&d_gates), Matrix::plain(weights), false);
                    let (d_gates_t, hidden) = (Matrix::transposed(&d_gates), Matrix::plain(&seen.hidden));
                    matmul(&mut found.weights, [width, batch, units], d_gates_t, hidden, true);
                    self.put(&mut found.gates, step, width, &d_gates);
                }
                Cell::Gru { reset_after } => self.gru_back(reset_after, seen, weights, step, &mut d_hidden, &mut found),
                _ => {}
            }
        }
        found
    }

    /// The gradients of the gates' sums; `d_cell` becomes that of the cell before.
    fn lstm_back(&self, clip: f32, seen: &Step, d_hidden: &[f32], d_cell: &mut [f32]) -> Vec<f32> {
        let units = self.extents.units;
        let width = self.gates();
        let [before, after] = &seen.extra;
        let mut d_gates = vec![0.0; seen.gates.len()];
        for (at, &dh) in d_hidden.iter().enumerate() {
            let base = at / units * width + at % units;
            let [i, f, g, o] = [0, 1, 2, 3].map(|gate| seen.gates[base + gate * units]);
            let squashed = after[at].tanh();
            let mut dc = d_cell[at] + dh * o * (1.0 - squashed * squashed);
            if clip > 0.0 && after[at].abs() >= clip {
                dc = 0.0;
            }
            let d = [dc * g * i * (1.0 - i), dc * before[at] * f * (1.0 - f), dc * i * (1.0 - g * g), dh * squashed * o * (1.0 - o)];
            d.into_iter().enumerate().for_each(|(gate, d)| d_gates[base + gate * units] = d);
            d_cell[at] = dc * f;
        }
        d_gates
    }

    fn gru_back(&self, reset_after: bool, seen: &Step, weights: &[f32], step: usize, d_hidden: &mut [f32], found: &mut Gradients) {
        let Extents { batch, units, .. } = self.extents;
        let width = self.gates();
        let [product, kept] = &seen.extra;
        // Of the gates' sums as x sees them, and as the recurrent products do.
        let (mut d_x, mut d_r) = (vec![0.0; batch * width], vec![0.0; batch * width]);
        let mut d_before = vec![0.0; batch * units];
        let mut d_kept = vec![0.0; batch * units];
        for (at, &dh) in d_hidden.iter().enumerate() {
            let base = at / units * width + at % units;
            let [z, r, new] = [0, 1, 2].map(|gate| seen.gates[base + gate * units]);
            let d_new = dh * (1.0 - z) * (1.0 - new * new);
            d_x[base] = dh * (seen.hidden[at] - new) * z * (1.0 - z);
            d_x[base + 2 * units] = d_new;
            d_before[at] = dh * z;
            if reset_after {
                d_x[base + units] = d_new * product[at] * r * (1.0 - r);
                d_r[base + 2 * units] = d_new * r;
            } else {
                d_r[base + 2 * units] = d_new;
            }
        }
        let new_weights = &weights[2 * units * units..];
        let new_gate = |all: &[f32]| (0..batch).flat_map(|n| all[n * width + 2 * units..(n + 1) * width].to_vec()).collect::<Vec<f32>>();
        let d_new = new_gate(&d_r);
        if !reset_after {
            matmul(&mut d_kept, [batch, units, units], Matrix::plain(&d_new), Matrix::plain(new_weights), false);
            for at in 0..batch * units {
                let base = at / units * width + at % units;
                let r = seen.gates[base + units];
                d_x[base + units] = d_kept[at] * seen.hidden[at] * r * (1.0 - r);
                d_before[at] += d_kept[at] * r;
            }
        }
        for n in 0..batch {
            let at = n * width..n * width + 2 * units;
            d_r[at.clone()].copy_from_slice(&d_x[at]);
        }
        found.bias.iter_mut().enumerate().for_each(|(gate, to)| *to += (0..batch).map(|n| d_r[n * width + gate]).sum::<f32>());
        self.put(&mut found.gates, step, width, &d_x);
        let reads_hidden = if reset_after { width } else { 2 * units };
        let d_r: Vec<f32> = (0..batch).flat_map(|n| d_r[n * width..n * width + reads_hidden].to_vec()).collect();
        let weights = &weights[..reads_hidden * units];
        matmul(&mut d_before, [batch, reads_hidden, units], Matrix::plain(&d_r), Matrix::plain(weights), true);
        let d_weights = &mut found.weights[..reads_hidden * units];
        matmul(d_weights, [reads_hidden, batch, units], Matrix::transposed(&d_r), Matrix::plain(&seen.hidden), true);
        if !reset_after {
            let d_weights = &mut found.weights[2 * units * units..];
            matmul(d_weights, [units, batch, units], Matrix::transposed(&d_new), Matrix::plain(kept), true);
        }
        d_hidden.copy_from_slice(&d_before);
    }
}
