//! Operators that change the size of images: `Resize`, `Upsample`, `DepthToSpace`, `SpaceToDepth`.

use edgectl_graph::{Coordinates, Interpolation, Op, Resize, Rounding};

use super::source::{Reason, Source};

type Row = Result<(Op, usize), Reason>;

pub(super) fn depth_to_space(source: &mut Source<'_>) -> Row {
    source.expect_f32(1)?;
    let block = block(source)?;
    let mode = if source.opset < 11 { None } else { source.attributes.string("mode")? };
    match mode {
        None | Some("DCR") => Ok((Op::DepthToSpace { block, channel_first: false }, 1)),
        Some("CRD") => Ok((Op::DepthToSpace { block, channel_first: true }, 1)),
        Some(mode) => Err(format!("attribute \"mode\" is \"{mode}\"")),
    }
}

pub(super) fn space_to_depth(source: &mut Source<'_>) -> Row {
    source.expect_f32(1)?;
    match source.attributes.string("mode")? {
        None | Some("DCR") => {}
        Some(other) => return Err(format!("attribute \"mode\" is \"{other}\"")),
    }
    Ok((Op::SpaceToDepth { block: block(source)? }, 1))
}

fn block(source: &mut Source<'_>) -> Result<usize, Reason> {
    let block = source.attributes.int("blocksize")?.ok_or("attribute \"blocksize\" is missing")?;
    usize::try_from(block).map_err(|_| format!("attribute \"blocksize\" is {block}"))
}

/// `Resize` of opset 10 under its older name.
pub(super) fn upsample(source: &mut Source<'_>) -> Row {
    source.expect_f32(1)?;
    let interpolation = match source.attributes.string("mode")?.unwrap_or("nearest") {
        "nearest" => Interpolation::Nearest(Rounding::Floor),
        "linear" | "bilinear" => Interpolation::Linear,
        mode => return Err(format!("attribute \"mode\" is \"{mode}\"")),
    };
    let scales = source.floats(1)?.ok_or("the scales are missing")?;
    let sizes = scaled(source, &scales)?;
    Ok((Op::Resize(Resize { sizes, coordinates: Coordinates::Asymmetric, interpolation }), 1))
}

pub(super) fn resize(source: &mut Source<'_>) -> Row {
    if source.opset < 11 {
        return upsample(source);
    }
    source.expect_f32(1)?;
    // The region is read by a mode of coordinates that is refused, the others by modes of interpolation that are.
    source.optional(1);
    for name in ["cubic_coeff_a", "exclude_outside", "extrapolation_value"] {
        source.attributes.ignore(name);
    }
    if source.attributes.flag("antialias", false)? {
        return Err("attribute \"antialias\" is 1".into());
    }
    if let Some(policy @ ("not_larger" | "not_smaller")) = source.attributes.string("keep_aspect_ratio_policy")? {
        return Err(format!("attribute \"keep_aspect_ratio_policy\" is \"{policy}\""));
    }
    let rounding = match source.attributes.string("nearest_mode")?.unwrap_or("round_prefer_floor") {
        "ceil" => Rounding::Ceil,
        "floor" => Rounding::Floor,
        "round_prefer_ceil" => Rounding::PreferCeil,
        "round_prefer_floor" => Rounding::PreferFloor,
        mode => return Err(format!("attribute \"nearest_mode\" is \"{mode}\"")),
    };
    let interpolation = match source.attributes.string("mode")?.unwrap_or("nearest") {
        "nearest" => Interpolation::Nearest(rounding),
        "linear" => Interpolation::Linear,
        mode => return Err(format!("attribute \"mode\" is \"{mode}\"")),
    };
    let mode = source.attributes.string("coordinate_transformation_mode")?.unwrap_or("half_pixel");
    let sizes = match (source.floats(2)?.filter(|scales| !scales.is_empty()), source.ints(3)?) {
        (Some(scales), None) => scaled(source, &scales)?,
        (None, Some(sizes)) => given(source, &sizes)?,
        _ => return Err("expected either scales or sizes".into()),
    };
    let coordinates = match mode {
        "align_corners" => Coordinates::AlignCorners,
        "asymmetric" => Coordinates::Asymmetric,
        "half_pixel" => Coordinates::HalfPixel,
        // They differ for an axis of one element.
        "pytorch_half_pixel" if !sizes.contains(&1) => Coordinates::HalfPixel,
        mode => return Err(format!("attribute \"coordinate_transformation_mode\" is \"{mode}\"")),
    };
    Ok((Op::Resize(Resize { sizes, coordinates, interpolation }), 1))
}

/// The spatial sizes from one scale per axis.
fn scaled(source: &Source<'_>, scales: &[f32]) -> Result<Vec<usize>, Reason> {
    let shape = source.shape(0)?;
    let refused = || format!("{shape} by {scales:?}");
    let ([1.0, 1.0, spatial @ ..], true) = (scales, scales.len() == shape.rank()) else { return Err(refused()) };
    let sizes = shape.dims().iter().skip(2).zip(spatial).map(|(dim, &scale)| {
        let exact = f64::from(u32::try_from(dim.fixed()?).ok()?) * f64::from(scale);
        // Otherwise the scale is not the quotient of the sizes, and engines differ.
        let near = exact >= 1.0 && exact < f64::from(u32::MAX) && (exact - exact.round()).abs() <= exact * 1e-6;
        near.then(|| exact.round() as usize)
    });
    sizes.collect::<Option<_>>().ok_or_else(refused)
}

/// The spatial sizes from a size per axis.
fn given(source: &Source<'_>, sizes: &[i64]) -> Result<Vec<usize>, Reason> {
    let shape = source.shape(0)?;
    let sizes: Option<Vec<usize>> = sizes.iter().map(|&size| usize::try_from(size).ok()).collect();
    let kept = |sizes: &Vec<usize>| sizes.len() == shape.rank() && (0..2).all(|axis| shape.dims()[axis].fixed() == Some(sizes[axis]));
    match sizes.filter(|sizes| sizes.len() >= 2 && kept(sizes)) {
        Some(sizes) => Ok(sizes[2..].to_vec()),
        None => Err(format!("only the spatial axes of {shape} can have another size")),
    }
}
