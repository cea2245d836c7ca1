//! Keys and signatures against minisign's own library; key files that are damaged.
#![allow(clippy::unwrap_used, missing_docs)]

mod common;

use std::io::Cursor;

use common::*;
use edgectl_bundle::*;

#[test]
fn minisign_reads_our_keys_and_we_read_its() {
    let ours = SecretKey::generate().unwrap();
    let file = ours.to_file("pass phrase").unwrap();
    let theirs = minisign::SecretKeyBox::from_string(&file).unwrap().into_secret_key(Some("pass phrase".into())).unwrap();
    let signature = minisign::sign(None, &theirs, Cursor::new(b"content"), Some("trusted"), Some("any")).unwrap();
    let signature: Signature = signature.into_string().parse().unwrap();
    ours.public().verify(&signature, &Prehash::of(b"content"), "the content").unwrap();

    let theirs = minisign::KeyPair::generate_encrypted_keypair(Some("other".into())).unwrap();
    let ours = SecretKey::open(&theirs.sk.to_box(None).unwrap().into_string(), Some("other")).unwrap();
    let public: PublicKey = theirs.pk.to_box().unwrap().into_string().parse().unwrap();
    assert_eq!(*ours.public(), public);
    let signature = Signature::make(&ours, &Prehash::of(b"content"), "trusted").unwrap();
    let signature = minisign::SignatureBox::from_string(&signature.to_file("any")).unwrap();
    minisign::verify(&theirs.pk, &signature, Cursor::new(b"content"), true, false, false).unwrap();
}

#[test]
fn a_signature_is_always_the_same() {
    let make = || Signature::make(&key(1), &Prehash::of(b"x"), "y").unwrap();
    assert_eq!(make(), make());
}

#[test]
fn wrong_passwords_and_damaged_files_open_nothing() {
    let file = key(1).to_file("right").unwrap();
    assert!(matches!(SecretKey::open(&file, Some("wrong")), Err(SecretKeyError::Password)));
    assert!(matches!(SecretKey::open(&file, None), Err(SecretKeyError::PasswordMissing)));
    assert!(matches!(SecretKey::open(&key_file(1), Some("any")), Err(SecretKeyError::NotEncrypted)));
    assert_eq!(SecretKey::is_encrypted(&file), Some(true));
    assert_eq!(SecretKey::is_encrypted(&key_file(1)), Some(false));
    assert_eq!(SecretKey::is_encrypted("RWQ"), None);
    let plain = key_file(1);
    for at in "untrusted comment: for tests\n".len()..plain.len() - 1 {
        let mut bytes = plain.clone().into_bytes();
        bytes[at] = if bytes[at] == b'A' { b'B' } else { b'A' };
        let found = SecretKey::open(&String::from_utf8(bytes).unwrap(), None);
        // What is neither checked nor used: salt and limits of a key that is not encrypted.
        assert!(found.is_err() || (29 + 8..29 + 72).contains(&at), "byte {at} altered, and it opens");
    }
}

#[test]
fn a_key_that_wants_all_memory_is_refused() {
    let file = key(1).to_file("x").unwrap();
    let mut bytes = [0; 158];
    use ct_codecs::{Base64, Decoder};
    Base64::decode(&mut bytes, file.lines().nth(1).unwrap(), None).unwrap();
    bytes[46..54].copy_from_slice(&(1u64 << 40).to_le_bytes());
    let file = format!("untrusted comment: x\n{}\n", base64(&bytes));
    assert!(matches!(SecretKey::open(&file, Some("x")), Err(SecretKeyError::Memory { .. })));
}

#[test]
fn a_secret_key_does_not_show_itself() {
    assert_eq!(format!("{:?}", key(1)), "SecretKey(0101010101010101)");
}

#[test]
fn public_keys_that_are_none() {
    let text = key(1).public().to_string();
    assert_eq!(text.parse::<PublicKey>().unwrap(), *key(1).public());
    assert_eq!(key(1).public().to_file().parse::<PublicKey>().unwrap(), *key(1).public());
    let identity = base64(&[&b"Ed"[..], &[1; 8], &[1], &[0; 31]].concat());
    for bad in ["", "RW", &text[1..], &(text.clone() + "\nmore"), &text.replace('R', "S"), &identity] {
        assert!(bad.parse::<PublicKey>().is_err(), "{bad}");
    }
}
