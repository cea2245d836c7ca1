//! Rows of x times packed weights: the loop under convolutions and dense layers.

use edge_format::Packing;

use super::vector::{LANES, Range, Vector, unrolled};

/// Most rows of x whose sums are kept at once.
pub(super) const MAX_PIXELS: usize = 8;

/// Where the row of x that meets the weights lies: `rows * runs` runs of equal length, each read in whole groups of four columns. What is
/// read beyond a run meets weights that are zero.
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
    /// One run of this many groups.
    pub(super) fn one(groups: usize) -> Self {
        Self { rows: 1, row_stride: 0, runs: 1, run_stride: 0, groups }
    }

    /// Elements from the first to the last one that is read; there is at least one run.
    pub(super) fn span(&self) -> usize {
        let last_row = self.row_stride.saturating_mul(self.rows.saturating_sub(1));
        let last_run = self.run_stride.saturating_mul(self.runs.saturating_sub(1));
        last_row.saturating_add(last_run).saturating_add(4 * self.groups)
    }
}

/// Constants of a block of sixteen output channels.
#[derive(Clone, Copy)]
pub(super) struct Block<V: Vector> {
    pub(super) bias: [i32; LANES],
    pub(super) scales: V::Scales,
}

/// A tile of the product: some rows of x by some blocks of sixteen columns of the output.
pub(super) struct Job<'a, V: Vector> {
    pub(super) x: &'a [i8],
    /// Whether x is as [`Vector::x`] makes it.
    #[cfg_attr(not(target_arch = "x86_64"), allow(dead_code))]
    pub(super) is_flipped: bool,
    /// Where each row begins.
    pub(super) starts: [usize; MAX_PIXELS],
    /// How many of the rows are wanted; those that follow repeat the last one.
    pub(super) pixels: usize,
    pub(super) segments: Segments,
    /// The weights from the first block on, group by group.
    pub(super) weights: &'a [[i8; Packing::GROUP_BYTES]],
    /// Groups of a block.
    pub(super) groups: usize,
    pub(super) blocks: &'a [Block<V>],
    pub(super) range: Range,
    /// Columns of the output from the first block on.
    pub(super) columns: usize,
    /// Elements between rows of the output.
    pub(super) output_stride: usize,
}

/// Computes a tile; `output` begins with its first element. `FLIPPED` says whether x is.
#[inline(always)]
pub(super) fn tile<V: Vector, const PIXELS: usize, const BLOCKS: usize, const FLIPPED: bool>(
    v: V,
    job: &Job<'_, V>,
    output: &mut [i8],
) -> Option<()> {
    let blocks: &[Block<V>; BLOCKS] = job.blocks.first_chunk()?;
    let starts: &[usize; PIXELS] = job.starts.first_chunk()?;
    let mut weights: [&[[i8; 64]]; BLOCKS] = [&[]; BLOCKS];
    for (block, slot) in weights.iter_mut().enumerate() {
        *slot = job.weights.get(block * job.groups..)?.get(..job.groups)?;
    }
    // All of one length, so that a check of one index is one of all.
    let span = job.segments.span();
    let mut x: [&[i8]; PIXELS] = [&[]; PIXELS];
    for (slot, &start) in x.iter_mut().zip(starts) {
        *slot = job.x.get(start..)?.get(..span)?;
    }
    let mut sums = [[v.start(&blocks[0].bias); BLOCKS]; PIXELS];
    unrolled!(block below BLOCKS, {
        let start = v.start(&blocks[block].bias);
        unrolled!(pixel below PIXELS, {
            sums[pixel][block] = start;
        });
    });

    let Segments { rows, row_stride, runs, run_stride, groups } = job.segments;
    let mut next = 0;
    for row in 0..rows {
        for run in 0..runs {
            let mut at = row * row_stride + run * run_stride;
            for _ in 0..groups {
                let mut wide = [v.x::<FLIPPED>(x[0].get(at..)?.first_chunk()?); PIXELS];
                unrolled!(pixel below PIXELS, {
                    if pixel > 0 {
                        wide[pixel] = v.x::<FLIPPED>(x[pixel].get(at..)?.first_chunk()?);
                    }
                });
                unrolled!(block below BLOCKS, {
                    let weights = v.weights(weights[block].get(next)?);
                    unrolled!(pixel below PIXELS, {
                        sums[pixel][block] = v.dot(sums[pixel][block], wide[pixel], weights);
                    });
                });
                at += 4;
                next += 1;
            }
        }
    }

    // Apart from each other, since what is called leaves no registers to what follows.
    if blocks.iter().all(|block| V::is_simple(&block.scales)) {
        unrolled!(block below BLOCKS, {
            let columns = job.columns.saturating_sub(block * LANES).min(LANES);
            unrolled!(pixel below PIXELS, {
                if pixel < job.pixels {
                    let q = v.requantize(v.sums(sums[pixel][block]), &blocks[block].scales, &job.range);
                    v.put(q, output.get_mut(pixel * job.output_stride + block * LANES..)?, columns)?;
                }
            });
        });
    } else {
        for (block, constants) in blocks.iter().enumerate() {
            let columns = job.columns.saturating_sub(block * LANES).min(LANES);
            unrolled!(pixel below PIXELS, {
                if pixel < job.pixels {
                    let mut sum = sums[pixel][0];
                    unrolled!(index below BLOCKS, {
                        if index == block {
                            sum = sums[pixel][index];
                        }
                    });
                    let q = v.requantize_any(v.sums(sum), &constants.scales, &job.range);
                    v.put(q, output.get_mut(pixel * job.output_stride + block * LANES..)?, columns)?;
                }
            });
        }
    }
    Some(())
}

