//! UART0: two queues of 128 bytes, and a line that takes its time.

use std::collections::VecDeque;

const QUEUE: usize = 128;

/// The speed of whoever is at the other end.
const BAUD: u64 = 115_200;
const BYTE_NS: u64 = 10 * 1_000_000_000 / BAUD;

const FIFO: u32 = 0x00;
const DIVIDER: u32 = 0x14;
const STATUS: u32 = 0x1c;
const CONTROL: u32 = 0x20;
const POINTERS: u32 = 0x60;
const CLOCK: u32 = 0x78;
const UPDATE: u32 = 0x80;

/// How a chip gives it its clock.
#[derive(Clone, Copy, Debug, PartialEq, Eq)]
pub(crate) enum Clocking {
    /// The bus's, where a bit of the control register says so.
    Bus,
    /// By a register of its own, taken over when it is told to.
    Own,
}

/// It.
pub(crate) struct Uart {
    clocking: Clocking,
    registers: [u32; 64],
    /// The divider that it works with.
    divider: u32,
    received: VecDeque<u8>,
    to_send: VecDeque<u8>,
    /// When the first of them is sent.
    sent_at: u64,
    /// What is on its way here, and when it is there.
    coming: VecDeque<(u64, u8)>,
    /// What has left.
    pub(crate) sent: Vec<u8>,
    /// Bytes that found no room.
    pub(crate) lost: u64,
    /// Whether the last look found nothing to do.
    pub(crate) idle: u32,
}

impl Uart {
    /// As ESP-IDF's boot loader leaves it: at the usual speed, with a last line still to send.
    pub(crate) fn new(clocking: Clocking, now: u64) -> Self {
        let mut uart = Self {
            clocking,
            registers: [0; 64],
            divider: 694 | 7 << 20,
            received: VecDeque::new(),
            to_send: b"I (61) boot: Disabling RNG early entropy source...\r\n".iter().copied().collect(),
            sent_at: now + BYTE_NS,
            coming: VecDeque::new(),
            sent: vec![],
            lost: 0,
            idle: 0,
        };
        match clocking {
            Clocking::Bus => uart.registers[CONTROL as usize / 4] = 1 << 27 | 3 << 2,
            Clocking::Own => uart.registers[CLOCK as usize / 4] = 1 << 20 | 1 << 22 | 1 << 24 | 1 << 25,
        }
        uart
    }

    /// What a reset leaves.
    pub(crate) fn keep(self) -> (VecDeque<(u64, u8)>, u64) {
        (self.coming, self.lost)
    }

    /// Goes on with what [`Uart::keep`] has kept.
    pub(crate) fn take(&mut self, (coming, lost): (VecDeque<(u64, u8)>, u64)) {
        (self.coming, self.lost) = (coming, lost);
    }

    /// Bytes that the host sends.
    pub(crate) fn come(&mut self, bytes: &[u8], now: u64) {
        for &byte in bytes {
            let last = self.coming.back().map_or(0, |coming| coming.0);
            self.coming.push_back((last.max(now) + BYTE_NS, byte));
        }
    }

    /// Whether everything that was said is out.
    pub(crate) fn is_quiet(&self) -> bool {
        self.to_send.is_empty()
    }

    /// When everything is out.
    pub(crate) fn quiet_at(&self) -> u64 {
        self.sent_at + BYTE_NS * (self.to_send.len() as u64).saturating_sub(1)
    }

    /// Lets time pass.
    pub(crate) fn advance(&mut self, now: u64) {
        while let Some(&byte) = self.to_send.front().filter(|_| self.sent_at <= now) {
            self.to_send.pop_front();
            self.sent.push(byte);
            self.sent_at += BYTE_NS;
        }
        while let Some(&(_, byte)) = self.coming.front().filter(|coming| coming.0 <= now) {
            self.coming.pop_front();
            if self.received.len() < QUEUE {
                self.received.push_back(byte);
            } else {
                self.lost += 1;
            }
        }
    }

    /// Until when whoever looks at the status now can only wait.
    pub(crate) fn next(&self) -> Option<u64> {
        let coming = self.coming.front().map(|coming| coming.0).filter(|_| self.received.is_empty());
        let sent = (!self.to_send.is_empty() && (self.received.is_empty() || self.to_send.len() > QUEUE - 16)).then_some(self.sent_at);
        coming.into_iter().chain(sent).min()
    }

    /// The speed that its registers give, with these clocks of bus and crystal.
    fn baud(&self, bus_hz: u64, crystal_hz: u64) -> Result<u64, &'static str> {
        let hz = match self.clocking {
            Clocking::Bus if self.registers[CONTROL as usize / 4] >> 27 & 1 == 1 => bus_hz,
            Clocking::Bus => 1_000_000,
            Clocking::Own => {
                let clock = self.registers[CLOCK as usize / 4];
                if clock >> 22 & 0b1101 != 0b1101 {
                    return Err("the UART's clock is off");
                }
                let hz = match clock >> 20 & 3 {
                    1 => 80_000_000,
                    3 => crystal_hz,
                    _ => return Err("the UART has a clock whose speed nobody knows"),
                };
                let (b, a, whole) = (u64::from(clock & 63), u64::from(clock >> 6 & 63), u64::from(clock >> 12 & 255) + 1);
                if b == 0 { hz / whole } else { hz * b / (whole * b + a) }
            }
        };
        let sixteenths = u64::from(self.divider & 0xf_ffff) * 16 + u64::from(self.divider >> 20);
        (16 * hz).checked_div(sixteenths).ok_or("the UART's clock is divided by nothing")
    }

    fn check(&self, (bus_hz, crystal_hz): (u64, u64)) -> Result<(), &'static str> {
        let difference = self.baud(bus_hz, crystal_hz)?.abs_diff(BAUD);
        if difference * 100 > BAUD { Err("the UART's speed is not 115,200 baud") } else { Ok(()) }
    }

    pub(crate) fn load(&mut self, register: u32, now: u64, clocks: (u64, u64)) -> Result<u32, &'static str> {
        self.advance(now);
        match register {
            FIFO => {
                self.idle = 0;
                self.check(clocks)?;
                self.received.pop_front().map(u32::from).ok_or("read from the UART what has not come")
            }
            STATUS => Ok(self.received.len() as u32 | (self.to_send.len() as u32) << 16),
            // Of the last byte that was written and read: where the chip looks on its own bus.
            POINTERS => Ok((self.received.len() as u32 % 128) << 13),
            UPDATE => Ok(self.registers[UPDATE as usize / 4] & !(1 << 31)),
            _ => self.registers.get(register as usize / 4).copied().ok_or("no register of the UART"),
        }
    }

    pub(crate) fn store(&mut self, register: u32, value: u32, now: u64, clocks: (u64, u64)) -> Result<(), &'static str> {
        self.advance(now);
        *self.registers.get_mut(register as usize / 4).ok_or("no register of the UART")? = value;
        match register {
            FIFO => {
                self.idle = 0;
                self.check(clocks)?;
                if self.to_send.len() >= QUEUE {
                    return Err("wrote to the UART where there is no room");
                }
                if self.to_send.is_empty() {
                    self.sent_at = now + BYTE_NS;
                }
                self.to_send.push_back(value as u8);
            }
            DIVIDER if self.clocking == Clocking::Bus => self.divider = value,
            UPDATE if value >> 31 == 1 => self.divider = self.registers[DIVIDER as usize / 4],
            _ => {}
        }
        Ok(())
    }
}
