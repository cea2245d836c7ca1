//! Programs that remember: what `quantize` writes with `--stateful` and `--streaming`, and what it saves.

use std::num::NonZeroUsize;

use anyhow::{Context, Result, ensure};
use edge_format::AlignedBytes;
use edgectl_graph::QuantGraph;
use edgectl_lower::{LowerOptions, Streaming};
use serde::Serialize;

use crate::model::Int8Model;
use crate::ui::{bytes, count};

/// How a program goes on from one invocation to the next.
#[derive(clap::Args, Debug)]
pub(crate) struct MemoryArgs {
    /// Recurrent layers of the .edgm go on where the invocation before left them, instead of beginning anew
    #[arg(long)]
    stateful: bool,
    /// The .edgm takes only so many new columns of the window per invocation and keeps the others: a window that slides over a stream
    #[arg(long, value_name = "COLUMNS")]
    streaming: Option<NonZeroUsize>,
    /// The axis of the model's input along which the window slides [default: the last one]
    #[arg(long, value_name = "AXIS", requires = "streaming")]
    time_axis: Option<usize>,
}

impl MemoryArgs {
    /// The options, in messages.
    pub(crate) const OPTIONS: &str = "--stateful, or --streaming,";

    /// Whether a program shall remember.
    pub(crate) fn is_given(&self) -> bool {
        self.stateful || self.streaming.is_some()
    }
}

/// A program that remembers, and what it is beside the one that takes everything at once and forgets.
#[derive(Debug)]
pub(crate) struct Remembering {
    pub(crate) program: AlignedBytes,
    pub(crate) row: MemoryRow,
}

/// Memory and work of a program that remembers.
#[derive(Clone, Debug, Serialize)]
pub(crate) struct MemoryRow {
    /// Of the arena, kept between invocations.
    state_bytes: usize,
    arena_bytes: usize,
    /// Per invocation.
    macs: u64,
    /// What the program that forgets needs.
    whole_arena_bytes: usize,
    whole_macs: u64,
    /// Invocations until a window is full; absent where none slides.
    #[serde(skip_serializing_if = "Option::is_none")]
    warm_up_invocations: Option<usize>,
}

impl MemoryArgs {
    /// The program, where one that remembers is asked for.
    pub(crate) fn lower(&self, int8: &Int8Model) -> Result<Option<Remembering>> {
        if !self.stateful && self.streaming.is_none() {
            return Ok(None);
        }
        let whole = &int8.quantized;
        let slides = self.streaming.map(|hop| self.slide(whole, hop)).transpose()?;
        let graph = slides.as_ref().map_or(whole, |(graph, _)| graph);
        let options = LowerOptions { stateful: self.stateful, ..LowerOptions::default() };
        let lowered = edgectl_lower::lower(graph, &options)?;
        ensure!(lowered.report.state_bytes > 0, "--stateful needs a recurrent layer, and the model has none");
        let row = MemoryRow {
            state_bytes: lowered.report.state_bytes,
            arena_bytes: lowered.report.arena_bytes,
            macs: graph.graph().total_cost().macs,
            whole_arena_bytes: int8.report.arena_bytes,
            whole_macs: whole.graph().total_cost().macs,
            warm_up_invocations: slides.as_ref().map(|(_, invocations)| *invocations),
        };
        Ok(Some(Remembering { program: AlignedBytes::from(&lowered.program[..]), row }))
    }

    /// The graph that takes new columns, and after how many invocations it has seen a window.
    fn slide(&self, whole: &QuantGraph, hop: NonZeroUsize) -> Result<(QuantGraph, usize)> {
        let input = whole.graph().inputs().first().context("the model has no input")?;
        let shape = whole.graph().fixed_shape(*input)?;
        let axis = self.time_axis.unwrap_or(shape.len().saturating_sub(1));
        let window = shape.get(axis).with_context(|| format!("--time-axis {axis}: the input has the shape {shape:?}"))?;
        let graph = edgectl_lower::stream(whole, Streaming { axis, hop: hop.get() })?;
        Ok((graph, window.div_ceil(hop.get())))
    }
}

impl MemoryRow {
    /// The row in words.
    pub(crate) fn describe(&self) -> [(&'static str, String); 2] {
        let memory = format!(
            "{} of arena, of which {} are kept between invocations; {} for everything at once",
            bytes(self.arena_bytes as u64),
            bytes(self.state_bytes as u64),
            bytes(self.whole_arena_bytes as u64)
        );
        let share = 100.0 * self.macs as f64 / (self.whole_macs as f64).max(1.0);
        let mut work = format!("{} MACs per invocation, {share:.1} % of {}", count(self.macs), count(self.whole_macs));
        if let Some(invocations) = self.warm_up_invocations {
            work += &format!("; the results of the first {} are those of a window that begins with zeros", invocations.saturating_sub(1));
        }
        [("remembers", memory), ("computes", work)]
    }
}
