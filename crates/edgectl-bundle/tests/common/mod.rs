//! A small bundle, the key that signs it, and archives that are put together by hand.
#![allow(clippy::unwrap_used, dead_code, missing_docs, unreachable_pub)]

use std::io::Cursor;

use edgectl_bundle::*;

/// A key file that `minisign -G` could have written, without encryption; its secret is forty-two times 42.
pub fn key(seed: u8) -> SecretKey {
    let file = key_file(seed);
    SecretKey::open(&file, None).unwrap()
}

/// The file of a key that is not encrypted, as `minisign -G -W` writes it.
pub fn key_file(seed: u8) -> String {
    use blake2::digest::consts::U32;
    use blake2::{Blake2b, Digest as _};
    let pair = ed25519_dalek::SigningKey::from_bytes(&[seed; 32]).to_keypair_bytes();
    let checksum = Blake2b::<U32>::new().chain_update(b"Ed").chain_update([seed; 8]).chain_update(pair).finalize();
    let bytes = [&b"Ed\0\0B2"[..], &[0; 48], &[seed; 8], &pair, &checksum].concat();
    format!("untrusted comment: for tests\n{}\n", base64(&bytes))
}

pub fn base64(bytes: &[u8]) -> String {
    use ct_codecs::{Base64, Encoder};
    Base64::encode_to_string(bytes).unwrap()
}

pub const CONTENTS: [(&str, Role, &[u8]); 4] = [
    ("golden.edgv", Role::Golden, b"golden vectors"),
    ("labels.txt", Role::Labels, b"yes\nno\n"),
    ("program.edgm", Role::Program, b"program"),
    ("runtime/aarch64/edge-agent", Role::Runtime, b"\x7fELF"),
];

pub fn files() -> Vec<File> {
    let file = |&(path, role, content): &(&str, Role, &[u8])| File {
        digest: Digest::of(content),
        path: path.into(),
        role,
        size: content.len() as u64,
    };
    CONTENTS.iter().map(file).collect()
}

pub fn manifest() -> Manifest {
    let port = |name: &str| Port {
        dtype: "i8".into(),
        name: name.into(),
        scale: Decimal::single(0.1).unwrap(),
        shape: vec![1, 4],
        zero_point: -3,
    };
    let target = |profile: &str, files: &[&str]| Target {
        arch: "aarch64".into(),
        files: files.iter().map(ToString::to_string).collect(),
        flash: None,
        profile: profile.into(),
        soc: "BCM2711".into(),
        system: System::Linux,
    };
    let mut pico = target("pico", &["golden.edgv", "program.edgm"]);
    pico.system = System::BareMetal;
    let part = Part { file: "program.edgm".into(), offset: 8192 };
    pico.flash = Some(Flash { bytes: 1 << 21, erase_bytes: 4096, parts: vec![part] });
    Manifest {
        arena_bytes: 100,
        channel: "prod".into(),
        counter: 412,
        created: Some("2026-11-01T00:00:00Z".parse().unwrap()),
        evidence: Evidence {
            accuracy: None,
            bench: vec![],
            golden: Golden { file: "golden.edgv".into(), source: "seed 0".into(), vectors: 2 },
        },
        expires: Some("2027-11-01T00:00:00Z".parse().unwrap()),
        files: files(),
        format: FORMAT,
        inputs: vec![port("x")],
        name: "kws".into(),
        outputs: vec![port("y")],
        requires: Requires { edgectl: semver::Version::new(0, 1, 0), runtime_abi: 1 },
        security_version: 7,
        targets: vec![pico, target("pi4", &["golden.edgv", "labels.txt", "program.edgm", "runtime/aarch64/edge-agent"])]
            .into_iter()
            .rev()
            .collect(),
        version: semver::Version::new(1, 4, 0),
    }
}

pub fn pack(manifest: &Manifest, signatures: &[Signature]) -> Vec<u8> {
    let mut bytes = vec![];
    let mut content = |file: &File| {
        let found = CONTENTS.iter().find(|(_, _, content)| Digest::of(content) == file.digest).unwrap();
        Ok(Cursor::new(found.2.to_vec()))
    };
    write(manifest, signatures, &mut content, &mut bytes).unwrap();
    bytes
}

/// The bundle that everything is compared with, signed by key 1.
pub fn good() -> Vec<u8> {
    pack(&manifest(), &[sign(&manifest(), &key(1)).unwrap()])
}

/// As few bytes as a bundle can have, about.
pub fn small() -> Vec<u8> {
    let mut manifest = manifest();
    manifest.files.retain(|file| matches!(file.role, Role::Golden | Role::Program));
    manifest.targets.retain(|target| target.profile == "pi4");
    manifest.targets[0].files = manifest.files.iter().map(|file| file.path.clone()).collect();
    pack(&manifest, &[sign(&manifest, &key(1)).unwrap()])
}

