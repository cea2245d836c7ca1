//! Power fails at every operation of the flash: before it, in the middle, after it; on flash of three geometries; in every flow that changes
//! slots. After each, exactly one image is chosen, the old or the new one, bit for bit, and what was interrupted can be done again.
#![allow(clippy::print_stdout, clippy::unwrap_used, missing_docs)]

use std::cell::Cell;
use std::time::Instant;

use edge_device::image::{self, Digest};
use edge_device::simulation::{Cut, Flash};
use edge_device::slots::{Layout, Region, SlotError, Slots, State, Verdict};

/// What may run once the power is back.
#[derive(Clone, Copy, PartialEq, Eq, Debug)]
enum May {
    Old,
    /// The record that decides was being written.
    Either,
    New,
}

/// A device in the middle of a flow.
struct World<const WRITE: usize, const ERASE: usize> {
    flash: Flash<WRITE, ERASE>,
    layout: Layout,
    may: Cell<May>,
}

/// An image with a program of pseudo-random bytes, some of them as erased flash has them: slots do not look into it.
fn image(seed: u32, length: usize, security_version: u32) -> Vec<u8> {
    let mut state = seed;
    let program: Vec<u8> = (0..length)
        .map(|at| {
            state = state.wrapping_mul(1_664_525).wrapping_add(1_013_904_223);
            if at / 512 % 3 == 1 { 0xff } else { (state >> 24) as u8 }
        })
        .collect();
    image::build(&program, &[], security_version).unwrap()
}

fn digest(image: &[u8]) -> Digest {
    image::sha256(&image[image::COVERED..])
}

/// What a flow begins with and ends with.
struct Images {
    /// Runs, confirmed, with security version 5.
    old: Vec<u8>,
    /// Of security version 6.
    new: Vec<u8>,
}

type Booted<const WRITE: usize, const ERASE: usize> = Slots<Flash<WRITE, ERASE>>;

impl<const WRITE: usize, const ERASE: usize> World<WRITE, ERASE> {
    /// As a firmware does after a reset, with an image that passes its self-test.
    fn boot(&self) -> Result<Booted<WRITE, ERASE>, SlotError> {
        let mut slots = Slots::open(self.flash.clone(), self.layout)?;
        slots.take_in()?;
        if slots.choose()?.is_some() {
            slots.pass()?;
        }
        Ok(slots)
    }

    fn receive(&self, slots: &mut Booted<WRITE, ERASE>, image: &[u8], until: usize) -> Result<(), SlotError> {
        let security_version = u32::from_le_bytes(*image[44..].first_chunk().unwrap());
        let mut progress = slots.begin(image.len() as u32, &digest(image), security_version)?;
        while (progress.received as usize) < image.len().min(until) {
            let at = progress.received as usize;
            let next = slots.write(progress.received, &image[at..(at + 3 * WRITE.max(64)).min(image.len())])?;
            assert!(next.received > progress.received);
            progress = next;
        }
        Ok(())
    }

    /// Receives an image and starts it on trial, up to the reset.
    fn activate(&self, slots: &mut Booted<WRITE, ERASE>, image: &[u8]) -> Result<(), SlotError> {
        self.receive(slots, image, usize::MAX)?;
        slots.finish()?;
        self.may.set(May::Either);
        slots.activate(&digest(image))
    }

    /// Resets into the trial.
    fn try_out(&self) -> Result<Booted<WRITE, ERASE>, SlotError> {
        // The boot is counted before the image runs: what is interrupted behind that is over.
        let slots = self.boot()?;
        self.may.set(May::Old);
        Ok(slots)
    }

    fn confirm(&self, slots: &mut Booted<WRITE, ERASE>, image: &[u8]) -> Result<(), SlotError> {
        self.may.set(May::Either);
        slots.confirm(&digest(image))?;
        self.may.set(May::New);
        Ok(())
    }

