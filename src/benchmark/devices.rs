//! The profiles that are asked for, and their kernel libraries.

use std::path::Path;

use anyhow::{Context, Result, ensure};
use edgectl_profile::{DType, Origin, Profile, Registry, System};
use thiserror::Error;

/// Why profiles and kernels cannot be benched.
#[derive(Debug, Error)]
pub(crate) enum DeviceError {
    #[error("the profile {profile} has no kernel library {found}; it has {}", known.join(", "))]
    Kernels { profile: String, found: String, known: Vec<String> },
    #[error("no profiles (*.yaml) in {folder}")]
    Empty { folder: String },
}

/// Reads profiles: `all`, or names, paths of files, and folders.
pub(crate) fn open(wanted: &[String]) -> Result<Vec<Profile>> {
    let built_in = Registry::built_in();
    let mut profiles: Vec<Profile> = vec![];
    for wanted in wanted {
        let found = match wanted.as_str() {
            "all" => built_in.profiles().map(|(name, _)| load(&built_in, name)).collect::<Result<Vec<_>>>()?,
            folder if Path::new(folder).is_dir() => folder_of(folder)?,
            name => vec![load(&built_in, name)?],
        };
        profiles.extend(found.into_iter().filter(|profile| !profiles.contains(profile)).collect::<Vec<_>>());
    }
    Ok(profiles)
}

/// Reads a profile by its name or path.
pub(crate) fn load(registry: &Registry, name: &str) -> Result<Profile> {
    registry.load(name).with_context(|| format!("cannot read the profile {name}"))
}

fn folder_of(folder: &str) -> Result<Vec<Profile>> {
    let mut registry = Registry::built_in();
    registry.add_folder(Path::new(folder))?;
    let own = registry.profiles().filter(|(_, origin)| matches!(origin, Origin::File(_)));
    let profiles = own.map(|(name, _)| load(&registry, name)).collect::<Result<Vec<_>>>()?;
    ensure!(!profiles.is_empty(), DeviceError::Empty { folder: folder.into() });
    Ok(profiles)
}

/// The kernel libraries to bench on a profile: `all`, the one of this name, or the profile's own choice. On Linux the same library in the
/// other kind of arithmetic goes beside it, since int8 is not always faster there.
pub(crate) fn kernels(profile: &Profile, wanted: Option<&str>) -> Result<Vec<String>, DeviceError> {
    let chosen = match wanted {
        Some("all") => return Ok(profile.kernels.keys().cloned().collect()),
        Some(name) if profile.kernels.contains_key(name) => name,
        Some(name) => {
            let known = profile.kernels.keys().cloned().collect();
            return Err(DeviceError::Kernels { profile: profile.name.clone(), found: name.into(), known });
        }
        None => &profile.default_kernels,
    };
    let mut kernels = vec![chosen.to_owned()];
    kernels.extend(counterpart(profile, chosen).filter(|_| profile.system == System::Linux));
    Ok(kernels)
}

/// The same library with the same threads, int8 for float or float for int8.
pub(crate) fn counterpart(profile: &Profile, kernels: &str) -> Option<String> {
    let library = profile.kernels.get(kernels)?;
    let is_int8 = |dtype: DType| dtype == DType::Int8;
    let alike = profile.kernels.iter().filter(|(_, other)| {
        (&other.title, &other.processor, other.threads) == (&library.title, &library.processor, library.threads)
            && is_int8(other.dtype) != is_int8(library.dtype)
    });
    alike.map(|(key, _)| key.clone()).next()
}