pub fn trust() -> Trust {
    Trust::only(key(1).public().clone())
}

pub fn now() -> Timestamp {
    "2026-12-01T00:00:00Z".parse().unwrap()
}

pub fn policy() -> Policy<'static> {
    Policy {
        now: Some(now()),
        channel: Some("prod"),
        target: Some("pi4"),
        installed: Some(Installed { security_version: 7, counter: Some(412) }),
        runtime_abi: Some(1),
        edgectl: Some(semver::Version::new(0, 1, 0)),
    }
}

pub fn verify_with(bytes: Vec<u8>, trust: &Trust, policy: &Policy<'_>) -> Result<Bundle<Verified>, BundleError> {
    Bundle::read(Cursor::new(bytes))?.verify(trust, policy, &mut |_| ())
}

pub fn verify(bytes: Vec<u8>) -> Result<Bundle<Verified>, BundleError> {
    verify_with(bytes, &trust(), &policy())
}

/// An entry of an archive that is put together by hand.
#[derive(Clone, Debug)]
pub struct Entry {
    pub header: [u8; 512],
    pub content: Vec<u8>,
}

impl Entry {
    pub fn new(name: &str, content: &[u8]) -> Entry {
        let mut header = [0; 512];
        header[..name.len()].copy_from_slice(name.as_bytes());
        header[100..108].copy_from_slice(b"0000644\0");
        header[108..124].copy_from_slice(b"0000000\x000000000\0");
        header[124..136].copy_from_slice(format!("{:011o}\0", content.len()).as_bytes());
        header[136..148].copy_from_slice(b"00000000000\0");
        header[156] = b'0';
        header[257..265].copy_from_slice(b"ustar\x0000");
        header[329..345].copy_from_slice(b"0000000\x000000000\0");
        Entry { header, content: content.to_vec() }.summed()
    }

    pub fn blob(content: &[u8]) -> Entry {
        Entry::new(&blob_name(content), content)
    }

    /// With a field of the header changed, and the checksum that this needs.
    pub fn with(mut self, offset: usize, bytes: &[u8]) -> Entry {
        self.header[offset..offset + bytes.len()].copy_from_slice(bytes);
        self.summed()
    }

    /// With another content, under the same header.
    pub fn holding(mut self, content: &[u8]) -> Entry {
        self.content = content.to_vec();
        self
    }

    fn summed(mut self) -> Entry {
        self.header[148..156].fill(b' ');
        let sum: u32 = self.header.iter().map(|&byte| u32::from(byte)).sum();
        self.header[148..156].copy_from_slice(format!("{sum:06o}\0 ").as_bytes());
        self
    }
}

pub fn blob_name(content: &[u8]) -> String {
    format!("blobs/sha256/{}", Digest::of(content).hex())
}

pub fn join(entries: &[Entry]) -> Vec<u8> {
    let mut bytes = vec![];
    for entry in entries {
        bytes.extend(entry.header);
        bytes.extend(&entry.content);
        bytes.resize(bytes.len().next_multiple_of(512), 0);
    }
    bytes.resize(bytes.len() + 1024, 0);
    bytes
}

pub fn split(bytes: &[u8]) -> Vec<Entry> {
    let (mut entries, mut at) = (vec![], 0);
    while bytes[at] != 0 {
        let header: [u8; 512] = bytes[at..at + 512].try_into().unwrap();
        let size = usize::from_str_radix(std::str::from_utf8(&header[124..135]).unwrap(), 8).unwrap();
        entries.push(Entry { header, content: bytes[at + 512..at + 512 + size].to_vec() });
        at += 512 + size.next_multiple_of(512);
    }
    entries
}

/// An archive around these bytes as the manifest, properly signed by key 1: nothing but the manifest is wrong.
pub fn around(manifest: &[u8]) -> Vec<u8> {
    let comment = self::manifest().trusted_comment();
    let signature = Signature::make(&key(1), &Prehash::of(manifest), &comment).unwrap().to_file("signature of an edgectl manifest");
    let mut entries = split(&good());
    entries[2] = Entry::blob(manifest);
    entries[4] = Entry::blob(signature.as_bytes());
    join(&entries)
}

/// The good manifest's text with a part replaced, signed.
pub fn edited(from: &str, to: &str) -> Vec<u8> {
    let text = String::from_utf8(manifest().to_bytes().unwrap()).unwrap();
    assert!(text.contains(from), "{from} is not in {text}");
    around(text.replacen(from, to, 1).as_bytes())
}
