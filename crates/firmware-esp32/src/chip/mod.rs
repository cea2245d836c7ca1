//! What tells the chips from each other: addresses, a clock, a memory management unit. Adding a chip is a module here and a memory map in `ld/`.
//!
//! Registers are those of Espressif's technical reference manuals, functions of the boot ROM those of the linker scripts that Espressif publishes for
//! it. Nothing here touches an interrupt: the firmware polls.

/// Declares functions of the boot ROM, which lie at fixed addresses.
macro_rules! rom_functions {
    ($(fn $name:ident($($argument:ident: $type:ty),*) $(-> $result:ty)? = $address:literal;)*) => {
        /// Functions of the boot ROM. All of them are unsafe to call, as whatever is not Rust.
        pub mod rom {$(
            #[inline(always)]
            pub unsafe fn $name($($argument: $type),*) $(-> $result)? {
                // SAFETY: it is there, of this type.
                unsafe {
                    let function = core::mem::transmute::<usize, unsafe extern "C" fn($($type),*) $(-> $result)?>($address);
                    function($($argument),*)
                }
            }
        )*}
    };
}
#[cfg_attr(feature = "esp32", path = "esp32.rs")]
#[cfg_attr(feature = "esp32c3", path = "esp32c3.rs")]
#[cfg_attr(feature = "esp32c6", path = "esp32c6.rs")]
#[cfg_attr(feature = "esp32s3", path = "esp32s3.rs")]
mod this;

#[cfg(target_arch = "riscv32")]
#[path = "riscv.rs"]
pub mod core;
#[cfg(target_arch = "xtensa")]
#[path = "xtensa.rs"]
pub mod core;

pub use this::*;
