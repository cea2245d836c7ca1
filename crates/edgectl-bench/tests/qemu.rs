//! Instructions that QEMU counts, where it is installed.
#![allow(clippy::print_stdout)]

use edgectl_bench::qemu::{self, QemuError};

use super::{BYTES, WORKLOAD, program};

/// An M4 and a 32-bit RISC-V core.
const CORES: [(&str, &str); 2] = [("Cortex-M4F", "armv7e-m"), ("RISC-V", "rv32imc")];

#[test]
fn a_core_computes_the_hosts_bytes_and_takes_the_same_instructions_each_time() {
    for (core, isa) in CORES {
        let machine = qemu::machine(core, isa).unwrap();
        match qemu::count(&machine, &BYTES, program()) {
            Err(QemuError::Start { qemu, .. }) => println!("SKIPPED: no {qemu} here"),
            found => {
                let found = found.unwrap();
                // A multiplication takes about an instruction, not a tenth of one and not a hundred.
                let macs = WORKLOAD.macs();
                assert!((macs / 10..macs * 100).contains(&found.invoke_instructions), "{core}: {found:?}");
                assert!(found.load_instructions > 0 && found.invoke_stack_bytes > 0, "{core}: {found:?}");
                assert_eq!(qemu::count(&machine, &BYTES, program()).unwrap(), found);
            }
        }
    }
}

#[test]
fn bytes_that_are_no_program_are_refused_by_the_image() {
    let machine = qemu::machine("Cortex-M4F", "armv7e-m").unwrap();
    match qemu::count(&machine, &BYTES[..BYTES.len() / 2], program()) {
        Err(QemuError::Start { qemu, .. }) => println!("SKIPPED: no {qemu} here"),
        found => assert_eq!(found.unwrap_err().to_string(), "the emulated cortex-m4: the program is refused"),
    }
}
