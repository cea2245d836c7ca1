//! Golden vectors, good and bad.
#![allow(clippy::unwrap_used, missing_docs)]

mod common;

use edge_format::*;

fn two() -> Vec<u8> {
    write_golden(&[(&[1, 2, 3, 4], &[5, 6, 7]), (&[8; 4], &[9; 3])]).unwrap()
}

#[test]
fn the_bytes_are_those_of_the_page() {
    assert_eq!(two(), b"EDGV\x01\0\x02\0\x01\x02\x03\x04\x05\x06\x07\x08\x08\x08\x08\x09\x09\x09");
}

#[test]
fn what_is_written_is_read() {
    let (file, bytes) = (common::bytes(), two());
    let golden = Golden::parse(&bytes, &Program::parse(&file).unwrap()).unwrap();
    assert_eq!((golden.count(), golden.vectors().len()), (2, 2));
    let expected = [Vector { inputs: &[1, 2, 3, 4], outputs: &[5, 6, 7] }, Vector { inputs: &[8; 4], outputs: &[9; 3] }];
    assert_eq!(golden.vectors().collect::<Vec<_>>(), expected);
}

#[test]
fn every_truncation_and_extension_is_refused() {
    let file = common::bytes();
    let program = Program::parse(&file).unwrap();
    for length in 0..two().len() {
        assert!(Golden::parse(&two()[..length], &program).is_err(), "{length} bytes");
    }
    let error = Golden::parse(&[&two()[..], &[0]].concat(), &program).unwrap_err();
    assert_eq!(error.to_string(), "golden vectors: 2 of 4 + 3 bytes each, as the program has them, are 14: found 15 bytes");
}

#[test]
fn other_headers_are_refused() {
    let file = common::bytes();
    let program = Program::parse(&file).unwrap();
    for at in 0..8 {
        let mut bytes = two();
        bytes[at] ^= 1;
        assert!(Golden::parse(&bytes, &program).is_err(), "byte {at}");
    }
    assert_eq!(Golden::parse(b"EDGV\x01\0\0\0", &program).unwrap_err(), GoldenError::Header);
    assert_eq!(write_golden(&[]), None);
    assert_eq!(write_golden(&vec![(&[0][..], &[0][..]); 65_536]), None);
}
