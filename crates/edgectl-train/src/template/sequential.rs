//! Templates for vectors and for windows over time.

use edgectl_graph::{Cell, Op, Recurrent, Span};

use super::build::{After, Build};

/// Samples of any shape.
pub(super) fn mlp(build: &mut Build, _sample: &[usize], outputs: usize) -> Option<()> {
    build.flatten()?;
    build.hidden(build.channels(128))?;
    build.hidden(build.channels(64))?;
    build.dense(outputs)
}

/// Samples of any shape, which the output has, too.
pub(super) fn autoencoder(build: &mut Build, sample: &[usize], _outputs: usize) -> Option<()> {
    build.flatten()?;
    for units in [128, 128, 8, 128, 128] {
        build.hidden(build.channels(units))?;
    }
    build.dense(sample.iter().product())?;
    if sample.len() == 1 { Some(()) } else { build.reshape(sample) }
}

/// Windows `[C, T]`.
pub(super) fn tcn(build: &mut Build, sample: &[usize], outputs: usize) -> Option<()> {
    (sample.len() == 2).then_some(())?;
    let channels = build.channels(32);
    build.conv(channels, 3, 1, 1, After::Relu)?;
    for dilation in [1, 2, 4] {
        let before = build.here();
        build.dilated(channels, 3, 1, dilation, 1, After::Relu)?;
        build.dilated(channels, 3, 1, dilation, 1, After::Nothing)?;
        build.add(&before)?;
        build.activate(After::Relu)?;
    }
    build.pool_all()?;
    build.dense(outputs)
}

/// Windows `[T, C]`.
pub(super) fn gru(build: &mut Build, sample: &[usize], outputs: usize) -> Option<()> {
    let &[steps, inputs] = sample else { return None };
    let units = build.channels(32);
    let constants = build.gru_constants(units, inputs)?;
    let op = Recurrent { cell: Cell::Gru { reset_after: true }, time_major: false };
    build.node("gru", Op::Recurrent(op), constants)?;
    let last = Span { axis: 1, start: steps.checked_sub(1)?, step: 1, len: 1 };
    build.node("last", Op::Slice { spans: vec![last] }, vec![])?;
    build.reshape(&[units])?;
    build.dense(outputs)
}
