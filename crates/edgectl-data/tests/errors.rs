//! Every bad input and the exact message that it must give.
#![allow(clippy::unwrap_used)]

mod common;

use common::{Folder, fixture, read};
use edgectl_data::{ColorModel, DataOptions, LabelColumn};

/// Reads `name`, written with `bytes`, and expects `message`.
#[track_caller]
fn refuses(name: &str, bytes: impl AsRef<[u8]>, options: &DataOptions, message: &str) {
    let folder = Folder::new();
    let path = folder.write(name, bytes);
    assert_eq!(folder.message(&read(&path, options).unwrap_err()), message);
}

/// Reads a fixture and expects `message`, in which `DIR` stands for the folder of the fixtures.
#[track_caller]
fn refuses_fixture(name: &str, options: &DataOptions, message: &str) {
    let directory = fixture("").display().to_string();
    assert_eq!(read(&fixture(name), options).unwrap_err().to_string().replace(&directory, ""), message);
}

fn plain() -> DataOptions {
    DataOptions::default()
}

/// A version 1.0 `.npy` with this dictionary and data.
fn npy(dictionary: &str, data: &[u8]) -> Vec<u8> {
    let length = u16::try_from(dictionary.len()).unwrap();
    [b"\x93NUMPY\x01\x00", &length.to_le_bytes()[..], dictionary.as_bytes(), data].concat()
}

fn safetensors(header: &str, data: &[u8]) -> Vec<u8> {
    [&(header.len() as u64).to_le_bytes()[..], header.as_bytes(), data].concat()
}

#[test]
fn files_that_are_not_there_or_of_no_known_format() {
    let folder = Folder::new();
    let missing = read(&folder.path("a.npy"), &plain()).unwrap_err();
    assert_eq!(folder.message(&missing), "cannot read a.npy: No such file or directory (os error 2)");
    let formats = "expected .npy, .npz, .safetensors, .csv or a folder of images";
    refuses("a.txt", "", &plain(), &format!("a.txt: unknown data format `txt`, {formats}"));
    refuses("a", "", &plain(), &format!("a: unknown data format ``, {formats}"));
}

#[test]
fn options_that_do_not_apply() {
    let options = DataOptions { x_key: Some("x".into()), ..plain() };
    refuses_fixture("version1.npy", &options, "version1.npy: option x_key does not apply to .npy data");
    let options = DataOptions { label_column: Some(LabelColumn::Index(0)), ..plain() };
    refuses_fixture("stored.npz", &options, "stored.npz: option label_column does not apply to .npz data");
    let options = DataOptions { color: Some(ColorModel::Rgb), ..plain() };
    refuses("a.csv", "1\n", &options, "a.csv: option color does not apply to .csv data");
}

#[test]
fn npy_headers() {
    refuses(
        "a.npy",
        b"PK\x03\x04\x00\x00",
        &plain(),
        "a.npy: not npy data: expected the first bytes [93, 4e, 55, 4d, 50, 59], found [50, 4b, 03, 04, 00, 00]",
    );
    let bad = |bytes: &[u8], reason: &str| refuses("a.npy", bytes, &plain(), &format!("a.npy: bad header of array `a`: {reason}"));
    bad(b"\x93NUMPY", "the file ends within the header");
    bad(b"\x93NUMPY\x01\x00\x76", "the file ends within the header");
    bad(b"\x93NUMPY\x01\x00\x76\x00{'descr'", "the file ends within the header");
    bad(b"\x93NUMPY\x04\x00\x00\x00", "version 4.0, expected 1.0, 2.0 or 3.0");
    bad(b"\x93NUMPY\x02\x00\xff\xff\xff\xff", "4294967295 bytes long, expected at most 65536");
    bad(&npy("{'descr': '<f4', 'shape': (1,)}", b""), "no key \"fortran_order\"");
    bad(&npy("{'descr': '<f4', 'descr': '<f4'}", b""), "key \"descr\" appears twice");
    bad(&npy("{'descr': '<f4', 'evil': 1}", b""), "unknown key \"evil\"");
    bad(&npy("{'descr': 4}", b""), "expected a string, found '4'");
    bad(&npy("{'descr': '<f4", b""), "no closing '\\''");
    bad(&npy("['descr']", b""), "expected '{', found '['");
    bad(&npy("{'fortran_order': 0}", b""), "expected True or False, found '0'");
    bad(&npy("{'shape': (-1,)}", b""), "expected a dimension, found \"\"");
    bad(&npy("{'shape': (99999999999999999999999,)}", b""), "expected a dimension, found \"99999999999999999999999\"");
    bad(&npy(&format!("{{'shape': ({})}}", "1,".repeat(33)), b""), "more than 32 dimensions");
    bad(&npy("{'descr': '<f4', 'fortran_order': False, 'shape': (1,)} x", b""), "'x' after the dictionary");
    let overflow = "{'descr': '<f4', 'fortran_order': False, 'shape': (4294967296, 4294967296)}";
    bad(&npy(overflow, b""), "shape [4294967296, 4294967296] overflows");
    bad(&std::fs::read(fixture("scalar.npy")).unwrap(), "shape is [], expected a first dimension that counts the samples");
}

