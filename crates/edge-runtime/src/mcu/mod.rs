//! Kernels for microcontrollers: convolution, depthwise convolution and dense layers, written for small register files.
//!
//! Convolutions and dense layers take two output pixels and several output channels at a time, so that each load of a weight serves
//! two products and each load of x several ([`convolution`]). What a core does best differs, and is a [`Machine`]: two products
//! with one multiplication where every load is dear (Cortex-M0+), two with one instruction (the DSP extension), plain ones where
//! registers abound (RISC-V). All of them run on every machine, so that the host's tests hold each to the reference kernels byte for
//! byte; the instructions that a compiler does not find are in [`thumb`] and [`dsp`], which alone are `unsafe`.
//!
//! They read weights as they are: what packing would save is the sum of each row, a twentieth of a pointwise convolution over 36 pixels.

mod convolution;
mod depthwise_conv2d;
mod dsp;
mod scalar;
mod thumb;

use core::marker::PhantomData;
use core::ops::Range;

use crate::kernel::requantize::Requantize;
use crate::kernel::{self, Frame};
use crate::{Registration, Resolver};

/// Output channels whose sums are kept at once: with a window's elements, their weights stay in a cache of some KiB.
const CHANNELS: usize = 32;

/// Sums of two pixels.
#[repr(C)]
struct Sums {
    a: [i32; CHANNELS],
    b: [i32; CHANNELS],
}

/// Where a tap of a depthwise filter lies: its offset in x, and in the filter.
#[repr(C)]
#[derive(Clone, Copy, PartialEq, Eq)]
struct Tap {
    x: usize,
    filter: usize,
}

/// The inner loops of a core.
trait Machine {
    /// What [`Machine::products`] adds too much for every two elements.
    const EXCESS: i32;

    /// An element of pixel `a` and the one of pixel `b` that meets the same weight.
    fn pair(a: i8, b: i8) -> u32;

    /// Adds, for `count` channels whose rows of weights begin `stride` apart, the products with the pairs, and [`Machine::EXCESS`].
    ///
    /// `None` where a row is shorter than the pairs, or `count` more than [`CHANNELS`].
    fn products(pairs: &[u32], weights: &[i8], stride: usize, count: usize, sums: &mut Sums) -> Option<()>;

    /// Adds to each of the sums the products of a channel's taps; x goes on by `x_step` from channel to channel, the filter by one.
    ///
    /// `None` where a tap, of which the last is the farthest, lies beyond x or the filter.
    fn taps(x: &[i8], x_step: usize, filter: &[i8], taps: &[Tap], zero_point: i8, sums: &mut [i32]) -> Option<()> {
        for (channel, sum) in sums.iter_mut().enumerate() {
            let (x, filter) = (x.get(channel * x_step..)?, filter.get(channel..)?);
            for tap in taps {
                let x = i32::from(*x.get(tap.x)?).wrapping_sub(zero_point.into());
                *sum = sum.wrapping_add(x.wrapping_mul((*filter.get(tap.filter)?).into()));
            }
        }
        Some(())
    }

    /// [`Requantize::store`], which may leave the sums as they are.
    fn store(requantize: &Requantize<'_>, first: usize, sums: &mut [i32], output: &mut [i8]) -> Option<()> {
        requantize.store(first, sums, output)
    }
}

/// A kind of core for which there are kernels.
#[derive(Clone, Copy, Debug, PartialEq, Eq, Hash)]
#[non_exhaustive]
pub enum Core {
    /// ARMv6-M: eight registers of use, a fast multiplier, nothing else.
    CortexM0,
    /// ARMv7E-M and ARMv8-M with the DSP extension.
    CortexM4,
    /// Many registers and a multiplier: RISC-V's RV32IM.
    Scalar,
}

impl Core {
    /// All kinds.
    pub const ALL: [Core; 3] = [Core::CortexM0, Core::CortexM4, Core::Scalar];

    /// The one that the compiler builds for.
    pub const HERE: Core = if cfg!(armv6m) {
        Core::CortexM0
    } else if cfg!(arm_dsp) {
        Core::CortexM4
    } else {
        Core::Scalar
    };

