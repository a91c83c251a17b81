//! Images seen through flow: each pixel is taken from where its displacement points to.
//!
//! Reference: Zhu et al., "Hidden Two-Stream Convolutional Networks for Action Recognition", ACCV 2018, section 3.1,
//! <https://arxiv.org/abs/1704.00389>, and the layer `FlowTransformer` of its released code.

use candle::{DType, Result, Tensor, bail};
use image::{Rgb, RgbImage};

use crate::bilinear::Around;
use crate::error::same_size;
use crate::{Field, Grey};

/// `images` `[M, C, H, W]` seen through `flow` `[M, 2, H, W]` in pixels, x before y: a pixel is taken, between four, from
/// where its flow points to. Beyond the image all is 0.
///
/// There is a gradient of the flow, and of the images.
pub fn warp(images: &Tensor, flow: &Tensor) -> Result<Tensor> {
    let (m, c, h, w) = images.dims4()?;
    if flow.dims() != [m, 2, h, w] {
        bail!("warp: expected flow {:?}, got {:?}", [m, 2, h, w], flow.dims())
    }
    let dev = images.device();
    let line = |len: usize| Tensor::arange(0, len as u32, dev)?.to_dtype(flow.dtype());
    let x = flow.narrow(1, 0, 1)?.broadcast_add(&line(w)?.reshape((1, 1, 1, w))?)?;
    let y = flow.narrow(1, 1, 1)?.broadcast_add(&line(h)?.reshape((1, 1, h, 1))?)?;
    let pixels = images.contiguous()?.reshape((m, c, h * w))?;
    let (x, y) = (Between::new(&x, w)?, Between::new(&y, h)?);
    let mut sum: Option<Tensor> = None;
    for y in &y.0 {
        for x in &x.0 {
            let at = ((&y.cell * w as f64)? + &x.cell)?.to_dtype(DType::U32)?;
            let at = at.reshape((m, 1, h * w))?.broadcast_as((m, c, h * w))?.contiguous()?;
            let share = (&y.share * &x.share)?.reshape((m, 1, h * w))?;
            let part = pixels.gather(&at, 2)?.broadcast_mul(&share)?;
            sum = Some(match sum {
                None => part,
                Some(sum) => (sum + part)?,
            });
        }
    }
    let Some(sum) = sum else { bail!("warp: no pixel to take") };
    sum.reshape((m, c, h, w))
}

/// The two cells that places along an axis lie between.
struct Between([Neighbour; 2]);

struct Neighbour {
    /// Its number; of one beyond the end, that at the end.
    cell: Tensor,
    /// What it has of the value; beyond the end, nothing.
    share: Tensor,
}

impl Between {
    fn new(places: &Tensor, len: usize) -> Result<Self> {
        let low = places.detach().floor()?;
        let past = (places - &low)?;
        let neighbour = |cell: Tensor, share: Tensor| -> Result<Neighbour> {
            let last = len as f64 - 1.;
            let inside = (cell.ge(0.)? * cell.le(last)?)?.to_dtype(share.dtype())?;
            Ok(Neighbour { cell: cell.clamp(0., last)?, share: (share * inside)? })
        };
        Ok(Self([neighbour(low.clone(), (1. - &past)?)?, neighbour((low + 1.)?, past)?]))
    }
}

/// `image` seen through a field of its size: a pixel is taken, between four, from where its displacement points to. It is 0 where
/// that is outside the image, more than half a pixel beyond its outermost pixels, and where the displacement is not known.
pub fn warp_grey(image: &Grey, field: &Field) -> crate::Result<Grey> {
    let (w, h) = (image.width(), image.height());
    let value =
        |around: Option<Around>| around.map_or(0., |a| a.of(|at| image.pixels()[at]) as f32);
    Grey::new(w, h, places(field, w, h)?.map(value).collect())
}

