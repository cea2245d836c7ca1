//! What tells the RP2040 from the RP2350, in one place.

#[cfg(feature = "rp2350")]
pub use rp235x_hal as hal;
#[cfg(feature = "rp2040")]
pub use rp2040_hal as hal;

#[cfg(not(any(feature = "rp2040", feature = "rp2350")))]
compile_error!("choose a chip: --features rp2040 or rp2350");

use edge_device::memory_map::MemoryMap;
use hal::clocks::{ClocksManager, UsbClock};
use hal::pac::RESETS;
use hal::timer::Timer;
use hal::usb::UsbBus;

/// The second core's stack.
const SECOND_CORE_BYTES: usize = if cfg!(feature = "dual-core") { 4 << 10 } else { 0 };

#[cfg(feature = "rp2040")]
mod this {
    use super::*;

    /// The second stage of the boot, which sets up the flash that the Pico has.
    #[unsafe(link_section = ".boot2")]
    #[used]
    static BOOT2: [u8; 256] = rp2040_boot2::BOOT_LOADER_W25Q080;

    pub const NAME: &str = "rp2040";
    pub const MAP: MemoryMap = edge_device::memory_map::PICO;

    /// Memory for activations. The rest is for the stack, buffers and the firmware's own data.
    pub const ARENA_BYTES: usize = (240 << 10) - SECOND_CORE_BYTES;

    /// Where the function lies that sets up execution from flash, and its length in words: the second stage itself.
    pub const XIP_SETUP: (*const u32, usize) = (0x1000_0000 as *const u32, 64);

    pub type Timer0 = hal::pac::TIMER;
    pub type UsbRegisters = (hal::pac::USBCTRL_REGS, hal::pac::USBCTRL_DPRAM);

    pub fn timer(timer: Timer0, resets: &mut RESETS, clocks: &ClocksManager) -> Timer {
        Timer::new(timer, resets, clocks)
    }

    pub fn board() -> [u8; 8] {
        crate::flash::unique_id()
    }
}

#[cfg(feature = "rp2350")]
mod this {
    use super::*;

    /// What the boot ROM looks for.
    #[unsafe(link_section = ".start_block")]
    #[used]
    static IMAGE: hal::block::ImageDef = hal::block::ImageDef::secure_exe();

    pub const NAME: &str = "rp2350";
    pub const MAP: MemoryMap = edge_device::memory_map::PICO2;
    pub const ARENA_BYTES: usize = (488 << 10) - SECOND_CORE_BYTES;

    /// The boot ROM has put it into its own RAM.
    pub const XIP_SETUP: (*const u32, usize) = (0x400e_0000 as *const u32, 64);

    pub type Timer0 = hal::pac::TIMER0;
    pub type UsbRegisters = (hal::pac::USB, hal::pac::USB_DPRAM);

    pub fn timer(timer: Timer0, resets: &mut RESETS, clocks: &ClocksManager) -> Timer<hal::timer::CopyableTimer0> {
        Timer::new_timer0(timer, resets, clocks)
    }

    pub fn board() -> [u8; 8] {
        let mut id = [0; 8];
        if let Ok(Some(chip)) = hal::rom_data::sys_info_api::chip_info() {
            let (device, wafer) = (chip.device_id.to_be_bytes(), chip.wafer_id.to_be_bytes());
            id.iter_mut().zip(device.into_iter().chain(wafer)).for_each(|(byte, value)| *byte = value);
        }
        id
    }
}

pub use this::*;

/// The chip's USB controller, as a device.
pub fn usb((registers, memory): UsbRegisters, clock: UsbClock, resets: &mut RESETS) -> UsbBus {
    UsbBus::new(registers, memory, clock, true, resets)
}
