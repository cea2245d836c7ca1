//! Bundles that are wrong in one thing each, by name: what the error says, and that none is accepted.
#![allow(clippy::print_stdout, clippy::unwrap_used, missing_docs)]

mod common;

use common::*;
use edgectl_bundle::*;

/// Name, bundle, a part of the error and its causes.
type Case = (&'static str, Vec<u8>, &'static str);

fn signature_of(bytes: &[u8], seed: u8, comment: &str) -> String {
    Signature::make(&key(seed), &Prehash::of(bytes), comment).unwrap().to_file("signature of an edgectl manifest")
}

/// The good bundle with its signature replaced by this text, the layout around it adapted as an attacker would.
fn with_signature(text: &str) -> Vec<u8> {
    let mut entries = split(&good());
    entries[4] = Entry::blob(text.as_bytes());
    join(&entries)
}

fn without(index: usize) -> Vec<u8> {
    let mut entries = split(&good());
    entries.remove(index);
    join(&entries)
}

/// With this entry before the files.
fn with_entry(entry: Entry) -> Vec<u8> {
    let mut entries = split(&good());
    entries.insert(5, entry);
    join(&entries)
}

fn with(index: usize, change: impl Fn(Entry) -> Entry) -> Vec<u8> {
    let mut entries = split(&good());
    entries[index] = change(entries[index].clone());
    join(&entries)
}

