//! Host and device at the two ends of a line, good and bad.
#![allow(clippy::unwrap_used, missing_docs)]

use std::io;
use std::sync::mpsc::{Receiver, RecvTimeoutError, Sender, channel};
use std::time::Duration;

use edge_device::client::{Client, ClientError, Link};
use edge_device::frame::{MAX_FRAME, PayloadBuffer, encode};
use edge_device::message::{Identity, Refusal};
use edge_device::server::{Board, Server};
use edge_format::*;
use edge_runtime::{Resolver, kernel};
use proptest::prelude::*;

const SIZE: u32 = 3000;
const SOON: Duration = Duration::from_millis(100);

/// Negates its input in place, which therefore does not survive a run.
fn program() -> AlignedBytes {
    let negation = (0..256).map(|index| (128 - index).min(127) as i8 as u8).collect();
    let tensor =
        |length: u32, place| TensorSpec { name: String::new(), dtype: DType::I8, shape: vec![length], place, scale: 1.0, zero_point: 0 };
    let io = |name: &str, tensor| vec![IoSpec { name: name.into(), tensor, shape: vec![SIZE] }];
    let spec = ProgramSpec {
        name: "negation".into(),
        arena_bytes: SIZE,
        tensors: vec![
            tensor(SIZE, PlaceSpec::Arena { offset: 0 }),
            tensor(256, PlaceSpec::Data(negation)),
            tensor(SIZE, PlaceSpec::Arena { offset: 0 }),
        ],
        ops: vec![OpSpec { params: TableParams {}.into(), inputs: vec![0, 1], outputs: vec![2] }],
        inputs: io("x", 0),
        outputs: io("y", 2),
        ..ProgramSpec::default()
    };
    AlignedBytes::from(&write(&spec).unwrap()[..])
}

/// The host's end. One chunk of so many is lost, in both directions.
struct Line {
    to_device: Sender<Vec<u8>>,
    from_device: Receiver<Vec<u8>>,
    lost_every: u32,
    random: u32,
}

impl Line {
    fn lost(&mut self) -> bool {
        self.random = self.random.wrapping_mul(1_664_525).wrapping_add(1_013_904_223);
        self.lost_every != 0 && (self.random >> 16).is_multiple_of(self.lost_every)
    }
}

impl Link for Line {
    fn send(&mut self, bytes: &[u8]) -> io::Result<()> {
        if !self.lost() {
            self.to_device.send(bytes.to_vec()).map_err(|_| io::ErrorKind::BrokenPipe)?;
        }
        Ok(())
    }

    fn receive(&mut self, buffer: &mut [u8], timeout: Duration) -> io::Result<usize> {
        match self.from_device.recv_timeout(timeout) {
            Ok(_) if self.lost() => Ok(0),
            Ok(bytes) => {
                assert!(bytes.len() <= buffer.len());
                buffer[..bytes.len()].copy_from_slice(&bytes);
                Ok(bytes.len())
            }
            Err(RecvTimeoutError::Timeout) => Ok(0),
            Err(RecvTimeoutError::Disconnected) => Err(io::ErrorKind::BrokenPipe.into()),
        }
    }
}

/// The device's end. A read that finds the line closed ends the thread, as pulling the plug does.
struct Wire {
    incoming: Receiver<Vec<u8>>,
    pending: std::vec::IntoIter<u8>,
    outgoing: Sender<Vec<u8>>,
    cycles: u64,
}

struct Unplugged;

impl Board for Wire {
    fn read(&mut self) -> u8 {
        loop {
            if let Some(byte) = self.pending.next() {
                return byte;
            }
            match self.incoming.recv() {
                Ok(bytes) => self.pending = bytes.into_iter(),
                Err(_) => std::panic::resume_unwind(Box::new(Unplugged)),
            }
        }
    }

    fn write(&mut self, bytes: &[u8]) {
        // As a serial line delivers them: in pieces.
        bytes.chunks(200).for_each(|bytes| drop(self.outgoing.send(bytes.to_vec())));
    }

    fn cycles(&mut self) -> u64 {
        self.cycles += 100;
        self.cycles
    }

    fn reset(&mut self) {}
}

fn identity() -> Identity<'static> {
    Identity { version: 0, chip: "test", firmware: "test 1", abi: 0, board: [7; 8], clock_hz: 1, arena_bytes: 0, slot_bytes: 0 }
}

/// Lets `host` talk to a device that has `slot` and so much memory.
fn converse<T>(
    slot: AlignedBytes,
    arena: usize,
    resolver: Resolver<'static>,
    lost_every: u32,
    host: impl FnOnce(&mut Client<Line>) -> T,
) -> T {
    let (to_device, incoming) = channel();
    let (outgoing, from_device) = channel();
    let device = std::thread::spawn(move || {
        let mut arena = vec![0; arena];
        let mut wire = Wire { incoming, pending: vec![].into_iter(), outgoing, cycles: 0 };
        Server::new(identity(), &slot, &mut arena, resolver).serve(&mut wire);
    });
    let mut client = Client::new(Line { to_device, from_device, lost_every, random: 1 }, SOON);
    let result = host(&mut client);
    drop(client);
    assert!(device.join().err().is_none_or(|end| end.is::<Unplugged>()));
    result
}

