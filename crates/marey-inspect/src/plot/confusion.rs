//! What was taken for what, as a square of cells.

use std::fmt::Write;
use std::io::Cursor;

use candle::{Result, bail};
use image::{ImageFormat, Rgb, RgbImage};

use super::{begin, escape};

/// How often each class was taken for each.
#[derive(Debug, Clone, PartialEq, Eq)]
pub struct Matrix {
    classes: Vec<String>,
    rows: Vec<Vec<u64>>,
}

/// A cell in which something was counted.
struct Cell {
    label: usize,
    answer: usize,
    count: u64,
    /// Of its row, in `(0, 1]`.
    share: f64,
}

impl Cell {
    /// Blue where the answer is right, red where it is wrong.
    fn colour(&self) -> [u8; 3] {
        if self.label == self.answer { [0x1b, 0x6c, 0xa8] } else { [0xc4, 0x35, 0x2b] }
    }

    /// How much of the background the colour covers: even a single wrong answer is to be seen.
    fn cover(&self) -> f64 {
        0.1 + 0.9 * self.share
    }
}

/// The side of a picture's square, as far as the number of classes allows.
const SIDE: usize = 960;
const MARGIN: f64 = 48.;

impl Matrix {
    /// Of `rows[label][answer]`, square and as many as classes.
    ///
    /// # Errors
    ///
    /// If there is no class, or the rows are of other sizes.
    pub fn new(classes: Vec<String>, rows: Vec<Vec<u64>>) -> Result<Self> {
        let sizes: Vec<usize> = rows.iter().map(Vec::len).collect();
        if classes.is_empty() || sizes != vec![classes.len(); classes.len()] {
            let wanted = "as many rows of as many counts, and at least one class";
            bail!(
                "a confusion matrix of {} classes and rows of {sizes:?}, wanted {wanted}",
                classes.len()
            );
        }
        Ok(Self { classes, rows })
    }

    /// The names of the classes.
    pub fn classes(&self) -> &[String] {
        &self.classes
    }

    /// How often each answer was given to each label.
    pub fn rows(&self) -> &[Vec<u64>] {
        &self.rows
    }

    /// The square in colours, a row's cells by their share of it. Up to 40 classes have their counts in the cells, up to 120 their names
    /// at the sides; label, answer and count of each cell are its tooltip.
    pub fn svg(&self, title: &str) -> String {
        let classes = self.classes.len();
        let cell = (SIDE as f64 / classes as f64).clamp(3., 36.);
        let (has_names, has_counts) = (cell >= 8., cell >= 24.);
        let font = (cell - 1.).min(12.);
        let longest = self.classes.iter().map(|name| name.chars().count()).max().unwrap_or(0);
        let names = if has_names { longest as f64 * font * 0.65 + 12. } else { 0. };
        let (left, top) = (names.max(MARGIN), MARGIN + names);
        let side = cell * classes as f64;
        let (full, tall) = (left + side.max(420.) + MARGIN, top + side + MARGIN);
        let mut svg = begin(full, tall, title);
        let _ = writeln!(
            svg,
            "<rect class=\"grid\" x=\"{left:.1}\" y=\"{top:.1}\" width=\"{side:.1}\" height=\"{side:.1}\" fill=\"none\" stroke=\"#ddd\"/>\n\
             <text x=\"{left:.1}\" y=\"{:.1}\">a row is a label, a column an answer, a colour the share of the row</text>",
            top + side + 20.
        );
        for (i, name) in self.classes.iter().enumerate().filter(|_| has_names) {
            let (name, middle) = (escape(name), (i as f64 + 0.5) * cell + font / 3.);
            let (x, y, across) = (left - 6., top + middle, left + middle);
            let _ = writeln!(
                svg,
                "<text x=\"{x:.1}\" y=\"{y:.1}\" font-size=\"{font:.1}\" text-anchor=\"end\">{name}</text>\
                 <text transform=\"translate({across:.1} {:.1}) rotate(-90)\" font-size=\"{font:.1}\">{name}</text>",
                top - 6.
            );
        }
        for met in self.cells() {
            let (x, y) = (left + met.answer as f64 * cell, top + met.label as f64 * cell);
            let [r, g, b] = met.colour();
            let _ = writeln!(
                svg,
                "<rect x=\"{x:.1}\" y=\"{y:.1}\" width=\"{cell:.2}\" height=\"{cell:.2}\" fill=\"#{r:02x}{g:02x}{b:02x}\" fill-opacity=\"{:.3}\"><title>{} as {}: {}</title></rect>",
                met.cover(),
                escape(&self.classes[met.label]),
                escape(&self.classes[met.answer]),
                met.count
            );
            if has_counts {
                let count = met.count.to_string();
                let size = (cell * 1.4 / count.len() as f64).min(12.);
                let ink = if met.share > 0.5 { " style=\"fill:white\"" } else { "" };
                let _ = writeln!(
                    svg,
                    "<text x=\"{:.1}\" y=\"{:.1}\" font-size=\"{size:.1}\" text-anchor=\"middle\" pointer-events=\"none\"{ink}>{count}</text>",
                    x + cell / 2.,
                    y + cell / 2. + size / 3.
                );
            }
        }
        svg + "</svg>\n"
    }