#[test]
fn npy_types_orders_and_lengths() {
    refuses_fixture("complex.npy", &plain(), "complex.npy: array `complex` has unsupported data type <c8");
    refuses_fixture("pickled.npy", &plain(), "pickled.npy: array `pickled` has unsupported data type |O");
    refuses_fixture("structured.npy", &plain(), "structured.npy: array `structured` has unsupported data type [('a', '<f4')]");
    refuses_fixture("fortran.npy", &plain(), "fortran.npy: array `fortran` of shape [2, 3] is in Fortran order, expected C order");
    refuses_fixture("empty.npy", &plain(), "empty.npy: no data: 0 samples");
    let npy = std::fs::read(fixture("version1.npy")).unwrap();
    refuses("a.npy", &npy[..npy.len() - 1], &plain(), "a.npy: array `a` needs 24 bytes, found 23");
    refuses("a.npy", [&npy[..], b"!"].concat(), &plain(), "a.npy: array `a` needs 24 bytes, found 25");
    let folder = Folder::new();
    let hollow = read(&folder.npy("a.npy", &[2, 0, 3], &[]), &plain()).unwrap_err();
    assert_eq!(folder.message(&hollow), "a.npy: no data: samples of shape [0, 3]");
}

#[test]
fn values_that_are_not_finite() {
    for (value, name) in [(f32::NAN, "NaN"), (f32::INFINITY, "inf"), (f32::NEG_INFINITY, "-inf")] {
        let folder = Folder::new();
        let mut values = vec![0.0; 100];
        values[17 * 5 + 3] = value;
        let error = read(&folder.npy("a.npy", &[20, 5], &values), &plain()).unwrap_err();
        assert_eq!(folder.message(&error), format!("a.npy: sample 17, element 3 is {name}, expected a finite number"));
    }
    let double = npy("{'descr': '<f8', 'fortran_order': False, 'shape': (1,)}", &1e300_f64.to_le_bytes());
    refuses("a.npy", double, &plain(), "a.npy: sample 0, element 0 is inf, expected a finite number");
}

#[test]
fn labels_that_do_not_fit() {
    let labels = |shape: &[usize], values: &[f32], message: &str| {
        let folder = Folder::new();
        folder.npy("a_y.npy", shape, values);
        let error = read(&folder.npy("a_x.npy", &[3, 1], &[0.0; 3]), &plain()).unwrap_err();
        assert_eq!(folder.message(&error), message);
    };
    labels(&[2], &[0.0; 2], "a_y.npy: 2 labels for 3 samples");
    labels(&[4, 1], &[0.0; 4], "a_y.npy: 4 labels for 3 samples");
    labels(&[3, 2], &[0.0; 6], "a_y.npy: labels have shape [3, 2], expected [3] or [3, 1]");
    labels(&[3], &[0.0, 0.5, 0.0], "a_y.npy: label of sample 1 is 0.5, expected a whole number of at least 0");
    labels(&[3], &[0.0, 1.0, -1.0], "a_y.npy: label of sample 2 is -1, expected a whole number of at least 0");
    labels(&[3], &[f32::NAN, 1.0, 1.0], "a_y.npy: label of sample 0 is NaN, expected a whole number of at least 0");
}

