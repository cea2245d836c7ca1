//! One custom operator of candle that stands for all of ours.

use candle_core::{CpuStorage, CustomOp1, CustomOp2, CustomOp3, Device, Error, Layout, Result, Shape, Storage, Tensor, bail};

/// What the backward pass is shown.
pub(crate) struct Seen<'a> {
    /// The values of the operands.
    pub(crate) args: &'a [&'a [f32]],
    /// The result.
    pub(crate) y: &'a [f32],
    /// Its gradient.
    pub(crate) dy: &'a [f32],
    /// Which operands need a gradient.
    pub(crate) wanted: [bool; 3],
}

/// The gradients of the operands, in their order; none where it is not wanted, or zero.
pub(crate) type Gradients = [Option<Vec<f32>>; 3];

type Forward = Box<dyn Fn(&[&[f32]]) -> Vec<f32> + Send + Sync>;
type Backward = Box<dyn Fn(Seen<'_>) -> Gradients + Send + Sync>;

struct Own {
    name: &'static str,
    shape: Vec<usize>,
    forward: Forward,
    backward: Backward,
}

/// Applies an operator of one to three operands. `forward` gets their values, dense, and gives as many values as the shape has.
pub(crate) fn apply(
    name: &'static str,
    shape: Vec<usize>,
    args: &[&Tensor],
    forward: impl Fn(&[&[f32]]) -> Vec<f32> + Send + Sync + 'static,
    backward: impl Fn(Seen<'_>) -> Gradients + Send + Sync + 'static,
) -> Result<Tensor> {
    let own = Own { name, shape, forward: Box::new(forward), backward: Box::new(backward) };
    let dense: Vec<Tensor> = args.iter().map(|arg| arg.contiguous()).collect::<Result<_>>()?;
    match &dense[..] {
        [a] => a.apply_op1(own),
        [a, b] => a.apply_op2(b, own),
        [a, b, c] => a.apply_op3(b, c, own),
        _ => bail!("{name}: {} operands", args.len()),
    }
}

impl Own {
    fn run(&self, args: &[(&CpuStorage, &Layout)]) -> Result<(CpuStorage, Shape)> {
        let values = args.iter().map(|&(storage, layout)| values(storage, layout)).collect::<Result<Vec<_>>>()?;
        Ok((CpuStorage::F32((self.forward)(&values)), self.shape.clone().into()))
    }

    fn back(&self, args: &[&Tensor], y: &Tensor, dy: &Tensor) -> Result<[Option<Tensor>; 3]> {
        let dy = dy.contiguous()?;
        let all = [args, &[y, &dy]].concat();
        with_values(&all, |values| {
            let (operands, rest) = values.split_at(args.len());
            let wanted = [0, 1, 2].map(|i| args.get(i).is_some_and(|arg| arg.track_op()));
            let [a, b, c] = (self.backward)(Seen { args: operands, y: rest[0], dy: rest[1], wanted });
            let tensor = |i: usize, gradient: Option<Vec<f32>>| match (gradient, args.get(i)) {
                (Some(gradient), Some(arg)) => Tensor::from_vec(gradient, arg.shape(), &Device::Cpu).map(Some),
                _ => Ok(None),
            };
            Ok([tensor(0, a)?, tensor(1, b)?, tensor(2, c)?])
        })?
    }
}

fn values<'a>(storage: &'a CpuStorage, layout: &Layout) -> Result<&'a [f32]> {
    let (start, end) = layout.contiguous_offsets().ok_or_else(|| Error::Msg("operand is not dense".into()))?;
    Ok(&storage.as_slice::<f32>()?[start..end])
}

/// Calls `work` with the values of tensors, which must be dense and on the CPU.
pub(crate) fn with_values<R>(tensors: &[&Tensor], work: impl FnOnce(&[&[f32]]) -> R) -> Result<R> {
    let guards: Vec<_> = tensors.iter().map(|tensor| tensor.storage_and_layout()).collect();
    let slices = guards.iter().map(|(storage, layout)| match &**storage {
        Storage::Cpu(storage) => values(storage, layout),
        _ => bail!("tensor is not on the CPU"),
    });
    Ok(work(&slices.collect::<Result<Vec<_>>>()?))
}

impl CustomOp1 for Own {
    fn name(&self) -> &'static str {
        self.name
    }

    fn cpu_fwd(&self, storage: &CpuStorage, layout: &Layout) -> Result<(CpuStorage, Shape)> {
        self.run(&[(storage, layout)])
    }

    fn bwd(&self, arg: &Tensor, y: &Tensor, dy: &Tensor) -> Result<Option<Tensor>> {
        let [a, ..] = self.back(&[arg], y, dy)?;
        Ok(a)
    }
}

impl CustomOp2 for Own {
    fn name(&self) -> &'static str {
        self.name
    }

    fn cpu_fwd(&self, s1: &CpuStorage, l1: &Layout, s2: &CpuStorage, l2: &Layout) -> Result<(CpuStorage, Shape)> {
        self.run(&[(s1, l1), (s2, l2)])
    }

    fn bwd(&self, arg1: &Tensor, arg2: &Tensor, y: &Tensor, dy: &Tensor) -> Result<(Option<Tensor>, Option<Tensor>)> {
        let [a, b, _] = self.back(&[arg1, arg2], y, dy)?;
        Ok((a, b))
    }
}

impl CustomOp3 for Own {
    fn name(&self) -> &'static str {
        self.name
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
