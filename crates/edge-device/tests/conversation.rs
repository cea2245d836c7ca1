//! Host and device at the two ends of a line, good and bad.
#![allow(clippy::unwrap_used, missing_docs)]

use std::io;
use std::time::Duration;

use edge_device::client::{Client, ClientError, Link};
use edge_device::image;
use edge_device::message::Refusal;
use edge_device::self_test::{Failure, SelfTest};
use edge_device::simulation::{Device, DeviceFlash, LAYOUT, Line, device_flash};
use edge_device::slots::{SlotError, State, Verdict};
use edge_format::*;
use edge_runtime::{Resolver, kernel};

const SIZE: u32 = 3000;
const SOON: Duration = Duration::from_millis(40);

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

/// Flash of a device that runs an image, as if it had been confirmed.
fn flash_with(image: &[u8]) -> DeviceFlash {
    let flash = device_flash();
    flash.put(LAYOUT.slots[0].offset, image);
    flash
}

fn image() -> Vec<u8> {
    let (input, output) = ([1; SIZE as usize], [0xff; SIZE as usize]);
    image::build(&program(), &[(&input, &output)], 1).unwrap()
}

/// Lets `host` talk to a device.
fn converse<T>(device: Device, flash: DeviceFlash, lost_every: u32, host: impl FnOnce(&mut Client<Line>) -> T) -> T {
    let mut line = device.start(flash);
    line.lost_every = lost_every;
    host(&mut Client::new(line, SOON))
}

fn infers_rightly(client: &mut Client<Line>) {
    let found = client.hello().unwrap();
    assert_eq!((found.chip.as_str(), found.abi, found.board), ("simulation", RUNTIME_ABI, [7; 8]));
    let model = client.model().unwrap();
    let bytes = program();
    assert_eq!((model.name.as_str(), model.length as usize, model.ops), ("negation", bytes.len(), 1));
    assert_eq!(model.digest, image::sha256(&bytes));
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
    converse(Device::default(), flash_with(&image()), 0, infers_rightly);
}

#[test]
fn lost_frames_are_asked_for_again_and_nothing_runs_twice() {
    for lost_every in [40, 80, 160] {
        converse(Device::default(), flash_with(&image()), lost_every, infers_rightly);
    }
}

#[test]
fn an_image_is_sent_tried_and_confirmed() {
    for lost_every in [0, 50] {
        let image = image();
        let digest = image::sha256(&image[image::COVERED..]);
        converse(Device::default(), device_flash(), lost_every, |client| {
            client.hello().unwrap();
            assert!(matches!(client.model(), Err(ClientError::Refused { refusal: Refusal::NoProgram, .. })));
            let mut told = vec![];
            client.send_image(&image, |at, length| told.push((at, length))).unwrap();
            let length = image.len() as u32;
            assert!(told.is_sorted() && told.last() == Some(&(length, length)));
            assert_eq!(client.slots().unwrap()[0].state, State::Written);
            client.activate(&digest).unwrap();
            assert!(client.confirm(&digest).is_err(), "nothing runs yet");
            client.reset().unwrap();
            client.wait(SOON * 50).unwrap();
            let status = client.status().unwrap();
            assert_eq!((status.running, status.floor), (Some(0), 0));
            assert_eq!(status.self_test, SelfTest { passed: 1, count: 1, failure: None });
            assert_eq!(client.slots().unwrap()[0].state, State::Trial);
            infers_rightly(client);
            assert_eq!(client.self_test(SOON * 10).unwrap(), status.self_test);
            client.confirm(&digest).unwrap();
            assert_eq!((client.slots().unwrap()[0].state, client.status().unwrap().floor), (State::Confirmed, 1));
            assert_eq!(client.fault().unwrap(), None);
        });
    }
}

#[test]
fn a_transfer_goes_on_after_a_reset() {
    let image = image();
    converse(Device::default(), device_flash(), 0, |client| {
        client.hello().unwrap();
        // The line breaks in the middle, from the host's point of view.
        let sent = std::panic::catch_unwind(std::panic::AssertUnwindSafe(|| {
            client.send_image(&image, |at, _| assert!(at < 3072, "unplugged")).unwrap();
        }));
        assert!(sent.is_err());
        client.reset().unwrap();
        client.wait(SOON * 50).unwrap();
        let mut first = None;
        client.send_image(&image, |at, _| first = first.or(Some(at))).unwrap();
        // From the last sector that holds anything.
        assert_eq!(first, Some(0));
        client.send_image(&image, |at, length| assert_eq!(at, length)).unwrap();
    });
}

#[test]
fn requests_of_another_conversation_change_nothing() {
    let image = image();
    converse(Device::default(), device_flash(), 0, |client| {
        let refused = |error: ClientError| matches!(error, ClientError::Refused { refusal: Refusal::Session, .. });
        assert!(refused(client.send_image(&image, |_, _| {}).unwrap_err()), "before hello");
        client.hello().unwrap();
        client.send_image(&image, |_, _| {}).unwrap();
        client.reset().unwrap();
        while client.status().is_err() {}
        assert!(refused(client.activate(&[0; 32]).unwrap_err()), "of before the reset");
    });
}

