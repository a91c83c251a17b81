//! A folder a video, and lists of them.

use marey::data::extract::Outcome;
use marey::data::shards::Item;
use marey::data::{PrepareConfig, Subset, prepare};
use marey::weights::write_atomically;
use rayon::prelude::*;

use super::{Args, Done, failed};
use crate::interrupt;
use crate::out;

pub fn make(
    args: &Args,
    subset: Subset,
    items: &[Item],
    config: &PrepareConfig,
) -> anyhow::Result<Vec<Done>> {
    let bar = out::bar(&format!("prepare, {subset}"), items.len() as u64, "videos");
    let one = |item: &Item| -> anyhow::Result<Done> {
        if interrupt::asked() {
            return Err(interrupt::stopped());
        }
        let folder = args.out.join(&item.key);
        let what = match prepare(&item.video, &folder, config, &Default::default(), args.force) {
            Ok(Outcome::Made(frames)) => Ok((true, frames.frames)),
            Ok(Outcome::There(frames)) => Ok((false, frames.frames)),
            Ok(Outcome::Stopped) => return Err(interrupt::stopped()),
            Err(error) => Err(failed(&item.video, error.into())?),
        };
        bar.inc(1);
        Ok(Done { key: item.key.clone(), label: item.label, what })
    };
    let done: Vec<Done> = items.par_iter().map(one).collect::<anyhow::Result<_>>()?;
    bar.finish_and_clear();
    let line = |done: &Done| {
        let (_, frames) = done.what.as_ref().ok()?;
        Some(format!("{} {frames} {}\n", done.key, done.label))
    };
    let list: String = done.iter().filter_map(line).collect();
    write_atomically(args.out.join(format!("{subset}.txt")), list.as_bytes())?;
    Ok(done)
}
