//! Kernels for vectors: packed weights, and whatever instruction set the machine turns out to have.
//!
//! A kernel is written once, over [`vector::Vector`], and instantiated per instruction set. A value of a type that implements
//! it is the proof that the machine has that set, so that all `unsafe` is in the files that implement it, and here where
//! functions that enable an instruction set are called. What these kernels compute is what the reference ones in
//! [`kernel`](crate::kernel) compute, byte for byte.

mod add;
#[cfg(target_arch = "x86_64")]
mod avx2;
#[cfg(target_arch = "x86_64")]
mod avx512vnni;
#[cfg(target_arch = "x86_64")]
mod avxvnni;
mod binary;
mod conv2d;
mod depthwise_conv2d;
mod fully_connected;
mod gemm;
#[cfg(target_arch = "aarch64")]
mod i8mm;
#[cfg(target_arch = "aarch64")]
mod neon;
mod portable;
mod product;
mod sub;
mod vector;

use edge_format::Packing;

pub use depthwise_conv2d::packs_depthwise;

use crate::kernel::{self, Frame};
use crate::{Registration, Resolver};

/// An instruction set for which there are kernels.
#[derive(Clone, Copy, Debug, PartialEq, Eq, Hash)]
#[non_exhaustive]
pub enum Isa {
    /// AArch64's instructions for products of matrices.
    #[cfg(target_arch = "aarch64")]
    I8mm,
    /// AArch64's dot product instructions.
    #[cfg(target_arch = "aarch64")]
    Dotprod,
    /// AArch64's vectors.
    #[cfg(target_arch = "aarch64")]
    Neon,
    /// AVX-512 with the instructions for neural networks.
    #[cfg(target_arch = "x86_64")]
    Avx512Vnni,
    /// AVX-VNNI: the instructions for neural networks on vectors of 256 bits.
    #[cfg(target_arch = "x86_64")]
    AvxVnni,
    /// The same instructions as a part of AVX-512.
    #[cfg(target_arch = "x86_64")]
    Avx512VlVnni,
    /// AVX2.
    #[cfg(target_arch = "x86_64")]
    Avx2,
    /// None: what any machine can run.
    Portable,
}

