//! Images of ELF files. `tests/interop/esp_images.py` has esptool and Espressif's partition tool judge what this leaves in
//! `EDGECTL_ESP_IMAGES`.

#![allow(clippy::unwrap_used, missing_docs)]

use edgectl_esp::image::{Image, ImageError, merge, parts};
use edgectl_esp::*;
use edgectl_esp_standin::elf::{elf, firmware};
use edgectl_esp_standin::{Setup, StandIn, model};

const TABLE: &str = "otadata, data, ota, 0xd000, 0x2000\napp_0, app, ota_0, , 256K\napp_1, app, ota_1, , 256K\nmodel, 0x40, 0x00, , 1M";

fn table() -> PartitionTable {
    PartitionTable::from_csv(TABLE).unwrap()
}

#[test]
fn every_chip_has_images_that_it_would_start() {
    let folder = std::env::var_os("EDGECTL_ESP_IMAGES").map(std::path::PathBuf::from);
    for chip in Chip::ALL {
        let found = parts(chip, &firmware(chip.name(), "1.2.3"), &table(), 4 << 20).unwrap();
        let [boot_loader, partitions, app] = &found[..] else { panic!("{found:?}") };
        assert_eq!((boot_loader.offset, partitions.offset, app.offset), (chip.boot_offset(), 0x8000, 0x10000));
        for image in [boot_loader, app] {
            let parsed = Image::parse(&image.bytes).unwrap();
            assert_eq!((parsed.chip_id, parsed.flash_bytes, parsed.bytes), (chip.id(), Some(4 << 20), image.bytes.len()));
            let (major, minor) = model(chip.name()).map_or((1, 0), |model| model.revision);
            assert!(parsed.runs_on(major * 100 + minor), "{}: {parsed:?}", chip.name());
        }
        let merged = merge(&found);
        if let Some(folder) = &folder {
            std::fs::create_dir_all(folder).unwrap();
            let write = |name: &str, bytes: &[u8]| std::fs::write(folder.join(format!("{}-{name}", chip.name())), bytes).unwrap();
            found.iter().for_each(|part| write(&format!("{}.bin", part.name.replace(' ', "-")), &part.bytes));
            write("merged.bin", &merged);
            std::fs::write(folder.join("table.csv"), TABLE).unwrap();
        }
        // The stand-in looks at it as the chip's boot loaders do.
        if model(chip.name()).is_some() {
            let layout = edge_device::memory_map::ESP32.layout;
            let stand_in = StandIn::start(Setup { slots: Some(layout), ..Setup::new(chip.name()) }).unwrap();
            stand_in.put(0, &merged);
            stand_in.reset();
            assert!(stand_in.is_running(), "{}", chip.name());
            // A byte of the application is wrong.
            stand_in.put(0x10100, &[merged[0x10100] ^ 1]);
            stand_in.reset();
            assert!(!stand_in.is_running(), "{}", chip.name());
        }
    }
}

#[test]
fn what_no_chip_can_start_is_refused() {
    let good = firmware("esp32c3", "1.0.0");
    let refuse =
        |chip: Chip, elf: &[u8], table: &str| parts(chip, elf, &PartitionTable::from_csv(table).unwrap(), 4 << 20).unwrap_err().to_string();
    assert!(refuse(Chip::Esp32S3, &good, TABLE).contains("the ELF file is for a RISC-V chip: expected esp32s3"));
    assert!(refuse(Chip::Esp32C3, &firmware("esp32", "1.0.0"), TABLE).contains("is for an Xtensa chip"));
    assert!(refuse(Chip::Esp32C3, b"MZ", TABLE).contains("not an ELF file"));
    assert!(refuse(Chip::Esp32C3, &good[..200], TABLE).contains("not an ELF file"));
    assert!(refuse(Chip::Esp32C3, &good, "a, data, nvs, 0x9000, 16K").contains("no partition for an application"));
    assert!(refuse(Chip::Esp32C3, &good, "a, app, factory, 0x10000, 4K").contains("`a` takes 4096"));
    assert!(refuse(Chip::Esp32C3, &good, "a, app, factory, 0x10000, 1M\nb, 0x40, 0, , 4M").contains("ends at 0x510000"));
    let odd = parts(Chip::Esp32C3, &good, &table(), 3 << 20).unwrap_err();
    assert!(matches!(odd, ImageError::FlashSize(_)), "{odd}");
}