#[test]
fn what_is_wrong_with_an_image_is_said_before_it_runs() {
    let refused = |device: Device, image: &[u8]| {
        converse(device, device_flash(), 0, |client| {
            client.hello().unwrap();
            match client.send_image(image, |_, _| {}) {
                Err(ClientError::Refused { refusal, .. }) => refusal,
                other => panic!("{other:?}"),
            }
        })
    };
    let device = Device::default();
    let image = image();
    assert_eq!(refused(Device { arena_bytes: 100, ..device }, &image), Refusal::Arena { needed: SIZE, available: 100 });
    let others = Device { resolver: Resolver::new(&[kernel::mul::KERNEL]), ..device };
    assert_eq!(refused(others, &image), Refusal::NoKernel { op: 0, code: OpCode::Table as u16 });
    let mut torn = image.clone();
    torn[200] ^= 1;
    assert_eq!(refused(device, &torn), Refusal::Slot(SlotError::Digest));
    let long = image::build(&vec![1; 60 << 10], &[], 1).unwrap();
    assert_eq!(refused(device, &long), Refusal::Slot(SlotError::Length { found: (60 << 10) + 128, limit: 60 << 10 }));
    let mut newer = program().to_vec();
    newer[10] += 1;
    seal(&mut newer);
    let newer = image::build(&newer, &[], 1).unwrap();
    assert_eq!(refused(device, &newer), Refusal::Abi { expected: RUNTIME_ABI, found: RUNTIME_ABI + 1 });
    converse(device, device_flash(), 0, |client| {
        client.hello().unwrap();
        assert!(matches!(client.send_image(&image[1..], |_, _| {}), Err(ClientError::NoImage)));
        assert!(matches!(client.send_image(&[], |_, _| {}), Err(ClientError::NoImage)));
    });
}

#[test]
fn a_program_that_computes_other_bytes_does_not_run() {
    let mut expected = [0xff; SIZE as usize];
    expected[77] = 3;
    let wrong = image::build(&program(), &[(&[1; SIZE as usize], &[0xff; SIZE as usize]), (&[1; SIZE as usize], &expected)], 1).unwrap();
    converse(Device::default(), flash_with(&wrong), 0, |client| {
        client.hello().unwrap();
        let failure = Some(Failure::Byte { vector: 1, byte: 77, expected: 3, found: 0xff });
        assert_eq!(client.status().unwrap().self_test, SelfTest { passed: 1, count: 2, failure });
        assert!(matches!(client.model(), Err(ClientError::Refused { refusal: Refusal::SelfTest, .. })));
        let slot = client.slots().unwrap()[0];
        assert_eq!((slot.state, slot.verdict), (State::Rejected, Verdict::SelfTest));
    });
}

#[test]
fn a_device_greets_with_one_line() {
    let mut line = Device::default().start(flash_with(&image()));
    let mut greeting = vec![];
    while !greeting.ends_with(&[0]) {
        let mut bytes = [0; 64];
        let length = line.receive(&mut bytes, SOON * 50).unwrap();
        greeting.extend(&bytes[..length]);
    }
    let digest: String = image::sha256(&program()).iter().map(|byte| format!("{byte:02x}")).collect();
    let expected = format!("edgectl {} simulation abi={RUNTIME_ABI} model={digest} self-test=pass 1/1\r\n\0", env!("CARGO_PKG_VERSION"));
    assert_eq!(String::from_utf8(greeting).unwrap(), expected);
}

#[test]
fn indices_and_offsets_outside_are_refused() {
    converse(Device::default(), flash_with(&image()), 0, |client| {
        client.hello().unwrap();
        assert!(matches!(client.write_input(1, &[0]), Err(ClientError::Refused { refusal: Refusal::Range, .. })));
        assert!(matches!(client.write_input(0, &[0; SIZE as usize + 1]), Err(ClientError::Refused { refusal: Refusal::Range, .. })));
        assert!(matches!(client.read_output(0, SIZE + 1), Err(ClientError::Refused { refusal: Refusal::Range, .. })));
        assert!(matches!(client.costs(1), Err(ClientError::Refused { refusal: Refusal::Range, .. })));
    });
}

/// A line at whose other end somebody else answers.
struct Scripted(Vec<Vec<u8>>);

impl Link for Scripted {
    fn send(&mut self, _: &[u8]) -> io::Result<()> {
        Ok(())
    }

    fn receive(&mut self, buffer: &mut [u8], _: Duration) -> io::Result<usize> {
        let Some(bytes) = self.0.pop() else { return Err(io::ErrorKind::BrokenPipe.into()) };
        buffer[..bytes.len()].copy_from_slice(&bytes);
        Ok(bytes.len())
    }
}

#[test]
fn a_silent_device_is_told_from_a_broken_line() {
    let mut silent = Client::new(Scripted(vec![vec![]; 1_000_000]), Duration::from_millis(2));
    assert!(matches!(silent.hello(), Err(ClientError::Silent { .. })));
    let mut broken = Client::new(Scripted(vec![]), SOON);
    assert!(matches!(broken.hello(), Err(ClientError::Line(_))));
}
