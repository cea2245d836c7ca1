//! An Xtensa core with windows of registers: what rustc's LLVM emits for the ESP32, and what handlers of windows need.
//!
//! Names and rules are those of the instruction set architecture reference manual. There are no interrupts, and no exceptions but those of windows:
//! whatever else would be one stops the core. An instruction takes a cycle.

pub mod sim;

mod execute;
#[cfg(test)]
mod tests;

/// Memory, as the core sees it. What is refused says why.
pub trait Bus {
    /// Three bytes of code, the first lowest.
    ///
    /// # Errors
    /// [`NoCode`].
    fn fetch(&mut self, address: u32) -> Result<u32, NoCode>;

    /// So many bytes.
    ///
    /// # Errors
    /// Where nothing can be loaded.
    fn load(&mut self, address: u32, bytes: u32, cycles: u64) -> Result<u32, Refused>;

    /// The lowest bytes of a value.
    ///
    /// # Errors
    /// Where nothing can be stored.
    fn store(&mut self, address: u32, bytes: u32, value: u32, cycles: u64) -> Result<(), Refused>;
}

/// Why there is no code to execute.
#[derive(Clone, Copy, Debug, PartialEq, Eq)]
pub enum NoCode {
    /// A function is there that the owner of the core does itself.
    Native,
    /// Nothing is there.
    Refused(Refused),
}

/// Why memory is refused.
pub type Refused = &'static str;

/// Why the core has stopped.
#[derive(Clone, Copy, Debug, PartialEq, Eq)]
pub enum Stop {
    /// So many cycles are over.
    Budget,
    /// A function that is done outside is called.
    Native,
    /// `simcall`: a call of the simulator.
    Simcall,
    /// What would be an exception.
    Fault {
        /// Where the instruction is.
        pc: u32,
        /// What about it.
        why: &'static str,
        /// The address that it concerns; 0 if none.
        address: u32,
    },
}

/// What keeps an instruction from being executed.
enum Trap {
    /// A register of a caller is in the way, in this window from here.
    Overflow(u32),
    /// The window of the caller is in memory, so many groups of registers before.
    Underflow(u32),
    Stop(Stop),
}

/// Registers that a core can have, of which a window shows sixteen.
const REGISTERS: usize = 64;

/// Fields of the status.
mod status {
    pub(super) const EXCEPTION: u32 = 1 << 4;
    pub(super) const OLD_BASE: u32 = 8;
    pub(super) const INCREMENT: u32 = 16;
    pub(super) const WINDOWS: u32 = 1 << 18;
}

/// Bits of the address of code that a return address does not hold.
const REGION: u32 = 3 << 30;

/// The core.
pub struct Core {
    registers: [u32; REGISTERS],
    /// Of them, groups of four, less one.
    last_group: u32,
    /// Where the window is, in groups.
    base: u32,
    /// Groups at which windows begin that are in use.
    starts: u32,
    /// Registers of the window that can be used as they are.
    limit: u32,
    /// Next instruction.
    pub pc: u32,
    status: u32,
    shift: u32,
    loop_begin: u32,
    loop_end: u32,
    loop_count: u32,
    compared: u32,
    return_pc: u32,
    vectors: u32,
    /// That have passed.
    pub cycles: u64,
    /// What the counter of cycles is, of them: a numerator and a denominator.
    pub counter: (u64, u64),
}

impl Core {
    /// After a reset, with its vectors at an address, and with 32 or 64 registers.
    pub fn new(pc: u32, vectors: u32, registers: u32) -> Self {
        let mut core = Self {
            registers: [0; REGISTERS],
            last_group: registers / 4 - 1,
            base: 0,
            starts: 1,
            limit: 16,
            pc,
            status: 0x1f,
            shift: 0,
            loop_begin: 0,
            loop_end: 0,
            loop_count: 0,
            compared: 0,
            return_pc: 0,
            vectors,
            cycles: 0,
            counter: (1, 1),
        };
        core.update();
        core
    }

    /// As a boot loader leaves it that calls a function at `pc`, with a stack below `stack`.
    pub fn call(&mut self, pc: u32, stack: u32) {
        self.status = status::WINDOWS | 2 << status::INCREMENT;
        (self.base, self.starts, self.pc) = (0, 1, pc);
        self.update();
        self.set(1, stack);
        // Its own caller has its registers below.
        self.set(8, 2 << 30 | pc & !REGION);
    }

    /// A register of the window.
    pub fn get(&self, register: u32) -> u32 {
        self.registers[self.place(register)]
    }

    /// Sets it.
    pub fn set(&mut self, register: u32, value: u32) {
        self.registers[self.place(register)] = value;
    }

    /// An argument of the function that was just called, before it has done anything.
    pub fn argument(&self, index: u32) -> u32 {
        self.get(4 * self.increment() + 2 + index)
    }

    /// Where that function returns to.
    pub fn caller(&self) -> u32 {
        self.get(4 * self.increment()) & !REGION | self.pc & REGION
    }

    /// Returns from it.
    pub fn answer(&mut self, value: u32) {
        self.set(4 * self.increment() + 2, value);
        self.pc = self.caller();
    }

