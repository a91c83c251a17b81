//! The second image and its gradient, seen through the flow that there is so far.

use rayon::prelude::*;

use super::Scheme;
use super::lanes::{Isa, Lanes, Plain, on_lanes};
use super::plane::Plane;
use super::sweep::Constants;

/// Zero pixels about an image: as many as an interpolation beyond it may touch.
const BORDER: usize = 4;

/// A squared gradient below this is none.
pub(super) const FLAT: f32 = 1e-10;

/// An image and its gradient, pixel by pixel, with a border of zeros.
pub(super) struct Seen {
    pixels: Vec<[f32; 4]>,
    width: usize,
    height: usize,
}

impl Seen {
    /// The gradient is of centred differences, and of half of a one-sided one at the borders.
    pub(super) fn new(image: &Plane) -> Self {
        let (width, height) = (image.width(), image.height());
        let run = width + 2 * BORDER;
        let mut pixels = vec![[0f32; 4]; run * (height + 2 * BORDER)];
        let rows = pixels.par_chunks_exact_mut(run).skip(BORDER).take(height);
        rows.enumerate().for_each(|(y, to)| {
            let row = image.row(y);
            let (above, below) =
                (image.row(y.saturating_sub(1)), image.row((y + 1).min(height - 1)));
            for (x, to) in to[BORDER..BORDER + width].iter_mut().enumerate() {
                let along = row[(x + 1).min(width - 1)] - row[x.saturating_sub(1)];
                *to = [row[x], 0.5 * along, 0.5 * (below[x] - above[x]), 0.];
            }
        });
        Self { pixels, width, height }
    }

    /// Row `y` of the warped image and its gradient: `to` becomes the gradient along x and y, and the image.
    ///
    /// As IPOL 2013 where `WHOLE`: Keys' cubic with a = -1/2, and 0 where it would touch what is beyond the border. Else as
    /// `remap` of OpenCV 5 with `INTER_CUBIC`: a = -3/4, and what is beyond the border is 0.
    fn see<const WHOLE: bool>(&self, y: usize, flow: [&[f32]; 2], to: [&mut [f32]; 3]) {
        let run = self.width + 2 * BORDER;
        let [ix, iy, image] = to;
        let of = ix.iter_mut().zip(iy).zip(image).zip(flow[0].iter().zip(flow[1]));
        for (x, (((ix, iy), image), (dx, dy))) in of.enumerate() {
            let across = Taps::new::<WHOLE>(x as f32 + dx, self.width);
            let down = Taps::new::<WHOLE>(y as f32 + dy, self.height);
            let corner = down.first * run + across.first;
            // One check for all sixteen.
            let pixels = &self.pixels[corner..corner + 3 * run + 4];
            // SAFETY: four numbers are always there, and so are all pixels.
            [*image, *ix, *iy, _] = unsafe {
                let mut sum = Plain::splat(0.);
                for row in 0..4 {
                    let pixels = pixels.as_ptr().add(row * run);
                    let mut line = Plain::splat(0.);
                    for column in 0..4 {
                        let pixel = Plain::load(pixels.add(column).cast());
                        line = line.add(pixel.mul(Plain::splat(across.weights[column])));
                    }
                    sum = sum.add(line.mul(Plain::splat(down.weights[row])));
                }
                let mut values = [0f32; 4];
                sum.store(values.as_mut_ptr());
                values
            };
        }
    }
}

/// The four pixels about a place on an axis, the first counted with the border, and what they count.
struct Taps {
    first: usize,
    weights: [f32; 4],
}

impl Taps {
    #[inline(always)]
    fn new<const WHOLE: bool>(place: f32, len: usize) -> Self {
        // Further out there are only zeros, too. A NaN becomes the least.
        let place = place.max(-3.).min(len as f32 + 1.);
        let low = (place + 4.) as usize;
        let (first, x) = (low - 1, place + 4. - low as f32);
        let inside = first >= BORDER && first + 4 <= len + BORDER;
        if WHOLE && !inside {
            return Self { first: 0, weights: [0.; 4] };
        }
        let powers = if WHOLE { &KEYS_HALF } else { &KEYS_THREE_QUARTERS };
        let mut weights = [0.; 4];
        // SAFETY: four numbers are always there.
        unsafe {
            let (mut sum, x) = (Plain::splat(0.), Plain::splat(x));
            for factors in powers {
                sum = sum.mul(x).add(Plain::load(factors.as_ptr()));
            }
            sum.store(weights.as_mut_ptr());
        }
        Self { first, weights }
    }
}