impl Isa {
    /// Every instruction set of this architecture, the best one first.
    pub const ALL: &'static [Isa] = &[
        #[cfg(target_arch = "aarch64")]
        Isa::I8mm,
        #[cfg(target_arch = "aarch64")]
        Isa::Dotprod,
        #[cfg(target_arch = "aarch64")]
        Isa::Neon,
        #[cfg(target_arch = "x86_64")]
        Isa::Avx512Vnni,
        #[cfg(target_arch = "x86_64")]
        Isa::AvxVnni,
        #[cfg(target_arch = "x86_64")]
        Isa::Avx512VlVnni,
        #[cfg(target_arch = "x86_64")]
        Isa::Avx2,
        Isa::Portable,
    ];

    /// Its name, as people who make processors write it.
    pub fn name(self) -> &'static str {
        match self {
            #[cfg(target_arch = "aarch64")]
            Isa::I8mm => "I8MM",
            #[cfg(target_arch = "aarch64")]
            Isa::Dotprod => "DotProd",
            #[cfg(target_arch = "aarch64")]
            Isa::Neon => "NEON",
            #[cfg(target_arch = "x86_64")]
            Isa::Avx512Vnni => "AVX-512 VNNI",
            #[cfg(target_arch = "x86_64")]
            Isa::AvxVnni => "AVX-VNNI",
            #[cfg(target_arch = "x86_64")]
            Isa::Avx512VlVnni => "AVX-512 VNNI on 256 bits",
            #[cfg(target_arch = "x86_64")]
            Isa::Avx2 => "AVX2",
            Isa::Portable => "no vectors",
        }
    }

    /// The best one that this machine has. Without the feature `std`, the machine is what the compiler was told.
    pub fn detect() -> Isa {
        Self::ALL.iter().copied().find(|isa| isa.is_there()).unwrap_or(Isa::Portable)
    }

    /// Whether this machine has it.
    pub fn is_there(self) -> bool {
        match self {
            #[cfg(target_arch = "aarch64")]
            Isa::I8mm => i8mm::I8mm::detect().is_some(),
            #[cfg(target_arch = "aarch64")]
            Isa::Dotprod => neon::Dotprod::detect().is_some(),
            #[cfg(target_arch = "aarch64")]
            Isa::Neon => neon::Neon::detect().is_some(),
            #[cfg(target_arch = "x86_64")]
            Isa::Avx512Vnni => avx512vnni::Avx512Vnni::detect().is_some(),
            #[cfg(target_arch = "x86_64")]
            Isa::AvxVnni => avxvnni::AvxVnni::detect().is_some(),
            #[cfg(target_arch = "x86_64")]
            Isa::Avx512VlVnni => avxvnni::Avx512VlVnni::detect().is_some(),
            #[cfg(target_arch = "x86_64")]
            Isa::Avx2 => avx2::Avx2::detect().is_some(),
            Isa::Portable => true,
        }
    }

    /// The packing that its kernels read as it is. From the other one they first make sums of the weights.
    pub fn packing(self) -> Packing {
        match self {
            #[cfg(target_arch = "x86_64")]
            Isa::Avx512Vnni | Isa::AvxVnni | Isa::Avx512VlVnni => Packing::InterleavedU8,
            _ => Packing::InterleavedI8,
        }
    }

    /// Its kernels.
    fn kernels(self) -> &'static [Registration] {
        match self {
            #[cfg(target_arch = "x86_64")]
            Isa::Avx512Vnni => for_avx512vnni::KERNELS,
            #[cfg(target_arch = "x86_64")]
            Isa::AvxVnni => for_avxvnni::KERNELS,
            #[cfg(target_arch = "x86_64")]
            Isa::Avx512VlVnni => for_avx512vlvnni::KERNELS,
            #[cfg(target_arch = "x86_64")]
            Isa::Avx2 => for_avx2::KERNELS,
            #[cfg(target_arch = "aarch64")]
            Isa::I8mm => for_i8mm::KERNELS,
            #[cfg(target_arch = "aarch64")]
            Isa::Dotprod => for_dotprod::KERNELS,
            #[cfg(target_arch = "aarch64")]
            Isa::Neon => for_neon::KERNELS,
            Isa::Portable => &on_any_machine::KERNELS,
        }
    }
}

impl Resolver<'static> {
    /// Every kernel of this crate, in its fastest form for this machine.
    pub fn fastest() -> Self {
        Self::for_isa(Isa::detect())
    }

    /// Every kernel of this crate, in its form for an instruction set. On a machine that lacks it, its kernels fault.
    pub fn for_isa(isa: Isa) -> Self {
        Self::all().with_preferred(isa.kernels())
    }
}

/// Whether the machine has some features: asked at run time where there is a standard library to ask.
#[cfg(any(target_arch = "x86_64", target_arch = "aarch64"))]
macro_rules! detect {
    ($($feature:tt),*) => {{
        #[cfg(all(feature = "std", target_arch = "x86_64"))]
        {
            [$(std::arch::is_x86_feature_detected!($feature)),*].into_iter().all(|found| found)
        }
        #[cfg(all(feature = "std", target_arch = "aarch64"))]
        {
            [$(std::arch::is_aarch64_feature_detected!($feature)),*].into_iter().all(|found| found)
        }
        #[cfg(not(feature = "std"))]
        {
            cfg!(all($(target_feature = $feature),*))
        }
    }};
}
#[cfg(any(target_arch = "x86_64", target_arch = "aarch64"))]
use detect;