    /// What a reset now would run, its bytes compared.
    fn check(&self, images: &Images, context: &str) -> Digest {
        let slots = self.boot().unwrap();
        let (index, slot) = slots.running().unwrap_or_else(|| panic!("{context}: nothing runs: {:?}", slots.record()));
        let (old, new) = (digest(&images.old), digest(&images.new));
        let expected = if slot.digest == new { &images.new } else { &images.old };
        assert!(slot.digest == old || slot.digest == new, "{context}: another image runs");
        let at = slots.region(index).offset as usize;
        assert!(self.flash.contents()[at..at + expected.len()] == **expected, "{context}: the image that runs is not whole");
        let right = match self.may.get() {
            May::Old => slot.digest == old,
            May::Either => true,
            May::New => slot.digest == new,
        };
        assert!(right, "{context}: {:?} may run, found {}", self.may.get(), if slot.digest == new { "the new one" } else { "the old one" });
        // The floor is the security version of what was confirmed, and of nothing else.
        let confirmed = slots.record().slots.iter().any(|slot| slot.state == State::Confirmed && slot.digest == new);
        assert_eq!(slots.record().floor == 6, confirmed && images.new[44] == 6, "{context}: floor {}", slots.record().floor);
        slot.digest
    }
}

type Flow<const WRITE: usize, const ERASE: usize> = fn(&World<WRITE, ERASE>, &Images) -> Result<(), SlotError>;

/// A new image arrives, runs on trial and is confirmed.
fn update<const W: usize, const E: usize>(world: &World<W, E>, images: &Images) -> Result<(), SlotError> {
    world.activate(&mut world.boot()?, &images.new)?;
    let mut slots = world.try_out()?;
    assert_eq!(slots.running().unwrap().1.digest, digest(&images.new));
    world.confirm(&mut slots, &images.new)
}

/// The transfer is interrupted by a reset, and goes on.
fn resume<const W: usize, const E: usize>(world: &World<W, E>, images: &Images) -> Result<(), SlotError> {
    world.receive(&mut world.boot()?, &images.new, images.new.len() / 2)?;
    update(world, images)
}

/// Nobody confirms: a reset goes back.
fn revert<const W: usize, const E: usize>(world: &World<W, E>, images: &Images) -> Result<(), SlotError> {
    world.activate(&mut world.boot()?, &images.new)?;
    world.try_out()?;
    let slots = world.boot()?;
    assert_eq!(slots.running().unwrap().1.digest, digest(&images.old));
    Ok(())
}

/// The self-test fails: it goes back at once, and the floor stays.
fn fail<const W: usize, const E: usize>(world: &World<W, E>, images: &Images) -> Result<(), SlotError> {
    world.activate(&mut world.boot()?, &images.new)?;
    let mut slots = Slots::open(world.flash.clone(), world.layout)?;
    slots.take_in()?;
    slots.choose()?;
    world.may.set(May::Old);
    slots.fail()?;
    let (index, _) = slots.choose()?.unwrap();
    assert_eq!(slots.record().slots[usize::from(index)].digest, digest(&images.old));
    assert_eq!(slots.record().floor, 5);
    Ok(())
}

/// The host rejects the image on trial.
fn reject<const W: usize, const E: usize>(world: &World<W, E>, images: &Images) -> Result<(), SlotError> {
    world.activate(&mut world.boot()?, &images.new)?;
    world.try_out()?.reject(&digest(&images.new))
}

/// The new image arrives, is confirmed, and then what is older is refused.
fn counter<const W: usize, const E: usize>(world: &World<W, E>, images: &Images) -> Result<(), SlotError> {
    update(world, images)?;
    let mut slots = world.boot()?;
    let rollback = |found: Result<(), SlotError>| match found {
        // Done again, the new image has taken the old one's place.
        Err(SlotError::Rollback { floor: 6, found: 5 } | SlotError::NoSuchImage) => Ok(()),
        Err(SlotError::Flash) => Err(SlotError::Flash),
        other => panic!("an older image is accepted: {other:?}"),
    };
    rollback(world.receive(&mut slots, &images.old, usize::MAX))?;
    rollback(slots.activate(&digest(&images.old)))
}

/// Somebody puts the new image into flash through the boot loader.
fn found<const W: usize, const E: usize>(world: &World<W, E>, images: &Images) -> Result<(), SlotError> {
    let running = Slots::open(world.flash.clone(), world.layout)?.choose()?.unwrap().0;
    if !world.flash.is_dead() {
        let region = world.layout.slots[usize::from(1 - running)];
        world.flash.put(region.offset, &vec![0xff; region.bytes as usize]);
        world.flash.put(region.offset, &images.new);
    }
    world.may.set(May::Either);
    world.boot()?;
    world.may.set(May::New);
    Ok(())
}

