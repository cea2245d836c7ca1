//! The size of the runtime's code: a table that was measured, per instruction set.

use std::collections::BTreeSet;

use edge_format::Program;

/// `isa,opt_level,item,bytes`, by `cargo xtask code-size`: an item is `stack` (the deepest call), `runtime` (what every program needs), or the
/// operators that need some functions, with `+` between them. A program's code is what all items take that name any of its operators.
const TABLE: &str = include_str!("code-size.csv");

/// How a device's code is optimized: for speed.
const OPT_LEVEL: &str = "3";

/// What a program's code takes.
#[derive(Clone, Debug, PartialEq, Eq)]
pub struct Code {
    /// The runtime and the kernels of the operators that the program uses.
    pub code_bytes: u64,
    /// The stack of its deepest call, where that has been measured.
    pub stack_bytes: Option<u64>,
    /// The instruction set for which these were measured; another one than asked for where that has not been measured.
    pub measured_on: &'static str,
}

/// The code of the operators that a program uses, for an instruction set as profiles name it. Where that has not been measured, it is the
/// largest of those that have been, so that what is said to fit does fit.
pub fn of(program: Program<'_>, isa: &str) -> Code {
    let ops: BTreeSet<&str> = program.ops().map(|op| op.code.name()).collect();
    let rows = || rows().filter(|row| row.opt_level == OPT_LEVEL);
    let measured: BTreeSet<&'static str> = rows().map(|row| row.isa).collect();
    let code = |isa: &'static str| {
        let total = |holds: &dyn Fn(&str) -> bool| rows().filter(|row| row.isa == isa && holds(row.item)).map(|row| row.bytes).sum();
        Code {
            code_bytes: total(&|item| item == "runtime" || item.split('+').any(|op| ops.contains(op))),
            stack_bytes: Some(total(&|item| item == "stack")).filter(|&bytes| bytes > 0),
            measured_on: isa,
        }
    };
    let all = measured.iter().map(|isa| code(isa));
    let own = measured.get(isa).map(|isa| code(isa));
    own.or_else(|| all.max_by_key(|code| code.code_bytes)).unwrap_or(Code { code_bytes: 0, stack_bytes: None, measured_on: "" })
}

struct Row {
    isa: &'static str,
    opt_level: &'static str,
    item: &'static str,
    bytes: u64,
}

fn rows() -> impl Iterator<Item = Row> {
    let row = |line: &'static str| {
        let mut fields = line.split(',');
        Some(Row { isa: fields.next()?, opt_level: fields.next()?, item: fields.next()?, bytes: fields.next()?.parse().ok()? })
    };
    TABLE.lines().filter_map(row)
}

#[cfg(test)]
mod tests {
    use super::*;

    #[test]
    fn every_line_is_understood() {
        let lines = TABLE.lines().filter(|line| !line.starts_with('#')).count();
        assert_eq!(rows().count(), lines - 1, "all but the header");
        let known = |item: &str| ["runtime", "stack"].contains(&item) || edge_format::OpCode::ALL.iter().any(|code| code.name() == item);
        assert_eq!(rows().find(|row| !row.item.split('+').all(known)).map(|row| row.item), None);
    }
}
