//! Flow images of a video as a moving picture.

use std::path::{Path, PathBuf};

use image::RgbImage;
use marey::data::extract::Manifest;
use marey::flow::{Field, FlowImages, colour, side_by_side, write_gif};
use marey::video;

use super::pair::rgb;
use crate::exit::{self, failure};
use crate::out::{self, counted};

/// Frames that are shown at most: every so many are, that no more have to be.
const MOST: usize = 100;

/// Displacements as long as this share of them have full colours, longer ones are darker: single pixels err far.
const FULL: f64 = 0.99;

/// Milliseconds between frames of a video whose rate is not known.
const DELAY: f64 = 40.;

pub fn run(inputs: &[PathBuf], gif: &Path) -> anyhow::Result<u8> {
    let [folder] = inputs else {
        let what = format!("--gif takes one folder that --out made, not {}", inputs.len());
        return Err(failure(exit::USAGE, what));
    };
    let flows = FlowImages::open(folder)?;
    let Some(manifest) = Manifest::read(folder)? else {
        let what = format!("{}: no manifest.json, which says what a byte means", folder.display());
        return Err(failure(exit::MISSING, what));
    };
    let every = flows.len().div_ceil(MOST);
    let shown: Vec<usize> = (0..flows.len()).step_by(every).collect();
    let field = |index: &usize| -> anyhow::Result<Field> {
        let rules = manifest.rules(*index);
        let what =
            || failure(exit::CORRUPT, format!("{}: field {index} has no range", folder.display()));
        Ok(flows.field(*index, rules.ok_or_else(what)?)?)
    };
    let fields = shown.iter().map(field).collect::<anyhow::Result<Vec<_>>>()?;
    let frames = video::open(folder, &Default::default())?.frames(&shown)?;
    let max = longest(&fields);
    let picture = |(frame, field): (video::Frame, &Field)| -> anyhow::Result<RgbImage> {
        Ok(side_by_side(&[&rgb(folder, frame)?, &colour(field, max)?]))
    };
    let pictures =
        frames.into_iter().zip(&fields).map(picture).collect::<anyhow::Result<Vec<_>>>()?;
    write_gif(gif, &pictures, (DELAY * every as f64) as u32)?;
    out::text(&format!(
        "{}: {}, full colours at {:.1} px",
        gif.display(),
        counted(pictures.len(), "picture"),
        max.unwrap_or_default()
    ))?;
    Ok(exit::OK)
}

/// The length that almost all displacements are within; nothing where nothing moves.
fn longest(fields: &[Field]) -> Option<f32> {
    let lengths = fields.iter().flat_map(|field| field.x().iter().zip(field.y()));
    let mut lengths: Vec<f32> = lengths.map(|(x, y)| x.hypot(*y)).collect();
    let at = (lengths.len() as f64 * FULL) as usize;
    let (_, length, _) = lengths.select_nth_unstable_by(at, f32::total_cmp);
    Some(*length).filter(|length| *length > 0.)
}