/// Goes back to the image before on purpose: allowed, since its security version is no lower.
fn go_back<const W: usize, const E: usize>(world: &World<W, E>, images: &Images) -> Result<(), SlotError> {
    let mut slots = world.boot()?;
    if slots.activate(&digest(&images.new)) == Err(SlotError::NoSuchImage) {
        world.activate(&mut slots, &images.new)?;
    }
    world.may.set(May::Either);
    let mut slots = world.try_out()?;
    world.may.set(May::Either);
    world.confirm(&mut slots, &images.new)
}

/// Runs all flows on one kind of flash: the number of cut points.
fn geometry<const WRITE: usize, const ERASE: usize>(name: &str, sectors: &[u32], layout: Layout, length: usize) -> u64 {
    assert!(layout.is_valid(WRITE, ERASE, sectors.iter().sum()), "{name}");
    let flows: [(&str, Flow<WRITE, ERASE>, u32, May); 8] = [
        ("update", update, 6, May::New),
        ("resume", resume, 6, May::New),
        ("revert", revert, 6, May::Old),
        ("self-test fails", fail, 6, May::Old),
        ("reject", reject, 6, May::Old),
        ("counter", counter, 6, May::New),
        ("found", found, 6, May::New),
        ("go back", go_back, 5, May::New),
    ];
    let mut points = 0;
    for (flow_name, flow, security_version, outcome) in flows {
        let images = Images { old: image(1, length, 5), new: image(2, length + 300, security_version) };
        // With a journal that has room, and with one whose area ends in the middle of the flow.
        for records in [0, layout.journal[0].bytes / 128u32.max(WRITE as u32) - 9] {
            let start = World { flash: Flash::<WRITE, ERASE>::new(sectors.iter().copied()), layout, may: Cell::new(May::Old) };
            let mut slots = start.boot().unwrap();
            start.activate(&mut slots, &images.old).unwrap();
            let mut slots = start.boot().unwrap();
            slots.confirm(&digest(&images.old)).unwrap();
            // More of what was before: other images, received and never run.
            while slots.record().number < records {
                let filler = image(slots.record().number, 200, 5);
                start.receive(&mut slots, &filler, usize::MAX).unwrap();
                slots.finish().unwrap();
            }
            start.may.set(May::Old);
            let world = |flash: Flash<WRITE, ERASE>| World { flash, layout, may: Cell::new(May::Old) };
            let whole = world(start.flash.duplicate());
            flow(&whole, &images).unwrap();
            let operations = whole.flash.operations();
            whole.may.set(outcome);
            whole.check(&images, flow_name);
            for operation in 0..operations {
                for cut in Cut::ALL {
                    let context = format!("{name}, {flow_name}, operation {operation} of {operations}, {cut:?}");
                    let world = world(start.flash.duplicate());
                    world.flash.cut(operation, cut);
                    assert_eq!(flow(&world, &images), Err(SlotError::Flash), "{context}");
                    assert!(world.flash.is_dead(), "{context}");
                    world.flash.power_on();
                    world.check(&images, &context);
                    points += 1;
                    // Again, and some of those times the power fails again; what was found has two starts.
                    if (operation + points).is_multiple_of(5) && flow_name != "found" {
                        world.flash.cut((operation * 7 + points) % operations, Cut::ALL[(points % 3) as usize]);
                        world.may.set(May::Either);
                        if flow(&world, &images).is_err() {
                            assert!(world.flash.is_dead(), "{context}");
                            world.flash.power_on();
                            world.may.set(May::Either);
                            world.check(&images, &format!("{context}, and once more"));
                            points += 1;
                        }
                        world.flash.power_on();
                    }
                    world.may.set(May::Either);
                    let again = flow(&world, &images);
                    assert!(again.is_ok(), "{context}: again: {again:?}");
                    world.may.set(outcome);
                    world.check(&images, &format!("{context}, again"));
                }
            }
        }
    }
    points
}

const fn region(offset: u32, bytes: u32, erase_bytes: u32) -> Region {
    Region { offset, bytes, erase_bytes }
}

