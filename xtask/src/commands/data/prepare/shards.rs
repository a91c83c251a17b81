//! Many videos a file.

use std::ops::ControlFlow;

use marey::data::extract::Outcome;
use marey::data::shards::{Item, Shard, shard_name, write_shard};
use marey::data::{Error, PrepareConfig, Subset};

use super::{Args, Done, failed};
use crate::exit::{self, failure};
use crate::interrupt;
use crate::out::{self, note};

pub fn make(
    args: &Args,
    subset: Subset,
    items: &[Item],
    config: &PrepareConfig,
) -> anyhow::Result<Vec<Done>> {
    let bar = out::bar(&format!("prepare, {subset}"), items.len() as u64, "videos");
    let parts: Vec<&[Item]> = items.chunks(args.per_shard).collect();
    let mut done = Vec::new();
    for (number, part) in parts.iter().enumerate() {
        let path = args.out.join(shard_name(subset, number));
        let before = number * args.per_shard;
        let observe = |done| {
            bar.set_position((before + done) as u64);
            if interrupt::asked() { ControlFlow::Break(()) } else { ControlFlow::Continue(()) }
        };
        let how = (rayon::current_num_threads(), args.force);
        let options = Default::default();
        match write_shard(&path, part, parts.len(), config, &options, how, observe) {
            Ok(Outcome::Made(shard)) => done.extend(videos(part, shard, true)),
            Ok(Outcome::There(shard)) => done.extend(videos(part, shard, false)),
            Ok(Outcome::Stopped) => return Err(interrupt::stopped()),
            // Shards of two kinds beside each other would open as one dataset.
            Err(error @ Error::Taken { .. }) => {
                let what = format!("{error} (--force makes it anew)");
                return Err(failure(exit::CORRUPT, what));
            }
            Err(error) => {
                let line = failed(&path, error.into())?;
                let lost = |item: &Item| Done {
                    key: item.key.clone(),
                    label: item.label,
                    what: Err(line.clone()),
                };
                done.extend(part.iter().map(lost));
            }
        }
    }
    bar.finish_and_clear();
    Ok(done)
}

/// What came of the videos of a shard.
fn videos(items: &[Item], shard: Shard, made: bool) -> Vec<Done> {
    let broken = shard.broken.into_iter().map(|broken| {
        let video = items.iter().find(|item| item.key == broken.key);
        let name = video.map(|item| item.video.display().to_string()).unwrap_or_default();
        let told = broken.cause.contains(&name);
        let line = if told { broken.cause } else { format!("{name}: {}", broken.cause) };
        note(format_args!("error: {line}"));
        Done { key: broken.key, label: broken.label, what: Err(line) }
    });
    let videos = shard.videos.into_iter().map(|video| Done {
        key: video.key,
        label: video.label,
        what: Ok((made, video.sizes.len())),
    });
    broken.chain(videos).collect()
}
