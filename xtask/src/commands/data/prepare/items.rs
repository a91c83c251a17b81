//! What is to be prepared, and what each video is called then.

use std::path::{Path, PathBuf};

use marey::data::shards::Item;
use marey::data::{Dataset, Listed, Subset};

use crate::commands::flow::named;
use crate::exit::{self, failure};

/// The videos of all subsets.
pub struct Work(Vec<(Subset, Vec<Item>)>);

impl Work {
    /// Those of `sets`: their keys are their paths without extensions, from the folder on that all of them lie in, and no two are alike.
    pub fn of(sets: &[(Subset, Listed)]) -> anyhow::Result<Self> {
        let paths = |set: &Listed| (0..set.len()).map(|i| set.path(i)).collect::<Vec<PathBuf>>();
        let all: Vec<PathBuf> = sets.iter().flat_map(|(_, set)| paths(set)).collect();
        // Of a subset without videos it is not known where they would lie.
        let folders = sets.iter().filter(|(_, set)| !set.is_empty()).map(|(_, set)| set.folder());
        let root = folders.map(Path::to_path_buf).reduce(|a, b| common(&a, &b));
        let mut named = named(all, root.as_deref())?.into_iter();
        let mut work = Vec::new();
        for (subset, set) in sets {
            let item = |(index, named): (usize, crate::commands::flow::Named)| {
                let Some(key) = named.name.to_str() else {
                    let what = format!("{}: not UTF-8", named.name.display());
                    return Err(failure(exit::USAGE, what));
                };
                let (key, label) = (key.to_string(), set.label(index));
                let class = set.classes()[label as usize].clone();
                Ok(Item { video: named.video, key, label, class })
            };
            let items = (0..set.len()).zip(&mut named).map(item);
            work.push((*subset, items.collect::<anyhow::Result<_>>()?));
        }
        Ok(Self(work))
    }

    pub fn parts(&self) -> impl Iterator<Item = (Subset, &[Item])> {
        self.0.iter().map(|(subset, items)| (*subset, items.as_slice()))
    }
}

/// The folder that both lie in.
fn common(a: &Path, b: &Path) -> PathBuf {
    let same = a.components().zip(b.components()).take_while(|(a, b)| a == b);
    same.map(|(part, _)| part).collect()
}