fn main() {
    let begin = Instant::now();
    // RP2040: 256 bytes are written, 4 KiB erased at a time.
    let pico = geometry::<256, 4096>(
        "RP2040",
        &[4096; 14],
        Layout {
            journal: [region(0, 4096, 4096), region(4096, 4096, 4096)],
            slots: [region(8192, 6 << 12, 4096), region(8 << 12, 6 << 12, 4096)],
        },
        18_000,
    );
    // ESP32: 4 bytes are written, 4 KiB erased at a time.
    let esp32 = geometry::<4, 4096>(
        "ESP32",
        &[4096; 6],
        Layout { journal: [region(0, 4096, 4096), region(4096, 4096, 4096)], slots: [region(8192, 8192, 4096), region(16384, 8192, 4096)] },
        600,
    );
    // STM32F4: sectors of several sizes, here an eighth as long.
    let uneven = geometry::<16, 2048>(
        "uneven",
        &[2048, 2048, 2048, 2048, 8192, 16384],
        Layout {
            journal: [region(0, 2048, 2048), region(2048, 2048, 2048)],
            slots: [region(8192, 8192, 8192), region(16384, 16384, 16384)],
        },
        2_000,
    );
    verdicts();
    let sum = pico + esp32 + uneven;
    println!("{sum} cut points (RP2040 {pico}, ESP32 {esp32}, uneven {uneven}), 0 failures, {:.1} s", begin.elapsed().as_secs_f64());
    assert!(sum >= 10_000);
}

/// What is not about power, but about why an image does not run.
fn verdicts() {
    let layout =
        Layout { journal: [region(0, 4096, 4096), region(4096, 4096, 4096)], slots: [region(8192, 8192, 4096), region(16384, 8192, 4096)] };
    let images = Images { old: image(1, 600, 5), new: image(2, 700, 6) };
    let start = World { flash: Flash::<256, 4096>::new([4096; 6]), layout, may: Cell::new(May::Old) };
    start.activate(&mut start.boot().unwrap(), &images.old).unwrap();
    start.boot().unwrap().confirm(&digest(&images.old)).unwrap();

    // Damage behind the header, of what was received and of what was found.
    let world = World { flash: start.flash.duplicate(), layout, may: Cell::new(May::Old) };
    let mut damaged = images.new.clone();
    damaged[500] ^= 1;
    let mut slots = world.boot().unwrap();
    let mut progress = slots.begin(damaged.len() as u32, &digest(&images.new), 6).unwrap();
    while (progress.received as usize) < damaged.len() {
        let at = progress.received as usize;
        progress = slots.write(progress.received, &damaged[at..(at + 256).min(damaged.len())]).unwrap();
    }
    assert_eq!(slots.finish().map(drop), Err(SlotError::Digest));
    assert_eq!(slots.activate(&digest(&images.new)), Err(SlotError::NoSuchImage));
    assert_eq!(slots.record().slots[1].verdict, Verdict::Damaged);

    let world = World { flash: start.flash.duplicate(), layout, may: Cell::new(May::Old) };
    world.flash.put(16384, &damaged);
    world.check(&images, "damaged, found in flash");

    // Between trial and reset, flash loses a bit: the old one runs.
    let world = World { flash: start.flash.duplicate(), layout, may: Cell::new(May::Old) };
    world.activate(&mut world.boot().unwrap(), &images.new).unwrap();
    world.flash.put(16384 + 500, &[0]);
    world.may.set(May::Old);
    world.check(&images, "damaged on trial");

    // What runs on trial keeps the other slot.
    let world = World { flash: start.flash.duplicate(), layout, may: Cell::new(May::Old) };
    world.activate(&mut world.boot().unwrap(), &images.new).unwrap();
    let mut slots = world.try_out().unwrap();
    assert_eq!(slots.begin(1000, &[1; 32], 9), Err(SlotError::OnTrial));

    // Found in flash, but older than what was confirmed.
    let world = World { flash: start.flash.duplicate(), layout, may: Cell::new(May::Old) };
    world.flash.put(16384, &image(3, 500, 4));
    let slots = world.boot().unwrap();
    assert_eq!((slots.running().unwrap().0, slots.record().slots[1].verdict), (0, Verdict::Rollback));
}
