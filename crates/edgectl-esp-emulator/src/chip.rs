//! What tells the two chips from each other.

use crate::cache::Window;

/// A kind of chip.
#[derive(Clone, Copy, Debug, PartialEq, Eq)]
pub enum Chip {
    /// Xtensa LX6; of its two cores one runs.
    Esp32,
    /// Xtensa LX7, likewise.
    Esp32S3,
}

/// A function of the boot ROM.
#[derive(Clone, Copy, Debug, PartialEq, Eq)]
pub(crate) enum Function {
    ResetReason,
    CpuFrequency,
    Delay,
    WaitUntilSent,
    Reset,
    WriteAnalog,
    CycleCount,
    SetHandler,
    EraseSector,
    Write,
    /// Of the ESP32: off, emptied, on.
    CacheOff,
    CacheEmpty,
    CacheOn,
    /// Of the ESP32-S3: each also empties, and tells or takes how the other parts were set.
    SwitchCache {
        is_code: bool,
        is_on: bool,
    },
}

/// What a chip is.
pub(crate) struct Facts {
    pub(crate) name: &'static str,
    /// As images name it.
    pub(crate) id: u16,
    /// RAM for data: where, how long.
    pub(crate) data: (u32, u32),
    /// Where the same is for code, and how long, if it is the same; code's own RAM, if not.
    pub(crate) code: (u32, u32),
    pub(crate) code_is_data: bool,
    /// Of that what is the boot ROM's: where, how long.
    pub(crate) reserved: &'static [(u32, u32)],
    /// Where the stack is that the boot loader leaves: its lowest address, and where it is then.
    pub(crate) stack: (u32, u32),
    /// Memory of the always-on domain.
    pub(crate) kept: (u32, u32),
    pub(crate) windows: [Window; 2],
    pub(crate) entries: usize,
    pub(crate) nothing: u32,
    pub(crate) registers: &'static [(u32, u32)],
    pub(crate) functions: &'static [(u32, Function)],
}

const fn window(base: u32, first: usize, pages: usize, from: usize, is_code: bool) -> Window {
    Window { base, first, pages, from, is_code }
}

impl Chip {
    pub(crate) fn facts(self) -> &'static Facts {
        match self {
            Chip::Esp32 => &ESP32,
            Chip::Esp32S3 => &ESP32_S3,
        }
    }
}

/// ESP32 technical reference manual, 3.3; functions by `esp_rom/esp32/ld/esp32.rom.ld`.
static ESP32: Facts = Facts {
    name: "esp32",
    id: 0,
    data: (0x3ffa_e000, 0x5_2000),
    code: (0x4008_0000, 0x2_0000),
    code_is_data: false,
    reserved: &[(0x3ffa_e000, 0x2000), (0x3ffe_0000, 0x440)],
    stack: (0x3ffe_0440, 0x3ffe_3c00),
    kept: (0x5000_0000, 0x2000),
    windows: [window(0x3f40_0000, 0, 64, 0, false), window(0x4000_0000, 64, 64, 13, true)],
    entries: 128,
    nothing: 1 << 8,
    registers: &[(0x3ff0_0000, 0x1000), (0x3ff1_0000, 0x1000), (0x3ff4_0000, 0x1_0000), (0x3ff5_a000, 0x1000), (0x3ff5_f000, 0x2000)],
    functions: &[
        (0x4000_81d4, Function::ResetReason),
        (0x4000_8550, Function::CpuFrequency),
        (0x4000_8534, Function::Delay),
        (0x4000_9278, Function::WaitUntilSent),
        (0x4000_824c, Function::Reset),
        (0x4000_41a4, Function::WriteAnalog),
        (0x4000_9ab8, Function::CacheOff),
        (0x4000_9a14, Function::CacheEmpty),
        (0x4000_9a84, Function::CacheOn),
        (0x4000_c050, Function::CycleCount),
        (0x4000_074c, Function::SetHandler),
    ],
};

/// ESP32-S3 technical reference manual, 4.3; functions by `esp_rom/esp32s3/ld/esp32s3.rom.ld`.
static ESP32_S3: Facts = Facts {
    name: "esp32s3",
    id: 9,
    data: (0x3fc8_8000, 0x7_8000),
    code: (0x4037_8000, 0x6_8000),
    code_is_data: true,
    reserved: &[(0x3fce_b710, 0x4_8f0)],
    stack: (0x3fce_7710, 0x3fce_b400),
    kept: (0x5000_0000, 0x2000),
    windows: [window(0x3c00_0000, 0, 128, 0, false), window(0x4200_0000, 0, 128, 0, true)],
    entries: 512,
    nothing: 1 << 14,
    registers: &[(0x6000_0000, 0x1000), (0x6000_7000, 0x2000), (0x6001_f000, 0x2000), (0x6003_8000, 0x1000), (0x600c_0000, 0x6000)],
    functions: &[
        (0x4000_057c, Function::ResetReason),
        (0x4000_1a4c, Function::CpuFrequency),
        (0x4000_069c, Function::WaitUntilSent),
        (0x4000_06d8, Function::Reset),
        (0x4000_09fc, Function::EraseSector),
        (0x4000_0a14, Function::Write),
        (0x4000_186c, Function::SwitchCache { is_code: true, is_on: false }),
        (0x4000_1878, Function::SwitchCache { is_code: true, is_on: true }),
        (0x4000_1884, Function::SwitchCache { is_code: false, is_on: false }),
        (0x4000_1890, Function::SwitchCache { is_code: false, is_on: true }),
        (0x4000_1bcc, Function::CycleCount),
        (0x4000_1c14, Function::SetHandler),
    ],
};
