//! Secret keys in minisign's file format, encrypted with a password.
//!
//! ```text
//! untrusted comment: <text>
//! base64("Ed" | "Sc" | "B2" | salt (32) | operations limit (8) | memory limit (8) | key id (8) | secret key (64) | checksum (32))
//! ```
//!
//! The last three are combined (XOR) with as many bytes of scrypt; the checksum is BLAKE2b-256 of `"Ed" | key id | secret key`. Secrets are
//! overwritten when they are dropped, their encodings included.

use blake2::digest::consts::U32;
use blake2::{Blake2b, Digest as _};
use ct_codecs::{Base64, Decoder, Encoder};
use ed25519_dalek::{Signer as _, SigningKey};
use thiserror::Error;
use zeroize::{Zeroize, Zeroizing};

use crate::minisign::{KeyId, PublicKey, Signer};

const BYTES: usize = 158;
const SECRET: std::ops::Range<usize> = 54..BYTES;
const PLAIN: [u8; 2] = [0, 0];
const SCRYPT: [u8; 2] = *b"Sc";

/// scrypt with N = 2^17, r = 8, p = 1: 128 MiB, OWASP's recommendation. In libsodium's terms, which the file states.
const OPERATIONS: u64 = 1 << 22;
const MEMORY: u64 = 1 << 27;
/// What `minisign` itself uses: 1 GiB.
const MAX_MEMORY: u64 = 1 << 30;
const MAX_OPERATIONS: u64 = 1 << 28;

/// Why a text gives no secret key.
#[derive(Debug, Error)]
#[non_exhaustive]
pub enum SecretKeyError {
    /// It is encrypted, and there is no password.
    #[error("the secret key is encrypted: expected a password")]
    PasswordMissing,
    /// The password is another one, or the file is damaged.
    #[error("wrong password for the secret key, or a damaged file")]
    Password,
    /// No secret key of minisign's.
    #[error("not a minisign secret key: {what}")]
    Malformed {
        /// What is wrong.
        what: &'static str,
    },
    /// A file that anybody who can read it can use.
    #[error("the secret key is not encrypted")]
    NotEncrypted,
    /// It would take too much.
    #[error("the secret key asks for scrypt with {found} bytes of memory: expected at most {MAX_MEMORY}")]
    Memory {
        /// What it asks for.
        found: u64,
    },
    /// No randomness.
    #[error("the system gives no random numbers")]
    Random,
}

/// A secret key. It shows itself to nobody, and is overwritten when dropped.
pub struct SecretKey {
    key: SigningKey,
    public: PublicKey,
}

impl std::fmt::Debug for SecretKey {
    fn fmt(&self, f: &mut std::fmt::Formatter<'_>) -> std::fmt::Result {
        write!(f, "SecretKey({})", self.public.id())
    }
}

impl SecretKey {
    /// Makes a new key.
    ///
    /// # Errors
    /// [`SecretKeyError::Random`].
    pub fn generate() -> Result<SecretKey, SecretKeyError> {
        let (mut seed, mut id) = (Zeroizing::new([0; 32]), [0; 8]);
        getrandom::fill(&mut *seed).and_then(|()| getrandom::fill(&mut id)).map_err(|_| SecretKeyError::Random)?;
        Ok(SecretKey::new(SigningKey::from_bytes(&seed), KeyId(id)))
    }

    fn new(key: SigningKey, id: KeyId) -> SecretKey {
        let public = PublicKey::new(id, key.verifying_key());
        SecretKey { key, public }
    }

    /// Reads a key file; one that is not encrypted only without a password.
    ///
    /// # Errors
    /// [`SecretKeyError`].
    pub fn open(text: &str, password: Option<&str>) -> Result<SecretKey, SecretKeyError> {
        let malformed = |what| SecretKeyError::Malformed { what };
        let line = text.lines().nth(1).ok_or(malformed("expected two lines"))?;
        let mut bytes = Zeroizing::new([0; BYTES]);
        let length = Base64::decode(&mut *bytes, line.trim_end(), None).map_err(|_| malformed("line 2: expected base64"))?.len();
        if length != BYTES || !bytes.starts_with(b"Ed") || bytes.get(4..6) != Some(b"B2") {
            return Err(malformed("line 2: expected 158 bytes: a key of Ed25519 with a checksum of BLAKE2b"));
        }
        let kdf = [bytes[2], bytes[3]];
        match (kdf, password) {
            (PLAIN, None) => {}
            (PLAIN, Some(_)) => return Err(SecretKeyError::NotEncrypted),
            (SCRYPT, None) => return Err(SecretKeyError::PasswordMissing),
            (SCRYPT, Some(password)) => {
                let (operations, memory) = (integer(&bytes[38..46]), integer(&bytes[46..54]));
                if memory > MAX_MEMORY || operations > MAX_OPERATIONS {
                    return Err(SecretKeyError::Memory { found: memory });
                }
                let salt: [u8; 32] = bytes[6..38].try_into().map_err(|_| malformed("salt"))?;
                combine(&mut bytes[SECRET], password, &salt, operations, memory)?;
            }
            _ => return Err(malformed("line 2: expected scrypt, or no encryption")),
        }
        let id: [u8; 8] = bytes[54..62].try_into().map_err(|_| malformed("key id"))?;
        let pair = Zeroizing::new(<[u8; 64]>::try_from(&bytes[62..126]).map_err(|_| malformed("key"))?);
        if checksum(&id, &pair)[..] != bytes[126..] {
            return Err(SecretKeyError::Password);
        }
        let key = SigningKey::from_keypair_bytes(&pair).map_err(|_| malformed("its halves do not belong together"))?;
        Ok(SecretKey::new(key, KeyId(id)))
    }

