//! Sports-1M (Karpathy and others 2014).
//!
//! `labels.txt` has a class a line, the lists lines `https://www.youtube.com/watch?v=UDqivjS-lpI 168,169`: the classes
//! from 0, several of some videos. How videos lie is not said with the lists: here by their YouTube name, in `videos/`.

use std::collections::HashMap;
use std::path::Path;

use crate::dataset::Subset;
use crate::error::Result;
use crate::listed::{Entry, Listing};
use crate::lists::{folder, inside, names, read, words};

pub(super) fn listing(root: &Path, subset: Subset, _: usize) -> Result<Listing> {
    let list = format!("{subset}_partition.txt");
    let what = format!("the lists labels.txt and original/{list} of Sports-1M, unpacked");
    let lists = folder(&what, root, &[""], &["labels.txt", &format!("original/{list}")])?;
    let classes = read(&lists.join("labels.txt"), |text| Ok(text.to_string()))?;
    let videos = root.join("videos");
    let files: HashMap<String, String> = match videos.is_dir() {
        true => names(&videos)?
            .into_iter()
            .filter_map(|name| Some((name.rsplit_once('.')?.0.to_string(), name)))
            .collect(),
        false => HashMap::new(),
    };
    let entries = read(&lists.join("original").join(&list), |text| {
        let [url, labels] = words(text).ok_or("an address and the numbers of classes")?;
        let id = url.split_once("watch?v=").map_or("", |(_, id)| id);
        inside(id).ok_or("an address with `watch?v=` and the name of a video")?;
        let class = |text: &str| text.parse().ok().filter(|&k: &u32| (k as usize) < classes.len());
        let labels: Option<Vec<u32>> = labels.split(',').map(class).collect();
        let labels = labels.ok_or_else(|| format!("classes below {}", classes.len()))?;
        let file = files.get(id).cloned().unwrap_or_else(|| format!("{id}.mp4"));
        Ok(Entry { labels, ..Entry::new(file, 0) })
    })?;
    Ok(Listing { may_lack: true, ..Listing::new(list, classes, entries, vec![videos]) })
}
