//! Signed bundles (`.edgepkg`): manifest, digests, signature.
