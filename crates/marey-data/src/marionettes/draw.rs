//! Drawing: rounded shapes with soft edges onto a frame.

/// A point or a direction: x to the right, y down.
pub(crate) type Point = [f32; 2];

/// Red, green, blue in `[0, 1]`.
pub(crate) type Colour = [f32; 3];

/// All points within `radius` of a point, a line or a convex polygon.
#[derive(Debug, Clone)]
pub(crate) struct Shape {
    /// One to four corners.
    pub(crate) corners: Vec<Point>,
    pub(crate) radius: f32,
    pub(crate) colour: Colour,
}

/// A frame being drawn.
#[derive(Debug)]
pub(crate) struct Canvas {
    pub(crate) width: usize,
    pub(crate) height: usize,
    /// Red, green and blue of each pixel, row by row.
    pub(crate) pixels: Vec<Colour>,
}

impl Canvas {
    pub(crate) fn new(width: usize, height: usize) -> Self {
        Self { width, height, pixels: vec![[0.; 3]; width * height] }
    }

    /// Draws `shape`, whose corners and radius are in pixels; its rim is darker, so that
    /// one limb stands out before another of the same colour.
    pub(crate) fn draw(&mut self, shape: &Shape) {
        let reach = shape.radius + 1.;
        let [left, right] = bounds(&shape.corners, 0, reach, self.width);
        let [top, bottom] = bounds(&shape.corners, 1, reach, self.height);
        let rim = 1. / (0.6 * shape.radius).max(1.);
        for y in top..bottom {
            let row = &mut self.pixels[y * self.width..][..self.width];
            for (x, pixel) in row.iter_mut().enumerate().take(right).skip(left) {
                let inside =
                    shape.radius - distance(&shape.corners, [x as f32 + 0.5, y as f32 + 0.5]);
                let cover = (inside + 0.5).clamp(0., 1.);
                if cover > 0. {
                    let light = 0.62 + 0.38 * (inside * rim).clamp(0., 1.);
                    for (p, c) in pixel.iter_mut().zip(shape.colour) {
                        *p += (c * light - *p) * cover;
                    }
                }
            }
        }
    }
}

/// The pixels along `axis` that a shape can touch, first and behind the last.
fn bounds(corners: &[Point], axis: usize, reach: f32, size: usize) -> [usize; 2] {
    let along = || corners.iter().map(|c| c[axis]);
    let low = along().fold(f32::INFINITY, f32::min) - reach;
    let high = along().fold(f32::NEG_INFINITY, f32::max) + reach;
    // A cast of what is out of range (or not a number) ends at 0 or at the size.
    [(low.floor().max(0.) as usize).min(size), (high.ceil().max(0.) as usize).min(size)]
}

/// How far `at` is from the corners' convex hull; below zero inside of it.
fn distance(corners: &[Point], at: Point) -> f32 {
    let to_edge = |a: Point, b: Point| {
        let (edge, off) = (sub(b, a), sub(at, a));
        let along = (dot(off, edge) / dot(edge, edge).max(1e-12)).clamp(0., 1.);
        let rest = [off[0] - along * edge[0], off[1] - along * edge[1]];
        (dot(rest, rest), edge[0] * off[1] - edge[1] * off[0])
    };
    match corners {
        [] => f32::INFINITY,
        [a] => to_edge(*a, *a).0.sqrt(),
        [a, b] => to_edge(*a, *b).0.sqrt(),
        _ => {
            let mut nearest = f32::INFINITY;
            let (mut left, mut right) = (true, true);
            for (i, a) in corners.iter().enumerate() {
                let (squared, side) = to_edge(*a, corners[(i + 1) % corners.len()]);
                nearest = nearest.min(squared);
                left &= side >= 0.;
                right &= side <= 0.;
            }
            if left || right { -nearest.sqrt() } else { nearest.sqrt() }
        }
    }
}

pub(crate) fn sub(a: Point, b: Point) -> Point {
    [a[0] - b[0], a[1] - b[1]]
}

fn dot(a: Point, b: Point) -> f32 {
    a[0] * b[0] + a[1] * b[1]
}

#[cfg(test)]
mod tests {
    use super::*;

    #[test]
    fn distance_by_hand() {
        assert_eq!(distance(&[[1., 1.]], [4., 5.]), 5.);
        assert_eq!(distance(&[[0., 0.], [10., 0.]], [5., 2.]), 2.);
        assert_eq!(distance(&[[0., 0.], [10., 0.]], [13., 4.]), 5.);
        let square = [[0., 0.], [4., 0.], [4., 4.], [0., 4.]];
        assert_eq!(distance(&square, [1., 2.]), -1.);
        assert_eq!(distance(&square, [7., 8.]), 5.);
    }

    #[test]
    fn a_disc_covers_its_area() {
        let mut canvas = Canvas::new(32, 24);
        canvas.draw(&Shape { corners: vec![[15.3, 11.8]], radius: 7., colour: [1.; 3] });
        // The rim is dark: count what is covered, not how bright it is.
        let mut mask = Canvas::new(32, 24);
        mask.pixels.fill([1.; 3]);
        mask.draw(&Shape { corners: vec![[15.3, 11.8]], radius: 7., colour: [0.; 3] });
        let area: f32 = mask.pixels.iter().map(|p| 1. - p[0]).sum();
        assert!((area / (std::f32::consts::PI * 49.) - 1.).abs() < 0.01, "{area}");
        assert_eq!(canvas.pixels[12 * 32 + 15], [1.; 3]);
    }

    #[test]
    fn shapes_beyond_the_frame_are_cut() {
        let mut canvas = Canvas::new(8, 8);
        for at in [[-50., 3.], [4., 500.], [f32::NAN, 2.], [f32::INFINITY, 2.]] {
            canvas.draw(&Shape { corners: vec![at], radius: 3., colour: [1.; 3] });
        }
        assert!(canvas.pixels.iter().all(|p| *p == [0.; 3]));
    }
}
