//! Tables of 513 entries between which int16 is interpolated.

use crate::CheckError;
use crate::Operand;
use crate::kernel::{Node, misfit};
use crate::table::INTERPOLATED;

/// Checks that an input is such a table.
pub(super) fn check(node: &Node<'_>, index: usize) -> Result<(), CheckError> {
    let (table, operand) = (node.input_of::<i16>(index)?, Operand::Input(index as u32));
    let entries = table.constant_i16().ok_or(CheckError::NotConstant { operand })?;
    if entries.len() == INTERPOLATED { Ok(()) } else { misfit(operand, &table) }
}

/// The value at `q`, of which the high nine bits choose an entry and the others how far it is to the next one.
#[inline(always)]
pub(super) fn look_up(table: &[i16; INTERPOLATED], q: i16) -> i16 {
    let index = ((i32::from(q) >> 7) + 256).cast_unsigned() as usize & 511;
    let (entry, slope) = (table[index], table[index + 1].wrapping_sub(table[index]));
    let more = (i32::from(slope) * i32::from(q & 0x7F) + 64) >> 7;
    entry.wrapping_add(more as i16)
}