/// The kernels with an instruction set enabled: those that are written for vectors, and reference kernels of which the compiler makes
/// better ones.
#[cfg(any(target_arch = "x86_64", target_arch = "aarch64"))]
macro_rules! kernels {
    ($module:ident: $vector:ty, $features:literal) => {
        kernels!($module: $vector, $features, [add, conv2d, depthwise_conv2d, fully_connected, sub], [average_pool2d, max_pool2d, mean, mul, softmax]);
    };
    ($module:ident: $vector:ty, $features:literal, [$($kernel:ident),*], [$($plain:ident),*]) => {
        mod $module {
            use super::*;

            pub(super) static KERNELS: &[Registration] = &[
                $(Registration { run: $kernel, ..kernel::$kernel::KERNEL },)*
                $(Registration { run: $plain, ..kernel::$plain::KERNEL },)*
            ];

            $(
                #[allow(unsafe_code)]
                fn $kernel(frame: Frame<'_, '_>) -> Option<()> {
                    #[target_feature(enable = $features)]
                    fn run(vector: $vector, frame: Frame<'_, '_>) -> Option<()> {
                        super::$kernel::run(vector, frame)
                    }
                    let vector = <$vector>::detect()?;
                    // SAFETY: the vector is proof that the machine has the features.
                    unsafe { run(vector, frame) }
                }
            )*
            $(
                #[allow(unsafe_code)]
                fn $plain(frame: Frame<'_, '_>) -> Option<()> {
                    #[target_feature(enable = $features)]
                    fn run(frame: Frame<'_, '_>) -> Option<()> {
                        kernel::$plain::run(frame)
                    }
                    <$vector>::detect()?;
                    // SAFETY: a vector was found, so the machine has the features.
                    unsafe { run(frame) }
                }
            )*
        }
    };
}

#[cfg(target_arch = "x86_64")]
kernels!(for_avx512vnni: avx512vnni::Avx512Vnni, "avx2,avx512f,avx512bw,avx512vl,avx512vnni");

#[cfg(target_arch = "x86_64")]
kernels!(for_avxvnni: avxvnni::AvxVnni, "avx2,avxvnni");

#[cfg(target_arch = "x86_64")]
kernels!(for_avx512vlvnni: avxvnni::Avx512VlVnni, "avx2,avx512f,avx512vl,avx512vnni");

#[cfg(target_arch = "x86_64")]
kernels!(for_avx2: avx2::Avx2, "avx2");

#[cfg(target_arch = "aarch64")]
kernels!(for_i8mm: i8mm::I8mm, "neon,dotprod");

#[cfg(target_arch = "aarch64")]
kernels!(for_dotprod: neon::Dotprod, "neon,dotprod");

#[cfg(target_arch = "aarch64")]
kernels!(for_neon: neon::Neon, "neon");

/// What any machine can run; also where the reference kernels send ops with packed weights.
pub(crate) mod on_any_machine {
    use super::*;

    pub(super) static KERNELS: [Registration; 5] = [
        Registration { run: add, ..kernel::add::KERNEL },
        Registration { run: conv2d, ..kernel::conv2d::KERNEL },
        Registration { run: depthwise_conv2d, ..kernel::depthwise_conv2d::KERNEL },
        Registration { run: fully_connected, ..kernel::fully_connected::KERNEL },
        Registration { run: sub, ..kernel::sub::KERNEL },
    ];

    fn add(frame: Frame<'_, '_>) -> Option<()> {
        super::add::run(portable::Portable, frame)
    }

    fn sub(frame: Frame<'_, '_>) -> Option<()> {
        super::sub::run(portable::Portable, frame)
    }

    pub(crate) fn conv2d(frame: Frame<'_, '_>) -> Option<()> {
        super::conv2d::run(portable::Portable, frame)
    }

    pub(crate) fn depthwise_conv2d(frame: Frame<'_, '_>) -> Option<()> {
        super::depthwise_conv2d::run(portable::Portable, frame)
    }

    pub(crate) fn fully_connected(frame: Frame<'_, '_>) -> Option<()> {
        super::fully_connected::run(portable::Portable, frame)
    }
}
