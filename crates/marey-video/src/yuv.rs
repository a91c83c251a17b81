//! Luma and chroma planes into RGB, by the arithmetic of ITU-R BT.601 that ffmpeg's scaler uses.

/// How a video stores its colours.
#[derive(Clone, Copy, Debug, PartialEq, Eq)]
pub(crate) struct Layout {
    /// Columns and rows of pixels that share a chroma sample; `None` for luma alone.
    pub(crate) chroma: Option<(usize, usize)>,
    /// Luma and chroma use all of 0 to 255, and not 16 to 235 and 16 to 240.
    pub(crate) full_range: bool,
}

impl Layout {
    /// Width and height of one chroma plane; a last column or row that is not whole has samples of its own.
    fn chroma_size(self, width: usize, height: usize) -> (usize, usize) {
        self.chroma.map_or((0, 0), |(x, y)| (width.div_ceil(x), height.div_ceil(y)))
    }

    /// Bytes of all planes of a frame; `None` if that is no number.
    pub(crate) fn bytes(self, width: usize, height: usize) -> Option<usize> {
        let (w, h) = self.chroma_size(width, height);
        width.checked_mul(height)?.checked_add(w.checked_mul(h)?.checked_mul(2)?)
    }

    /// `[height, width, 3]` RGB from the planes, one after the other; `planes` is of [`bytes`](Self::bytes)
    /// length.
    pub(crate) fn rgb(self, planes: &[u8], width: usize, height: usize) -> Vec<u8> {
        let (y, chroma) = planes.split_at(width * height);
        let Some((step_x, step_y)) = self.chroma else {
            // ffmpeg takes luma alone for grey of full range, whatever the header says.
            return y.iter().flat_map(|&y| [y; 3]).collect();
        };
        let (chroma_width, chroma_height) = self.chroma_size(width, height);
        let (u, v) = chroma.split_at(chroma_width * chroma_height);
        let matrix = Matrix::new(self.full_range);
        let mut out = Vec::with_capacity(width * height * 3);
        for (row, y) in y.chunks_exact(width).enumerate() {
            let line = row / step_y * chroma_width..;
            let (u, v) = (&u[line.clone()], &v[line]);
            // ffmpeg has one routine for shared chroma and another for chroma of every pixel.
            if step_x == 1 {
                out.extend(
                    y.iter().zip(u.iter().zip(v)).flat_map(|(&y, (&u, &v))| matrix.exact(y, u, v)),
                );
            } else {
                let pixels = y.iter().enumerate();
                out.extend(pixels.flat_map(|(x, &y)| matrix.fast(y, u[x / step_x], v[x / step_x])));
            }
        }
        out
    }
}

/// The conversion's coefficients, times 2^16.
struct Matrix {
    black: i32,
    y: i32,
    red_v: i32,
    blue_u: i32,
    green_u: i32,
    green_v: i32,
}

impl Matrix {
    /// BT.601: `red = y + 1.402 v`, `blue = y + 1.772 u`, `green = y - 0.344 u - 0.714 v`, with chroma about
    /// 128, and stretched from 219 levels of luma and 224 of chroma unless the range is full.
    fn new(full_range: bool) -> Self {
        if full_range {
            Self {
                black: 0,
                y: 65536,
                red_v: 91881,
                blue_u: 116130,
                green_u: -22553,
                green_v: -46801,
            }
        } else {
            Self {
                black: 16,
                y: 76309,
                red_v: 104597,
                blue_u: 132201,
                green_u: -25675,
                green_v: -53279,
            }
        }
    }

    /// Each product cut down to a whole number before the sum, from coefficients of 13 bits: what ffmpeg's
    /// vector code for shared chroma does, bit for bit.
    fn fast(&self, y: u8, u: u8, v: u8) -> [u8; 3] {
        let (y, u, v) = (i32::from(y) - self.black, i32::from(u) - 128, i32::from(v) - 128);
        let product = |value: i32, coefficient: i32| (value * 8 * ((coefficient + 4) >> 3)) >> 16;
        let y = product(y, self.y);
        let green = y + product(u, self.green_u) + product(v, self.green_v);
        [y + product(v, self.red_v), green, y + product(u, self.blue_u)].map(clamp)
    }

    /// The sum rounded once.
    fn exact(&self, y: u8, u: u8, v: u8) -> [u8; 3] {
        let (y, u, v) = (i32::from(y) - self.black, i32::from(u) - 128, i32::from(v) - 128);
        let y = y * self.y + (1 << 15);
        let green = y + u * self.green_u + v * self.green_v;
        [y + v * self.red_v, green, y + u * self.blue_u].map(|sum| clamp(sum >> 16))
    }
}

fn clamp(value: i32) -> u8 {
    value.clamp(0, 255) as u8
}

#[cfg(test)]
mod tests {
    use super::*;

    const HALF: Layout = Layout { chroma: Some((2, 2)), full_range: false };

    #[test]
    fn sizes_of_odd_frames() {
        assert_eq!(HALF.bytes(5, 3), Some(15 + 2 * 6));
        assert_eq!(Layout { chroma: Some((2, 1)), ..HALF }.bytes(5, 3), Some(15 + 2 * 9));
        assert_eq!(Layout { chroma: None, ..HALF }.bytes(5, 3), Some(15));
        assert_eq!(HALF.bytes(usize::MAX, 2), None);
    }

    #[test]
    fn colours_by_hand() {
        // Black, white and the red of BT.601 at limited range: (16, 235, 81 with u 90 and v 240).
        let limited = Matrix::new(false);
        assert_eq!((limited.exact(16, 128, 128), limited.exact(235, 128, 128)), ([0; 3], [255; 3]));
        assert_eq!(limited.exact(81, 90, 240), [254, 0, 0]);
        // 65 * 9539 * 8 >> 16 = 75; 112 * 13075 * 8 >> 16 = 178; green is below 0.
        assert_eq!(limited.fast(81, 90, 240), [253, 0, 0]);
        let full = Matrix::new(true);
        assert_eq!((full.exact(7, 128, 128), full.fast(7, 128, 128)), ([7; 3], [7; 3]));
    }

    #[test]
    fn shared_chroma_lands_on_its_pixels() {
        // 3 x 3 pixels, chroma 2 x 2: only the last column and row are coloured.
        let planes = [[100; 9].as_slice(), &[128, 128, 128, 200], &[128; 4]].concat();
        let out = HALF.rgb(&planes, 3, 3);
        let grey = Matrix::new(false).fast(100, 128, 128);
        let blue = Matrix::new(false).fast(100, 200, 128);
        let wanted: Vec<u8> = (0..9).flat_map(|i| if i == 8 { blue } else { grey }).collect();
        assert_eq!(out, wanted);
    }
}
