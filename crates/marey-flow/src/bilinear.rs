//! What a plane is at a place between its pixels.

/// The four pixels about a place, row by row, and the share that each has of the value there.
pub(crate) struct Around([(usize, f64); 4]);

impl Around {
    /// The pixels about `(x, y)`, or nothing outside a plane of `width` x `height`. A pixel is a square about its whole place, so
    /// half a pixel beyond the outermost ones is still inside.
    pub(crate) fn inside(x: f64, y: f64, width: usize, height: usize) -> Option<Self> {
        let on = |place: f64, len: usize| (-0.5..=len as f64 - 0.5).contains(&place);
        (on(x, width) && on(y, height)).then(|| Self::nearest(x, y, width, height))
    }

    /// The pixels about the place of a plane that is nearest to `(x, y)`. Both sides are at least 1.
    pub(crate) fn nearest(x: f64, y: f64, width: usize, height: usize) -> Self {
        let (x, y) = (x.clamp(0., (width - 1) as f64), y.clamp(0., (height - 1) as f64));
        let (left, top) = (x as usize, y as usize);
        let (right, bottom) = ((left + 1).min(width - 1), (top + 1).min(height - 1));
        let (fx, fy) = (x - left as f64, y - top as f64);
        Self([
            (top * width + left, (1. - fx) * (1. - fy)),
            (top * width + right, fx * (1. - fy)),
            (bottom * width + left, (1. - fx) * fy),
            (bottom * width + right, fx * fy),
        ])
    }

    /// The value there, of pixels by their number. One without a share is not looked at: a whole place is known whatever is
    /// beside it.
    pub(crate) fn of<T: Into<f64>>(&self, pixel: impl Fn(usize) -> T) -> f64 {
        let shared = self.0.iter().filter(|(_, share)| *share != 0.);
        shared.map(|(at, share)| share * pixel(*at).into()).sum()
    }
}

#[cfg(test)]
mod tests {
    use super::*;

    #[test]
    fn values_are_shared_by_distance() {
        let plane = [1f32, 2., 3., 10., 20., f32::NAN];
        let at = |x, y| Around::inside(x, y, 3, 2).map(|around| around.of(|i| plane[i]));
        assert_eq!((at(0., 0.), at(1., 1.)), (Some(1.), Some(20.)));
        // 0.75 of (1 + 2) / 2 and 0.25 of (10 + 20) / 2.
        assert_eq!(at(0.5, 0.25), Some(4.875));
        assert!(at(1.5, 0.5).is_some_and(f64::is_nan));
        assert_eq!((at(-0.5, 0.), at(2.5, -0.2)), (Some(1.), Some(3.)));
        assert_eq!((at(-0.6, 0.), at(0., 1.6), at(f64::NAN, 0.)), (None, None, None));
        assert_eq!(Around::nearest(-7., 9., 3, 2).of(|i| plane[i]), 10.);
    }
}