#[test]
fn every_damage_of_an_image_is_noticed() {
    let found = parts(Chip::Esp32C3, &firmware("esp32c3", "1.0.0"), &table(), 4 << 20).unwrap();
    let app = &found[2].bytes;
    let sound = Image::parse(app).unwrap();
    for at in 0..app.len() {
        let mut damaged = app.clone();
        damaged[at] ^= 0x40;
        assert!(Image::parse(&damaged).is_err(), "byte {at}");
        assert!(Image::parse(&app[..at]).is_err(), "{at} bytes");
    }
    assert_eq!(Image::parse(&[&app[..], &[1, 2, 3]].concat()).unwrap(), sound);
}

#[test]
fn hostile_elf_files_do_no_harm() {
    let good = firmware("esp32c3", "1.0.0");
    let mut random = fastrand::Rng::with_seed(3);
    for _ in 0..3000 {
        let mut bytes = good.clone();
        for _ in 0..random.usize(1..6) {
            // Headers and rows more often than content.
            let at = if random.bool() { random.usize(0..52) } else { bytes.len() - 1 - random.usize(0..160) };
            bytes[at] = random.u8(..);
        }
        bytes.truncate(if random.u8(..) < 32 { random.usize(..bytes.len()) } else { bytes.len() });
        let _ = parts(Chip::Esp32C3, &bytes, &table(), 4 << 20);
    }
    // An application description that says nonsense.
    let odd = elf(243, &[(0x3C00_0020, &[0; 8])]);
    let _ = parts(Chip::Esp32C3, &odd, &table(), 4 << 20);
}

#[test]
fn an_image_for_other_silicon_is_not_written() {
    let facts =
        Facts { chip: Chip::Esp32C3, revision: Some(4), mac: None, flash_bytes: Some(4 << 20), security: Security::default(), stub: true };
    let found = parts(Chip::Esp32C3, &firmware("esp32c3", "1.0.0"), &table(), 4 << 20).unwrap();
    let table = table();
    let rules = plan::Rules { table: &table, flash_bytes: 4 << 20, allow_unverified: false };
    let plan = |facts: &Facts| Plan::new(found.iter().map(|part| (part.clone(), false)).collect(), facts, &rules);
    assert!(plan(&facts).is_ok());
    let old = plan(&Facts { revision: Some(9900), ..facts.clone() }).unwrap_err();
    assert!(old.to_string().contains("found 99.0"), "{old}");
    let other = plan(&Facts { chip: Chip::Esp32C6, ..facts.clone() }).unwrap_err();
    assert_eq!(other.name(), "esp_image", "{other}");
    let locked = Security { secure_boot: true, ..Security::default() };
    assert_eq!(plan(&Facts { security: locked, ..facts.clone() }).unwrap_err().name(), "esp_locked");
    for (offset, bytes, says) in [
        (0x10001, 10, "a multiple of 0x1000"),
        (0x90_0000, 10, "an end within the flash"),
        (0x8000, 0x1000, "its place, 0x8000 to 0x8c00"),
        (0x9000, 10, "within a partition"),
        (0x10_0000, 0xA_0000, "an end within its place"),
        (0x10_0000, 0, "at least one byte"),
    ] {
        let region = Region { name: "part".into(), offset, bytes: vec![0; bytes] };
        let error = Plan::new(vec![(region, false)], &facts, &rules).map(|_| ()).unwrap_err().to_string();
        assert!(error.contains(says), "{error}");
    }
    let twice = Region { name: "part".into(), offset: 0x10_0000, bytes: vec![0; 5000] };
    let next = Region { name: "next".into(), offset: 0x10_1000, bytes: vec![0; 5000] };
    let error = Plan::new(vec![(twice, false), (next, false)], &facts, &rules).map(|_| ()).unwrap_err().to_string();
    assert!(error.contains("no sector of part"), "{error}");
}