    /// The same square on white as a PNG file, without names and counts.
    ///
    /// # Errors
    ///
    /// If the picture is too large to be encoded.
    pub fn png(&self) -> Result<Vec<u8>> {
        let cell = (SIDE / self.classes.len()).clamp(1, 36) as u32;
        let side = cell * self.classes.len() as u32;
        let mut picture = RgbImage::from_pixel(side, side, Rgb([255; 3]));
        for met in self.cells() {
            let mixed = |c: u8| (255. + (f64::from(c) - 255.) * met.cover()).round() as u8;
            let colour = Rgb(met.colour().map(mixed));
            for (x, y) in (0..cell).flat_map(|y| (0..cell).map(move |x| (x, y))) {
                picture.put_pixel(
                    met.answer as u32 * cell + x,
                    met.label as u32 * cell + y,
                    colour,
                );
            }
        }
        let mut bytes = Cursor::new(Vec::new());
        picture.write_to(&mut bytes, ImageFormat::Png).map_err(candle::Error::wrap)?;
        Ok(bytes.into_inner())
    }

    fn cells(&self) -> impl Iterator<Item = Cell> {
        self.rows.iter().enumerate().flat_map(|(label, row)| {
            let all: f64 = row.iter().map(|count| *count as f64).sum();
            let met = row.iter().enumerate().filter(|(_, count)| **count > 0);
            met.map(move |(answer, &count)| Cell {
                label,
                answer,
                count,
                share: count as f64 / all,
            })
        })
    }
}

#[cfg(test)]
mod tests {
    use super::*;

    fn matrix(rows: &[&[u64]]) -> Result<Matrix> {
        let names = (0..rows.len()).map(|i| format!("<{i}> & co"));
        Matrix::new(names.collect(), rows.iter().map(|row| row.to_vec()).collect())
    }

    #[test]
    fn a_cell_is_coloured_by_its_share_of_its_row() {
        let matrix = matrix(&[&[3, 1, 0], &[0, 0, 0], &[0, 0, 50]]).unwrap();
        let svg = matrix.svg("a < b");
        // By hand: shares of 3/4, 1/4 and 1, and 10 % that any count has.
        for (colour, cover) in [("1b6ca8", "0.775"), ("c4352b", "0.325"), ("1b6ca8", "1.000")] {
            assert!(svg.contains(&format!("fill=\"#{colour}\" fill-opacity=\"{cover}\"")), "{svg}");
        }
        assert_eq!(svg.matches("fill-opacity").count(), 3);
        assert!(
            svg.contains(">50</text>")
                && svg.contains("<title>&lt;0&gt; &amp; co as &lt;1&gt; &amp; co: 1</title>")
        );
        assert!(svg.contains(">a &lt; b</text>") && !svg.contains("NaN"));

        let picture = image::load_from_memory(&matrix.png().unwrap()).unwrap().to_rgb8();
        assert_eq!(picture.dimensions(), (108, 108));
        assert_eq!(picture.get_pixel(107, 107).0, [0x1b, 0x6c, 0xa8]);
        // 255 + (196 - 255) 0.325 = 235.8, 255 + (53 - 255) 0.325 = 189.35, 255 + (43 - 255) 0.325 = 186.1.
        assert_eq!(picture.get_pixel(36, 35).0, [236, 189, 186]);
        assert_eq!(picture.get_pixel(36, 36).0, [255; 3]);
    }

    #[test]
    fn names_and_counts_are_there_where_they_fit() {
        for (classes, names, counts) in
            [(1, 2, 1), (40, 80, 40), (41, 82, 0), (120, 240, 0), (121, 0, 0), (400, 0, 0)]
        {
            let rows: Vec<Vec<u64>> =
                (0..classes).map(|i| (0..classes).map(|j| u64::from(i == j)).collect()).collect();
            let matrix = Matrix::new(vec!["x".into(); classes], rows).unwrap();
            let svg = matrix.svg("");
            assert_eq!(svg.matches(">x</text>").count(), names, "{classes} classes");
            assert_eq!(svg.matches(">1</text>").count(), counts, "{classes} classes");
            let picture = image::load_from_memory(&matrix.png().unwrap()).unwrap();
            assert!((classes as u32..=960).contains(&picture.width()));
        }
    }

    #[test]
    fn what_is_not_square_is_refused() {
        for rows in [&[][..], &[&[1, 2][..]], &[&[1, 2], &[1]]] {
            let error = matrix(rows).unwrap_err();
            assert!(error.to_string().contains("wanted as many rows"), "{error}");
        }
    }
}
