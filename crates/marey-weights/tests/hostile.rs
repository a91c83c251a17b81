//! Files made to harm: refused by name, bounded in memory, and never a panic.
//!
//! One test only, so that the allocator that counts is not shared.

#![allow(clippy::unwrap_used, reason = "helpers of a test")]

use std::alloc::{GlobalAlloc, Layout, System};
use std::io::{Cursor, Read, Write};
use std::path::Path;
use std::sync::atomic::{AtomicUsize, Ordering::Relaxed};

use marey_weights::{Checkpoint, Error, parse};

struct Counting;
static NOW: AtomicUsize = AtomicUsize::new(0);
static PEAK: AtomicUsize = AtomicUsize::new(0);

// SAFETY: every call goes on to the system's allocator unchanged.
unsafe impl GlobalAlloc for Counting {
    unsafe fn alloc(&self, layout: Layout) -> *mut u8 {
        PEAK.fetch_max(NOW.fetch_add(layout.size(), Relaxed) + layout.size(), Relaxed);
        unsafe { System.alloc(layout) }
    }
    unsafe fn dealloc(&self, ptr: *mut u8, layout: Layout) {
        NOW.fetch_sub(layout.size(), Relaxed);
        unsafe { System.dealloc(ptr, layout) }
    }
}

#[global_allocator]
static ALLOCATOR: Counting = Counting;

/// Reads the bytes and gives the most memory taken meanwhile.
fn measured(bytes: &[u8]) -> (Result<Checkpoint, Error>, usize) {
    let before = NOW.load(Relaxed);
    PEAK.store(before, Relaxed);
    let result = parse(bytes, Path::new("hostile"));
    (result, PEAK.load(Relaxed) - before)
}

/// The most memory a file may take: every value of a pickle takes some, however few bytes name it.
fn bound(bytes: &[u8]) -> usize {
    (2 << 20) + 48 * bytes.len()
}

/// The error, after checking that little memory was taken for it.
#[track_caller]
fn refused(bytes: &[u8]) -> Error {
    let (result, peak) = measured(bytes);
    assert!(peak < bound(bytes), "{peak} bytes for a file of {}", bytes.len());
    result.unwrap_err()
}

fn pickle(parts: &[&[u8]]) -> Vec<u8> {
    [b"\x80\x04", parts.concat().as_slice(), b"."].concat()
}

fn globals() {
    for (module, name) in
        [("os", "system"), ("builtins", "eval"), ("posix", "system"), ("numpy", "load")]
    {
        let file = pickle(&[format!("c{module}\n{name}\n").as_bytes(), b"\x8c\x04true\x85R"]);
        match refused(&file) {
            Error::Refused { global, .. } => assert_eq!(global, format!("{module}.{name}")),
            other => panic!("{other}"),
        }
    }
    let by_stack = refused(b"\x80\x04\x8c\x02os\x8c\x06system\x93.");
    assert_eq!(
        by_stack.to_string(),
        "hostile: refuses `os.system`: a checkpoint holds arrays and plain containers only"
    );
    assert!(matches!(refused(b"(ios\nsystem\n."), Error::Refused { .. }));
    assert!(matches!(refused(b"\x80\x02\x82\x01."), Error::Refused { .. }));
}