/// As [`warp_grey`], of colours: black where nothing is known, and rounded to whole numbers.
pub fn warp_rgb(image: &RgbImage, field: &Field) -> crate::Result<RgbImage> {
    let (w, h) = image.dimensions();
    let bytes = image.as_raw();
    let mut warped = RgbImage::new(w, h);
    let places = places(field, w as usize, h as usize)?;
    for (pixel, around) in warped.pixels_mut().zip(places) {
        let Some(around) = around else { continue };
        *pixel = Rgb([0, 1, 2].map(|c| around.of(|at| bytes[3 * at + c]).round() as u8));
    }
    Ok(warped)
}

/// Where the displacements of all pixels point to.
fn places(
    field: &Field,
    width: usize,
    height: usize,
) -> crate::Result<impl Iterator<Item = Option<Around>>> {
    same_size("an image is seen through a field", [width, height], field.size())?;
    let [w, h] = field.size();
    Ok(field.x().iter().zip(field.y()).enumerate().map(move |(at, (dx, dy))| {
        let (x, y) = ((at % w) as f64 + f64::from(*dx), (at / w) as f64 + f64::from(*dy));
        Around::inside(x, y, w, h)
    }))
}

#[cfg(test)]
mod tests {
    use super::*;
    use candle::{Device, Var};

    /// Values that are a formula of their number.
    fn wave(dims: &[usize], size: f64, phase: f64) -> Result<Tensor> {
        let value = |i: usize| size * (phase + 0.7 * i as f64 + 0.01 * (i * i) as f64).sin();
        let values: Vec<f64> = (0..dims.iter().product()).map(value).collect();
        Tensor::from_vec(values, dims, &Device::Cpu)
    }

    fn values(xs: &Tensor) -> Result<Vec<f64>> {
        xs.flatten_all()?.to_vec1()
    }

    #[test]
    fn a_warped_pixel_is_its_definition_in_plain_loops() -> Result<()> {
        let (m, c, h, w) = (2, 3, 5, 7);
        let images = wave(&[m, c, h, w], 1., 0.3)?;
        // Up to 4 pixels: some point beyond the image.
        let flow = wave(&[m, 2, h, w], 4., 1.1)?;
        let (pixels, moved) = (values(&images)?, values(&flow)?);
        for (i, got) in values(&warp(&images, &flow)?)?.into_iter().enumerate() {
            let (plane, at) = (i / (h * w), i % (h * w));
            let flow = &moved[plane / c * 2 * h * w..];
            let (x, y) = ((at % w) as f64 + flow[at], (at / w) as f64 + flow[h * w + at]);
            let share = |j: usize| {
                let [x, y] = [x - (j % w) as f64, y - (j / w) as f64].map(|d| 1. - d.abs());
                x.max(0.) * y.max(0.)
            };
            let want: f64 = (0..h * w).map(|j| share(j) * pixels[plane * h * w + j]).sum();
            assert!((got - want).abs() < 1e-9, "value {i}: {got} for {want}");
        }
        assert!(warp(&images, &flow.narrow(1, 0, 1)?).is_err());
        Ok(())
    }

    #[test]
    fn the_gradients_are_differences_of_values() -> Result<()> {
        let (images, flow) = (wave(&[1, 2, 4, 5], 1., 0.3)?, wave(&[1, 2, 4, 5], 2., 1.1)?);
        let weight = wave(&[1, 2, 4, 5], 1., 2.)?;
        let sum = |[images, flow]: [&Tensor; 2]| (warp(images, flow)? * &weight)?.sum_all();
        let vars = [Var::from_tensor(&images)?, Var::from_tensor(&flow)?];
        let grads = sum([&vars[0], &vars[1]])?.backward()?;
        for (which, start) in [images.clone(), flow.clone()].iter().enumerate() {
            let got = values(grads.get(&vars[which]).expect("a gradient"))?;
            for (i, got) in got.into_iter().enumerate() {
                let at = |step: f64| -> Result<f64> {
                    let mut moved = values(start)?;
                    moved[i] += step;
                    let moved = Tensor::from_vec(moved, start.dims(), &Device::Cpu)?;
                    let both = if which == 0 { [&moved, &flow] } else { [&images, &moved] };
                    sum(both)?.to_scalar()
                };
                let want = (at(1e-5)? - at(-1e-5)?) / 2e-5;
                assert!((got - want).abs() < 1e-6, "input {which}, value {i}: {got} for {want}");
            }
        }
        Ok(())
    }

