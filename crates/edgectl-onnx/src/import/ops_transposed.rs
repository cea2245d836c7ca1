//! Transposed convolution.

use edgectl_graph::{Activation, ConvTranspose, Op, Window};

use super::source::{Reason, Source};

/// The filter is `[C, O / groups, kernel...]`; the importer swaps its channels.
pub(super) fn conv_transpose(source: &mut Source<'_>) -> Result<(Op, usize), Reason> {
    source.expect_f32(3)?;
    let filter = source.shape(1)?;
    let filter = filter.fixed().ok_or_else(|| format!("the filter has the shape {filter}"))?;
    let kernel = filter.get(2..).ok_or("the filter has less than two dimensions")?.to_vec();
    let shape = source.shape(0)?.clone();
    let spatial = shape.dims().iter().skip(2).map(|dim| dim.fixed()).collect::<Option<Vec<usize>>>();
    let spatial = spatial.ok_or_else(|| format!("the input has the dynamic shape {shape}"))?;

    let attributes = &mut source.attributes;
    let rank = kernel.len();
    let given = attributes.sizes("kernel_shape")?.unwrap_or_else(|| kernel.clone());
    let mut list = |name: &str, default: usize, length: usize| -> Result<Vec<usize>, Reason> {
        let values = attributes.sizes(name)?.unwrap_or_else(|| vec![default; length]);
        if values.len() == length { Ok(values) } else { Err(format!("attribute \"{name}\" is {values:?}")) }
    };
    let (strides, dilations) = (list("strides", 1, rank)?, list("dilations", 1, rank)?);
    let (pads, output_pads) = (list("pads", 0, 2 * rank)?, list("output_padding", 0, rank)?);
    let sizes = attributes.sizes("output_shape")?;
    let groups = attributes.int_or("group", 1)?;
    let groups = usize::try_from(groups).ok().filter(|&groups| groups > 0).ok_or_else(|| format!("attribute \"group\" is {groups}"))?;
    let auto_pad = attributes.string("auto_pad")?.unwrap_or("NOTSET");
    if given != kernel
        || !(1..=2).contains(&rank)
        || spatial.len() != rank
        || [&kernel, &strides, &dilations].iter().any(|list| list.contains(&0))
    {
        return Err(format!("kernel {given:?}, strides {strides:?}, dilations {dilations:?} on an input of shape {shape}"));
    }
    let window = Window { kernel, strides, dilations, pads_begin: pads[..rank].to_vec(), pads_end: pads[rank..].to_vec() };
    let mut conv = ConvTranspose { window, output_pads, groups, activation: Activation::NONE };
    let same = matches!(auto_pad, "SAME_LOWER" | "SAME_UPPER");
    let wanted: Option<Vec<usize>> = match sizes {
        // Older models state the whole shape.
        Some(sizes) if sizes.len() == rank + 2 => Some(sizes[2..].to_vec()),
        Some(sizes) => Some(sizes),
        None if same => spatial.iter().zip(&conv.window.strides).map(|(size, stride)| size.checked_mul(*stride)).collect(),
        None => None,
    };
    match auto_pad {
        "NOTSET" | "" | "SAME_LOWER" | "SAME_UPPER" => {}
        "VALID" => {
            conv.window.pads_begin.fill(0);
            conv.window.pads_end.fill(0);
        }
        other => return Err(format!("attribute \"auto_pad\" is \"{other}\"")),
    }
    if let Some(wanted) = wanted {
        cut(&mut conv, &spatial, &wanted, auto_pad == "SAME_UPPER").ok_or_else(|| format!("an output of {wanted:?} from {spatial:?}"))?;
    }
    Ok((Op::ConvTranspose(conv), source.operands.len()))
}

/// Chooses the padding with which the output has the wanted sizes.
fn cut(conv: &mut ConvTranspose, spatial: &[usize], wanted: &[usize], more_at_end: bool) -> Option<()> {
    conv.window.pads_begin.fill(0);
    conv.window.pads_end.fill(0);
    if wanted.len() != spatial.len() {
        return None;
    }
    for (axis, (&size, &wanted)) in spatial.iter().zip(wanted).enumerate() {
        let total = conv.output_size(axis, size)?.checked_sub(wanted)?;
        let (less, more) = (total / 2, total - total / 2);
        (conv.window.pads_begin[axis], conv.window.pads_end[axis]) = if more_at_end { (less, more) } else { (more, less) };
    }
    Some(())
}
