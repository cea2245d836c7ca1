//! Tensors that remember how they were made, and the way back from a loss to the gradients of variables.
//!
//! Values are dense, in C order, and never change. An operator is applied by [`apply`], with its arithmetic forward and backward. Tensors are
//! numbered as they are made, so that to go back is to go through them by falling number.

use std::collections::{BTreeMap, HashMap};
use std::fmt;
use std::sync::Arc;
use std::sync::atomic::{AtomicU64, Ordering};

/// Why an operator cannot be applied.
#[derive(Clone, Debug, PartialEq, Eq, thiserror::Error)]
#[error("{0}")]
pub(crate) struct Misfit(pub(crate) String);

pub(crate) type Result<T> = std::result::Result<T, Misfit>;

/// Values in a shape. Cheap to clone.
#[derive(Clone)]
pub(crate) struct Tensor(Arc<Inner>);

struct Inner {
    number: u64,
    shape: Vec<usize>,
    values: Arc<Vec<f32>>,
    origin: Origin,
}

enum Origin {
    /// It has no gradient.
    Constant,
    /// Its gradient is wanted.
    Variable,
    Operator {
        args: Vec<Tensor>,
        backward: Backward,
    },
}

type Backward = Box<dyn Fn(Seen<'_>) -> Vec<Option<Vec<f32>>> + Send + Sync>;

/// What the backward pass of an operator is shown.
pub(crate) struct Seen<'a> {
    /// The values of the operands.
    pub(crate) args: &'a [&'a [f32]],
    /// The result.
    pub(crate) y: &'a [f32],
    /// Its gradient.
    pub(crate) dy: &'a [f32],
    /// Which operands need a gradient.
    pub(crate) wanted: &'a [bool],
}

/// The gradients of the variables that a loss depends on.
#[derive(Debug)]
pub(crate) struct Gradients(HashMap<u64, Vec<f32>>);

impl fmt::Debug for Tensor {
    fn fmt(&self, f: &mut fmt::Formatter<'_>) -> fmt::Result {
        write!(f, "Tensor {:?}", self.0.shape)
    }
}

impl Tensor {
    /// A constant.
    pub(crate) fn new(values: Vec<f32>, shape: impl Into<Vec<usize>>) -> Result<Tensor> {
        Tensor::made(Arc::new(values), shape.into(), Origin::Constant)
    }

    /// A leaf whose gradient is wanted.
    pub(crate) fn variable(values: Vec<f32>, shape: impl Into<Vec<usize>>) -> Result<Tensor> {
        Tensor::made(Arc::new(values), shape.into(), Origin::Variable)
    }

    fn made(values: Arc<Vec<f32>>, shape: Vec<usize>, origin: Origin) -> Result<Tensor> {
        static NEXT: AtomicU64 = AtomicU64::new(0);
        if values.len() != shape.iter().product::<usize>() {
            return Err(Misfit(format!("{} values do not fit the shape {shape:?}", values.len())));
        }
        Ok(Tensor(Arc::new(Inner { number: NEXT.fetch_add(1, Ordering::Relaxed), shape, values, origin })))
    }

    pub(crate) fn dims(&self) -> &[usize] {
        &self.0.shape
    }

    pub(crate) fn rank(&self) -> usize {
        self.0.shape.len()
    }

    /// The size of an axis.
    pub(crate) fn dim(&self, axis: usize) -> Result<usize> {
        self.0.shape.get(axis).copied().ok_or_else(|| Misfit(format!("{:?} has no axis {axis}", self.0.shape)))
    }

    pub(crate) fn elements(&self) -> usize {
        self.0.values.len()
    }

    pub(crate) fn values(&self) -> &[f32] {
        &self.0.values
    }

    /// The only value.
    pub(crate) fn scalar(&self) -> Result<f32> {
        self.0.values.first().copied().filter(|_| self.elements() == 1).ok_or_else(|| Misfit(format!("{self:?} is no scalar")))
    }

    /// Whether anything wants its gradient.
    fn is_tracked(&self) -> bool {
        !matches!(self.0.origin, Origin::Constant)
    }

    /// The same values in another shape.
    pub(crate) fn reshape(&self, shape: impl Into<Vec<usize>>) -> Result<Tensor> {
        let origin = if self.is_tracked() {
            Origin::Operator { args: vec![self.clone()], backward: Box::new(|seen| vec![Some(seen.dy.to_vec())]) }
        } else {
            Origin::Constant
        };
        Tensor::made(self.0.values.clone(), shape.into(), origin)
    }

