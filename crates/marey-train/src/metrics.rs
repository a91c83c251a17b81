//! Counting right answers: pure functions of scores and labels.
//!
//! Scores that tie are ordered by class: the lower index wins. So each set of scores has one
//! ranking, and a network that cannot tell two classes apart gets one of them right, not both.

/// The index of the highest score; the lowest of several. NaN is below all numbers. 0 if empty.
pub fn argmax(scores: &[f32]) -> usize {
    let mut best = 0;
    for (class, &score) in scores.iter().enumerate() {
        if beats(score, class, scores[best], best) {
            best = class;
        }
    }
    best
}

/// How many classes are ranked before `label`: 0 for the highest score.
pub fn rank(scores: &[f32], label: usize) -> usize {
    let own = scores[label];
    scores.iter().enumerate().filter(|&(class, &score)| beats(score, class, own, label)).count()
}

/// The `k` highest-ranked classes, the best first; all of them where there are fewer.
pub fn best(scores: &[f32], k: usize) -> Vec<usize> {
    let mut classes: Vec<usize> = (0..scores.len()).collect();
    classes.sort_by_cached_key(|&class| rank(scores, class));
    classes.truncate(k);
    classes
}

fn beats(a: f32, class_a: usize, b: f32, class_b: usize) -> bool {
    a > b || (a == b || a.is_nan() && b.is_nan()) && class_a < class_b || b.is_nan() && !a.is_nan()
}

/// The share of scores `[videos][K]` that rank their label among the first `k`. NaN of no videos.
pub fn top_k(scores: &[Vec<f32>], labels: &[u32], k: usize) -> f64 {
    let right = scores.iter().zip(labels).filter(|(s, label)| rank(s, **label as usize) < k);
    right.count() as f64 / scores.len().min(labels.len()) as f64
}

/// The 95 % interval of Wilson for a share of which `right` of `all` were seen.
///
/// E. B. Wilson, Probable inference, the law of succession, and statistical inference, 1927. Of
/// nothing seen it is `(0, 1)`.
pub fn wilson(right: u64, all: u64) -> (f64, f64) {
    if all == 0 {
        return (0., 1.);
    }
    // The normal distribution's 97.5 % quantile.
    let z = 1.959_963_984_540_054_f64;
    let n = all as f64;
    let p = right as f64 / n;
    let spread = z * (p * (1. - p) / n + z * z / (4. * n * n)).sqrt();
    let (middle, scale) = (p + z * z / (2. * n), 1. + z * z / n);
    let low = if right == 0 { 0. } else { (middle - spread) / scale };
    let high = if right == all { 1. } else { (middle + spread) / scale };
    (low, high)
}

/// How often each class was taken for each.
#[derive(Debug, Clone, PartialEq, Eq)]
pub struct Confusion {
    classes: usize,
    counts: Vec<u64>,
}

impl Confusion {
    /// Of `(label, prediction)` pairs, each below `classes`; others are left out.
    pub fn new(classes: usize, pairs: impl IntoIterator<Item = (usize, usize)>) -> Self {
        let mut counts = vec![0; classes * classes];
        for (label, prediction) in pairs {
            if label < classes && prediction < classes {
                counts[label * classes + prediction] += 1;
            }
        }
        Self { classes, counts }
    }

    /// The number of classes.
    pub fn classes(&self) -> usize {
        self.classes
    }

    /// How often a video of class `label` was taken for each class.
    pub fn row(&self, label: usize) -> &[u64] {
        &self.counts[label * self.classes..][..self.classes]
    }

    /// The share of each class's videos that were recognised; `None` of a class without videos.
    pub fn class_accuracies(&self) -> Vec<Option<f64>> {
        let share = |label| {
            let row = self.row(label);
            let all: u64 = row.iter().sum();
            (all > 0).then(|| row[label] as f64 / all as f64)
        };
        (0..self.classes).map(share).collect()
    }

    /// The mean of [`class_accuracies`](Self::class_accuracies) over classes with videos; NaN
    /// without any.
    pub fn mean_class_accuracy(&self) -> f64 {
        let shares: Vec<f64> = self.class_accuracies().into_iter().flatten().collect();
        shares.iter().sum::<f64>() / shares.len() as f64
    }
}

/// What is reported of scores, those of one network or fused.
#[derive(Debug, Clone, PartialEq)]
pub struct Metrics {
    /// How many were scored.
    pub count: usize,
    /// The share whose label is ranked first.
    pub top1: f64,
    /// The share whose label is among the first five.
    pub top5: f64,
    /// The mean over classes of the share that was recognised.
    pub mean_class: f64,
    /// The 95 % interval of `top1`, by [`wilson`].
    pub interval: (f64, f64),
    /// What was taken for what.
    pub confusion: Confusion,
}

