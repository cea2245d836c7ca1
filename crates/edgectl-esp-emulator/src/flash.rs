//! The flash chip: commands, byte by byte, as makers of such chips agree on them.

/// Nanoseconds.
const ERASE_NS: u64 = 45_000_000;
const PROGRAM_NS: u64 = 700_000;

const SECTOR: usize = 4096;
const PAGE: usize = 256;

const IS_BUSY: u8 = 1;
const IS_ALLOWED: u8 = 2;

/// It.
pub(crate) struct Flash {
    pub(crate) bytes: Vec<u8>,
    /// Whether the next command may change it.
    is_allowed: bool,
    busy_until: u64,
    /// Sectors that were erased, pages that were written.
    pub(crate) work: (u64, u64),
}

impl Flash {
    pub(crate) fn new(bytes: Vec<u8>) -> Self {
        Self { bytes, is_allowed: false, busy_until: 0, work: (0, 0) }
    }

    /// When it is ready, if it is not.
    pub(crate) fn busy_until(&self, now: u64) -> Option<u64> {
        (self.busy_until > now).then_some(self.busy_until)
    }

    /// What goes over the line while the chip is selected: what is sent, and so many bytes that come back.
    pub(crate) fn transfer(&mut self, sent: &[u8], received: usize, now: u64) -> Result<Vec<u8>, &'static str> {
        let (&command, rest) = sent.split_first().ok_or("no command was sent to the flash")?;
        let is_busy = self.busy_until > now;
        if is_busy && command != 0x05 {
            return Err("the flash got a command while it was busy");
        }
        match command {
            0x06 => self.is_allowed = true,
            0x04 => self.is_allowed = false,
            0x05 => {
                let status = if is_busy { IS_BUSY } else { 0 } | if self.is_allowed { IS_ALLOWED } else { 0 };
                return Ok(vec![status; received]);
            }
            0x02 | 0x20 => {
                let [high, middle, low, data @ ..] = rest else { return Err("the flash got no address") };
                let address = u32::from_be_bytes([0, *high, *middle, *low]) as usize;
                if !self.is_allowed {
                    return Err("the flash was to change, and not allowed to");
                }
                self.is_allowed = false;
                if command == 0x20 {
                    self.erase(address, now)?;
                } else {
                    self.program(address, data, now)?;
                }
            }
            _ => return Err("the flash got a command that it does not know"),
        }
        Ok(vec![0xff; received])
    }

    /// Erases the sector of an address.
    pub(crate) fn erase(&mut self, address: usize, now: u64) -> Result<(), &'static str> {
        let begin = address / SECTOR * SECTOR;
        self.bytes.get_mut(begin..begin + SECTOR).ok_or("erased behind the end of the flash")?.fill(0xff);
        self.busy_until = now + ERASE_NS;
        self.work.0 += 1;
        Ok(())
    }

    /// Writes into a page: bits become zeros, and behind its end it goes on at its beginning.
    pub(crate) fn program(&mut self, address: usize, data: &[u8], now: u64) -> Result<(), &'static str> {
        let begin = address / PAGE * PAGE;
        let page = self.bytes.get_mut(begin..begin + PAGE).ok_or("written behind the end of the flash")?;
        for (index, byte) in data.iter().enumerate() {
            page[(address + index) % PAGE] &= byte;
        }
        self.busy_until = now + PROGRAM_NS;
        self.work.1 += 1;
        Ok(())
    }
}
