//! Some of the videos of a dataset.

use std::collections::BTreeMap;
use std::sync::Arc;

use marey_clip::Clip;
use marey_layers::rng::stream;
use rand::Rng;

use crate::dataset::Dataset;
use crate::error::{Error, Result};

/// Some of the videos of a dataset, with the classes of all.
#[derive(Clone)]
pub struct Selection {
    dataset: Arc<dyn Dataset>,
    indices: Arc<[usize]>,
}

impl Selection {
    /// The videos `indices` of `dataset`, in that order.
    ///
    /// # Errors
    ///
    /// If there is no such video.
    pub fn new(dataset: Arc<dyn Dataset>, indices: impl Into<Arc<[usize]>>) -> Result<Self> {
        let indices = indices.into();
        if let Some(odd) = indices.iter().find(|index| **index >= dataset.len()) {
            let all = dataset.len();
            return Err(Error::Config(format!("selection: there is no video {odd} of {all}")));
        }
        Ok(Self { dataset, indices })
    }

    /// `dataset` without a share of the videos of each class, and these: which of them follows from `seed`. Of a class of
    /// two or more videos at least one is in each of both.
    ///
    /// # Errors
    ///
    /// If the share is not in `(0, 1)`, or nothing would be held out.
    pub fn hold_out(dataset: Arc<dyn Dataset>, share: f64, seed: u64) -> Result<(Self, Self)> {
        if !(share > 0. && share < 1.) {
            return Err(Error::Config(format!(
                "held out: a share of {share}, wanted one in (0, 1)"
            )));
        }
        let mut classes: BTreeMap<u32, Vec<usize>> = BTreeMap::new();
        for index in 0..dataset.len() {
            classes.entry(dataset.label(index)).or_default().push(index);
        }
        let (mut rest, mut held_out) = (Vec::new(), Vec::new());
        for (label, mut videos) in classes {
            let mut rng = stream(seed, "held out", label.into());
            let most = videos.len().saturating_sub(1);
            let count = ((videos.len() as f64 * share).round() as usize).clamp(most.min(1), most);
            for place in 0..count {
                let other = rng.random_range(place..videos.len());
                videos.swap(place, other);
            }
            held_out.extend_from_slice(&videos[..count]);
            rest.extend_from_slice(&videos[count..]);
        }
        if held_out.is_empty() {
            return Err(Error::Config("held out: no class has two videos".into()));
        }
        rest.sort_unstable();
        held_out.sort_unstable();
        Ok((Self::new(dataset.clone(), rest)?, Self::new(dataset, held_out)?))
    }

    /// The numbers that its videos have in the whole dataset.
    pub fn indices(&self) -> &[usize] {
        &self.indices
    }
}

impl Dataset for Selection {
    fn len(&self) -> usize {
        self.indices.len()
    }

    fn classes(&self) -> &[String] {
        self.dataset.classes()
    }

    fn label(&self, index: usize) -> u32 {
        self.dataset.label(self.indices[index])
    }

    fn name(&self, index: usize) -> String {
        self.dataset.name(self.indices[index])
    }

    fn num_frames(&self, index: usize) -> Result<usize> {
        self.dataset.num_frames(self.indices[index])
    }

    fn frames(&self, index: usize, which: &[usize]) -> Result<Clip> {
        self.dataset.frames(self.indices[index], which)
    }

    fn flow(&self, index: usize, which: &[usize]) -> Result<Option<Clip>> {
        self.dataset.flow(self.indices[index], which)
    }
}

#[cfg(test)]
mod tests {
    use super::*;
    use crate::dataset::Subset;
    use crate::marionettes::{Marionettes, MarionettesConfig};

    fn videos() -> Arc<dyn Dataset> {
        let config = MarionettesConfig { train: 48, test: 12, ..Default::default() };
        Arc::new(Marionettes::new(config, Subset::Train).unwrap())
    }

    #[test]
    fn a_share_of_every_class_is_held_out() {
        // Four videos of each of twelve actions.
        let (rest, held_out) = Selection::hold_out(videos(), 0.25, 1).unwrap();
        assert_eq!((rest.len(), held_out.len()), (36, 12));
        let mut labels: Vec<u32> = (0..12).map(|index| held_out.label(index)).collect();
        labels.sort_unstable();
        assert_eq!(labels, Vec::from_iter(0..12));
        let mut all = [rest.indices(), held_out.indices()].concat();
        all.sort_unstable();
        assert_eq!(all, Vec::from_iter(0..48));
        let place = held_out.indices()[3];
        assert_eq!(held_out.name(3), videos().name(place));
        let again = Selection::hold_out(videos(), 0.25, 1).unwrap().1;
        assert_eq!(again.indices(), held_out.indices());
        assert_ne!(Selection::hold_out(videos(), 0.25, 2).unwrap().1.indices(), held_out.indices());
    }

    #[test]
    fn both_parts_have_every_class_of_two_videos() {
        for share in [0.001, 0.999] {
            let (rest, held_out) = Selection::hold_out(videos(), share, 1).unwrap();
            assert!(rest.len() >= 12 && held_out.len() >= 12, "{share}");
        }
        let one = Arc::new(Selection::new(videos(), vec![5]).unwrap());
        assert!(Selection::hold_out(one, 0.5, 1).is_err());
        assert!(Selection::hold_out(videos(), 1., 1).is_err());
        assert!(Selection::new(videos(), vec![48]).is_err());
    }
}