fn archives() -> Vec<Case> {
    let first = split(&good())[5].clone();
    let name = |text: &str| {
        let mut name = [0; 100];
        name[..text.len()].copy_from_slice(text.as_bytes());
        with(5, |entry| entry.with(0, &name))
    };
    let swapped = |a, b| {
        let mut entries = split(&good());
        entries.swap(a, b);
        join(&entries)
    };
    let other_program = Entry::blob(b"PROGRAM");
    let upper = blob_name(CONTENTS[0].2).to_uppercase().replace("BLOBS/SHA256", "blobs/sha256");
    let sha512 = blob_name(CONTENTS[0].2).replace("sha256", "sha512");
    let mut trailing = good();
    trailing.push(0);
    let mut a_block_more = good();
    a_block_more.extend([0; 512]);
    let mut checksum = good();
    checksum[148] = b'7';
    let mut dirty_padding = good();
    dirty_padding[1023] = 1;
    let endless = join(&[vec![Entry::new("", b""); 20_000]].concat());
    vec![
        ("empty", vec![], "not a bundle"),
        ("only zeros", vec![0; 10_240], "not a bundle"),
        ("a gzip file", b"\x1f\x8b\x08\x00".repeat(200), "not a bundle"),
        ("no end", good()[..good().len() - 1024].to_vec(), "the end of the bundle"),
        ("half an end", good()[..good().len() - 512].to_vec(), "the end of the bundle"),
        ("a byte after the end", trailing, "at the end of the file"),
        ("a block after the end", a_block_more, "at the end of the file"),
        ("two bundles", [good(), good()].concat(), "at the end of the file"),
        ("20,000 empty entries", endless, "not a bundle"),
        ("no oci-layout", without(0), "not a bundle"),
        (
            "oci-layout of another version",
            with(0, |e| e.holding(br#"{"imageLayoutVersion":"1.0.1"}"#)),
            "oci-layout of the bundle: content",
        ),
        ("no index", without(1), "expected \"index.json\""),
        (
            "an index that points elsewhere",
            with(1, |e| {
                let text = String::from_utf8(e.content).unwrap();
                Entry::new("index.json", text.replacen("sha256:", "sha256:0", 1).replacen("0\"", "\"", 1).as_bytes())
            }),
            "index.json of the bundle: content",
        ),
        (
            "an index of two manifests",
            with(1, |_| Entry::new("index.json", br#"{"schemaVersion":2,"manifests":[{},{}]}"#)),
            "index.json of the bundle: content",
        ),
        ("an index of 2 MiB", with(1, |_| Entry::new("index.json", &vec![b' '; 2 << 20])), "size is 2097152"),
        ("no manifest", without(2), "not signed"),
        (
            "two manifests",
            {
                let mut e = split(&good());
                e.insert(3, e[2].clone());
                join(&e)
            },
            "not signed",
        ),
        ("a manifest of 257 KiB", with(2, |_| Entry::blob(&vec![b' '; 257 << 10])), "size is 263168"),
        ("another image manifest", with(3, |_| Entry::blob(b"{}")), "the image manifest of the bundle: content"),
        ("no image manifest", without(3), "not signed"),
        ("a file is missing", without(5), "name is"),
        ("the last file is missing", without(8), "the end of the archive"),
        ("a file too many", with_entry(Entry::blob(b"extra")), "name is"),
        ("a file twice", with_entry(first.clone()), "name is"),
        ("files in another order", swapped(5, 6), "name is"),
        ("the manifest after a file", swapped(2, 5), "is not that of the manifest"),
        ("another file under the right name", with(7, |e| e.holding(b"PROGRAM")), "program.edgm: content altered"),
        ("another file under its own name", with(7, |_| other_program.clone()), "name is"),
        ("a file of another size", with(7, |e| e.with(124, b"00000000010\0").holding(b"program!")), "size is"),
        ("a name in upper case", name(&upper), "name is"),
        ("a name of SHA-512", name(&sha512), "name is"),
        ("a name that leads out", name("blobs/sha256/../../x"), "name is"),
        ("an absolute name", name("/etc/passwd"), "name is"),
        ("a name with NUL", with(5, |e| e.with(20, &[0])), "name is"),
        ("a name that is not UTF-8", with(5, |e| e.with(20, &[0xff])), "name is"),
        ("bytes after the name's NUL", with(5, |e| e.with(99, b"x")), "name is"),
        ("a hard link", with(5, |e| e.with(156, b"1")), "type is \"1\""),
        ("a symbolic link", with(5, |e| e.with(156, b"2").with(157, b"/etc/passwd")), "type is \"2\""),
        ("a character device", with(5, |e| e.with(156, b"3")), "type is \"3\""),
        ("a block device", with(5, |e| e.with(156, b"4")), "type is \"4\""),
        ("a folder", with(5, |e| e.with(156, b"5")), "type is \"5\""),
        ("a FIFO", with(5, |e| e.with(156, b"6")), "type is \"6\""),
        ("a regular file of old", with(5, |e| e.with(156, &[0])), "type is \"\""),
        ("a PAX header that overrides the size", with_entry(Entry::new("pax", b"16 size=9999999\n").with(156, b"x")), "type is"),
        (
            "a global PAX header first",
            {
                let mut e = split(&good());
                e.insert(0, Entry::new("oci-layout", b"").with(156, b"g"));
                join(&e)
            },
            "type is \"g\"",
        ),
        ("a GNU long name", with_entry(Entry::new("././@LongLink", b"x\0").with(156, b"L")), "type is"),
        ("a GNU sparse file", with(5, |e| e.with(156, b"S")), "type is \"S\""),
        ("a size in base 256", with(5, |e| e.with(124, b"\x80\0\0\0\0\0\0\0\0\0\0\x0e")), "size is"),
        ("a negative size", with(5, |e| e.with(124, b"\xff\xff\xff\xff\xff\xff\xff\xff\xff\xff\xff\xf2")), "size is"),
        ("a size that overflows", with(5, |e| e.with(124, b"777777777777")), "size is"),
        ("a size without end", with(2, |e| e.with(124, b"77777777777\0")), "size is 8589934591"),
        ("a size with a sign", with(5, |e| e.with(124, b"+0000000016\0")), "size is"),
        ("an executable blob", with(5, |e| e.with(100, b"0000755\0")), "mode is"),
        ("a setuid blob", with(5, |e| e.with(100, b"0004755\0")), "mode is"),
        ("a time", with(5, |e| e.with(136, b"00000000001\0")), "time is"),
        ("an owner", with(5, |e| e.with(108, b"0001750\0")), "owner is"),
        ("an owner's name", with(5, |e| e.with(265, b"root")), "owner name is"),
        ("a name prefix", with(5, |e| e.with(345, b"a")), "name prefix is"),
        ("GNU's magic", with(5, |e| e.with(257, b"ustar  \0")), "magic is"),
        ("a bad checksum", checksum, "checksum is"),
        ("something in the padding", dirty_padding, "padding is something"),
    ]
}

fn signatures() -> Vec<Case> {
    let (manifest, comment) = (manifest().to_bytes().unwrap(), manifest().trusted_comment());
    let good = signature_of(&manifest, 1, &comment);
    let other = self::manifest();
    let other = Manifest { counter: 411, ..other };
    // The signature proper has the algorithm in its first two bytes.
    let line = |text: &str, at: usize| text.lines().nth(at).unwrap().to_owned();
    let legacy = good.replace(&line(&good, 1), &base64(&[&b"Ed"[..], &[1; 72]].concat()));
    let mut tail = line(&good, 3);
    // The last character before the padding carries two bits that base64 does not use.
    let at = tail.len() - 3;
    let next = char::from(tail.as_bytes()[at] + 1).to_string();
    tail.replace_range(at..=at, &next);
    let crlf = good.replace('\n', "\r\n");
    vec![
        ("not signed", pack(&self::manifest(), &[]), "not signed"),
        ("the signature is missing", without(4), "not signed"),
        ("signed by a stranger", pack(&self::manifest(), &[sign(&self::manifest(), &key(2)).unwrap()]), "0202020202020202 is not trusted"),
        (
            "a stranger with our key's number",
            with_signature(&signature_of(&manifest, 2, &comment).replace(&line(&signature_of(&manifest, 2, &comment), 1), &line(&good, 1))),
            "trusted comment",
        ),
        (
            "the signature of an older release",
            with_signature(&signature_of(&other.to_bytes().unwrap(), 1, &other.trusted_comment())),
            "is not that of the manifest",
        ),
        ("the signature of nothing", with_signature(&signature_of(b"", 1, &comment)), "is not that of the manifest"),
        (
            "the trusted comment of another release",
            with_signature(&signature_of(&manifest, 1, &other.trusted_comment())),
            "its trusted comment says",
        ),
        ("an altered trusted comment", with_signature(&good.replace("counter=412", "counter=413")), "is not that of its trusted comment"),
        ("another untrusted comment", with_signature(&good.replace("of an edgectl", "of a edgectl")), "not signed"),
        ("minisign's legacy form", with_signature(&legacy), "legacy form"),
        (
            "an algorithm that nobody knows",
            with_signature(&good.replace(&line(&good, 1), &base64(&[&b"XX"[..], &[1; 72]].concat()))),
            "the algorithm ED",
        ),
        ("a short signature", with_signature(&good.replace(&line(&good, 1), &base64(b"ED1234567812345678"))), "74 bytes in base64"),
        ("base64 in another form", with_signature(&good.replace(&line(&good, 3), &tail)), "64 bytes in base64"),
        ("other line ends", with_signature(&crlf), "not signed"),
        ("three lines", with_signature(good.trim_end().rsplit_once('\n').unwrap().0), "four lines"),
        ("five lines", with_signature(&(good.clone() + "x\n")), "four lines"),
        (
            "a signature twice",
            {
                let mut e = split(&common::good());
                e.insert(5, e[4].clone());
                join(&e)
            },
            "in ascending order",
        ),
        (
            "a signature that is not in the layout",
            with_entry(Entry::blob(signature_of(&manifest, 3, &comment).as_bytes())),
            "the image manifest of the bundle: content",
        ),
        ("17 signatures", pack_many(17), "at most 16"),
    ]
}

/// More signatures than there may be, put in by hand.
fn pack_many(count: u8) -> Vec<u8> {
    let (manifest, comment) = (manifest().to_bytes().unwrap(), manifest().trusted_comment());
    let mut entries = split(&good());
    for seed in 2..=count {
        entries.insert(3 + usize::from(seed), Entry::blob(signature_of(&manifest, seed, &comment).as_bytes()));
    }
    join(&entries)
}

fn manifests() -> Vec<Case> {
    let deep = [vec![b'['; 200_000], vec![b']'; 200_000]].concat();
    let deep_field = format!("\"shape\":{}1{}", "[".repeat(100), "]".repeat(100));
    let text = || String::from_utf8(manifest().to_bytes().unwrap()).unwrap();
    let pi4 = r#""profile":"pi4""#;
    let file = |path: &str| edited(r#""path":"labels.txt""#, &format!(r#""path":"{path}""#));
    vec![
        ("an empty manifest", around(b""), "EOF"),
        ("no JSON", around(b"\x00\x01"), "not a manifest"),
        ("a depth bomb", around(&deep[..250_000]), "not a manifest"),
        ("a deep value", edited("\"shape\":[1,4]", &deep_field), "not a manifest"),
        ("a byte order mark", around(("\u{feff}".to_owned() + &text()).as_bytes()), "not a manifest"),
        ("white space", around((text() + "\n").as_bytes()), "canonical form"),
        ("a comment", edited("{", "/**/{"), "not a manifest"),
        ("two manifests in one", around((text() + &text()).as_bytes()), "not a manifest"),
        ("a key twice", edited("\"counter\":412", "\"counter\":412,\"counter\":412"), "duplicate field"),
        ("a key that nobody knows", edited("\"counter\":412", "\"counter\":412,\"critical\":1"), "unknown field"),
        ("a key is missing", edited("\"counter\":412,", ""), "missing field"),
        (
            "keys in another order",
            edited("\"arena_bytes\":100,\"channel\":\"prod\"", "\"channel\":\"prod\",\"arena_bytes\":100"),
            "canonical form",
        ),
        ("NaN", edited("\"counter\":412", "\"counter\":NaN"), "not a manifest"),
        ("a number without end", edited("\"counter\":412", "\"counter\":1e308"), "not a manifest"),
        ("-0", edited("\"zero_point\":-3", "\"zero_point\":-0"), "not a manifest"),
        ("a leading zero", edited("\"counter\":412", "\"counter\":0412"), "not a manifest"),
        ("2^53", edited("\"counter\":412", "\"counter\":9007199254740992"), "less than 2^53"),
        ("a counter beyond 64 bits", edited("\"counter\":412", "\"counter\":18446744073709551616"), "not a manifest"),
        ("half a surrogate pair", edited("\"name\":\"kws\"", r#""name":"\ud800""#), "not a manifest"),
        ("an escape that is not needed", edited("\"name\":\"kws\"", r#""name":"kw\u0073""#), "canonical form"),
        (
            "bytes that are not UTF-8",
            around(
                &text().replace("kws", "k\u{7f}s").into_bytes().into_iter().map(|b| if b == 0x7f { 0xff } else { b }).collect::<Vec<_>>(),
            ),
            "not a manifest",
        ),
        ("another format", edited("\"format\":1", "\"format\":2"), "format \"2\""),
        ("a version that is none", edited("\"version\":\"1.4.0\"", "\"version\":\"1.4\""), "not a manifest"),
        ("counter 0", edited("\"counter\":412", "\"counter\":0"), "1 or more"),
        ("a name with a slash", edited("\"name\":\"kws\"", "\"name\":\"k/s\""), "name \"k/s\""),
        ("a name with an escape code", edited("\"name\":\"kws\"", r#""name":"k\u001b[2Js""#), "name"),
        ("a channel in upper case", edited("\"prod\"", "\"Prod\""), "channel"),
        ("expires before it was made", edited("2027-11-01", "2026-10-01"), "a moment after `created`"),
        ("a date that is none", edited("2027-11-01", "2027-13-01"), "not a manifest"),
        ("a date with a zone", edited("2027-11-01T00:00:00Z", "2027-11-01T00:00:00+00:00"), "not a manifest"),
        ("a role that nobody knows", edited("\"role\":\"labels\"", "\"role\":\"hook\""), "unknown variant"),
        ("no program", edited("\"role\":\"program\"", "\"role\":\"labels\""), "one program"),
        ("two programs", edited("\"role\":\"labels\"", "\"role\":\"program\""), "one program"),
        ("an absolute path", file("/etc/passwd"), "path \"/etc/passwd\""),
        ("a path that leads out", file("../labels.txt"), "path \"../labels.txt\""),
        ("a path that leads out later", file("labels/../../x"), "path"),
        ("a path with a line feed", file("labels\\n.txt"), "path"),
        ("a path with a backslash", file("labels\\\\x"), "path"),
        ("a path like an option", file("-rf"), "path"),
        ("a hidden file", file("labels/.profile"), "path"),
        ("an empty segment", file("labels//x"), "path"),
        ("an empty path", file(""), "path"),
        ("a path of 101 bytes", file(&"l".repeat(101)), "path"),
        (
            "a file that is a folder too",
            edited("\"path\":\"labels.txt\"", "\"path\":\"golden.edgv/labels.txt\""),
            "no folder of another one",
        ),
        ("paths that differ in case only", edited("\"path\":\"labels.txt\"", "\"path\":\"PROGRAM.edgm\""), "ascending order"),
        ("a path twice", edited("\"path\":\"labels.txt\"", "\"path\":\"golden.edgv\""), "ascending order"),
        ("a digest in upper case", edited("\"digest\":\"sha256:", "\"digest\":\"SHA256:"), "not a manifest"),
        ("a digest of SHA-512", edited("\"digest\":\"sha256:", "\"digest\":\"sha512:"), "not a manifest"),
        ("a file of 8 GiB", edited("\"size\":14", "\"size\":8589934592"), "less than 8 GiB"),
        ("no target", around(replaced_targets("[]").as_bytes()), "one or more"),
        ("a target twice", edited("\"profile\":\"pico\"", "\"profile\":\"pi4\""), "each once"),
        (
            "a target with a file that is not there",
            edited("[\"golden.edgv\",\"labels.txt\",", "[\"golden.edgv\",\"labels.txt\",\"model.onnx\","),
            "a path among `files`",
        ),
        ("a target without the program", edited("[\"golden.edgv\",\"program.edgm\"]", "[\"golden.edgv\"]"), "the program among them"),
        (
            "a target without golden vectors",
            edited("[\"golden.edgv\",\"program.edgm\"]", "[\"program.edgm\"]"),
            "the golden vectors among them",
        ),
        ("a flash under Linux", edited("\"system\":\"bare-metal\"", "\"system\":\"linux\""), "none where there is Linux"),
        ("a system that nobody knows", edited("\"system\":\"linux\"", "\"system\":\"hurd\""), "unknown variant"),
        ("a profile with a slash", edited(pi4, r#""profile":"p/4""#), "profile of a target"),
        ("a part beyond the flash", edited("\"offset\":8192", "\"offset\":2097152"), "end of a part"),
        ("a part not aligned", edited("\"offset\":8192", "\"offset\":8193"), "a multiple of `erase_bytes`"),
        (
            "parts that overlap",
            edited("\"offset\":8192}", "\"offset\":8192},{\"file\":\"golden.edgv\",\"offset\":8192}"),
            "without overlap",
        ),
        (
            "a part that is no file of the target",
            edited("{\"file\":\"program.edgm\",\"offset\"", "{\"file\":\"labels.txt\",\"offset\""),
            "a file of the target",
        ),
        ("sectors of 0 bytes", edited("\"erase_bytes\":4096", "\"erase_bytes\":0"), "a power of two"),
        ("a flash without end", edited("\"bytes\":2097152", "\"bytes\":8589934592"), "at most 4 GiB"),
        ("no golden vectors", edited("\"vectors\":2", "\"vectors\":0"), "1 or more"),
        ("golden vectors that are labels", edited("\"file\":\"golden.edgv\"", "\"file\":\"labels.txt\""), "a file of the role golden"),
        ("a scale that is no number", edited("\"scale\":\"0.1\"", "\"scale\":\"inf\""), "not a manifest"),
        ("a scale of 0", edited("\"scale\":\"0.1\"", "\"scale\":\"0\""), "more than 0"),
        ("a scale in another form", edited("\"scale\":\"0.1\"", "\"scale\":\"0.10\""), "canonical form"),
    ]
}

fn replaced_targets(targets: &str) -> String {
    let text = String::from_utf8(manifest().to_bytes().unwrap()).unwrap();
    let (before, rest) = text.split_once("\"targets\":").unwrap();
    format!("{before}\"targets\":{targets},{}", &rest[rest.rfind("\"version\"").unwrap()..])
}

#[test]
fn named_bundles_are_refused() {
    let cases = [archives(), signatures(), manifests()].concat();
    let mut names: Vec<&str> = cases.iter().map(|case| case.0).collect();
    names.sort_unstable();
    names.dedup();
    assert_eq!(names.len(), cases.len(), "names are not unique");
    let mut wrong = vec![];
    for (name, bytes, expected) in &cases {
        match verify(bytes.clone()) {
            Ok(_) => wrong.push(format!("{name}: accepted")),
            Err(error) => {
                let mut text = error.to_string();
                let mut source = std::error::Error::source(&error);
                while let Some(cause) = source {
                    text += &format!(": {cause}");
                    source = cause.source();
                }
                if !text.contains(expected) {
                    wrong.push(format!("{name}: expected \"{expected}\", found \"{text}\""));
                }
            }
        }
    }
    assert!(wrong.is_empty(), "{} of {}:\n{}", wrong.len(), cases.len(), wrong.join("\n"));
    println!("{} named bad bundles: none accepted", cases.len());
}

/// Each names the attack in its error.
#[test]
fn attacks_have_names() {
    let signed = |manifest: &Manifest, seeds: &[u8]| {
        let signatures: Vec<_> = seeds.iter().map(|&seed| sign(manifest, &key(seed)).unwrap()).collect();
        pack(manifest, &signatures)
    };
    let refused = |bytes: Vec<u8>, trust: &Trust, policy: &Policy<'_>| verify_with(bytes, trust, policy).map(|_| ()).unwrap_err().name();
    let (trust, policy, manifest) = (trust(), policy(), manifest());
    let later = Some("2027-11-01T00:00:00Z".parse().unwrap());
    assert_eq!(refused(good(), &trust, &Policy { now: later, ..policy.clone() }), "freeze");
    let installed = |security_version, counter| Some(Installed { security_version, counter });
    assert_eq!(refused(good(), &trust, &Policy { installed: installed(8, None), ..policy.clone() }), "rollback");
    assert_eq!(refused(good(), &trust, &Policy { installed: installed(7, Some(413)), ..policy.clone() }), "rollback");
    assert!(verify_with(good(), &trust, &Policy { installed: installed(6, Some(1)), ..policy.clone() }).is_ok());
    assert_eq!(refused(good(), &trust, &Policy { target: Some("jetson-nano"), ..policy.clone() }), "wrong_target");
    assert_eq!(refused(good(), &trust, &Policy { channel: Some("beta"), ..policy.clone() }), "wrong_channel");
    assert_eq!(refused(good(), &trust, &Policy { runtime_abi: Some(2), ..policy.clone() }), "too_new");
    assert_eq!(refused(good(), &trust, &Policy { edgectl: Some(semver::Version::new(0, 0, 9)), ..policy.clone() }), "too_new");
    assert_eq!(refused(pack(&manifest, &[]), &trust, &policy), "unsigned");
    assert_eq!(refused(signed(&manifest, &[2]), &trust, &policy), "key_unknown");

    let file = |keys: &str, thresholds: &str| Trust::parse(&format!(r#"{{"format":1,"keys":[{keys}],"thresholds":{{{thresholds}}}}}"#));
    let listed = |seed: u8, more: &str| format!(r#"{{"name":"k{seed}","key":"{}"{more}}}"#, key(seed).public());
    let release = r#","role":"release""#;
    let two = file(&[listed(1, release), listed(2, release)].join(","), r#""prod":2"#).unwrap();
    assert_eq!(refused(good(), &two, &policy), "threshold");
    assert_eq!(verify_with(signed(&manifest, &[1, 2]), &two, &policy).unwrap().signed_by().len(), 2);
    assert_eq!(refused(signed(&manifest, &[1, 3]), &two, &policy), "threshold");
    let test = file(&listed(1, r#","role":"test""#), "").unwrap();
    assert_eq!(refused(good(), &test, &policy), "key_role");
    let mut beta = manifest.clone();
    beta.channel = "beta".into();
    assert!(verify_with(signed(&beta, &[1]), &test, &Policy { channel: None, ..policy.clone() }).is_ok());
    let only_beta = file(&listed(1, r#","role":"release","channels":["beta"]"#), "").unwrap();
    assert_eq!(refused(good(), &only_beta, &policy), "key_role");
    let expired = file(&listed(1, r#","role":"release","expires":"2026-11-30T00:00:00Z""#), "").unwrap();
    assert_eq!(refused(good(), &expired, &policy), "key_expired");
    assert!(verify_with(good(), &expired, &Policy { now: None, ..policy.clone() }).is_ok(), "time is not judged without a clock");
    let revoked = file(&[listed(1, r#","role":"release","revoked":"2026-01-01T00:00:00Z""#), listed(2, release)].join(","), "").unwrap();
    assert_eq!(refused(good(), &revoked, &policy), "key_revoked");
    assert!(verify_with(signed(&manifest, &[1, 2]), &revoked, &policy).is_ok(), "the other key suffices");
    let mix = edited("\"counter\":412", "\"counter\":413");
    assert_eq!(refused(mix, &trust, &policy), "signature_invalid", "a manifest and the comment of another release");
}

#[test]
fn trust_files_that_are_refused() {
    let key = key(1).public().to_string();
    let cases = [
        ("", "EOF"),
        (r#"{"format":2,"keys":[]}"#, "format \"2\""),
        (r#"{"format":1,"keys":[],"root":1}"#, "unknown field"),
        (r#"{"format":1,"keys":[{"name":"a","key":"RWQ","role":"release"}]}"#, "minisign public key"),
        (r#"{"format":1,"keys":[{"name":"a","key":"KEY","role":"root"}]}"#, "unknown variant"),
        (
            r#"{"format":1,"keys":[{"name":"a","key":"KEY","role":"release"},{"name":"b","key":"KEY","role":"release"}]}"#,
            "not listed before",
        ),
        (r#"{"format":1,"keys":[{"name":"a","key":"KEY","role":"release"}],"thresholds":{"prod":2}}"#, "different keys"),
        (r#"{"format":1,"keys":[{"name":"a","key":"KEY","role":"release"}],"thresholds":{"prod":0}}"#, "1 or more"),
        (r#"{"format":1,"keys":[{"name":"a","key":"KEY","role":"test","channels":["prod"]}]}"#, "no `prod`"),
    ];
    for (text, expected) in cases {
        let error = Trust::parse(&text.replace("KEY", &key)).unwrap_err();
        let text = format!("{error}: {}", std::error::Error::source(&error).map(ToString::to_string).unwrap_or_default());
        assert!(text.contains(expected), "expected {expected}, found {text}");
    }
}