#[test]
fn npz_archives() {
    refuses("a.npz", b"", &plain(), "a.npz: not npz data: expected the first bytes [50, 4b], found []");
    let stored = std::fs::read(fixture("stored.npz")).unwrap();
    let cut = &stored[..stored.len() - 30];
    refuses("a.npz", cut, &plain(), "a.npz: bad header of zip archive: invalid Zip archive: Could not find EOCD");
    let options = DataOptions { x_key: Some("data".into()), ..plain() };
    refuses_fixture("stored.npz", &options, "stored.npz: no array named `data`, found `classes`, `images`, `x`, `y`");
    let options = DataOptions { y_key: Some("t".into()), ..plain() };
    refuses_fixture("stored.npz", &options, "stored.npz: no array named `t`, found `classes`, `images`, `x`, `y`");
    refuses_fixture("lzma.npz", &plain(), "lzma.npz: bad header of array `x`: compressed with Lzma, expected stored or deflated");

    // The last element of `x`, which follows two headers of 55 and 128 bytes.
    let mut flipped = stored.clone();
    flipped[55 + 128 + 92] ^= 1;
    refuses("a.npz", flipped, &plain(), "cannot read a.npz: checksum is e9daa560, expected 5166c205");
    refuses_fixture("lying.npz", &plain(), "lying.npz: array `x` needs 216 bytes, found 96");
    let mut lying = stored;
    let directory = lying.windows(4).position(|window| window == b"PK\x01\x02").unwrap();
    lying[directory + 24] += 1;
    refuses("a.npz", lying, &plain(), "a.npz: array `x` needs 225 bytes, found 224");
}

#[test]
fn safetensors_files() {
    let refuses = |bytes: Vec<u8>, message: &str| refuses("a.safetensors", bytes, &plain(), message);
    refuses(vec![1, 2, 3], "a.safetensors: bad header of safetensors file: 3 bytes in all");
    let long = [&u64::MAX.to_le_bytes()[..], b"{}"].concat();
    refuses(long, "a.safetensors: bad header of safetensors file: 18446744073709551615 bytes long, expected at most 2");
    refuses(safetensors("{}", b""), "a.safetensors: no array named `x`, found none");
    let x = r#"{"x":{"dtype":"F32","shape":[1,2],"data_offsets":[0,8]}}"#;
    refuses(safetensors(x, b"1234567"), "a.safetensors: data needs 8 bytes, found 7");
    refuses(
        safetensors(&x.replace('8', "4"), b"1234"),
        "a.safetensors: bad header of safetensors file: invalid shape, data type, or offset for tensor",
    );
    let bf16 = r#"{"x":{"dtype":"BF16","shape":[1,2],"data_offsets":[0,4]}}"#;
    refuses(safetensors(bf16, b"1234"), "a.safetensors: array `x` has unsupported data type BF16");
}