impl Metrics {
    /// Of scores `[videos][K]` and labels below `K`.
    ///
    /// # Panics
    ///
    /// If there is a score row without its label below `K`, as slices do.
    pub fn new(scores: &[Vec<f32>], labels: &[u32]) -> Self {
        assert_eq!(scores.len(), labels.len(), "each row of scores has a label");
        let classes = scores.first().map_or(0, Vec::len);
        let pairs = scores.iter().zip(labels).map(|(row, &label)| (label as usize, argmax(row)));
        let confusion = Confusion::new(classes, pairs);
        let right: u64 = (0..classes).map(|label| confusion.row(label)[label]).sum();
        Self {
            count: scores.len(),
            top1: top_k(scores, labels, 1),
            top5: top_k(scores, labels, 5),
            mean_class: confusion.mean_class_accuracy(),
            interval: wilson(right, scores.len() as u64),
            confusion,
        }
    }
}

#[cfg(test)]
mod tests {
    use super::*;

    #[test]
    fn ties_go_to_the_lower_class() {
        let scores = [0.2, 0.5, 0.5, -1., 0.5];
        assert_eq!(argmax(&scores), 1);
        assert_eq!([0, 1, 2, 3, 4].map(|label| rank(&scores, label)), [3, 0, 1, 4, 2]);
        assert_eq!(best(&scores, 3), [1, 2, 4]);
        assert_eq!(best(&scores, 9), [1, 2, 4, 0, 3]);
        assert_eq!(argmax(&[f32::NAN, -5., f32::NEG_INFINITY]), 1);
        assert_eq!([0, 1, 2].map(|label| rank(&[f32::NAN, -5., f32::NAN], label)), [1, 0, 2]);
        assert_eq!(argmax(&[0., -0.]), 0);
        assert_eq!(argmax(&[-0., 0.]), 0);
    }

    #[test]
    fn rank_is_the_place_in_the_sorted_order() {
        // A second formula: a stable sort, which keeps ties in the order of their classes.
        let scores: Vec<f32> = (0..40).map(|i| ((i * 17 + 5) % 11) as f32).collect();
        let mut order: Vec<usize> = (0..scores.len()).collect();
        order.sort_by(|&a, &b| scores[b].total_cmp(&scores[a]));
        for (place, &class) in order.iter().enumerate() {
            assert_eq!(rank(&scores, class), place);
        }
        assert_eq!(argmax(&scores), order[0]);
    }

    #[test]
    fn metrics_by_hand() {
        let scores = [[9., 1., 0.], [2., 3., 1.], [0., 5., 4.], [7., 6., 5.]].map(Vec::from);
        let metrics = Metrics::new(&scores, &[0, 0, 2, 0]);
        // Predicted 0, 1, 1, 0: class 0 has 2 of 3 right, class 2 has 0 of 1, class 1 no video.
        assert_eq!((metrics.count, metrics.top1, metrics.top5), (4, 0.5, 1.));
        assert_eq!(metrics.confusion.row(0), [2, 1, 0]);
        assert_eq!(metrics.confusion.row(2), [0, 1, 0]);
        assert_eq!(metrics.confusion.class_accuracies(), [Some(2. / 3.), None, Some(0.)]);
        assert!((metrics.mean_class - 1. / 3.).abs() < 1e-15);
        assert_eq!(metrics.interval, wilson(2, 4));
        assert_eq!(top_k(&scores, &[0, 0, 2, 0], 2), 1.);
        let six = [vec![6., 5., 4., 3., 2., 1.]];
        assert_eq!((top_k(&six, &[4], 5), top_k(&six, &[5], 5)), (1., 0.));
    }

    #[test]
    fn wilson_as_published() {
        // R. G. Newcombe, Statistics in Medicine 17, 1998, table I, method 3.
        for (right, all, low, high) in [
            (81, 263, 0.2553, 0.3662),
            (15, 148, 0.0624, 0.1605),
            (0, 20, 0., 0.1611),
            (1, 29, 0.0061, 0.1718),
        ] {
            let (a, b) = wilson(right, all);
            assert!((a - low).abs() < 5e-5 && (b - high).abs() < 5e-5, "{right}/{all}: {a} {b}");
            // Turned around, it is the interval of the wrong answers.
            let (c, d) = wilson(all - right, all);
            assert!((c - (1. - b)).abs() < 1e-12 && (d - (1. - a)).abs() < 1e-12);
        }
        assert_eq!(wilson(0, 0), (0., 1.));
        assert_eq!(wilson(5, 5).1, 1.);
    }
}
