//! Candle's own threads.

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
