//! One instruction.

use super::{Bus, Core, NoCode, Stop, Trap, status};

/// Constants of branches that compare with one.
const SIGNED: [u32; 16] = [u32::MAX, 1, 2, 3, 4, 5, 6, 7, 8, 10, 12, 16, 32, 64, 128, 256];
const UNSIGNED: [u32; 16] = [32768, 65536, 2, 3, 4, 5, 6, 7, 8, 10, 12, 16, 32, 64, 128, 256];

/// The lowest bits of a value, with a sign.
fn signed(value: u32, bits: u32) -> u32 {
    ((value << (32 - bits)) as i32 >> (32 - bits)) as u32
}

/// Fields of an instruction.
#[derive(Clone, Copy)]
struct Word(u32);

impl Word {
    fn t(self) -> u32 {
        self.0 >> 4 & 15
    }
    fn s(self) -> u32 {
        self.0 >> 8 & 15
    }
    fn r(self) -> u32 {
        self.0 >> 12 & 15
    }
    fn op1(self) -> u32 {
        self.0 >> 16 & 15
    }
    fn op2(self) -> u32 {
        self.0 >> 20 & 15
    }
    fn imm8(self) -> u32 {
        self.0 >> 16 & 255
    }
    fn n(self) -> u32 {
        self.0 >> 4 & 3
    }
    fn m(self) -> u32 {
        self.0 >> 6 & 3
    }
}

impl Core {
    pub(super) fn step(&mut self, bus: &mut impl Bus) -> Result<(), Trap> {
        let word = Word(bus.fetch(self.pc).map_err(|no| match no {
            NoCode::Native => Trap::Stop(Stop::Native),
            NoCode::Refused(why) => self.fault(why, self.pc),
        })?);
        let op0 = word.0 & 15;
        let next = self.pc + if op0 < 8 { 3 } else { 2 };
        let target = match op0 {
            0 => self.register_form(bus, word, next)?,
            1 => {
                let place = self.at(word.t())?;
                let address = ((self.pc + 3) & !3).wrapping_add(0xfffc_0000 | (word.0 >> 8 & 0xffff) << 2);
                self.registers[place] = self.load(bus, address, 4)?;
                None
            }
            2 => self.memory_form(bus, word)?,
            5 => {
                let target = (self.pc & !3).wrapping_add(signed(word.0 >> 6, 18) << 2).wrapping_add(4);
                self.link(word.n(), next)?;
                Some(target)
            }
            6 => self.branch_with_zero(word, next)?,
            7 => self.branch(word)?,
            8 => {
                let (place, address) = (self.at(word.t())?, self.read(word.s())?.wrapping_add(word.r() << 2));
                self.registers[place] = self.load(bus, address, 4)?;
                None
            }
            9 => {
                let (value, address) = (self.read(word.t())?, self.read(word.s())?.wrapping_add(word.r() << 2));
                self.store(bus, address, 4, value)?;
                None
            }
            10 => self.put(word.r(), self.read(word.s())?.wrapping_add(self.read(word.t())?))?,
            11 => {
                let add = if word.t() == 0 { u32::MAX } else { word.t() };
                self.put(word.r(), self.read(word.s())?.wrapping_add(add))?
            }
            12 => {
                let value = word.r() | (word.t() & 7) << 4;
                if word.t() & 8 == 0 {
                    self.put(word.s(), if value >= 96 { value.wrapping_sub(128) } else { value })?
                } else {
                    let zero = self.read(word.s())? == 0;
                    (zero == (word.t() & 4 == 0)).then(|| self.pc + 4 + (word.r() | (word.t() & 3) << 4))
                }
            }
            13 => match (word.r(), word.t()) {
                (0, _) => self.put(word.t(), self.read(word.s())?)?,
                (15, 0) => Some(self.read(0)?),
                (15, 1) => Some(self.return_window()?),
                (15, 3) => None,
                _ => return Err(self.illegal()),
            },
            _ => return Err(self.illegal()),
        };
        self.pc = match target {
            Some(target) => target,
            None if next == self.loop_end && self.loop_count > 0 && self.status & status::EXCEPTION == 0 => {
                self.loop_count -= 1;
                self.loop_begin
            }
            None => next,
        };
        Ok(())
    }

