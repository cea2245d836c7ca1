//! Exact memory, and what is said when there is too little.

use edgectl_bench::memory::Resource;
use edgectl_profile::{MemoryRole, Profile};

use crate::{BYTES, finding, profile, program};

/// The profile with so many bytes of a kind of memory for models.
fn with(role: MemoryRole, bytes: u64) -> Profile {
    let mut profile = profile("pico");
    for memory in profile.memory.values_mut().filter(|memory| memory.role == role) {
        (memory.bytes, memory.system_bytes) = (bytes, 0);
    }
    profile
}

#[test]
fn the_parts_make_the_whole() {
    let memory = finding(&profile("pico")).memory.unwrap();
    let (ram, flash) = (&memory.ram, &memory.flash);
    assert_eq!((ram.arena_bytes, ram.io_bytes, ram.program_bytes), (program().arena_bytes().into(), 64 + 10, 0));
    assert_eq!(ram.total_bytes, ram.arena_bytes + ram.stack_bytes);
    assert_eq!(flash.constants_bytes + flash.overhead_bytes, BYTES.len() as u64);
    assert_eq!(flash.total_bytes, BYTES.len() as u64 + flash.code_bytes);
    assert!(flash.code_bytes > 0 && ram.stack_bytes > 0);
    // Linux executes nothing in place.
    let linux = finding(&profile("pi4")).memory.unwrap();
    assert_eq!(linux.ram.program_bytes, BYTES.len() as u64);
}

#[test]
fn one_byte_too_few_is_found_out() {
    let needed = finding(&profile("pico")).memory.unwrap();
    for (role, resource, needed) in
        [(MemoryRole::Ram, Resource::Ram, needed.ram.total_bytes), (MemoryRole::Flash, Resource::Flash, needed.flash.total_bytes)]
    {
        assert_eq!(finding(&with(role, needed)).misfits, []);
        let misfits = finding(&with(role, needed - 1)).misfits;
        assert_eq!(misfits.len(), 1);
        let misfit = &misfits[0];
        assert_eq!((misfit.resource, misfit.needed_bytes, misfit.available_bytes), (resource, needed, needed - 1));
        let share = misfit.shrink_to.unwrap();
        assert!(share < 1.0 && share > 0.98, "{share}");
        // The first layer has most of everything.
        assert_eq!(misfit.blame.op_index, 0);
        assert_eq!(misfit.blame.tensors[0].bytes, if resource == Resource::Ram { 64 } else { 64 * 32 });
    }
}

#[test]
fn where_the_rest_alone_is_too_large_no_shrinking_helps() {
    let misfits = finding(&with(MemoryRole::Ram, 100)).misfits;
    assert_eq!(misfits[0].shrink_to, None);
}
