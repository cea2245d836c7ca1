//! What training needs of the process: no threads of candle's, and memory that stays.

/// The variable from which candle takes the number of its threads when it first needs them.
const CANDLE_THREADS: &str = "CANDLE_NUM_THREADS";

/// Lets candle work on one thread, unless the environment says otherwise.
///
/// Candle adds up large gradients in a pool of its own, whose threads spin for more while those of training have work: without this, an
/// epoch takes up to twice as long on two cores.
///
/// # Safety
/// As [`std::env::set_var`]: no other thread may use the environment meanwhile. It is for the first line of `main`.
#[expect(unsafe_code, reason = "candle can be told by its environment only")]
pub unsafe fn use_one_candle_thread() {
    if std::env::var_os(CANDLE_THREADS).is_none() {
        // SAFETY: the caller sees to it.
        unsafe { std::env::set_var(CANDLE_THREADS, "1") };
    }
}

/// A block that glibc maps, and well below the largest that it takes as a hint (32 MiB).
const HINT_BYTES: usize = 24 << 20;

/// Tells the allocator to keep the memory of freed tensors, which the next step asks for again.
///
/// Without this, glibc gives it back to the kernel after every operator, and a third of the time of an epoch goes into page faults. It takes
/// the size of a freed block that was mapped as its threshold (see `mallopt(3)`, `M_MMAP_THRESHOLD`); other allocators do nothing with it.
pub(crate) fn keep_memory() {
    drop(std::hint::black_box(Vec::<u8>::with_capacity(HINT_BYTES)));
}
