//! What ESP-IDF's boot loader and espflash want to know of an application: `esp_app_desc_t`.

/// ESP-IDF, `esp_app_format/include/esp_app_desc.h`. All numbers are little-endian.
#[repr(C)]
struct AppDesc {
    magic: u32,
    secure_version: u32,
    reserved: [u32; 2],
    version: [u8; 32],
    name: [u8; 32],
    time: [u8; 16],
    date: [u8; 16],
    idf_version: [u8; 32],
    /// Of the ELF file; espflash fills it in.
    elf_sha256: [u8; 32],
    min_efuse_revision: u16,
    max_efuse_revision: u16,
    /// Two to the power of it.
    mmu_page: u8,
    reserved2: [u8; 3],
    reserved3: [u32; 18],
}

/// Time and date are left out: the same sources give the same bytes.
#[unsafe(link_section = ".flash.appdesc")]
#[used]
static APP_DESC: AppDesc = AppDesc {
    magic: 0xabcd_5432,
    secure_version: 0,
    reserved: [0; 2],
    version: text(env!("CARGO_PKG_VERSION")),
    name: text("edgectl"),
    time: [0; 16],
    date: [0; 16],
    idf_version: [0; 32],
    elf_sha256: [0; 32],
    min_efuse_revision: 0,
    max_efuse_revision: u16::MAX,
    mmu_page: 16,
    reserved2: [0; 3],
    reserved3: [0; 18],
};

const _: () = assert!(size_of::<AppDesc>() == 256);

/// With zeros behind it.
const fn text(text: &str) -> [u8; 32] {
    let (mut bytes, mut index) = ([0; 32], 0);
    while index < text.len() {
        bytes[index] = text.as_bytes()[index];
        index += 1;
    }
    bytes
}