    fn illegal(&self) -> Trap {
        self.fault("no instruction that this core has", 0)
    }

    #[inline(always)]
    fn put(&mut self, register: u32, value: u32) -> Result<Option<u32>, Trap> {
        let place = self.at(register)?;
        self.registers[place] = value;
        Ok(None)
    }

    fn load(&mut self, bus: &mut impl Bus, address: u32, bytes: u32) -> Result<u32, Trap> {
        if !address.is_multiple_of(bytes) {
            return Err(self.fault("loaded from an address that is no multiple of the length", address));
        }
        bus.load(address, bytes, self.cycles).map_err(|why| self.fault(why, address))
    }

    fn store(&mut self, bus: &mut impl Bus, address: u32, bytes: u32, value: u32) -> Result<(), Trap> {
        if !address.is_multiple_of(bytes) {
            return Err(self.fault("stored to an address that is no multiple of the length", address));
        }
        bus.store(address, bytes, value, self.cycles).map_err(|why| self.fault(why, address))
    }

    /// Notes where a call returns to, and how far it moves the window.
    fn link(&mut self, groups: u32, next: u32) -> Result<(), Trap> {
        let place = self.at(4 * groups)?;
        if groups == 0 {
            self.registers[place] = next;
        } else {
            self.registers[place] = groups << 30 | next & 0x3fff_ffff;
            self.status = self.status & !(3 << status::INCREMENT) | groups << status::INCREMENT;
        }
        Ok(())
    }

