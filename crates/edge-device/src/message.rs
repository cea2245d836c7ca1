//! What is said: requests of the host, responses of the device, in postcard's encoding (<https://postcard.jamesmunns.com>).
//!
//! A variant's number is its place in the enum, so variants are only ever appended.

use edge_format::OpCode;
use serde::{Deserialize, Serialize};

use crate::fault::Fault;
use crate::image::{Digest, as_bytes};
use crate::journal::SLOTS;
use crate::self_test::SelfTest;
use crate::slots::{Progress, Slot, SlotError};

/// Longest run of bytes in one message: what a payload holds beside the other fields.
pub const MAX_CHUNK: usize = 960;

/// A request or response with the number by which they belong together.
#[derive(Clone, Copy, Debug, PartialEq, Eq, Serialize, Deserialize)]
pub struct Numbered<T> {
    /// The response repeats the request's.
    pub sequence: u32,
    /// What is said.
    pub body: T,
}

/// What the host asks for. Where the answer is late, the request is sent again with its number: it is done once, and answered the same.
#[derive(Clone, Copy, Debug, PartialEq, Eq, Serialize, Deserialize)]
pub enum Request<'a> {
    /// Who are you? With the protocol versions that the host speaks, lowest and highest.
    Hello {
        /// Lowest and highest.
        versions: (u16, u16),
    },
    /// Which program do you hold?
    Model,
    /// Write bytes of a model input.
    Input {
        /// Which input.
        index: u8,
        /// First byte.
        offset: u32,
        /// At most [`MAX_CHUNK`].
        bytes: &'a [u8],
    },
    /// Run the program once on its inputs, which then have to be written again, and count the cycles of each op where `costs` says so:
    /// counting takes cycles too.
    Invoke {
        /// Whether each op's cycles are counted.
        costs: bool,
    },
    /// Read bytes of a model output.
    Output {
        /// Which output.
        index: u8,
        /// First byte.
        offset: u32,
        /// At most [`MAX_CHUNK`].
        length: u16,
    },
    /// Read what ops cost in the last `Invoke` that counted.
    Costs {
        /// First op.
        first: u16,
    },
    /// Start again from the beginning, as after power-on. There is no response.
    Reset,
    /// How are you?
    Status,
    /// What do your slots hold?
    Slots,
    /// Make a slot ready for an image, or tell how far it has arrived. This and what changes the slots names the conversation: the
    /// `session` of the last `Hello`'s answer, so that neither noise nor a host that was here before changes anything.
    Begin {
        /// The conversation.
        session: u32,
        /// Of the image.
        length: u32,
        /// Of the image.
        #[serde(with = "as_bytes")]
        digest: Digest,
        /// Of the image.
        security_version: u32,
    },
    /// Write the next bytes of the image that was begun.
    Write {
        /// The conversation.
        session: u32,
        /// First byte.
        offset: u32,
        /// At most [`MAX_CHUNK`]; a multiple of the identity's `write_bytes` but for the last.
        bytes: &'a [u8],
    },
    /// Verify the image that was begun, and whether its program would run here.
    Finish {
        /// The conversation.
        session: u32,
    },
    /// Run an image on trial after the next reset.
    Activate {
        /// The conversation.
        session: u32,
        /// Of the image.
        #[serde(with = "as_bytes")]
        digest: Digest,
    },
    /// The running image is good.
    Confirm {
        /// The conversation.
        session: u32,
        /// Of the image.
        #[serde(with = "as_bytes")]
        digest: Digest,
    },
    /// An image is not good: after the next reset it does not run.
    Reject {
        /// The conversation.
        session: u32,
        /// Of the image.
        #[serde(with = "as_bytes")]
        digest: Digest,
    },
    /// Replay the golden vectors of the running image.
    SelfTest,
    /// What ended an earlier run by itself? It is remembered until the host asks for a reset, or power is lost.
    Fault,
}