fn bombs() {
    // A list of ten times the list before, thirty levels deep.
    let mut laughs = b"]".to_vec();
    for level in 0..30u8 {
        laughs.extend([b'q', level, b'0', b']', b'(']);
        (0..10).for_each(|_| laughs.extend([b'h', level]));
        laughs.push(b'e');
    }
    assert!(matches!(refused(&pickle(&[&laughs])), Error::TooLarge { .. }));
    // In a file whose length allows for more of them.
    let padding = [&b"B\x00\x00\x02\x00"[..], &[0; 1 << 17], b"0"].concat();
    assert!(matches!(refused(&pickle(&[&padding, &laughs])), Error::TooLarge { .. }));
    // The same object, made over and over and left on the stack.
    let dtype = b"cnumpy\ndtype\nq\x000\x8c\x02f4q\x010h\x00h\x01\x85q\x020".as_slice();
    assert!(matches!(
        refused(&pickle(&[dtype, &b"h\x00h\x02R".repeat(100_000)])),
        Error::Corrupt { .. }
    ));
    // The same with DUP, whose copies are the same list.
    let mut doubled = b"]".to_vec();
    (0..60).for_each(|_| doubled.extend(b"2\x86"));
    assert!(matches!(refused(&pickle(&[&doubled])), Error::TooLarge { .. }));

    assert!(matches!(
        refused(&pickle(&[&b"]".repeat(100_000), &b"a".repeat(99_999)])),
        Error::TooLarge { .. }
    ));
    assert!(matches!(refused(&pickle(&[&b"(".repeat(100_000)])), Error::Corrupt { .. }));
    let cyclic = refused(&pickle(&[b"]q\x00h\x00a"]));
    assert!(cyclic.to_string().contains("holds itself"), "{cyclic}");
    let cyclic = refused(&pickle(&[b"}q\x00\x8c\x01ah\x00s"]));
    assert!(cyclic.to_string().contains("holds itself"), "{cyclic}");

    // Lengths that the file does not have.
    for huge in [
        &b"X\xff\xff\xff\xff"[..],
        b"B\xff\xff\xff\x7f",
        b"\x8e\xff\xff\xff\xff\xff\xff\xff\xff",
        b"\x8b\xff\xff\xff\x7f",
    ] {
        assert!(matches!(refused(&pickle(&[huge])), Error::Corrupt { .. }));
    }
    assert!(matches!(
        refused(&pickle(&[b"Nr\xff\xff\xff\xff0j\xfe\xff\xff\xff"])),
        Error::Corrupt { .. }
    ));
    // An array of 2^40 elements made of one byte, and one of no bytes at all.
    let array = |shape: &[u8]| {
        let start: &[u8] =
            b"cnumpy.core.multiarray\n_reconstruct\ncnumpy\nndarray\nK\x00\x85C\x01b\x87R(K\x01";
        pickle(&[start, shape, b"cnumpy\ndtype\n\x8c\x02f4\x89\x88\x87R\x89C\x01xtb"])
    };
    let large = refused(&array(b"\x8a\x06\x00\x00\x00\x00\x00\x01\x85"));
    assert!(large.to_string().contains("takes 4398046511104 bytes, met 1"), "{large}");
    assert!(matches!(
        refused(&array(b"\x8a\x08\xff\xff\xff\xff\xff\xff\xff\x7f2\x86")),
        Error::Corrupt { .. }
    ));
    assert!(matches!(
        refused(&array(b"\x8a\x08\xff\xff\xff\xff\xff\xff\xff\xff\x85")),
        Error::Corrupt { .. }
    ));

    // A text of 64 KiB decoded over and over.
    let text = [&b"X\x00\x00\x01\x00"[..], &[b'a'; 1 << 16], b"q\x000"].concat();
    let again = b"c_codecs\nencode\nh\x00\x8c\x06latin1\x86R".repeat(2000);
    let file = pickle(&[&text, b"(", &again, b"t"]);
    let (result, peak) = measured(&file);
    assert!(result.is_ok() && peak < bound(&file), "{peak}");
    // A dictionary's members copied over and over.
    let members = [b"]q\x000](".as_slice(), &b"K\x01K\x01\x86".repeat(10_000), b"eq\x010"].concat();
    let copies = b"ccollections\nOrderedDict\nh\x01\x85R0".repeat(10_000);
    assert!(matches!(refused(&pickle(&[&members, &copies, b"N"])), Error::TooLarge { .. }));
}

fn archives() {
    let fixture = |name: &str| {
        std::fs::read(Path::new(env!("CARGO_MANIFEST_DIR")).join("tests/fixtures").join(name))
            .unwrap()
    };
    // 64 MiB of zeros, declared as the .ckpt or as a member before it.
    for name in ["p/a.ckpt", "p/README"] {
        let mut header = tar::Header::new_ustar();
        header.set_path(name).unwrap();
        header.set_size(64 << 20);
        header.set_cksum();
        let mut gz = flate2::write::GzEncoder::new(Vec::new(), flate2::Compression::fast());
        gz.write_all(header.as_bytes()).unwrap();
        (0..64).for_each(|_| gz.write_all(&[0; 1 << 20]).unwrap());
        let error = refused(&gz.finish().unwrap());
        assert!(matches!(error, Error::TooLarge { .. }), "{error}");
    }
    assert!(matches!(refused(b"\x1f\x8b\x08\x00garbage"), Error::Corrupt { .. }));

    // One wrong bit in the middle of an array's numbers is told by the archive's checksum.
    let mut npz = fixture("plain.npz");
    let numbers = npz.windows(8).position(|w| w == b"\0\0\x80\x3f\0\0\0\x40").unwrap();
    npz[numbers] ^= 1;
    assert!(matches!(refused(&npz), Error::Corrupt { .. }));
    // An entry that declares other sizes than it has.
    let npz = fixture("plain.npz");
    let central = npz.windows(4).position(|w| w == b"PK\x01\x02").unwrap();
    for (at, value) in [(20, u32::MAX - 1), (24, u32::MAX - 1), (24, 3), (20, 3), (42, 1 << 30)] {
        let mut changed = npz.clone();
        changed[central + at..central + at + 4].copy_from_slice(&value.to_le_bytes());
        let error = refused(&changed);
        assert!(
            matches!(
                error,
                Error::Corrupt { .. } | Error::TooLarge { .. } | Error::Unsupported { .. }
            ),
            "{error}"
        );
    }
}

