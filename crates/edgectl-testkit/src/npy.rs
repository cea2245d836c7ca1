//! Arrays for tests.

/// A `.npy` file (format 1.0) of this numpy type, such as `<f4`, with these bytes as elements. Nothing is checked, so that broken files can
/// be made as well.
pub fn npy(descr: &str, shape: &[usize], elements: &[u8]) -> Vec<u8> {
    let dims: String = shape.iter().map(|dim| format!("{dim}, ")).collect();
    let header = format!("{{'descr': '{descr}', 'fortran_order': False, 'shape': ({dims}), }}");
    let padded = (10 + header.len() + 1).next_multiple_of(64) - 10;
    let mut bytes = b"\x93NUMPY\x01\x00".to_vec();
    bytes.extend((padded as u16).to_le_bytes());
    bytes.extend(format!("{header:width$}\n", width = padded - 1).bytes());
    bytes.extend(elements);
    bytes
}