/// What the device answers.
#[derive(Clone, Copy, Debug, PartialEq, Eq, Serialize, Deserialize)]
pub enum Response<'a> {
    /// Who it is.
    #[serde(borrow)]
    Hello(Identity<'a>),
    /// The program that it holds.
    #[serde(borrow)]
    Model(Model<'a>),
    /// Done.
    Accepted,
    /// The program has run.
    Invoked {
        /// Processor cycles that it took.
        cycles: u64,
    },
    /// The bytes asked for.
    Bytes(&'a [u8]),
    /// Cycles of ops from the first one asked for on: little-endian 32-bit numbers, as many as fit.
    Costs(&'a [u8]),
    /// It will not, or cannot.
    Refused(Refusal),
    /// How it is.
    Status(Status),
    /// What the slots hold.
    Slots([Slot; SLOTS]),
    /// How far an image has arrived.
    Progress(Progress),
    /// What the self-test found.
    Tested(SelfTest),
    /// What ended an earlier run by itself.
    #[serde(borrow)]
    Fault(Option<Fault<'a>>),
}

/// Who a device is.
#[derive(Clone, Copy, Debug, PartialEq, Eq, Serialize, Deserialize)]
pub struct Identity<'a> {
    /// The protocol version to use from here on.
    pub version: u16,
    /// The chip: `rp2040`.
    pub chip: &'a str,
    /// Name and version of the firmware.
    pub firmware: &'a str,
    /// The runtime ABI of the programs that it executes.
    pub abi: u16,
    /// What tells this board from others of its kind.
    pub board: [u8; 8],
    /// Processor cycles in a second.
    pub clock_hz: u32,
    /// Greatest arena.
    pub arena_bytes: u32,
    /// Longest image.
    pub slot_bytes: u32,
    /// Unit in which images are written.
    pub write_bytes: u16,
    /// The operators that it has kernels for: bit `code % 8` of byte `code / 8`.
    pub operators: [u8; OPERATOR_BYTES],
    /// The conversation that this begins.
    pub session: u32,
}

/// Room for operators of codes up to 127.
pub const OPERATOR_BYTES: usize = 16;

/// How a device is.
#[derive(Clone, Copy, Debug, PartialEq, Eq, Serialize, Deserialize)]
pub struct Status {
    /// The slot whose image runs.
    pub running: Option<u8>,
    /// What its self-test found after the reset, or that of the image that was to run.
    pub self_test: SelfTest,
    /// The highest security version that was ever confirmed.
    pub floor: u32,
    /// Whether no image was run because the device had faulted time and again.
    pub safe: bool,
}

/// The program that a device holds.
#[derive(Clone, Copy, Debug, PartialEq, Eq, Serialize, Deserialize)]
pub struct Model<'a> {
    /// Name, as far as the message has room.
    pub name: &'a str,
    /// SHA-256 of the whole file.
    #[serde(with = "as_bytes")]
    pub digest: Digest,
    /// Length of the file.
    pub length: u32,
    /// Memory that it needs for activations.
    pub arena_bytes: u32,
    /// Number of ops.
    pub ops: u32,
}

/// Why a device refuses.
#[derive(Clone, Copy, Debug, PartialEq, Eq, Serialize, Deserialize)]
pub enum Refusal {
    /// No common protocol version: these are the device's, lowest and highest.
    Version {
        /// Lowest and highest.
        spoken: (u16, u16),
    },
    /// The request is none that this version knows.
    Unknown,
    /// There is no program in the slot, or what is there is none.
    NoProgram,
    /// The program needs more memory.
    Arena {
        /// Bytes that it needs.
        needed: u32,
        /// Bytes that are there.
        available: u32,
    },
    /// The firmware has no kernel for an op of the program.
    NoKernel {
        /// Op index.
        op: u32,
        /// Operator, as [`OpCode`] numbers them.
        code: u16,
    },
    /// An op of the program is not as its kernel takes it.
    Op {
        /// Op index.
        op: u32,
    },
    /// The program's inputs and outputs have no such index, offset or length.
    Range,
    /// The program is of another runtime ABI.
    Abi {
        /// The device's.
        expected: u16,
        /// The program's.
        found: u16,
    },
    /// The program is of another format version.
    Format {
        /// The device's.
        expected: u16,
        /// The program's.
        found: u16,
    },
    /// The request belongs to another conversation than the one that the last `Hello` began.
    Session,
    /// The program's self-test failed: it is not run.
    SelfTest,
    /// A slot does not do that.
    Slot(SlotError),
}

impl core::fmt::Display for Refusal {
    fn fmt(&self, f: &mut core::fmt::Formatter<'_>) -> core::fmt::Result {
        match *self {
            Refusal::Version { spoken: (low, high) } => write!(f, "it speaks protocol versions {low} to {high}"),
            Refusal::Unknown => f.write_str("it does not know the request"),
            Refusal::NoProgram => f.write_str("it holds no valid program"),
            Refusal::Arena { needed, available } => write!(f, "the program needs {needed} bytes of memory, {available} are there"),
            Refusal::NoKernel { op, code } => match OpCode::from_code(code) {
                Some(name) => write!(f, "op {op}: it has no kernel for {name}"),
                None => write!(f, "op {op}: it has no kernel for operator {code}"),
            },
            Refusal::Op { op } => write!(f, "op {op} is not as its kernel takes it"),
            Refusal::Range => f.write_str("the program has no such input or output"),
            Refusal::Abi { expected, found } => write!(f, "the program is of runtime ABI {found}, the firmware's is {expected}"),
            Refusal::Format { expected, found } => write!(f, "the program is of format version {found}, the firmware reads {expected}"),
            Refusal::Session => f.write_str("another host has talked to it meanwhile, or it was reset"),
            Refusal::SelfTest => f.write_str("the program's self-test failed"),
            Refusal::Slot(error) => error.fmt(f),
        }
    }
}
