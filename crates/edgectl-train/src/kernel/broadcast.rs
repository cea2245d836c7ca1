//! Elementwise arithmetic with numpy's broadcasting.

use edgectl_graph::Binary;

use super::simd;

/// How two tensors are laid over each other.
#[derive(Clone, Debug, PartialEq)]
pub(crate) struct Broadcast {
    /// The shape of the result.
    pub(crate) shape: Vec<usize>,
    /// Elements from one to the next along each axis, 0 where an operand is repeated.
    strides: [Vec<usize>; 2],
}

impl Broadcast {
    /// `None` where the shapes do not fit each other.
    pub(crate) fn new(a: &[usize], b: &[usize]) -> Option<Broadcast> {
        let rank = a.len().max(b.len());
        let padded = |dims: &[usize]| [vec![1; rank - dims.len()], dims.to_vec()].concat();
        let (a, b) = (padded(a), padded(b));
        let size = |(&a, &b): (&usize, &usize)| match (a, b) {
            (a, b) if a == b => Some(a),
            (1, other) | (other, 1) => Some(other),
            _ => None,
        };
        let shape: Vec<usize> = a.iter().zip(&b).map(size).collect::<Option<_>>()?;
        let strides = |dims: &[usize]| {
            let mut strides = vec![0; rank];
            let mut step = 1;
            for axis in (0..rank).rev() {
                strides[axis] = if dims[axis] == 1 { 0 } else { step };
                step *= dims[axis];
            }
            strides
        };
        Some(Broadcast { strides: [strides(&a), strides(&b)], shape })
    }

    /// The number of elements of the result.
    pub(crate) fn elements(&self) -> usize {
        self.shape.iter().product()
    }

    /// For each element of the result, the places of both operands' elements.
    pub(crate) fn pairs(&self) -> Vec<[usize; 2]> {
        let mut pairs = Vec::with_capacity(self.elements());
        self.runs(|_, a, b, count, a_step, b_step| pairs.extend((0..count).map(|i| [a + i * a_step, b + i * b_step])));
        pairs
    }

    /// Calls `run(first of the result, first of a, first of b, count, step of a, step of b)` for stretches of the result along which both
    /// operands advance by 0 or 1.
    #[inline(always)]
    fn runs(&self, mut run: impl FnMut(usize, usize, usize, usize, usize, usize)) {
        let [a, b] = &self.strides;
        // Axes at the end that both operands go through densely, or not at all, are one stretch.
        let (mut axis, mut count) = (self.shape.len(), 1);
        let mut step = [None, None];
        while axis > 0 {
            let size = self.shape[axis - 1];
            let fits = |step: Option<usize>, stride: usize| match step {
                _ if size == 1 => true,
                None => stride <= 1,
                Some(0) => stride == 0,
                Some(_) => stride == count,
            };
            if !fits(step[0], a[axis - 1]) || !fits(step[1], b[axis - 1]) {
                break;
            }
            if size > 1 {
                step = [step[0].or(Some(a[axis - 1].min(1))), step[1].or(Some(b[axis - 1].min(1)))];
            }
            count *= size;
            axis -= 1;
        }
        let outer = &self.shape[..axis];
        let step = step.map(|step| step.unwrap_or(0));
        let mut index = vec![0; axis];
        for place in 0..outer.iter().product::<usize>() {
            let at = |strides: &[usize]| index.iter().zip(strides).map(|(i, stride)| i * stride).sum::<usize>();
            run(place * count, at(a), at(b), count, step[0], step[1]);
            for (i, size) in index.iter_mut().zip(outer).rev() {
                *i += 1;
                if *i < *size {
                    break;
                }
                *i = 0;
            }
        }
    }

    /// `y = f(a, b)`
    #[inline(always)]
    fn map(&self, a: &[f32], b: &[f32], y: &mut [f32], f: impl Fn(f32, f32) -> f32) {
        self.runs(|at, a_at, b_at, count, a_step, b_step| {
            let y = &mut y[at..at + count];
            match (a_step, b_step) {
                (1, 1) => y.iter_mut().zip(&a[a_at..]).zip(&b[b_at..]).for_each(|((y, &a), &b)| *y = f(a, b)),
                (1, _) => y.iter_mut().zip(&a[a_at..]).for_each(|(y, &a)| *y = f(a, b[b_at])),
                (_, 1) => y.iter_mut().zip(&b[b_at..]).for_each(|(y, &b)| *y = f(a[a_at], b)),
                _ => y.fill(f(a[a_at], b[b_at])),
            }
        });
    }