#[test]
fn csv_files() {
    refuses("a.csv", "", &plain(), "a.csv: no data: no line");
    refuses("a.csv", "a,b\n", &plain(), "a.csv: no data: 0 samples");
    refuses("a.csv", "a,b\n1,2\n\n3\n", &plain(), "a.csv:4: 1 fields, expected 2");
    refuses("a.csv", "1,2\n1,2,3\n", &plain(), "a.csv:2: 3 fields, expected 2");
    refuses("a.csv", "a,b\n1,two\n", &plain(), "a.csv:2: column 2: `two` is not a number");
    refuses("a.csv", "a,1\n1,2\n", &plain(), "a.csv:1: column 1: `a` is not a number");
    refuses("a.csv", "1,\n", &plain(), "a.csv:1: column 2: `` is not a number");
    refuses("a.csv", "1,2\n3,nan\n", &plain(), "a.csv: sample 1, element 1 is NaN, expected a finite number");
    refuses("a.csv", b"1\n\xff\n", &plain(), "a.csv:2: not UTF-8 text");
    refuses("a.csv", "1".repeat((1 << 24) + 1), &plain(), "a.csv:1: longer than 16777216 bytes");
    let label = |text: &str| DataOptions { label_column: Some(text.parse().unwrap()), ..plain() };
    refuses("a.csv", "a,b\n1,2\n", &label("c"), "a.csv: no label column `c`, found `a`, `b`");
    refuses("a.csv", "1,2\n", &label("3"), "a.csv: no label column 3, found 2 columns without names");
    refuses("a.csv", "1,2\n", &label("2\u{20}"), "a.csv: no label column `2 `, found 2 columns without names");
    refuses("a.csv", "a,b\n1,-2\n", &label("b"), "a.csv: label of sample 0 is -2, expected a whole number of at least 0");
    refuses("a.csv", "7\n", &label("1"), "a.csv: no data: samples of shape [0]");
}

#[test]
fn image_folders() {
    let folder = Folder::new();
    std::fs::create_dir(folder.path("set")).unwrap();
    let message = |options: &DataOptions| folder.message(&read(&folder.path("set"), options).unwrap_err());
    assert_eq!(message(&plain()), "set: no data: no image");

    let rgb = std::fs::read(fixture("rgb.png")).unwrap();
    folder.write("set/a.png", &rgb);
    folder.write("set/.hidden", "ignored");
    assert_eq!(read(&folder.path("set"), &plain()).unwrap().len(), 1);

    folder.write("set/b.png", &rgb[..40]);
    assert!(message(&plain()).starts_with("set/b.png: unreadable image: "), "{}", message(&plain()));
    folder.write("set/b.png", std::fs::read(fixture("gray.png")).unwrap());
    assert_eq!(message(&plain()), "set/b.png: image is gray, expected rgb");
    folder.write("set/b.png", std::fs::read(fixture("alpha.png")).unwrap());
    assert_eq!(message(&plain()), "set/b.png: image is rgba8, expected gray or rgb of 8 bits");
    assert_eq!(read(&folder.path("set"), &DataOptions { color: Some(ColorModel::Gray), ..plain() }).unwrap().len(), 2);

    folder.write("set/c.txt", "");
    assert_eq!(message(&plain()), "set/c.txt: expected a BMP, JPEG or PNG image");
    folder.write("set/class/a.png", &rgb);
    assert_eq!(message(&plain()), "set/a.png: expected a sub-folder per class, as its neighbours are");
}

#[test]
fn images_whose_header_claims_too_much() {
    let mut png = std::fs::read(fixture("rgb.png")).unwrap();
    png[16..24].copy_from_slice(&[0, 0, 0x40, 0, 0, 0, 0x40, 0]);
    let crc = crc32(&png[12..29]);
    png[29..33].copy_from_slice(&crc.to_be_bytes());
    let folder = Folder::new();
    folder.write("set/a.png", png);
    let error = read(&folder.path("set"), &plain()).unwrap_err();
    assert_eq!(folder.message(&error), "set/a.png: a sample of shape [16384, 16384, 3] exceeds the limit of 67108864 elements");
}

/// CRC-32 as PNG and zip use it.
fn crc32(bytes: &[u8]) -> u32 {
    !bytes.iter().fold(!0, |crc, &byte| (0..8).fold(crc ^ u32::from(byte), |crc, _| (crc >> 1) ^ (0xedb8_8320 * (crc & 1))))
}

#[test]
fn image_files_beyond_any_image() {
    let folder = Folder::new();
    let sparse = std::fs::File::create(folder.write("set/a.jpg", "")).unwrap();
    sparse.set_len(1 << 40).unwrap();
    let error = read(&folder.path("set"), &plain()).unwrap_err();
    assert_eq!(folder.message(&error), "set/a.jpg: bad header of image: file of 1099511627776 bytes, expected at most 268435456");
}
