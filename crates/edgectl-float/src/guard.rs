//! Turns a panic of the engine into an error, without a word on stderr.
//!
//! The engine panics on about one in a thousand damaged models. The process's panic hook is wrapped once; it stays as it was for every
//! thread that is not inside [`catch`].

use std::cell::Cell;
use std::panic::{self, AssertUnwindSafe};
use std::sync::Once;

thread_local! {
    static GUARDED: Cell<bool> = const { Cell::new(false) };
}

/// Runs `call`; `Err` holds the message of a panic.
///
/// What `call` changes must not be used after a panic: the callers throw away the model that is being built, and a run has its own state.
pub(crate) fn catch<T>(call: impl FnOnce() -> T) -> Result<T, String> {
    static WRAP_HOOK: Once = Once::new();
    WRAP_HOOK.call_once(|| {
        let outer = panic::take_hook();
        panic::set_hook(Box::new(move |info| {
            if !GUARDED.get() {
                outer(info);
            }
        }));
    });
    let before = GUARDED.replace(true);
    let result = panic::catch_unwind(AssertUnwindSafe(call));
    GUARDED.set(before);
    result.map_err(|payload| match payload.downcast::<String>() {
        Ok(message) => *message,
        Err(payload) => payload.downcast_ref::<&str>().map_or_else(|| "no message".into(), ToString::to_string),
    })
}

#[cfg(test)]
mod tests {
    use super::*;

    #[test]
    fn a_panic_becomes_its_message() {
        let index = std::hint::black_box(3);
        assert_eq!(catch(|| 7), Ok(7));
        assert_eq!(catch(|| [1, 2][index]), Err("index out of bounds: the len is 2 but the index is 3".into()));
        assert_eq!(catch(|| panic!("plain")), Err::<(), _>("plain".into()));
        assert_eq!(catch(|| catch(|| panic!("inner"))), Ok(Err::<(), _>("inner".into())));
        assert!(!GUARDED.get());
    }
}