    /// Executes until something stops it, at the latest when so many cycles are over.
    pub fn run(&mut self, bus: &mut impl Bus, until: u64) -> Stop {
        while self.cycles < until {
            match self.step(bus) {
                Ok(()) => {}
                Err(Trap::Overflow(groups)) => self.overflow(groups),
                Err(Trap::Underflow(groups)) => self.underflow(groups),
                Err(Trap::Stop(stop)) => return stop,
            }
            self.cycles += 1;
        }
        Stop::Budget
    }

    fn place(&self, register: u32) -> usize {
        ((4 * self.base + register) & (4 * self.last_group + 3)) as usize % REGISTERS
    }

    fn increment(&self) -> u32 {
        self.status >> status::INCREMENT & 3
    }

    fn starts_at(&self, groups: u32) -> bool {
        self.starts >> (self.base.wrapping_add(groups) & self.last_group) & 1 == 1
    }

    /// After a change of what the windows are.
    fn update(&mut self) {
        let checked = self.status & (status::WINDOWS | status::EXCEPTION) == status::WINDOWS;
        let taken = (1..4).find(|&groups| checked && self.starts_at(groups));
        self.limit = 4 * taken.unwrap_or(4);
    }

    fn rotate(&mut self, groups: i32) {
        self.base = self.base.wrapping_add_signed(groups) & self.last_group;
        self.update();
    }

    /// Where a register of the window is, if it may be used.
    #[inline(always)]
    fn at(&self, register: u32) -> Result<usize, Trap> {
        if register < self.limit { Ok(self.place(register)) } else { Err(Trap::Overflow(self.limit / 4)) }
    }

    #[inline(always)]
    fn read(&self, register: u32) -> Result<u32, Trap> {
        Ok(self.registers[self.at(register)?])
    }

    /// A window that is in the way is to be saved: it becomes the current one.
    fn overflow(&mut self, groups: u32) {
        self.enter(groups as i32);
        let size = (1..4).find(|&groups| self.starts_at(groups)).unwrap_or(3);
        self.pc = self.vectors + 0x80 * (size - 1);
    }

    /// A window is to be fetched: it becomes the current one.
    fn underflow(&mut self, groups: u32) {
        self.enter(-(groups as i32));
        self.pc = self.vectors + 0x40 + 0x80 * (groups - 1);
    }

    fn enter(&mut self, groups: i32) {
        self.status = self.status & !(0xf << status::OLD_BASE) | self.base << status::OLD_BASE | status::EXCEPTION;
        self.return_pc = self.pc;
        self.rotate(groups);
    }

    /// Returns from a handler: the window was saved, or fetched.
    fn leave(&mut self, fetched: bool) {
        let bit = 1 << self.base;
        self.starts = if fetched { self.starts | bit } else { self.starts & !bit };
        self.base = self.status >> status::OLD_BASE & 0xf;
        self.status &= !status::EXCEPTION;
        self.pc = self.return_pc;
        self.update();
    }

    /// What begins each function that has a window: `stack` is the number of its stack's register, which goes down by so many bytes.
    fn entry(&mut self, stack: u32, bytes: u32) -> Result<(), Trap> {
        let groups = self.increment();
        let place = self.at(4 * groups + stack)?;
        self.registers[place] = self.get(stack).wrapping_sub(bytes);
        self.rotate(groups as i32);
        self.starts |= 1 << self.base;
        self.update();
        Ok(())
    }

    /// Where a function with a window returns to.
    fn return_window(&mut self) -> Result<u32, Trap> {
        let link = self.get(0);
        let groups = link >> 30;
        let before = (1..4).find(|&groups| self.starts_at(0_u32.wrapping_sub(groups)));
        if groups == 0 || before.is_some_and(|before| before != groups) {
            return Err(self.fault("expected the window of the caller where the return address says", link));
        }
        if before.is_none() {
            return Err(Trap::Underflow(groups));
        }
        let pc = link & !REGION | self.pc & REGION;
        self.starts &= !(1 << self.base);
        self.rotate(-(groups as i32));
        Ok(pc)
    }

    fn special(&self, number: u32) -> Result<u32, Trap> {
        Ok(match number {
            0 => self.loop_begin,
            1 => self.loop_end,
            2 => self.loop_count,
            3 => self.shift,
            12 => self.compared,
            72 => self.base,
            73 => self.starts,
            177 => self.return_pc,
            230 => self.status,
            231 => self.vectors,
            234 => (self.cycles * self.counter.0 / self.counter.1) as u32,
            _ => return Err(self.fault("no such special register", number)),
        })
    }

    fn set_special(&mut self, number: u32, value: u32) -> Result<(), Trap> {
        match number {
            0 => self.loop_begin = value,
            1 => self.loop_end = value,
            2 => self.loop_count = value,
            3 => self.shift = value & 63,
            12 => self.compared = value,
            72 => self.base = value & self.last_group,
            73 => self.starts = value & ((2 << self.last_group) - 1),
            177 => self.return_pc = value,
            230 => self.status = value,
            231 => self.vectors = value,
            _ => return Err(self.fault("no such special register", number)),
        }
        self.update();
        Ok(())
    }

    fn fault(&self, why: &'static str, address: u32) -> Trap {
        Trap::Stop(Stop::Fault { pc: self.pc, why, address })
    }
}
