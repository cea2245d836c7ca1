//! What goes wrong.

use std::time::Duration;

/// Something that goes wrong once the chip has got so many blocks of data: at the block of this number, counted from 0 since the faults were
/// set.
#[derive(Clone, Copy, Debug, PartialEq, Eq)]
pub enum At {
    /// The answer to the block is lost.
    AnswerLost,
    /// A bit of the answer is flipped.
    AnswerGarbled,
    /// The answer is cut off.
    AnswerCut,
    /// The answer comes twice.
    AnswerTwice,
    /// The answer comes late.
    AnswerLate(Duration),
    /// The answer is that to another command.
    AnswerToAnother,
    /// Log lines and half a frame come before the answer.
    Noise,
    /// From here on the chip writes log lines, without end and without any frame, until it is reset.
    LogWithoutEnd,
    /// The block is refused with this code, once.
    Refused(u8),
    /// The block is refused with this code, however often it comes.
    RefusedAlways(u8),
    /// The block never arrives.
    BlockLost,
    /// A bit of the block is flipped on the line.
    BlockGarbled,
    /// The port vanishes, and is back after this time with the chip waiting in its ROM.
    Unplugged(Duration),
    /// The power fails before the block is written; the chip then waits in its ROM.
    PowerBefore,
    /// The power fails when half of the block is written.
    PowerTorn,
    /// The power fails when the block is written and nobody knows.
    PowerAfter,
    /// The chip says nothing any more until it is reset.
    Silent,
    /// A bit flips as the block is written.
    BitFlipped,
    /// The block is acknowledged and not written.
    NotWritten,
    /// A bit of the flash under the block is 0 for ever.
    BitStuck,
}

/// Something that is wrong with the chip.
#[derive(Clone, Copy, Debug, PartialEq, Eq)]
pub enum Always {
    /// The security information says: secure boot.
    SecureBoot,
    /// The security information says: flash encryption.
    Encryption,
    /// Only writing is left of the loader.
    SecureDownload,
    /// Digests are never told.
    DigestSilent,
    /// Digests are wrong.
    DigestWrong,
    /// The first digests, so many, are wrong.
    DigestWrongFor(u32),
    /// Erasing is refused.
    BeginRefused,
    /// The stub cannot be loaded.
    StubRefused,
    /// The stub is loaded and does not greet.
    StubSilent,
    /// Other speeds are refused.
    SpeedRefused,
    /// Speeds are changed, and what is said then is not understood.
    SpeedBroken,
    /// Nobody answers at all.
    Dead,
    /// A byte of a thousand that the chip says is wrong.
    LineBad,
    /// The flash says that it is twice as large as it is.
    FlashBoasts,
}
