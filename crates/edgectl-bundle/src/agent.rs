//! Keys that an ssh-agent keeps: the agent signs, and the key never leaves it. (draft-ietf-sshm-ssh-agent; RFC 8709 for `ssh-ed25519`.)
//!
//! What minisign's prehashed form signs is 64 bytes, whatever the content, so an agent can make such a signature. The key's number, which SSH
//! keys have not, is the first 8 bytes of the public key's SHA-256.

use std::io::{self, Read, Write};
use std::os::unix::net::UnixStream;
use std::path::Path;
use std::sync::Mutex;
use std::time::Duration;

use ed25519_dalek::VerifyingKey;

use crate::digest::Digest;
use crate::minisign::{KeyId, PublicKey, Signer};

const ALGORITHM: &[u8] = b"ssh-ed25519";
/// As OpenSSH's agent has it.
const MAX_MESSAGE: u32 = 256 << 10;
/// A person may have to touch a token or answer a question.
const PATIENCE: Duration = Duration::from_secs(120);

const REQUEST_IDENTITIES: u8 = 11;
const IDENTITIES_ANSWER: u8 = 12;
const SIGN_REQUEST: u8 = 13;
const SIGN_RESPONSE: u8 = 14;

/// A key of an agent.
pub struct AgentKey {
    stream: Mutex<UnixStream>,
    /// The key as SSH writes it.
    blob: Vec<u8>,
    comment: String,
    public: PublicKey,
}

impl AgentKey {
    /// The Ed25519 keys of the agent at a socket.
    ///
    /// # Errors
    /// Where the agent cannot be reached or answers nonsense.
    pub fn all(socket: &Path) -> io::Result<Vec<AgentKey>> {
        let connect = || {
            let stream = UnixStream::connect(socket)?;
            stream.set_read_timeout(Some(PATIENCE))?;
            stream.set_write_timeout(Some(PATIENCE))?;
            Ok::<_, io::Error>(stream)
        };
        let answer = ask(&mut connect()?, &[REQUEST_IDENTITIES], IDENTITIES_ANSWER)?;
        let (count, mut rest) = answer.split_first_chunk().ok_or_else(nonsense)?;
        let mut keys = vec![];
        for _ in 0..u32::from_be_bytes(*count) {
            let (blob, comment) = (string(&mut rest)?, string(&mut rest)?);
            let mut fields = blob;
            if string(&mut fields)? != ALGORITHM {
                continue;
            }
            let bytes: &[u8; 32] = string(&mut fields)?.try_into().map_err(|_| nonsense())?;
            let key = VerifyingKey::from_bytes(bytes).map_err(|_| nonsense())?;
            let id = Digest::of(bytes).bytes().first_chunk().copied().map(KeyId).ok_or_else(nonsense)?;
            keys.push(AgentKey {
                stream: Mutex::new(connect()?),
                blob: blob.to_vec(),
                comment: String::from_utf8_lossy(comment).into_owned(),
                public: PublicKey::new(id, key),
            });
        }
        Ok(keys)
    }

    /// What its owner calls it.
    pub fn comment(&self) -> &str {
        &self.comment
    }

    /// As `ssh-add -l` shows it: `SHA256:` and base64 without padding.
    pub fn fingerprint(&self) -> String {
        format!("SHA256:{}", crate::minisign::encode(Digest::of(&self.blob).bytes()).trim_end_matches('='))
    }
}

impl Signer for AgentKey {
    fn public(&self) -> &PublicKey {
        &self.public
    }

    fn sign(&self, message: &[u8]) -> io::Result<[u8; 64]> {
        let mut request = vec![SIGN_REQUEST];
        for field in [&self.blob[..], message] {
            request.extend((field.len() as u32).to_be_bytes());
            request.extend(field);
        }
        request.extend([0; 4]);
        let mut stream = self.stream.lock().map_err(|_| nonsense())?;
        let answer = ask(&mut stream, &request, SIGN_RESPONSE)?;
        let mut signature = string(&mut &answer[..])?;
        if string(&mut signature)? != ALGORITHM {
            return Err(nonsense());
        }
        string(&mut signature)?.try_into().map_err(|_| nonsense())
    }
}

/// The body of the answer to a request.
fn ask(stream: &mut UnixStream, request: &[u8], expected: u8) -> io::Result<Vec<u8>> {
    let mut message = (request.len() as u32).to_be_bytes().to_vec();
    message.extend(request);
    stream.write_all(&message)?;
    let mut length = [0; 4];
    stream.read_exact(&mut length)?;
    let length = u32::from_be_bytes(length);
    if !(1..=MAX_MESSAGE).contains(&length) {
        return Err(nonsense());
    }
    let mut answer = vec![0; length as usize];
    stream.read_exact(&mut answer)?;
    match answer.split_first() {
        Some((&code, body)) if code == expected => Ok(body.to_vec()),
        _ => Err(io::Error::new(io::ErrorKind::PermissionDenied, "the agent refuses")),
    }
}

/// Takes a string off the front.
fn string<'b>(bytes: &mut &'b [u8]) -> io::Result<&'b [u8]> {
    let (length, rest) = bytes.split_first_chunk().ok_or_else(nonsense)?;
    let (string, rest) = rest.split_at_checked(u32::from_be_bytes(*length) as usize).ok_or_else(nonsense)?;
    *bytes = rest;
    Ok(string)
}

fn nonsense() -> io::Error {
    io::Error::new(io::ErrorKind::InvalidData, "the agent answers what the protocol does not know")
}