    /// Whatever has registers only.
    fn register_form(&mut self, bus: &mut impl Bus, word: Word, next: u32) -> Result<Option<u32>, Trap> {
        let (r, s, t) = (word.r(), word.s(), word.t());
        match (word.op1(), word.op2()) {
            (0, 0) => self.control(word, next),
            (0, 1) => self.put(r, self.read(s)? & self.read(t)?),
            (0, 2) => self.put(r, self.read(s)? | self.read(t)?),
            (0, 3) => self.put(r, self.read(s)? ^ self.read(t)?),
            (0, 4) => match r {
                0 => self.set_shift(self.read(s)? & 31),
                1 => self.set_shift(32 - (self.read(s)? & 31)),
                2 => self.set_shift((self.read(s)? & 3) * 8),
                3 => self.set_shift(32 - (self.read(s)? & 3) * 8),
                4 => self.set_shift(s | (t & 1) << 4),
                14 => {
                    let value = self.read(s)? as i32;
                    self.put(t, (value ^ value >> 31).leading_zeros() - 1)
                }
                15 => self.put(t, self.read(s)?.leading_zeros()),
                _ => Err(self.illegal()),
            },
            (0, 6) if s == 0 => self.put(r, self.read(t)?.wrapping_neg()),
            (0, 6) if s == 1 => self.put(r, (self.read(t)? as i32).unsigned_abs()),
            (0, op @ 8..=11) => self.put(r, (self.read(s)? << (op - 8)).wrapping_add(self.read(t)?)),
            (0, op @ 12..=15) => self.put(r, (self.read(s)? << (op - 12)).wrapping_sub(self.read(t)?)),
            (1, op @ 0..=1) => self.put(r, self.read(s)?.checked_shl(32 - (t | op << 4)).unwrap_or(0)),
            (1, op @ 2..=3) => self.put(r, (self.read(t)? as i32 >> (s | (op & 1) << 4)) as u32),
            (1, 4) => self.put(r, self.read(t)? >> s),
            (1, 6) => {
                let (value, number) = (self.read(t)?, s | r << 4);
                let before = self.special(number)?;
                self.set_special(number, value)?;
                self.put(t, before)
            }
            (1, 8) => self.put(r, ((u64::from(self.read(s)?) << 32 | u64::from(self.read(t)?)) >> self.shift) as u32),
            (1, 9) => self.put(r, self.read(t)?.checked_shr(self.shift).unwrap_or(0)),
            (1, 10) => self.put(r, self.read(s)?.checked_shl(32 - self.shift).unwrap_or(0)),
            (1, 11) => self.put(r, (i64::from(self.read(t)? as i32) >> self.shift) as u32),
            (1, 12) => self.put(r, (self.read(s)? & 0xffff).wrapping_mul(self.read(t)? & 0xffff)),
            (1, 13) => self.put(r, signed(self.read(s)?, 16).wrapping_mul(signed(self.read(t)?, 16))),
            (2, 8) => self.put(r, self.read(s)?.wrapping_mul(self.read(t)?)),
            (2, 10) => self.put(r, ((u64::from(self.read(s)?) * u64::from(self.read(t)?)) >> 32) as u32),
            (2, 11) => self.put(r, ((i64::from(self.read(s)? as i32) * i64::from(self.read(t)? as i32)) >> 32) as u32),
            (2, op @ 12..=15) => {
                let (a, b) = (self.read(s)?, self.read(t)?);
                if b == 0 {
                    return Err(self.fault("divided by zero", 0));
                }
                let (signed_a, signed_b) = (a as i32, b as i32);
                self.put(
                    r,
                    [a / b, signed_a.wrapping_div(signed_b) as u32, a % b, signed_a.wrapping_rem(signed_b) as u32][op as usize - 12],
                )
            }
            (3, 0) => {
                let value = self.special(s | r << 4)?;
                self.put(t, value)
            }
            (3, 1) => self.set_special(s | r << 4, self.read(t)?).map(|()| None),
            (3, 2) => self.put(r, signed(self.read(s)?, t + 8)),
            (3, 3) => {
                let limit = 1_i32 << (t + 7);
                self.put(r, (self.read(s)? as i32).clamp(-limit, limit - 1) as u32)
            }
            (3, 4) => self.put(r, (self.read(s)? as i32).min(self.read(t)? as i32) as u32),
            (3, 5) => self.put(r, (self.read(s)? as i32).max(self.read(t)? as i32) as u32),
            (3, 6) => self.put(r, self.read(s)?.min(self.read(t)?)),
            (3, 7) => self.put(r, self.read(s)?.max(self.read(t)?)),
            (3, op @ 8..=11) => {
                let (value, by, place) = (self.read(s)?, self.read(t)? as i32, self.at(r)?);
                if [by == 0, by != 0, by < 0, by >= 0][op as usize - 8] {
                    self.registers[place] = value;
                }
                Ok(None)
            }
            (op @ 4..=5, bits) => self.put(r, self.read(t)? >> (s | (op & 1) << 4) & ((1 << (bits + 1)) - 1)),
            // l32e and s32e, of handlers of windows.
            (9, op @ (0 | 4)) => {
                let (place, address) = (self.at(t)?, self.read(s)?.wrapping_add((r << 2).wrapping_sub(64)));
                if op == 0 {
                    self.registers[place] = self.load(bus, address, 4)?;
                } else {
                    self.store(bus, address, 4, self.registers[place])?;
                }
                Ok(None)
            }
            _ => Err(self.illegal()),
        }
    }

    fn set_shift(&mut self, shift: u32) -> Result<Option<u32>, Trap> {
        self.shift = shift;
        Ok(None)
    }

    /// Returns, jumps, calls, and what waits for memory.
    fn control(&mut self, word: Word, next: u32) -> Result<Option<u32>, Trap> {
        let (r, s, t) = (word.r(), word.s(), word.t());
        match (r, t) {
            (0, 8) => Ok(Some(self.read(0)?)),
            (0, 9) => Ok(Some(self.return_window()?)),
            (0, 10) => Ok(Some(self.read(s)?)),
            (0, 12..=15) => {
                let target = self.read(s)?;
                self.link(t & 3, next)?;
                Ok(Some(target))
            }
            (1, _) => {
                if (1..4).all(|groups| !self.starts_at(0_u32.wrapping_sub(groups))) {
                    return Err(self.fault("moved the stack while the caller's registers are below it", 0));
                }
                self.put(t, self.read(s)?)
            }
            // isync, rsync, esync, dsync, memw, extw, nop.
            (2, 0..=3 | 12 | 13 | 15) => Ok(None),
            (3, 0) if s == 4 || s == 5 => {
                self.leave(s == 5);
                Ok(Some(self.pc))
            }
            (5, 0) if s == 1 => Err(Trap::Stop(Stop::Simcall)),
            _ => Err(self.illegal()),
        }
    }

