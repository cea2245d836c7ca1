//! ESP32: the controller that sends commands to the flash (ESP32 technical reference manual, chapter 7).

use crate::flash::Flash;

const START: u32 = 0x00;
const ADDRESS: u32 = 0x04;
const PHASES: u32 = 0x1c;
const LENGTHS: u32 = 0x20;
const COMMAND: u32 = 0x24;
const SENT_BITS: u32 = 0x28;
const RECEIVED_BITS: u32 = 0x2c;
const DATA: u32 = 0x80;
const STATE: u32 = 0xf8;

const USER: u32 = 1 << 18;

/// Its registers.
pub(crate) struct Spi {
    registers: [u32; 64],
}

impl Spi {
    /// As ESP-IDF's boot loader leaves it, which has read with two lines: addresses have 28 bits, and a pause behind them.
    pub(crate) fn new() -> Self {
        let mut registers = [0; 64];
        for (register, value) in
            [(0x08, 1 << 23 | 1 << 13 | 1 << 21), (PHASES, 0xf000_0000), (LENGTHS, 27 << 26), (COMMAND, 7 << 28 | 0xbb)]
        {
            registers[register as usize / 4] = value;
        }
        Self { registers }
    }

    fn at(&self, register: u32) -> u32 {
        self.registers[register as usize / 4]
    }

    pub(crate) fn load(&self, register: u32) -> u32 {
        // What is started is over at once, and then it is idle.
        if register == START || register == STATE { 0 } else { self.at(register) }
    }

    /// Sets a register. Starts what it says.
    pub(crate) fn store(&mut self, register: u32, value: u32, flash: &mut Flash, now: u64) -> Result<(), &'static str> {
        if register != START {
            self.registers[register as usize / 4] = value;
            return Ok(());
        }
        if value != USER {
            return Err("a command of the controller's own: what of an address it takes depends on the last one");
        }
        let (phases, lengths) = (self.at(PHASES), self.at(LENGTHS));
        let has = |bit: u32| phases >> bit & 1 == 1;
        let mut sent = vec![];
        if has(31) {
            sent.push(self.at(COMMAND) as u8);
        }
        if has(30) {
            let bytes = (lengths >> 26) as usize / 8 + 1;
            sent.extend(self.at(ADDRESS).to_be_bytes().iter().cycle().take(bytes));
        }
        let data: Vec<u8> = self.registers[DATA as usize / 4..][..16].iter().flat_map(|word| word.to_le_bytes()).collect();
        if has(27) {
            let bytes = self.at(SENT_BITS) as usize / 8 + 1;
            sent.extend(data.get(..bytes).ok_or("sent more than the controller holds")?);
        }
        let received = if has(28) { self.at(RECEIVED_BITS) as usize / 8 + 1 } else { 0 };
        // The signal is late by as many cycles as the boot loader has noted; without that pause each bit is another.
        if received > 0 && !(has(29) && lengths & 0xff == u32::from(LATE_CYCLES) - 1) {
            return Err("received from the flash without the pause that the boot loader has noted");
        }
        let answer = flash.transfer(&sent, received, now)?;
        for (word, bytes) in self.registers[DATA as usize / 4..].iter_mut().zip(answer.chunks(4)) {
            let mut whole = word.to_le_bytes();
            whole[..bytes.len()].copy_from_slice(bytes);
            *word = u32::from_le_bytes(whole);
        }
        Ok(())
    }
}

/// What the boot loader has noted, for a clock of 40 MHz.
pub(crate) const LATE_CYCLES: u8 = 1;
