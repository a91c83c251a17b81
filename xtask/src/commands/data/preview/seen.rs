//! What the network of a recipe sees of its first training clips.

use std::path::{Path, PathBuf};

use anyhow::Context;
use marey::data::Shard;
use marey::data::preview::sheet;

use super::Args;
use crate::exit;
use crate::out::{self, note};
use crate::training::plan::Plan;
use crate::training::recipe::Recipe;

pub fn run(args: &Args, path: &Path) -> anyhow::Result<u8> {
    let mut recipe = Recipe::load(path, &[])?;
    let data = &mut recipe.data;
    (data.root, data.split) = (args.root.clone().or(data.root.take()), args.split.or(data.split));
    let plan = Plan::new(recipe)?;
    let (train, batch) = (&plan.train, plan.recipe.train.batch);
    let loader = plan.clips.training(train.clone(), batch, Shard::default())?;
    let (mut rows, mut pictures) = (Vec::new(), Vec::new());
    for batch in loader.batches_from(0)? {
        let batch = batch?;
        for (at, index) in batch.indices.iter().enumerate().take(args.clips - rows.len()) {
            let class = &train.classes()[train.label(*index) as usize];
            rows.push(vec![(rows.len() + 1).to_string(), class.clone(), train.name(*index)]);
            pictures.push(plan.clips.pictures(&batch.clips.get(at)?)?);
        }
        if rows.len() == args.clips {
            break;
        }
    }
    let stem = path.file_stem().unwrap_or_default().to_string_lossy();
    let file = args.output.clone();
    let file = file.unwrap_or_else(|| PathBuf::from(format!("runs/preview-{stem}.png")));
    if let Some(folder) = file.parent() {
        std::fs::create_dir_all(folder).with_context(|| folder.display().to_string())?;
    }
    sheet(&pictures).save(&file).with_context(|| file.display().to_string())?;
    out::text(&out::table(&["row", "class", "video"], &rows))?;
    note(format_args!("the rows are in {}", file.display()));
    if plan.recipe.augment.mixup.is_some() {
        note("the network sees mixtures of these clips (mixup), which are not shown");
    }
    Ok(exit::OK)
}
