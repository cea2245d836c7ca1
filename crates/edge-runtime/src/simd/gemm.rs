//! Rows of x times packed weights: the loop under convolutions and dense layers.

use edge_format::Packing;

use super::vector::{Channels, LANES, Range, Vector, unrolled};

/// Most rows of x whose sums are kept at once.
pub(super) const MAX_PIXELS: usize = 8;

/// Where the row of x that meets the weights lies: `rows * runs` runs of equal length, each of whole groups of four columns.
#[derive(Clone, Copy)]
pub(super) struct Segments {
    pub(super) rows: usize,
    pub(super) row_stride: usize,
    pub(super) runs: usize,
    pub(super) run_stride: usize,
    /// Groups of a run.
    pub(super) groups: usize,
}

impl Segments {
    /// One run of this many elements, whose last group may reach beyond them.
    pub(super) fn one(length: usize) -> Self {
        Self { rows: 1, row_stride: 0, runs: 1, run_stride: 0, groups: Packing::groups(length) }
    }
}

/// A tile of the product: some rows of x by some blocks of sixteen columns of the output.
pub(super) struct Job<'a> {
    pub(super) x: &'a [i8],
    /// Where each row begins.
    pub(super) starts: [usize; MAX_PIXELS],
    /// How many of the rows are wanted; those that follow repeat the last one.
    pub(super) pixels: usize,
    pub(super) segments: Segments,
    /// The weights from the first block on, group by group.
    pub(super) weights: &'a [[i8; Packing::GROUP_BYTES]],
    /// Groups of a block.
    pub(super) groups: usize,
    /// The blocks' constants.
    pub(super) channels: &'a [Channels],
    pub(super) range: Range,
    /// Columns of the output from the first block on.
    pub(super) columns: usize,
    /// Elements between rows of the output.
    pub(super) output_stride: usize,
}

/// Computes a tile; `output` begins with its first element.
#[inline(always)]
pub(super) fn tile<V: Vector, const PIXELS: usize, const BLOCKS: usize>(v: V, job: &Job<'_>, output: &mut [i8]) -> Option<()> {
    let channels: &[Channels; BLOCKS] = job.channels.first_chunk()?;
    let starts: &[usize; PIXELS] = job.starts.first_chunk()?;
    let mut weights: [&[[i8; 64]]; BLOCKS] = [&[]; BLOCKS];
    for (block, slot) in weights.iter_mut().enumerate() {
        *slot = job.weights.get(block * job.groups..)?.get(..job.groups)?;
    }
    let mut sums = [[v.start(v.words(&channels.first()?.bias)); BLOCKS]; PIXELS];
    unrolled!(block below BLOCKS, {
        let start = v.start(v.words(&channels[block].bias));
        unrolled!(pixel below PIXELS, {
            sums[pixel][block] = start;
        });
    });

    let Segments { rows, row_stride, runs, run_stride, groups } = job.segments;
    for row in 0..rows {
        for run in 0..runs {
            let offset = row * row_stride + run * run_stride;
            let mut x: [&[[i8; 4]]; PIXELS] = [&[]; PIXELS];
            for (slot, start) in x.iter_mut().zip(starts) {
                *slot = job.x.get(start + offset..)?.as_chunks().0.get(..groups)?;
            }
            let mut run_weights: [&[[i8; 64]]; BLOCKS] = [&[]; BLOCKS];
            for (slot, weights) in run_weights.iter_mut().zip(&mut weights) {
                (*slot, *weights) = weights.split_at_checked(groups)?;
            }
            // All slices have this length, so that no index below is checked.
            for group in 0..groups {
                let mut wide = [v.x([0; 4]); PIXELS];
                unrolled!(pixel below PIXELS, {
                    wide[pixel] = v.x(x[pixel][group]);
                });
                unrolled!(block below BLOCKS, {
                    let weights = v.weights(&run_weights[block][group]);
                    unrolled!(pixel below PIXELS, {
                        sums[pixel][block] = v.dot(sums[pixel][block], wide[pixel], weights);
                    });
                });
            }
        }
    }

    unrolled!(block below BLOCKS, {
        let scales = v.scales(&channels[block]);
        let columns = job.columns.saturating_sub(block * LANES).min(LANES);
        unrolled!(pixel below PIXELS, {
            if pixel < job.pixels {
                let q = v.requantize(v.sums(sums[pixel][block]), &scales, &job.range);
                store(q, output.get_mut(pixel * job.output_stride + block * LANES..)?, columns);
            }
        });
    });
    Some(())
}

/// Stores as many channels as there are.
#[inline(always)]
pub(super) fn store(q: [i8; LANES], output: &mut [i8], channels: usize) {
    match (channels, output.first_chunk_mut::<LANES>()) {
        (LANES, Some(output)) => *output = q,
        // A half is common, too.
        (8, _) => output.iter_mut().zip(q).take(8).for_each(|(output, q)| *output = q),
        _ => {
            for (channel, q) in q.into_iter().enumerate() {
                if let Some(output) = output.get_mut(channel).filter(|_| channel < channels) {
                    *output = q;
                }
            }
        }
    }
}