    /// Sums `g(a, b, dy)` into the elements of an operand.
    #[inline(always)]
    fn fold(&self, operand: usize, a: &[f32], b: &[f32], dy: &[f32], to: &mut [f32], g: impl Fn(f32, f32, f32) -> f32) {
        self.runs(|at, a_at, b_at, count, a_step, b_step| {
            let dy = &dy[at..at + count];
            let term = |(i, &dy): (usize, &f32)| g(a[a_at + i * a_step], b[b_at + i * b_step], dy);
            let (to_at, to_step) = if operand == 0 { (a_at, a_step) } else { (b_at, b_step) };
            if to_step == 1 {
                dy.iter().enumerate().map(term).zip(&mut to[to_at..]).for_each(|(term, to)| *to += term);
            } else {
                to[to_at] += dy.iter().enumerate().map(term).sum::<f32>();
            }
        });
    }

    /// The result.
    pub(crate) fn forward(&self, op: Binary, a: &[f32], b: &[f32], y: &mut [f32]) {
        simd(|| match op {
            Binary::Add => self.map(a, b, y, |a, b| a + b),
            Binary::Mul => self.map(a, b, y, |a, b| a * b),
            Binary::Sub => self.map(a, b, y, |a, b| a - b),
            other => self.map(a, b, y, |a, b| other.eval(a, b)),
        });
    }

    /// The gradient of an operand (0 or 1), added to `to`. Of equal operands of a maximum or minimum each gets half.
    pub(crate) fn backward(&self, op: Binary, operand: usize, a: &[f32], b: &[f32], dy: &[f32], to: &mut [f32]) {
        let share = |wins: bool, a: f32, b: f32| if a == b { 0.5 } else { f32::from(u8::from(wins)) };
        simd(|| match (op, operand) {
            (Binary::Add, _) | (Binary::Sub, 0) => self.fold(operand, a, b, dy, to, |_, _, dy| dy),
            (Binary::Sub, _) => self.fold(operand, a, b, dy, to, |_, _, dy| -dy),
            (Binary::Mul, 0) => self.fold(operand, a, b, dy, to, |_, b, dy| dy * b),
            (Binary::Mul, _) => self.fold(operand, a, b, dy, to, |a, _, dy| dy * a),
            (Binary::Div, 0) => self.fold(operand, a, b, dy, to, |_, b, dy| dy / b),
            (Binary::Div, _) => self.fold(operand, a, b, dy, to, |a, b, dy| -dy * a / (b * b)),
            (Binary::Max, 0) | (Binary::Min, 1) => self.fold(operand, a, b, dy, to, |a, b, dy| dy * share(a > b, a, b)),
            (Binary::Max, _) | (Binary::Min, _) => self.fold(operand, a, b, dy, to, |a, b, dy| dy * share(a < b, a, b)),
            // An arithmetic that is newer than this crate has no gradient: `Network::new` refuses it.
            _ => {}
        });
    }
}

#[cfg(test)]
mod tests {
    #![allow(clippy::unwrap_used)]
    use super::*;

    fn add(a: (&[usize], &[f32]), b: (&[usize], &[f32])) -> Vec<f32> {
        let broadcast = Broadcast::new(a.0, b.0).unwrap();
        let mut y = vec![0.0; broadcast.elements()];
        broadcast.forward(Binary::Add, a.1, b.1, &mut y);
        y
    }

    #[test]
    fn broadcasts_as_numpy() {
        let x = [0.0, 1.0, 2.0, 3.0, 4.0, 5.0];
        assert_eq!(add((&[2, 3], &x), (&[3], &[10.0, 20.0, 30.0])), [10.0, 21.0, 32.0, 13.0, 24.0, 35.0]);
        assert_eq!(add((&[2, 3], &x), (&[2, 1], &[10.0, 20.0])), [10.0, 11.0, 12.0, 23.0, 24.0, 25.0]);
        assert_eq!(add((&[2, 1], &[10.0, 20.0]), (&[1, 3], &x[..3])), [10.0, 11.0, 12.0, 20.0, 21.0, 22.0]);
        assert_eq!(add((&[], &[7.0]), (&[2], &[1.0, 2.0])), [8.0, 9.0]);
        assert_eq!(add((&[1, 2, 1], &[1.0, 2.0]), (&[2, 1, 2], &[1.0, 2.0, 3.0, 4.0])), [2.0, 3.0, 3.0, 4.0, 4.0, 5.0, 5.0, 6.0]);
        assert_eq!(Broadcast::new(&[2, 3], &[2]), None);
    }
}