    /// Loads, stores, and additions of constants.
    fn memory_form(&mut self, bus: &mut impl Bus, word: Word) -> Result<Option<u32>, Trap> {
        let (s, t, imm8) = (word.s(), word.t(), word.imm8());
        match word.r() {
            op @ (0 | 1 | 2 | 9 | 11) => {
                let (scale, place) = ([0, 1, 2, 0, 0, 0, 0, 0, 0, 1, 0, 2][op as usize], self.at(t)?);
                let value = self.load(bus, self.read(s)?.wrapping_add(imm8 << scale), 1 << scale)?;
                self.registers[place] = if op == 9 { signed(value, 16) } else { value };
                Ok(None)
            }
            op @ (4 | 5 | 6 | 15) => {
                let scale = if op == 15 { 2 } else { op - 4 };
                self.store(bus, self.read(s)?.wrapping_add(imm8 << scale), 1 << scale, self.read(t)?)?;
                Ok(None)
            }
            10 => self.put(t, signed(s << 8 | imm8, 12)),
            12 => self.put(t, self.read(s)?.wrapping_add(signed(imm8, 8))),
            13 => self.put(t, self.read(s)?.wrapping_add(signed(imm8, 8) << 8)),
            14 => {
                let (address, value, place) = (self.read(s)?.wrapping_add(imm8 << 2), self.read(t)?, self.at(t)?);
                let before = self.load(bus, address, 4)?;
                if before == self.compared {
                    self.store(bus, address, 4, value)?;
                }
                self.registers[place] = before;
                Ok(None)
            }
            _ => Err(self.illegal()),
        }
    }

    /// Jumps, comparisons with zero and with constants, loops, and what begins functions.
    fn branch_with_zero(&mut self, word: Word, next: u32) -> Result<Option<u32>, Trap> {
        let (r, s) = (word.r(), word.s());
        let near = self.pc.wrapping_add(4).wrapping_add(signed(word.imm8(), 8));
        match (word.n(), word.m()) {
            (0, _) => Ok(Some(self.pc.wrapping_add(4).wrapping_add(signed(word.0 >> 6, 18)))),
            (1, m) => {
                let value = self.read(s)? as i32;
                let target = self.pc.wrapping_add(4).wrapping_add(signed(word.0 >> 12, 12));
                Ok([value == 0, value != 0, value < 0, value >= 0][m as usize].then_some(target))
            }
            (2, m) => {
                let (value, constant) = (self.read(s)?, SIGNED[r as usize]);
                let (a, b) = (value as i32, constant as i32);
                Ok([a == b, a != b, a < b, a >= b][m as usize].then_some(near))
            }
            (3, 0) => {
                if self.status & (status::WINDOWS | status::EXCEPTION) != status::WINDOWS || s > 3 {
                    return Err(self.illegal());
                }
                self.entry(s, word.0 >> 12 << 3)?;
                Ok(None)
            }
            (3, 1) if (8..=10).contains(&r) => {
                let count = self.read(s)?;
                (self.loop_begin, self.loop_end) = (next, self.pc + 4 + word.imm8());
                self.loop_count = count.wrapping_sub(1);
                let never = r == 9 && count == 0 || r == 10 && count as i32 <= 0;
                Ok(never.then_some(self.loop_end))
            }
            (3, 2) => Ok((self.read(s)? < UNSIGNED[r as usize]).then_some(near)),
            (3, 3) => Ok((self.read(s)? >= UNSIGNED[r as usize]).then_some(near)),
            _ => Err(self.illegal()),
        }
    }

    /// Comparisons of registers, and of bits.
    fn branch(&mut self, word: Word) -> Result<Option<u32>, Trap> {
        let (r, a) = (word.r(), self.read(word.s())?);
        let b = if r & 6 == 6 { word.t() | (r & 1) << 4 } else { self.read(word.t())? };
        let holds = match r & 7 {
            0 => a & b == 0,
            1 => a == b,
            2 => (a as i32) < b as i32,
            3 => a < b,
            4 => !a & b == 0,
            // Of a bit that a register names, or a constant.
            _ => a >> (b & 31) & 1 == 0,
        };
        // The other half is the opposite.
        Ok((holds == (r < 8)).then(|| self.pc.wrapping_add(4).wrapping_add(signed(word.imm8(), 8))))
    }
}