fn infers_rightly(client: &mut Client<Line>) {
    let found = client.hello().unwrap();
    assert_eq!((found.chip.as_str(), found.abi, found.board), ("test", RUNTIME_ABI, [7; 8]));
    let model = client.model().unwrap();
    let bytes = program();
    assert_eq!((model.name.as_str(), model.length as usize, model.ops), ("negation", bytes.len(), 1));
    assert_eq!(model.checksum, crc32(&[&bytes]));
    for round in 0..3u32 {
        let input: Vec<u8> = (0..SIZE).map(|i| (i * 7 + round) as u8).collect();
        client.write_input(0, &input).unwrap();
        let cycles = client.invoke(round == 1, SOON).unwrap();
        assert!(cycles > 0);
        let expected: Vec<u8> = input.iter().map(|&x| (-i32::from(x as i8)).min(127) as u8).collect();
        assert_eq!(client.read_output(0, SIZE).unwrap(), expected);
        if round == 1 {
            assert_eq!(client.costs(1).unwrap(), [100]);
        }
    }
}

#[test]
fn a_program_runs_at_the_other_end() {
    converse(program(), SIZE as usize, Resolver::all(), 0, infers_rightly);
}

#[test]
fn lost_frames_are_asked_for_again_and_nothing_runs_twice() {
    for lost_every in [40, 80, 160] {
        converse(program(), SIZE as usize, Resolver::all(), lost_every, infers_rightly);
    }
}

#[test]
fn what_cannot_run_is_refused_by_name() {
    let refused = |slot, arena, resolver| {
        converse(slot, arena, resolver, 0, |client| {
            client.hello().unwrap();
            match client.model() {
                Err(ClientError::Refused { refusal, .. }) => refusal,
                other => panic!("{other:?}"),
            }
        })
    };
    assert_eq!(refused(program(), 100, Resolver::all()), Refusal::Arena { needed: SIZE, available: 100 });
    let others = Resolver::new(&[kernel::mul::KERNEL]);
    assert_eq!(refused(program(), SIZE as usize, others), Refusal::NoKernel { op: 0, code: OpCode::Table as u16 });
    assert_eq!(refused(AlignedBytes::from(&[0xff; 4096][..]), 100, Resolver::all()), Refusal::NoProgram);
    let mut torn = program().to_vec();
    *torn.last_mut().unwrap() ^= 1;
    assert_eq!(refused(AlignedBytes::from(&torn[..]), SIZE as usize, Resolver::all()), Refusal::NoProgram);
}

#[test]
fn indices_and_offsets_outside_are_refused() {
    converse(program(), SIZE as usize, Resolver::all(), 0, |client| {
        assert!(matches!(client.write_input(1, &[0]), Err(ClientError::Refused { refusal: Refusal::Range, .. })));
        assert!(matches!(client.write_input(0, &[0; SIZE as usize + 1]), Err(ClientError::Refused { refusal: Refusal::Range, .. })));
        assert!(matches!(client.read_output(0, SIZE + 1), Err(ClientError::Refused { refusal: Refusal::Range, .. })));
        assert!(matches!(client.costs(1), Err(ClientError::Refused { refusal: Refusal::Range, .. })));
    });
}

#[test]
fn a_silent_device_is_told_from_a_broken_line() {
    let (to_device, _kept) = channel();
    let (sender, from_device) = channel();
    let mut client = Client::new(Line { to_device, from_device, lost_every: 0, random: 1 }, SOON);
    assert!(matches!(client.invoke(false, Duration::from_millis(5)), Err(ClientError::Silent { .. })));
    drop(sender);
    assert!(matches!(client.invoke(false, SOON), Err(ClientError::Line(_))));
}

proptest! {
    #![proptest_config(ProptestConfig::with_cases(64))]

    #[test]
    fn no_bytes_from_the_line_harm_a_device(noise in prop::collection::vec(prop::collection::vec(any::<u8>(), 0..1000), 0..40)) {
        let (to_device, incoming) = channel();
        let (outgoing, from_device) = channel();
        for payload in &noise {
            // Each as it is, and as a frame with a right checksum, which line noise would not have.
            let mut buffer = [0; size_of::<PayloadBuffer>()];
            buffer[..payload.len()].copy_from_slice(payload);
            to_device.send(payload.clone()).unwrap();
            to_device.send(vec![0]).unwrap();
            to_device.send(encode(&mut buffer, payload.len(), &mut [0; MAX_FRAME]).unwrap().to_vec()).unwrap();
        }
        // A frame may have been a request for a reset, after which firmware serves again.
        let device = std::thread::spawn(move || {
            let mut wire = Wire { incoming, pending: vec![].into_iter(), outgoing, cycles: 0 };
            loop {
                Server::new(identity(), &program(), &mut [0; SIZE as usize], Resolver::all()).serve(&mut wire);
            }
        });
        let mut client = Client::new(Line { to_device, from_device, lost_every: 0, random: 1 }, SOON);
        infers_rightly(&mut client);
        drop(client);
        prop_assert!(device.join().unwrap_err().is::<Unplugged>());
    }
}