    #[test]
    fn a_whole_translation_is_a_shift() {
        let (w, h, dx, dy) = (6, 5, 2, 1);
        let image = |dx: usize, dy: usize| {
            let inside = |x: usize, y: usize| x + dx < w && y + dy < h;
            let value = |x, y| if inside(x, y) { (10 + x + dx + 8 * (y + dy)) as f32 } else { 0. };
            let pixels = (0..w * h).map(|at| value(at % w, at / w)).collect();
            Grey::new(w, h, pixels).unwrap()
        };
        let field = Field::from_fn(w, h, |_, _| [dx as f32, dy as f32]).unwrap();
        assert_eq!(warp_grey(&image(0, 0), &field).unwrap(), image(dx, dy));
        let rgb = |grey: &Grey| {
            let bytes = grey.pixels().iter().flat_map(|v| [*v as u8, 2 * *v as u8, 3 * *v as u8]);
            RgbImage::from_raw(w as u32, h as u32, bytes.collect()).unwrap()
        };
        assert_eq!(warp_rgb(&rgb(&image(0, 0)), &field).unwrap(), rgb(&image(dx, dy)));
    }

    #[test]
    fn the_mirrored_image_is_warped_by_the_mirrored_field() {
        let mirrored = |grey: &Grey| {
            let pixels = grey.pixels().chunks(7).flat_map(|row| row.iter().rev().copied());
            Grey::new(7, 6, pixels.collect()).unwrap()
        };
        let image = Grey::new(7, 6, (0..42).map(|i| (i * i % 97) as f32).collect()).unwrap();
        // In quarters, which have no rounding.
        let step = |i: usize| (i * 11 % 23) as f32 / 4. - 2.;
        let field = Field::from_fn(7, 6, |x, y| [step(x + 7 * y), step(3 * x + y)]).unwrap();
        let warped = warp_grey(&image, &field).unwrap();
        let [image, want] = [mirrored(&image), mirrored(&warped)];
        assert_eq!(warp_grey(&image, &field.flip()).unwrap(), want);
    }

    #[test]
    fn images_and_tensors_are_warped_alike_where_all_is_inside() {
        let (w, h) = (9, 7);
        let pixels: Vec<f32> = (0..w * h).map(|i| (i * i % 255) as f32).collect();
        // Towards the middle, so that nothing leaves.
        let inwards = |at: usize, len: usize| (0.3 * (len as f64 / 2. - at as f64)) as f32;
        let field = Field::from_fn(w, h, |x, y| [inwards(x, w), inwards(y, h)]).unwrap();
        let got = warp_grey(&Grey::new(w, h, pixels.clone()).unwrap(), &field).unwrap();
        let images = Tensor::from_vec(pixels, (1, 1, h, w), &Device::Cpu).unwrap();
        let flow = Tensor::from_vec(field.into_planes().concat(), (1, 2, h, w), &Device::Cpu);
        let want = warp(&images, &flow.unwrap()).unwrap().flatten_all().unwrap();
        for (got, want) in got.pixels().iter().zip(want.to_vec1::<f32>().unwrap()) {
            assert!((got - want).abs() < 1e-3, "{got} is not {want}");
        }
    }

    #[test]
    fn what_is_not_known_is_black() {
        let image = Grey::new(2, 1, vec![100., 200.]).unwrap();
        let field = Field::new(2, 1, vec![f32::NAN, 0.25], vec![f32::NAN, 0.]).unwrap();
        assert_eq!(warp_grey(&image, &field).unwrap().pixels(), [0., 200.]);
        let other = Field::from_fn(1, 2, |_, _| [0., 0.]).unwrap();
        let error = warp_grey(&image, &other).unwrap_err().to_string();
        assert!(error.contains("2x1") && error.contains("1x2"), "{error}");
    }
}
