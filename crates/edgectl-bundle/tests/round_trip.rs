//! What is written is read, twice the same, and nothing else is.
#![allow(clippy::print_stdout, clippy::unwrap_used, missing_docs)]

mod common;

use std::io::Read;

use common::*;
use edgectl_bundle::*;

#[test]
fn a_bundle_is_read_as_it_was_written() {
    let mut bundle = verify(good()).unwrap();
    assert_eq!(*bundle.manifest(), manifest());
    assert_eq!(bundle.signed_by().len(), 1);
    for (path, _, content) in CONTENTS {
        assert_eq!(bundle.content(path).unwrap(), content);
    }
    assert_eq!(bundle.digest(), Digest::of(&manifest().to_bytes().unwrap()));
}

#[test]
fn twice_is_the_same() {
    assert_eq!(good(), good());
}

#[test]
fn an_archive_put_together_by_hand_is_the_same() {
    assert_eq!(join(&split(&good())), good());
    assert_eq!(around(&manifest().to_bytes().unwrap()), good());
}

#[test]
fn a_content_is_stored_once() {
    let mut manifest = manifest();
    let copy = File { path: "zz".into(), role: Role::Report, ..manifest.files[1].clone() };
    manifest.files.push(copy);
    let bytes = pack(&manifest, &[sign(&manifest, &key(1)).unwrap()]);
    assert_eq!(bytes.len(), pack(&self::manifest(), &[sign(&self::manifest(), &key(1)).unwrap()]).len());
    assert_eq!(verify(bytes).unwrap().content("zz").unwrap(), CONTENTS[1].2);
}

#[test]
fn the_manifest_has_its_keys_in_order() {
    let text = String::from_utf8(manifest().to_bytes().unwrap()).unwrap();
    let value: serde_json::Value = serde_json::from_str(&text).unwrap();
    // serde_json sorts the keys of objects.
    assert_eq!(serde_json::to_string(&value).unwrap(), text);
}

#[test]
fn every_bit_counts_and_so_does_every_byte() {
    let bytes = small();
    verify(bytes.clone()).unwrap();
    let mut tried = 0;
    for at in 0..bytes.len() {
        for bit in 0..8 {
            let mut bytes = bytes.clone();
            bytes[at] ^= 1 << bit;
            assert!(verify(bytes).is_err(), "bit {bit} of byte {at} accepted");
            tried += 1;
        }
    }
    for length in 0..bytes.len() {
        assert!(verify(bytes[..length].to_vec()).is_err(), "{length} bytes accepted");
        tried += 1;
    }
    println!("{tried} altered copies of a bundle of {} bytes: none accepted", bytes.len());
}

#[test]
fn what_changes_after_verification_is_noticed() {
    let (file, path) = tempfile::NamedTempFile::new().unwrap().into_parts();
    std::fs::write(&path, good()).unwrap();
    drop(file);
    let mut bundle = Bundle::open(&path).unwrap().verify(&trust(), &policy(), &mut |_| ()).unwrap();
    let at = good().windows(7).rposition(|window| window == b"program").unwrap();
    let mut altered = good();
    altered[at] = b'P';
    // In place, so that the open file sees it.
    std::os::unix::fs::FileExt::write_all_at(&std::fs::File::options().write(true).open(&path).unwrap(), &altered, 0).unwrap();
    assert!(matches!(bundle.content("program.edgm"), Err(BundleError::Digest { .. })));
    let mut bytes = vec![];
    assert!(bundle.reader("program.edgm").unwrap().read_to_end(&mut bytes).is_err());
    assert_eq!(bundle.content("labels.txt").unwrap(), CONTENTS[1].2);
}

#[test]
fn a_file_that_changed_is_not_packed() {
    let mut content = |_: &File| Ok(&b"something else"[..]);
    assert!(matches!(write(&manifest(), &[], &mut content, &mut vec![]), Err(WriteError::Changed { .. })));
}

#[test]
fn what_looks_like_a_signature_is_not_packed() {
    let text = b"untrusted comment: signature of an edgectl manifest\n";
    let mut manifest = manifest();
    manifest.files[1].digest = Digest::of(text);
    manifest.files[1].size = text.len() as u64;
    let mut content = |file: &File| {
        let content = CONTENTS.iter().find(|(_, _, content)| Digest::of(content) == file.digest).map_or(&text[..], |found| found.2);
        Ok(content)
    };
    assert!(matches!(write(&manifest, &[], &mut content, &mut vec![]), Err(WriteError::Ambiguous { .. })));
}

#[test]
fn a_device_is_no_bundle() {
    let error = Bundle::open(std::path::Path::new("/dev/zero")).unwrap_err();
    assert_eq!(error.kind(), Kind::Io);
}