/// What four pixels count at `x` behind the second, as polynomials of `x`: factors of `x^3`, `x^2`, `x` and 1.
const fn keys(a: f32) -> [[f32; 4]; 4] {
    [
        [a, a + 2., -a - 2., -a],
        [-2. * a, -a - 3., 2. * a + 3., a],
        [a, 0., -a, 0.],
        [0., 1., 0., 0.],
    ]
}

pub(super) const KEYS_HALF: [[f32; 4]; 4] = keys(-0.5);
pub(super) const KEYS_THREE_QUARTERS: [[f32; 4]; 4] = keys(-0.75);

/// What a warp by `flow` leaves constant, for so many `bands` at once.
pub(super) fn constants(
    isa: Isa,
    scheme: Scheme,
    first: &Plane,
    second: &Seen,
    flow: [&Plane; 2],
    to: &mut Constants,
    bands: usize,
) {
    let (run, rows) = (first.run(), first.height().div_ceil(bands));
    let band = |(band, planes): (usize, [&mut [f32]; 4])| {
        let [ix, iy, inverse, rho] = planes.map(|plane| plane.chunks_exact_mut(run));
        let planes = ix.zip(iy).zip(inverse.zip(rho)).enumerate();
        for (y, ((ix, iy), (inverse, rho))) in planes.map(|(y, planes)| (band * rows + y, planes)) {
            let flow = flow.map(|plane| plane.row(y));
            match scheme {
                Scheme::Ipol => second.see::<true>(y, flow, [ix, iy, rho]),
                Scheme::OpenCv => second.see::<false>(y, flow, [ix, iy, rho]),
            }
            // SAFETY: all rows are of one run, and the machine has `isa`.
            unsafe {
                let (gradient, flow) = ([ix.as_ptr(), iy.as_ptr()], flow.map(<[f32]>::as_ptr));
                residual(
                    isa,
                    run,
                    first.pointer(y),
                    gradient,
                    flow,
                    inverse.as_mut_ptr(),
                    rho.as_mut_ptr(),
                );
            }
        }
    };
    let [ix, iy, inverse, rho] = to.each_mut().map(Plane::all_runs_mut);
    if bands == 1 {
        return band((0, [ix, iy, inverse, rho]));
    }
    let [ix, iy, inverse, rho] =
        [ix, iy, inverse, rho].map(|plane| plane.par_chunks_mut(rows * run));
    let all = ix.zip(iy).zip(inverse.zip(rho)).enumerate();
    all.for_each(|(i, ((ix, iy), (inverse, rho)))| band((i, [ix, iy, inverse, rho])));
}

on_lanes! {
    unsafe fn residual = residual_on(
        run: usize,
        first: *const f32,
        gradient: [*const f32; 2],
        flow: [*const f32; 2],
        inverse: *mut f32,
        rho: *mut f32,
    )
}

/// From the warped image in `rho` to the part of the residual that does not depend on the flow, and -1 / |gradient|^2.
#[inline(always)]
unsafe fn residual_on<V: Lanes>(
    run: usize,
    first: *const f32,
    gradient: [*const f32; 2],
    flow: [*const f32; 2],
    inverse: *mut f32,
    rho: *mut f32,
) {
    for at in (0..run).step_by(V::LEN) {
        // SAFETY: all rows have `run` numbers.
        unsafe {
            let [ix, iy] = gradient.map(|row| V::load(row.add(at)));
            let [u, v] = flow.map(|row| V::load(row.add(at)));
            let length = ix.mul(ix).add(iy.mul(iy)).max(V::splat(FLAT));
            V::splat(-1.).div(length).store(inverse.add(at));
            let warped = V::load(rho.cast_const().add(at));
            warped.sub(ix.mul(u)).sub(iy.mul(v)).sub(V::load(first.add(at))).store(rho.add(at));
        }
    }
}