    /// Whether a key file is encrypted; `None` where it is no key file.
    pub fn is_encrypted(text: &str) -> Option<bool> {
        match SecretKey::open(text, None) {
            Ok(_) => Some(false),
            Err(SecretKeyError::PasswordMissing) => Some(true),
            Err(_) => None,
        }
    }

    /// The content of a key file, encrypted.
    ///
    /// # Errors
    /// [`SecretKeyError::Random`].
    pub fn to_file(&self, password: &str) -> Result<Zeroizing<String>, SecretKeyError> {
        let mut salt = [0; 32];
        getrandom::fill(&mut salt).map_err(|_| SecretKeyError::Random)?;
        let pair = Zeroizing::new(self.key.to_keypair_bytes());
        let id = self.public.id();
        let mut bytes = Zeroizing::new(
            [&b"EdScB2"[..], &salt, &OPERATIONS.to_le_bytes(), &MEMORY.to_le_bytes(), &id.0, &*pair, &checksum(&id.0, &pair)].concat(),
        );
        combine(&mut bytes[SECRET], password, &salt, OPERATIONS, MEMORY)?;
        let mut encoded = Base64::encode_to_string(&*bytes).unwrap_or_default();
        let text = Zeroizing::new(format!("untrusted comment: minisign encrypted secret key {id}\n{encoded}\n"));
        encoded.zeroize();
        Ok(text)
    }
}

impl Signer for SecretKey {
    fn public(&self) -> &PublicKey {
        &self.public
    }

    fn sign(&self, message: &[u8]) -> std::io::Result<[u8; 64]> {
        Ok(self.key.sign(message).to_bytes())
    }
}

fn checksum(id: &[u8; 8], pair: &[u8; 64]) -> [u8; 32] {
    Blake2b::<U32>::new().chain_update(b"Ed").chain_update(id).chain_update(pair).finalize().into()
}

fn combine(secret: &mut [u8], password: &str, salt: &[u8; 32], operations: u64, memory: u64) -> Result<(), SecretKeyError> {
    let malformed = SecretKeyError::Malformed { what: "parameters of scrypt" };
    let (log_n, p) = scrypt_parameters(operations, memory).ok_or(malformed)?;
    let parameters = scrypt::Params::new(log_n, 8, p).map_err(|_| SecretKeyError::Malformed { what: "parameters of scrypt" })?;
    let mut stream = Zeroizing::new([0; SECRET.end - SECRET.start]);
    scrypt::scrypt(password.as_bytes(), salt, &parameters, &mut *stream)
        .map_err(|_| SecretKeyError::Malformed { what: "parameters of scrypt" })?;
    for (byte, mask) in secret.iter_mut().zip(&*stream) {
        *byte ^= mask;
    }
    Ok(())
}

/// log2 of N, and p, for r = 8: how libsodium's `crypto_pwhash_scryptsalsa208sha256` understands its limits.
fn scrypt_parameters(operations: u64, memory: u64) -> Option<(u8, u32)> {
    let operations = operations.max(32768);
    let log_n = |most: u64| (1..63).find(|&n| 1u64 << n > most / 2);
    if operations < memory / 32 {
        return Some((log_n(operations / 32)?, 1));
    }
    let log_n = log_n(memory / 1024)?;
    let p = ((operations / 4) >> log_n).min(0x3FFF_FFFF) / 8;
    Some((log_n, u32::try_from(p).ok()?))
}

fn integer(bytes: &[u8]) -> u64 {
    bytes.iter().rev().fold(0, |value, &byte| value << 8 | u64::from(byte))
}
