//! Whether memory stays level: resident megabytes after each of 20 epochs over the videos of a folder, given as its argument.
//!
//! With glibc set MALLOC_ARENA_MAX=1, or what is seen is what its arenas keep of what was freed.

use std::path::{Path, PathBuf};
use std::sync::Arc;

use marey_clip::{ClipSampler, Normalize, Window, normalize, random_crop, resize_short_side};
use marey_data::{Dataset, Error, Loader, LoaderConfig, Subset, open};

fn main() -> marey_data::Result<()> {
    let wanted = || Error::Config("memory FOLDER, with videos as CLASS/video".into());
    let root = PathBuf::from(std::env::args().nth(1).ok_or_else(wanted)?);
    let set = open("classes", &root, Subset::Train, 0, Default::default())?;
    let index = std::env::temp_dir().join("marey-memory-index.json");
    let (set, indexed) = set.with_index(&index, 2, |_, _| {})?;
    println!("{} videos, {} broken, {:.1} MB", set.len(), indexed.broken.len(), resident());
    let sampler = ClipSampler::Random(Window { length: 4, stride: 2 });
    let config = LoaderConfig { batch: 8, sampler, threads: 2, ..Default::default() };
    let loader = Loader::new(Arc::new(set), config, |clip, rng| {
        let clip = random_crop(&resize_short_side(&clip, 64)?, 56, 56, rng)?;
        normalize(&clip, &Normalize::SIGNED)
    })?;
    for epoch in 0..20 {
        for batch in loader.epoch(epoch)? {
            batch?;
        }
        println!("epoch {epoch}: {:.1} MB", resident());
    }
    Ok(())
}

/// Resident memory in MB of 2^20 bytes; 0 where the system does not say.
fn resident() -> f64 {
    let status = std::fs::read_to_string(Path::new("/proc/self/status")).unwrap_or_default();
    let line = status.lines().find_map(|line| line.strip_prefix("VmRSS:"));
    let kilobytes = line.and_then(|line| line.trim().trim_end_matches(" kB").parse::<f64>().ok());
    kilobytes.unwrap_or_default() / 1024.
}