    /// Its kernels. Each runs everywhere, and is fast on its core.
    const fn kernels<F: Fork>(self) -> &'static [Registration] {
        match self {
            Core::CortexM0 => &Kernels::<thumb::Thumb, F>::ALL,
            Core::CortexM4 => &Kernels::<dsp::Dsp, F>::ALL,
            Core::Scalar => &Kernels::<scalar::Scalar, F>::ALL,
        }
    }
}

/// How the two halves of an op's output are computed.
pub trait Fork: 'static {
    /// Whether there is a second core. Where there is none, nothing is divided.
    const DIVIDES: bool;

    /// Runs both to their end, in whatever order, or at once.
    fn both(first: &mut (dyn FnMut() + Send), second: &mut (dyn FnMut() + Send));
}

/// One core.
struct Alone;

impl Fork for Alone {
    const DIVIDES: bool = false;

    fn both(first: &mut (dyn FnMut() + Send), second: &mut (dyn FnMut() + Send)) {
        first();
        second();
    }
}

/// Has `part` compute `count` pieces of the output, each of so many elements: some of them, and the others.
fn halves<F: Fork>(
    output: &mut [i8],
    count: usize,
    elements: usize,
    part: impl Fn(Range<usize>, &mut [i8]) -> Option<()> + Sync,
) -> Option<()> {
    let half = if F::DIVIDES { count / 2 } else { 0 };
    if half == 0 {
        return part(0..count, output);
    }
    let (begin, end) = output.split_at_mut_checked(half * elements)?;
    let (mut first, mut second) = (None, None);
    F::both(&mut || first = part(0..half, begin), &mut || second = part(half..count, end));
    first.and(second)
}

/// The kernels of a machine.
struct Kernels<M, F>(PhantomData<(M, F)>);

impl<M: Machine, F: Fork> Kernels<M, F> {
    const ALL: [Registration; 3] = [
        Registration { run: Self::conv2d, ..kernel::conv2d::KERNEL },
        Registration { run: Self::depthwise_conv2d, ..kernel::depthwise_conv2d::KERNEL },
        Registration { run: Self::fully_connected, ..kernel::fully_connected::KERNEL },
    ];

    fn conv2d(frame: Frame<'_, '_>) -> Option<()> {
        #[cfg(feature = "simd")]
        if frame.packed(1).is_some() {
            return kernel::conv2d::run(frame);
        }
        convolution::conv2d::<M, F>(frame)
    }

    fn depthwise_conv2d(frame: Frame<'_, '_>) -> Option<()> {
        depthwise_conv2d::run::<M, F>(frame)
    }

    fn fully_connected(frame: Frame<'_, '_>) -> Option<()> {
        #[cfg(feature = "simd")]
        if frame.packed(1).is_some() {
            return kernel::fully_connected::run(frame);
        }
        convolution::fully_connected::<M, F>(frame)
    }
}

impl Resolver<'static> {
    /// Every kernel of this crate, in its form for a core. What it replaces is not linked.
    pub const fn for_core(core: Core) -> Self {
        Self::for_cores::<Alone>(core)
    }

    /// The same where a second core computes half of what convolutions and dense layers put out.
    pub const fn for_cores<F: Fork>(core: Core) -> Self {
        match core {
            Core::CortexM0 => Self::new(&Tables::<F>::CORTEX_M0),
            Core::CortexM4 => Self::new(&Tables::<F>::CORTEX_M4),
            Core::Scalar => Self::new(&Tables::<F>::SCALAR),
        }
    }
}

const COUNT: usize = Resolver::all().kernels().len();

/// A table for each core, so that one core's kernels are linked without the others'.
struct Tables<F>(PhantomData<F>);

impl<F: Fork> Tables<F> {
    const CORTEX_M0: [Registration; COUNT] = with(Core::CortexM0.kernels::<F>());
    const CORTEX_M4: [Registration; COUNT] = with(Core::CortexM4.kernels::<F>());
    const SCALAR: [Registration; COUNT] = with(Core::Scalar.kernels::<F>());
}

/// Every kernel, but for those in whose place there are others.
const fn with(instead: &[Registration]) -> [Registration; COUNT] {
    let kernels = Resolver::all().kernels();
    let mut table = [kernels[0]; COUNT];
    let mut index = 0;
    while index < COUNT {
        table[index] = kernels[index];
        let mut other = 0;
        while other < instead.len() {
            if instead[other].op as u32 == kernels[index].op as u32 {
                table[index] = instead[other];
            }
            other += 1;
        }
        index += 1;
    }
    table
}
