//! A million frames of a hostile host: nothing panics, and nothing in flash changes.
#![allow(clippy::print_stdout, clippy::unwrap_used, missing_docs)]

use std::time::Instant;

use edge_device::fault::FaultRecord;
use edge_device::frame::{MAX_FRAME, PayloadBuffer, encode};
use edge_device::image;
use edge_device::message::{Numbered, Request};
use edge_device::server::{About, Board, Buffers, MAX_COSTS, Server, Setup};
use edge_device::simulation::{LAYOUT, device_flash};
use edge_format::*;
use edge_runtime::Resolver;

const FRAMES: u32 = 1_000_000;

struct Random(u64);

impl Random {
    fn below(&mut self, limit: u32) -> u32 {
        self.0 = self.0.wrapping_mul(6_364_136_223_846_793_005).wrapping_add(1_442_695_040_888_963_407);
        ((self.0 >> 33) % u64::from(limit)) as u32
    }

    fn bytes(&mut self, length: u32) -> Vec<u8> {
        (0..length).map(|_| self.below(256) as u8).collect()
    }
}

/// A board whose host is hostile.
struct Hostile {
    random: Random,
    left: u32,
    line: std::vec::IntoIter<u8>,
    answers: u64,
    cycles: u64,
    fault: FaultRecord,
}

impl Hostile {
    /// Any of a few kinds of frames, each wrong in its own way.
    fn frame(&mut self) -> Vec<u8> {
        let random = &mut self.random;
        let (session, sequence) = (random.below(u32::MAX), random.below(3));
        let digest = [random.below(256) as u8; 32];
        let bytes = random.bytes(8);
        let body = match random.below(16) {
            // Noise, zeros among it.
            0 => {
                let length = random.below(40);
                return random.bytes(length);
            }
            // A payload of noise with a right checksum.
            1..=4 => {
                let length = random.below(60);
                let mut payload = random.bytes(length);
                // Mostly with a number that stands for a request.
                if let Some(byte) = payload.get_mut(1) {
                    *byte %= 24;
                }
                return framed(&payload);
            }
            5 => Request::Hello { versions: (random.below(4) as u16, random.below(4) as u16) },
            6 => Request::Begin { session, length: random.below(u32::MAX), digest, security_version: random.below(9) },
            7 => Request::Write { session, offset: random.below(u32::MAX), bytes: &bytes },
            8 => Request::Finish { session },
            9 => Request::Activate { session, digest },
            10 => Request::Confirm { session, digest },
            11 => Request::Reject { session, digest },
            12 => Request::Input { index: random.below(3) as u8, offset: random.below(u32::MAX), bytes: &bytes },
            13 => Request::Output { index: random.below(3) as u8, offset: random.below(20), length: random.below(1 << 16) as u16 },
            14 => Request::Costs { first: random.below(1 << 16) as u16 },
            _ => [Request::Model, Request::Status, Request::Slots, Request::Fault, Request::SelfTest, Request::Invoke { costs: true }]
                [random.below(6) as usize],
        };
        let mut buffer = [0; size_of::<PayloadBuffer>()];
        let mut frame = framed(postcard::to_slice(&Numbered { sequence, body }, &mut buffer).unwrap());
        // Some are torn or garbled on the way.
        if random.below(8) == 0 {
            let at = random.below(frame.len() as u32) as usize;
            frame[at] ^= 1 << random.below(8);
        }
        frame
    }
}

fn framed(payload: &[u8]) -> Vec<u8> {
    let mut buffer = [0; size_of::<PayloadBuffer>()];
    buffer[..payload.len()].copy_from_slice(payload);
    encode(&mut buffer, payload.len(), &mut [0; MAX_FRAME]).unwrap().to_vec()
}

impl Board for Hostile {
    fn read(&mut self) -> Option<(usize, u8)> {
        loop {
            if let Some(byte) = self.line.next() {
                // Over both lines, which is worse.
                return Some(((self.left % 2) as usize, byte));
            }
            self.left = self.left.checked_sub(1)?;
            self.line = self.frame().into_iter();
        }
    }

    fn write(&mut self, _: usize, bytes: &[u8]) {
        assert!(bytes.len() <= MAX_FRAME && bytes.last() == Some(&0));
        self.answers += 1;
    }

    fn cycles(&mut self) -> u64 {
        self.cycles += 1;
        self.cycles
    }

    fn feed(&mut self) {}

    fn fault(&mut self) -> &mut FaultRecord {
        &mut self.fault
    }

    fn reset(&mut self) {}
}

/// Copies 16 bytes.
fn program() -> Vec<u8> {
    let tensor = |place| TensorSpec { name: String::new(), dtype: DType::I8, shape: vec![16], place, scale: 1.0, zero_point: 0 };
    let io = |tensor| vec![IoSpec { name: "x".into(), tensor, shape: vec![16] }];
    let spec = ProgramSpec {
        name: "copy".into(),
        arena_bytes: 32,
        tensors: vec![tensor(PlaceSpec::Arena { offset: 0 }), tensor(PlaceSpec::Arena { offset: 16 })],
        ops: vec![OpSpec { params: CopyParams {}.into(), inputs: vec![0], outputs: vec![1] }],
        inputs: io(0),
        outputs: io(1),
        ..ProgramSpec::default()
    };
    write(&spec).unwrap()
}

fn main() {
    let begin = Instant::now();
    let flash = device_flash();
    flash.put(LAYOUT.slots[0].offset, &image::build(&program(), &[(&[3; 16], &[3; 16])], 1).unwrap());
    let about = About { chip: "test", firmware: "test 1", board: [0; 8], clock_hz: 1 };
    let mut board = Hostile { random: Random(1), left: FRAMES, line: vec![].into_iter(), answers: 0, cycles: 0, fault: FaultRecord::EMPTY };
    let (mut before, mut buffers) = (None, Buffers::EMPTY);
    // A request for a reset, which some of the noise is, is a new beginning.
    while board.left > 0 {
        let (mut arena, mut costs) = (AlignedBytes::zeroed(4096), [0; MAX_COSTS]);
        let setup = Setup { about, flash: flash.clone(), layout: LAYOUT, arena: &mut arena, resolver: Resolver::all(), costs: &mut costs };
        let mut server = Server::start(setup, &mut board);
        assert!(server.greeting().to_string().contains("self-test=pass 1/1"));
        let state = before.get_or_insert_with(|| (flash.contents(), flash.operations()));
        server.serve(&mut board, &mut buffers);
        assert!(*state == (flash.contents(), flash.operations()), "flash has changed");
    }
    println!("{FRAMES} frames, {} answered, no panic, no change of state, {:.1} s", board.answers, begin.elapsed().as_secs_f64());
    assert!(board.answers > u64::from(FRAMES) / 4);
}
