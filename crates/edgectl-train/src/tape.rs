//! Candle's tensors and tape, and the one custom operator of candle that stands for all of ours.
//!
//! Candle remembers how tensors were made and goes back from a loss to the gradients of variables; the arithmetic, forward and backward, is
//! ours, since that of candle 0.11 has no per-axis padding, wrong gradients of some pools, and takes several times as long. What candle itself
//! computes on the way back are the sums of gradients (see [`use_one_candle_thread`](crate::use_one_candle_thread)).

use candle_core::backprop::GradStore;
use candle_core::{CpuStorage, CustomOp1, CustomOp2, CustomOp3, Device, Layout, Shape, Storage, Var, bail};
pub(crate) use candle_core::{Error, Result, Tensor};

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

type Forward = Box<dyn Fn(&[&[f32]]) -> Vec<f32> + Send + Sync>;
type Backward = Box<dyn Fn(Seen<'_>) -> Vec<Option<Vec<f32>>> + Send + Sync>;

struct Operator {
    shape: Vec<usize>,
    forward: Forward,
    backward: Backward,
}

/// A tensor without gradient.
pub(crate) fn constant(values: Vec<f32>, shape: impl Into<Shape>) -> Result<Tensor> {
    Tensor::from_vec(values, shape.into(), &Device::Cpu)
}

/// A leaf whose gradient is wanted.
pub(crate) fn variable(values: Vec<f32>, shape: impl Into<Shape>) -> Result<Tensor> {
    Ok(Var::from_vec(values, shape.into(), &Device::Cpu)?.into_inner())
}

/// The values of a tensor in C order.
pub(crate) fn values(tensor: &Tensor) -> Result<Vec<f32>> {
    with_values(&[tensor], |values| values[0].to_vec())
}

/// Calls `work` with the values of tensors in C order.
pub(crate) fn with_values<R>(tensors: &[&Tensor], work: impl FnOnce(&[&[f32]]) -> R) -> Result<R> {
    let tensors = tensors.iter().map(|tensor| tensor.contiguous()).collect::<Result<Vec<_>>>()?;
    let guards: Vec<_> = tensors.iter().map(Tensor::storage_and_layout).collect();
    let slices = guards.iter().map(|(storage, layout)| match &**storage {
        Storage::Cpu(storage) => dense(storage, layout),
        _ => bail!("a tensor is not in main memory"),
    });
    Ok(work(&slices.collect::<Result<Vec<_>>>()?))
}

/// Takes the gradient of a leaf; nothing where the loss does not depend on it.
pub(crate) fn take_gradient(store: &mut GradStore, leaf: &Tensor) -> Result<Option<Vec<f32>>> {
    store.remove(leaf).map(|gradient| values(&gradient)).transpose()
}

/// Applies an operator to one, two or three operands. `forward` gets their values and gives as many as the shape has; `backward` gives the
/// gradients of the operands, in their order: none where it is not wanted, or zero.
pub(crate) fn apply<G: IntoIterator<Item = Option<Vec<f32>>>>(
    shape: Vec<usize>,
    args: &[&Tensor],
    forward: impl Fn(&[&[f32]]) -> Vec<f32> + Send + Sync + 'static,
    backward: impl Fn(Seen<'_>) -> G + Send + Sync + 'static,
) -> Result<Tensor> {
    let backward: Backward = Box::new(move |seen| backward(seen).into_iter().collect());
    let operator = Operator { shape, forward: Box::new(forward), backward };
    let dense = args.iter().map(|arg| arg.contiguous()).collect::<Result<Vec<_>>>()?;
    match &dense[..] {
        [a] => a.apply_op1(operator),
        [a, b] => a.apply_op2(b, operator),
        [a, b, c] => a.apply_op3(b, c, operator),
        _ => bail!("an operator of {} operands", args.len()),
    }
}

fn dense<'a>(storage: &'a CpuStorage, layout: &Layout) -> Result<&'a [f32]> {
    let (start, end) = layout.contiguous_offsets().ok_or_else(|| Error::Msg("an operand is not dense".into()))?;
    storage.as_slice::<f32>()?.get(start..end).ok_or_else(|| Error::Msg("an operand exceeds its storage".into()))
}

impl Operator {
    fn run(&self, args: &[(&CpuStorage, &Layout)]) -> Result<(CpuStorage, Shape)> {
        let values = args.iter().map(|(storage, layout)| dense(storage, layout)).collect::<Result<Vec<_>>>()?;
        let (y, shape) = ((self.forward)(&values), Shape::from(self.shape.clone()));
        if y.len() != shape.elem_count() {
            bail!("{} values do not fit the shape {shape:?}", y.len());
        }
        Ok((CpuStorage::F32(y), shape))
    }