/// Computes a tile of one row of x: as [`tile`], but in several chains of sums, since one that adds to what it has just added waits for it.
#[cfg(target_arch = "x86_64")]
#[inline(always)]
pub(super) fn row<V: Vector, const BLOCKS: usize, const CHAINS: usize, const FLIPPED: bool>(
    v: V,
    job: &Job<'_, V>,
    output: &mut [i8],
) -> Option<()> {
    let blocks: &[Block<V>; BLOCKS] = job.blocks.first_chunk()?;
    let mut weights: [&[[i8; 64]]; BLOCKS] = [&[]; BLOCKS];
    for (block, slot) in weights.iter_mut().enumerate() {
        *slot = job.weights.get(block * job.groups..)?.get(..job.groups)?;
    }
    let [start, ..] = job.starts;
    let x = job.x.get(start..)?.get(..job.segments.span())?;
    let mut sums = [[v.start(&[0; LANES]); BLOCKS]; CHAINS];
    unrolled!(block below BLOCKS, {
        sums[0][block] = v.start(&blocks[block].bias);
    });
    let Segments { rows, row_stride, runs, run_stride, groups } = job.segments;
    let mut next = 0;
    for row in 0..rows {
        for run in 0..runs {
            let run = x.get(row * row_stride + run * run_stride..)?.as_chunks().0.get(..groups)?;
            let (chunks, rest) = run.as_chunks::<CHAINS>();
            for chunk in chunks {
                unrolled!(chain below CHAINS, {
                    let x = v.x::<FLIPPED>(&chunk[chain]);
                    unrolled!(block below BLOCKS, {
                        sums[chain][block] = v.dot(sums[chain][block], x, v.weights(weights[block].get(next + chain)?));
                    });
                });
                next += CHAINS;
            }
            for x in rest {
                let x = v.x::<FLIPPED>(x);
                unrolled!(block below BLOCKS, {
                    sums[0][block] = v.dot(sums[0][block], x, v.weights(weights[block].get(next)?));
                });
                next += 1;
            }
        }
    }
    unrolled!(block below BLOCKS, {
        let mut sum = v.sums(sums[0][block]);
        unrolled!(chain below CHAINS, {
            if chain > 0 {
                sum = v.add(sum, v.sums(sums[chain][block]));
            }
        });
        let (scales, columns) = (&blocks[block].scales, job.columns.saturating_sub(block * LANES).min(LANES));
        let q = if V::is_simple(scales) { v.requantize(sum, scales, &job.range) } else { v.requantize_any(sum, scales, &job.range) };
        v.put(q, output.get_mut(block * LANES..)?, columns)?;
    });
    Some(())
}
