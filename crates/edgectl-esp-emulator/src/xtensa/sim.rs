//! The core where QEMU has one, so that each can be held against the other: QEMU's machine `sim` with the core `dc233c`, which has RAM, a ROM, and calls of
//! the simulator.

use super::{Bus, Core, NoCode, Refused, Stop};

const RAM_BYTES: usize = 32 << 20;
const ROM: u32 = 0xfe00_0000;
const ROM_BYTES: usize = 4096;
const VECTORS: u32 = 0x2000;
/// Of which the ESP32 has twice as many.
const REGISTERS: u32 = 32;

/// Calls.
const EXIT: u32 = 1;
const WRITE: u32 = 4;

/// `simcall`'s own length.
const CALL_BYTES: u32 = 3;

struct Memory {
    ram: Vec<u8>,
    rom: Vec<u8>,
}

impl Memory {
    fn at(&mut self, address: u32, bytes: u32) -> Result<&mut [u8], Refused> {
        let (memory, offset) = if address >= ROM { (&mut self.rom, address - ROM) } else { (&mut self.ram, address) };
        let begin = offset as usize;
        memory.get_mut(begin..begin + bytes as usize).ok_or("no memory is there")
    }
}

impl Bus for Memory {
    fn fetch(&mut self, address: u32) -> Result<u32, NoCode> {
        self.load(address, 4, 0).map(|word| word & 0xff_ffff).map_err(NoCode::Refused)
    }

    fn load(&mut self, address: u32, bytes: u32, _: u64) -> Result<u32, Refused> {
        let mut word = [0; 4];
        word[..bytes as usize].copy_from_slice(self.at(address, bytes)?);
        Ok(u32::from_le_bytes(word))
    }

    fn store(&mut self, address: u32, bytes: u32, value: u32, _: u64) -> Result<(), Refused> {
        self.at(address, bytes)?.copy_from_slice(&value.to_le_bytes()[..bytes as usize]);
        Ok(())
    }
}

/// What a program writes that lies at these addresses, and what it ends with.
///
/// # Errors
/// Where it does not end.
pub fn run(segments: &[(u32, &[u8])]) -> Result<(Vec<u8>, u32), Stop> {
    let mut memory = Memory { ram: vec![0; RAM_BYTES], rom: vec![0; ROM_BYTES] };
    let refused = |address, why| Stop::Fault { pc: 0, why, address };
    for &(address, bytes) in segments {
        memory.at(address, bytes.len() as u32).map_err(|why| refused(address, why))?.copy_from_slice(bytes);
    }
    let mut core = Core::new(ROM, VECTORS, REGISTERS);
    // Its clock has 10 MHz, and an instruction takes 128 ns.
    core.counter = (128, 100);
    let mut said = Vec::new();
    loop {
        match core.run(&mut memory, u64::MAX) {
            Stop::Simcall => match [2, 3, 4, 5].map(|register| core.get(register)) {
                [EXIT, status, ..] => return Ok((said, status)),
                [WRITE, _, address, bytes] => {
                    said.extend_from_slice(memory.at(address, bytes).map_err(|why| refused(address, why))?);
                    core.pc += CALL_BYTES;
                    core.cycles += 1;
                }
                [call, ..] => return Err(refused(call, "no such call")),
            },
            stop => return Err(stop),
        }
    }
}
