//! Convolution, pooling, batch normalization: operators on `[N, C, spatial...]`.

use edgectl_graph::{Activation, Conv, Op, Window};

use super::source::{Reason, Source};

type Row = Result<(Op, usize), Reason>;

pub(super) fn conv(source: &mut Source<'_>) -> Row {
    source.expect_f32(3)?;
    let filter = source.shape(1)?;
    let filter = filter.fixed().ok_or_else(|| format!("the filter has the shape {filter}"))?;
    let kernel = filter.get(2..).ok_or("the filter has less than two dimensions")?.to_vec();
    let groups = source.attributes.int_or("group", 1)?;
    let groups = usize::try_from(groups).ok().filter(|&groups| groups > 0).ok_or_else(|| format!("attribute \"group\" is {groups}"))?;
    let (window, _) = window(source, Some(kernel))?;
    Ok((Op::Conv(Conv { window, groups, activation: Activation::NONE }), source.operands.len()))
}

pub(super) fn max_pool(source: &mut Source<'_>) -> Row {
    source.expect_f32(1)?;
    // The order of the indices, which no typed operator has.
    source.attributes.ignore("storage_order");
    let (pool, _) = window(source, None)?;
    Ok((Op::MaxPool(pool), 1))
}

pub(super) fn average_pool(source: &mut Source<'_>) -> Row {
    source.expect_f32(1)?;
    let include_pad = source.attributes.flag("count_include_pad", false)?;
    let (pool, partial) = window(source, None)?;
    if include_pad && partial {
        return Err("attribute \"ceil_mode\" leaves windows partly outside, whose mean is not defined with \"count_include_pad\"".into());
    }
    Ok((Op::AveragePool { pool, include_pad }, 1))
}

pub(super) fn global_pool(source: &mut Source<'_>, op: Op) -> Row {
    source.expect_f32(1)?;
    Ok((op, 1))
}

pub(super) fn batch_norm(source: &mut Source<'_>) -> Row {
    source.expect_f32(5)?;
    if source.attributes.flag("training_mode", false)? || source.outputs > 1 {
        return Err("it is in training mode".into());
    }
    source.attributes.ignore("momentum");
    Ok((Op::BatchNorm { epsilon: source.attributes.float("epsilon", 1e-5)? }, 5))
}

/// The window of a convolution or pooling, and whether `ceil_mode` had to extend its padding at the end.
fn window(source: &mut Source<'_>, kernel: Option<Vec<usize>>) -> Result<(Window, bool), Reason> {
    let attributes = &mut source.attributes;
    let given = attributes.sizes("kernel_shape")?;
    if let (Some(given), Some(kernel)) = (&given, &kernel)
        && given != kernel
    {
        return Err(format!("attribute \"kernel_shape\" is {given:?}, the filter's kernel {kernel:?}"));
    }
    let kernel = given.or(kernel).ok_or("attribute \"kernel_shape\" is missing")?;
    let rank = kernel.len();
    let strides = attributes.sizes("strides")?.unwrap_or_else(|| vec![1; rank]);
    let dilations = attributes.sizes("dilations")?.unwrap_or_else(|| vec![1; rank]);
    let pads = attributes.ints("pads")?;
    let auto_pad = attributes.string("auto_pad")?.unwrap_or("NOTSET");
    let ceil_mode = attributes.flag("ceil_mode", false)?;
    let shape = source.shape(0)?;
    let sizes = shape.dims().get(2..).unwrap_or_default();
    let well_formed = [&strides, &dilations].iter().all(|list| list.len() == rank && !list.contains(&0));
    if !(1..=2).contains(&rank) || !well_formed || sizes.len() != rank || kernel.contains(&0) {
        return Err(format!("kernel {kernel:?}, strides {strides:?}, dilations {dilations:?} on an input of shape {shape}"));
    }
    let mut window = Window { kernel, strides, dilations, pads_begin: vec![0; rank], pads_end: vec![0; rank] };
    let spatial: Option<Vec<usize>> = sizes.iter().map(|dim| dim.fixed()).collect();
    let spatial = spatial.ok_or_else(|| format!("the input has the dynamic shape {shape}"))?;
    match auto_pad {
        "VALID" => {}
        "NOTSET" | "" => {
            if let Some(pads) = pads {
                let pads: Option<Vec<usize>> = pads.iter().map(|&pad| usize::try_from(pad).ok()).collect();
                let pads = pads.filter(|pads| pads.len() == 2 * rank).ok_or("attribute \"pads\" has negative or too few values")?;
                (window.pads_begin, window.pads_end) = (pads[..rank].to_vec(), pads[rank..].to_vec());
            }
        }
        "SAME_LOWER" | "SAME_UPPER" => {
            for (axis, &size) in spatial.iter().enumerate() {
                let total = same_padding(&window, axis, size).ok_or("the window is too large")?;
                let (less, more) = (total / 2, total - total / 2);
                (window.pads_begin[axis], window.pads_end[axis]) = if auto_pad == "SAME_UPPER" { (less, more) } else { (more, less) };
            }
        }
        other => return Err(format!("attribute \"auto_pad\" is \"{other}\"")),
    }
    let mut partial = false;
    if ceil_mode {
        for (axis, &size) in spatial.iter().enumerate() {
            partial |= round_up(&mut window, axis, size)?;
        }
    }
    Ok((window, partial))
}

/// The size of a dilated kernel.
fn extent(window: &Window, axis: usize) -> Option<usize> {
    (window.kernel[axis] - 1).checked_mul(window.dilations[axis])?.checked_add(1)
}

/// The padding with which there are `ceil(size / stride)` windows.
fn same_padding(window: &Window, axis: usize, size: usize) -> Option<usize> {
    let stride = window.strides[axis];
    let covered = (size.div_ceil(stride).checked_sub(1)?).checked_mul(stride)?.checked_add(extent(window, axis)?)?;
    Some(covered.saturating_sub(size))
}

/// Extends the padding at the end so that a last window that is partly outside counts; returns whether there is one.
fn round_up(window: &mut Window, axis: usize, size: usize) -> Result<bool, Reason> {
    let stride = window.strides[axis];
    let plan = || {
        let extent = extent(window, axis)?;
        let inner = size.checked_add(window.pads_begin[axis])?;
        let steps = inner.checked_add(window.pads_end[axis])?.checked_sub(extent)?.div_ceil(stride);
        let start = steps.checked_mul(stride)?;
        Some((start, inner, start.checked_add(extent)?.saturating_sub(inner)))
    };
    let (start, inner, end) = plan().ok_or("the window is larger than its padded input")?;
    if end <= window.pads_end[axis] {
        return Ok(false);
    }
    // Engines differ in whether a window that begins in the padding counts.
    if start >= inner {
        return Err("attribute \"ceil_mode\" leaves a window wholly in the padding".into());
    }
    window.pads_end[axis] = end;
    Ok(true)
}