    /// All values times a factor.
    pub(crate) fn scale(&self, factor: f32) -> Result<Tensor> {
        let times = move |values: &[f32]| values.iter().map(|value| value * factor).collect::<Vec<f32>>();
        apply(self.dims().to_vec(), &[self], move |args| times(args[0]), move |seen| [Some(times(seen.dy))])
    }

    /// The gradients of all variables that this scalar depends on.
    pub(crate) fn backward(&self) -> Gradients {
        let mut waiting: BTreeMap<u64, (&Tensor, Vec<f32>)> = BTreeMap::new();
        let mut found = HashMap::new();
        waiting.insert(self.0.number, (self, vec![1.0; self.elements()]));
        // An operand is older than its result: when a tensor is the newest one left, its gradient is complete.
        while let Some((number, (tensor, dy))) = waiting.pop_last() {
            match &tensor.0.origin {
                Origin::Constant => {}
                Origin::Variable => drop(found.insert(number, dy)),
                Origin::Operator { args, backward } => {
                    let values: Vec<&[f32]> = args.iter().map(Tensor::values).collect();
                    let wanted: Vec<bool> = args.iter().map(Tensor::is_tracked).collect();
                    let gradients = backward(Seen { args: &values, y: tensor.values(), dy: &dy, wanted: &wanted });
                    for (arg, gradient) in args.iter().zip(gradients).filter(|(arg, _)| arg.is_tracked()) {
                        let Some(gradient) = gradient else { continue };
                        match waiting.entry(arg.0.number) {
                            std::collections::btree_map::Entry::Vacant(entry) => drop(entry.insert((arg, gradient))),
                            std::collections::btree_map::Entry::Occupied(mut entry) => {
                                let sum = &mut entry.get_mut().1;
                                crate::kernel::simd(|| sum.iter_mut().zip(&gradient).for_each(|(sum, more)| *sum += more));
                            }
                        }
                    }
                }
            }
        }
        Gradients(found)
    }
}

impl Gradients {
    /// That of a variable; nothing where the loss does not depend on it.
    pub(crate) fn take(&mut self, variable: &Tensor) -> Option<Vec<f32>> {
        self.0.remove(&variable.0.number)
    }
}

/// Applies an operator. `forward` gets the values of its operands and gives as many values as the shape has; `backward` gives the gradients
/// of the operands, in their order: none where it is not wanted, or zero.
pub(crate) fn apply<G: IntoIterator<Item = Option<Vec<f32>>>>(
    shape: Vec<usize>,
    args: &[&Tensor],
    forward: impl Fn(&[&[f32]]) -> Vec<f32>,
    backward: impl Fn(Seen<'_>) -> G + Send + Sync + 'static,
) -> Result<Tensor> {
    let values: Vec<&[f32]> = args.iter().map(|arg| arg.values()).collect();
    let y = Arc::new(forward(&values));
    let origin = if args.iter().any(|arg| arg.is_tracked()) {
        let args = args.iter().map(|&arg| arg.clone()).collect();
        Origin::Operator { args, backward: Box::new(move |seen| backward(seen).into_iter().collect()) }
    } else {
        Origin::Constant
    };
    Tensor::made(y, shape, origin)
}

#[cfg(test)]
mod tests {
    #![allow(clippy::unwrap_used)]
    use super::*;

    #[test]
    fn gradients_of_all_ways_add_up() {
        let x = Tensor::variable(vec![3.0], [1]).unwrap();
        let unused = Tensor::variable(vec![3.0], [1]).unwrap();
        let square = apply(
            vec![1],
            &[&x, &x],
            |args| vec![args[0][0] * args[1][0]],
            |seen| [Some(vec![seen.dy[0] * seen.args[1][0]]), Some(vec![seen.dy[0] * seen.args[0][0]])],
        );
        let y = square.unwrap().scale(2.0).unwrap().reshape([]).unwrap();
        assert_eq!(y.scalar().unwrap(), 18.0);
        let mut gradients = y.backward();
        assert_eq!(gradients.take(&x), Some(vec![12.0]));
        assert_eq!(gradients.take(&unused), None);
    }

    #[test]
    fn values_must_fit_their_shape() {
        assert!(Tensor::new(vec![1.0; 5], [2, 3]).is_err());
        assert!(Tensor::new(vec![1.0; 6], [2, 3]).unwrap().reshape([4]).is_err());
    }
}