    /// The gradients of the operands; those of which there are none are none.
    fn back(&self, args: &[&Tensor], y: &Tensor, dy: &Tensor) -> Result<[Option<Tensor>; 3]> {
        let wanted: Vec<bool> = args.iter().map(|arg| arg.track_op()).collect();
        let found = with_values(&[args, &[y, dy]].concat(), |values| {
            let (operands, rest) = values.split_at(args.len());
            (self.backward)(Seen { args: operands, y: rest[0], dy: rest[1], wanted: &wanted })
        })?;
        let mut gradients = [None, None, None];
        let found = found.into_iter().zip(args.iter().zip(&wanted));
        for (to, (gradient, (arg, _))) in gradients.iter_mut().zip(found).filter(|(_, (_, (_, wanted)))| **wanted) {
            *to = gradient.map(|gradient| constant(gradient, arg.shape())).transpose()?;
        }
        Ok(gradients)
    }
}

impl CustomOp1 for Operator {
    fn name(&self) -> &'static str {
        "edgectl"
    }

    fn cpu_fwd(&self, storage: &CpuStorage, layout: &Layout) -> Result<(CpuStorage, Shape)> {
        self.run(&[(storage, layout)])
    }

    fn bwd(&self, arg: &Tensor, y: &Tensor, dy: &Tensor) -> Result<Option<Tensor>> {
        let [a, ..] = self.back(&[arg], y, dy)?;
        Ok(a)
    }
}

impl CustomOp2 for Operator {
    fn name(&self) -> &'static str {
        "edgectl"
    }

    fn cpu_fwd(&self, s1: &CpuStorage, l1: &Layout, s2: &CpuStorage, l2: &Layout) -> Result<(CpuStorage, Shape)> {
        self.run(&[(s1, l1), (s2, l2)])
    }

    fn bwd(&self, arg1: &Tensor, arg2: &Tensor, y: &Tensor, dy: &Tensor) -> Result<(Option<Tensor>, Option<Tensor>)> {
        let [a, b, _] = self.back(&[arg1, arg2], y, dy)?;
        Ok((a, b))
    }
}

impl CustomOp3 for Operator {
    fn name(&self) -> &'static str {
        "edgectl"
    }

    fn cpu_fwd(
        &self,
        s1: &CpuStorage,
        l1: &Layout,
        s2: &CpuStorage,
        l2: &Layout,
        s3: &CpuStorage,
        l3: &Layout,
    ) -> Result<(CpuStorage, Shape)> {
        self.run(&[(s1, l1), (s2, l2), (s3, l3)])
    }

    fn bwd(
        &self,
        arg1: &Tensor,
        arg2: &Tensor,
        arg3: &Tensor,
        y: &Tensor,
        dy: &Tensor,
    ) -> Result<(Option<Tensor>, Option<Tensor>, Option<Tensor>)> {
        let [a, b, c] = self.back(&[arg1, arg2, arg3], y, dy)?;
        Ok((a, b, c))
    }
}

#[cfg(test)]
mod tests {
    #![allow(clippy::unwrap_used)]
    use super::*;

    #[test]
    fn gradients_of_all_ways_add_up() {
        let x = variable(vec![3.0], 1).unwrap();
        let unused = variable(vec![3.0], 1).unwrap();
        let square = apply(
            vec![1],
            &[&x, &x],
            |args| vec![args[0][0] * args[1][0]],
            |seen| [Some(vec![seen.dy[0] * seen.args[1][0]]), Some(vec![seen.dy[0] * seen.args[0][0]])],
        );
        let y = (square.unwrap() * 2.0).unwrap().reshape(()).unwrap();
        assert_eq!(y.to_scalar::<f32>().unwrap(), 18.0);
        let mut gradients = y.backward().unwrap();
        assert_eq!(take_gradient(&mut gradients, &x).unwrap(), Some(vec![12.0]));
        assert_eq!(take_gradient(&mut gradients, &unused).unwrap(), None);
    }

    #[test]
    fn values_must_fit_their_shape() {
        let x = variable(vec![1.0; 6], (2, 3)).unwrap();
        let wrong = apply(vec![2, 2], &[&x], |args| args[0].to_vec(), |seen| [Some(seen.dy.to_vec())]);
        assert!(wrong.is_err());
    }
}