/// Every fixture cut at every byte, and with every bit flipped (every seventh where it is long).
fn damage() {
    let folder = Path::new(env!("CARGO_MANIFEST_DIR")).join("tests/fixtures");
    let mut files: Vec<_> = std::fs::read_dir(folder).unwrap().map(|f| f.unwrap().path()).collect();
    files.sort();
    assert!(files.len() > 15);
    for path in files {
        let (bytes, name) = (std::fs::read(&path).unwrap(), path.display());
        let whole = parse(&bytes, &path).is_ok();
        for end in 0..bytes.len() {
            let (result, peak) = measured(&bytes[..end]);
            assert!(peak < bound(&bytes), "{name} cut at {end}: {peak} bytes");
            assert!(result.is_err() || !whole, "{name} cut at {end} is read");
        }
        let step = if bytes.len() > 1500 { 7 } else { 1 };
        let mut changed = bytes.clone();
        for bit in (0..bytes.len() * 8).step_by(step) {
            changed[bit / 8] ^= 1 << (bit % 8);
            let (_, peak) = measured(&changed);
            assert!(peak < bound(&bytes), "{name}, bit {bit}: {peak} bytes");
            changed[bit / 8] ^= 1 << (bit % 8);
        }
    }
}

/// A PyTorch file of one storage of eight numbers, and this pickle.
fn torch(pickle: &[u8]) -> Vec<u8> {
    let mut zip = zip::ZipWriter::new(Cursor::new(Vec::new()));
    let stored =
        zip::write::SimpleFileOptions::default().compression_method(zip::CompressionMethod::Stored);
    for (name, data) in [("a/data.pkl", pickle), ("a/data/0", &[0; 32])] {
        zip.start_file(name, stored).unwrap();
        zip.write_all(data).unwrap();
    }
    zip.finish().unwrap().into_inner()
}

/// The pickle of one tensor: its storage's key and length, its offset, shape and strides, all as opcodes.
fn view(key: &str, len: &[u8], offset: &[u8], shape: &[u8], strides: &[u8]) -> Vec<u8> {
    let mut body = b"}X\x01\0\0\0wctorch._utils\n_rebuild_tensor_v2\n((X\x07\0\0\0storagectorch\nFloatStorage\n".to_vec();
    body.extend([b'X', key.len() as u8, 0, 0, 0]);
    body.extend(key.bytes());
    body.extend(b"X\x03\0\0\0cpu");
    for part in [len, b"tQ", offset, b"(", shape, b"t(", strides, b"t\x89NtRs"] {
        body.extend(part);
    }
    pickle(&[&body])
}

/// Views that reach outside their storage, or copy it too often; then every bit of a pickle inside its archive, where
/// the archive's checksum is right.
fn views() {
    let whole = parse(
        &torch(&view("0", b"K\x08", b"K\x00", b"K\x02K\x04", b"K\x04K\x01")),
        Path::new("whole"),
    );
    assert_eq!(whole.unwrap().tensors["w"].shape, [2, 4]);
    let (huge, minus) = (b"\x8a\x06\0\0\0\0\0\x01".as_slice(), b"J\xff\xff\xff\xff".as_slice());
    for (what, file) in [
        ("28 bytes named in data.pkl, 32 met", view("0", b"K\x07", b"K\x00", b"K\x07", b"K\x01")), // the entry is longer than named
        ("met -1", view("0", b"K\x08", minus, b"K\x01", b"K\x01")),
        ("met -1", view("0", b"K\x08", b"K\x00", b"K\x02", minus)),
        ("reaches past", view("0", b"K\x08", b"K\x01", b"K\x08", b"K\x01")),
        ("reaches past", view("0", b"K\x08", b"K\x00", b"K\x02", huge)),
        ("over and over", view("0", b"K\x08", b"K\x00", huge, b"K\x00")),
        ("different lengths", view("0", b"K\x08", b"K\x00", b"K\x02K\x02", b"K\x00")),
        ("a/data/1", view("1", b"K\x08", b"K\x00", b"K\x02", b"K\x01")),
    ] {
        let error = refused(&torch(&file)).to_string();
        assert!(error.contains(what), "{what}: {error}");
    }
    let file =
        std::fs::read(Path::new(env!("CARGO_MANIFEST_DIR")).join("tests/fixtures/torch.pth"))
            .unwrap();
    let mut pickle = Vec::new();
    let mut archive = zip::ZipArchive::new(Cursor::new(&file)).unwrap();
    archive.by_name("torch/data.pkl").unwrap().read_to_end(&mut pickle).unwrap();
    for bit in (0..pickle.len() * 8).step_by(3) {
        pickle[bit / 8] ^= 1 << (bit % 8);
        let file = torch(&pickle);
        let (_, peak) = measured(&file);
        assert!(peak < bound(&file), "bit {bit}: {peak} bytes");
        pickle[bit / 8] ^= 1 << (bit % 8);
    }
}

#[test]
fn nothing_harms() {
    views();
    globals();
    bombs();
    archives();
    damage();
}
