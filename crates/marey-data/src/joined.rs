//! Two datasets as one, each with classes of its own.

use std::sync::Arc;

use marey_clip::Clip;

use crate::dataset::Dataset;
use crate::error::Result;

/// The videos of one dataset, then those of another, whose classes come after those of the first. A class of the second that is
/// called as one of the first is followed by ` (2)`.
#[derive(Clone)]
pub struct Joined {
    first: Arc<dyn Dataset>,
    second: Arc<dyn Dataset>,
    classes: Vec<String>,
}

impl Joined {
    /// `first` and `second`.
    pub fn new(first: Arc<dyn Dataset>, second: Arc<dyn Dataset>) -> Self {
        let mut classes = first.classes().to_vec();
        classes.extend(second.classes().iter().map(|class| {
            if first.classes().contains(class) { format!("{class} (2)") } else { class.clone() }
        }));
        Self { first, second, classes }
    }

    /// The dataset that has video `index`, and its number there.
    fn own(&self, index: usize) -> (&dyn Dataset, usize) {
        match index.checked_sub(self.first.len()) {
            None => (&*self.first, index),
            Some(index) => (&*self.second, index),
        }
    }
}

impl Dataset for Joined {
    fn len(&self) -> usize {
        self.first.len() + self.second.len()
    }

    fn classes(&self) -> &[String] {
        &self.classes
    }

    fn label(&self, index: usize) -> u32 {
        let (dataset, own) = self.own(index);
        let before = if index < self.first.len() { 0 } else { self.first.classes().len() };
        before as u32 + dataset.label(own)
    }

    fn name(&self, index: usize) -> String {
        let (dataset, index) = self.own(index);
        dataset.name(index)
    }

    fn num_frames(&self, index: usize) -> Result<usize> {
        let (dataset, index) = self.own(index);
        dataset.num_frames(index)
    }

    fn frames(&self, index: usize, which: &[usize]) -> Result<Clip> {
        let (dataset, index) = self.own(index);
        dataset.frames(index, which)
    }

    fn flow(&self, index: usize, which: &[usize]) -> Result<Option<Clip>> {
        let (dataset, index) = self.own(index);
        dataset.flow(index, which)
    }
}

#[cfg(test)]
mod tests {
    use super::*;
    use crate::dataset::Subset;
    use crate::marionettes::{Marionettes, MarionettesConfig};

    #[test]
    fn videos_and_classes_of_the_second_come_after_those_of_the_first() {
        let of = |seed| -> Arc<dyn Dataset> {
            let (width, height, train) = (16, 16, 13);
            let config = MarionettesConfig { width, height, train, seed, ..Default::default() };
            Arc::new(Marionettes::new(config, Subset::Train).unwrap())
        };
        let (first, second) = (of(1), of(2));
        let joined = Joined::new(first.clone(), second.clone());
        assert_eq!((joined.len(), joined.classes().len()), (26, 24));
        assert_eq!(joined.classes()[..2], ["raise arm", "lower arm"]);
        assert_eq!(joined.classes()[12..14], ["raise arm (2)", "lower arm (2)"]);
        let bytes = |dataset: &dyn Dataset, index| {
            let frames = dataset.frames(index, &[0]).unwrap().to_rgb8().unwrap();
            (frames, dataset.num_frames(index).unwrap(), dataset.name(index))
        };
        for index in [0, 12] {
            assert_eq!(joined.label(index), first.label(index));
            assert_eq!(joined.label(13 + index), 12 + second.label(index));
            assert_eq!(bytes(&joined, index), bytes(&*first, index));
            assert_eq!(bytes(&joined, 13 + index), bytes(&*second, index));
        }
    }
}
