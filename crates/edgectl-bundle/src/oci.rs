//! The OCI image layout around a manifest. All of it follows from the manifest and its signatures, byte for byte, so a reader compares it
//! and never parses it.

use serde::Serialize;

use crate::digest::Digest;
use crate::manifest::Manifest;

pub(crate) const LAYOUT: &[u8] = br#"{"imageLayoutVersion":"1.0.0"}"#;

const IMAGE_MANIFEST: &str = "application/vnd.oci.image.manifest.v1+json";
const IMAGE_INDEX: &str = "application/vnd.oci.image.index.v1+json";
/// What kind of artifact a bundle is.
pub const ARTIFACT_TYPE: &str = "application/vnd.edgectl.bundle.v1";
/// The type of the manifest's blob.
pub const MANIFEST_TYPE: &str = "application/vnd.edgectl.manifest.v1+json";
/// The type of a signature's blob.
pub const SIGNATURE_TYPE: &str = "application/vnd.edgectl.signature.v1+minisign";

#[derive(Serialize)]
#[serde(rename_all = "camelCase")]
struct Image<'a> {
    schema_version: u32,
    media_type: &'a str,
    artifact_type: &'a str,
    config: Descriptor<'a>,
    layers: Vec<Descriptor<'a>>,
    annotations: Annotations<'a>,
}

#[derive(Serialize)]
#[serde(rename_all = "camelCase")]
struct Index<'a> {
    schema_version: u32,
    media_type: &'a str,
    manifests: [Descriptor<'a>; 1],
}

#[derive(Serialize)]
#[serde(rename_all = "camelCase")]
struct Descriptor<'a> {
    media_type: String,
    digest: Digest,
    size: u64,
    #[serde(skip_serializing_if = "Option::is_none")]
    annotations: Option<Annotations<'a>>,
}

/// Keys as the OCI image specification names them.
#[derive(Serialize, Default)]
struct Annotations<'a> {
    #[serde(rename = "org.opencontainers.image.ref.name", skip_serializing_if = "Option::is_none")]
    tag: Option<String>,
    #[serde(rename = "org.opencontainers.image.title", skip_serializing_if = "Option::is_none")]
    title: Option<&'a str>,
    #[serde(rename = "org.opencontainers.image.version", skip_serializing_if = "Option::is_none")]
    version: Option<String>,
}

fn descriptor<'a>(media_type: &str, bytes: &[u8], annotations: Option<Annotations<'a>>) -> Descriptor<'a> {
    Descriptor { media_type: media_type.into(), digest: Digest::of(bytes), size: bytes.len() as u64, annotations }
}

/// The image manifest: the edgectl manifest is its configuration; signatures and files are its layers.
pub(crate) fn image(manifest: &Manifest, manifest_bytes: &[u8], signatures: &[String]) -> Vec<u8> {
    let titled = |title| Some(Annotations { title: Some(title), ..Annotations::default() });
    let signature = |text: &String| descriptor(SIGNATURE_TYPE, text.as_bytes(), titled("manifest.minisig"));
    let file = |file: &'_ crate::manifest::File| (file.role.media_type(), file.digest, file.size);
    let files = manifest.blobs().map(|blob| {
        let (media_type, digest, size) = file(blob);
        Descriptor { media_type, digest, size, annotations: titled(&blob.path) }
    });
    json(&Image {
        schema_version: 2,
        media_type: IMAGE_MANIFEST,
        artifact_type: ARTIFACT_TYPE,
        config: descriptor(MANIFEST_TYPE, manifest_bytes, None),
        layers: signatures.iter().map(signature).chain(files).collect(),
        annotations: Annotations { title: Some(&manifest.name), version: Some(manifest.version.to_string()), ..Annotations::default() },
    })
}

/// The index: it has one image manifest, whose tag is the bundle's version.
pub(crate) fn index(manifest: &Manifest, image: &[u8]) -> Vec<u8> {
    // A tag has no `+`; build metadata need one.
    let tag = manifest.version.to_string().replace('+', "_");
    let annotations = Some(Annotations { tag: Some(tag), ..Annotations::default() });
    json(&Index { schema_version: 2, media_type: IMAGE_INDEX, manifests: [descriptor(IMAGE_MANIFEST, image, annotations)] })
}

fn json(value: &impl Serialize) -> Vec<u8> {
    // Neither maps with keys that are no text nor a writer that fails: it cannot go wrong.
    serde_json::to_vec(value).unwrap_or_default()
}
