//! The flow between two images.

use std::io::Cursor;
use std::path::{Path, PathBuf};
use std::time::Instant;

use image::{ImageFormat, RgbImage};
use marey::flow::{Arrows, CameraMotion, Field, Grey, TvL1, files, picture, warped_flow};
use marey::video;
use marey::weights::write_atomically;
use serde::Serialize;

use crate::exit::{self, failure};
use crate::out;

/// What only two images have.
#[derive(Debug, clap::Args)]
#[command(next_help_heading = "Of two images")]
#[group(skip)]
pub struct Args {
    /// A PNG of both images, the flow in colour and in arrows, side by side
    #[arg(long, value_name = "PNG", conflicts_with_all = ["out", "gif"])]
    picture: Option<PathBuf>,
    /// The true flow, .flo or .png as KITTI has it: prints how far off it is
    #[arg(long, value_name = "FILE", conflicts_with_all = ["out", "gif"])]
    truth: Option<PathBuf>,
}

/// What is printed. Displacements are in pixels.
#[derive(Serialize)]
struct Report {
    from: String,
    to: String,
    output: String,
    width: usize,
    height: usize,
    preset: &'static str,
    mean: f64,
    longest: f64,
    ms: f64,
    camera: Option<Camera>,
    /// Nothing without a truth, or where it knows no pixel.
    end_point_error: Option<f64>,
}

/// The camera's motion, which was taken off if it was found.
#[derive(Serialize)]
struct Camera {
    found: bool,
    matches: usize,
    inliers: usize,
}

impl From<CameraMotion> for Camera {
    fn from(motion: CameraMotion) -> Self {
        Self { found: motion.found(), matches: motion.matches, inliers: motion.inliers }
    }
}

pub fn run(args: &super::Args, output: &Path) -> anyhow::Result<u8> {
    let [from, to] = &args.inputs[..] else {
        let what = format!("-o takes the flow of two images, not of {}", args.inputs.len());
        return Err(failure(exit::USAGE, what));
    };
    let is = |name| output.extension().is_some_and(|met| met.eq_ignore_ascii_case(name));
    if !is("flo") && !is("png") {
        let what = format!("{}: .flo or .png is wanted", output.display());
        return Err(failure(exit::USAGE, what));
    }
    let truth = args.pair.truth.as_ref().map(files::read).transpose()?;
    let images = [image(from)?, image(to)?];
    let greys = [Grey::from_rgb(&images[0])?, Grey::from_rgb(&images[1])?];
    let begun = Instant::now();
    let (field, camera) = find(args, &greys)?;
    let ms = begun.elapsed().as_secs_f64() * 1e3;
    let end_point_error = match &truth {
        Some(truth) => field.end_point_error(truth)?,
        None => None,
    };
    files::write(output, &field)?;
    if let Some(path) = &args.pair.picture {
        let drawn = picture(&images[0], &images[1], &field, None, Arrows::default())?;
        let mut bytes = Cursor::new(Vec::new());
        drawn.write_to(&mut bytes, ImageFormat::Png)?;
        write_atomically(path, bytes.get_ref())?;
    }
    let (mean, longest) = lengths(&field);
    let report = Report {
        from: from.display().to_string(),
        to: to.display().to_string(),
        output: output.display().to_string(),
        width: field.width(),
        height: field.height(),
        preset: args.preset.name(),
        mean,
        longest,
        ms,
        camera: camera.map(Camera::from),
        end_point_error,
    };
    match args.json {
        true => out::json(&report)?,
        false => out::text(&text(&report, truth.is_some()))?,
    }
    Ok(exit::OK)
}

fn find(
    args: &super::Args,
    [from, to]: &[Grey; 2],
) -> anyhow::Result<(Field, Option<CameraMotion>)> {
    let tvl1 = TvL1::preset(args.preset);
    if !args.warped {
        return Ok((tvl1.field(from, to)?, None));
    }
    let found = warped_flow(from, to, args.seed, |from, to| tvl1.field(from, to))?;
    Ok((found.warped, Some(found.camera)))
}

fn text(report: &Report, has_truth: bool) -> String {
    let Report { width, height, mean, longest, ms, .. } = report;
    let mut line = format!(
        "{width}x{height}: displacement {mean:.3} px on average, {longest:.3} at most; {ms:.0} ms"
    );
    if let Some(Camera { found, matches, inliers }) = report.camera {
        let what = if found { "taken off" } else { "not found" };
        line += &format!("; camera's motion {what} ({inliers} of {matches} points agree)");
    }
    match report.end_point_error {
        Some(error) => line += &format!("; end-point error {error:.3} px"),
        None if has_truth => line += "; no end-point error, for the truth knows no pixel",
        None => {}
    }
    line
}

/// Mean and greatest length of the displacements.
fn lengths(field: &Field) -> (f64, f64) {
    let known = field.pixels().filter_map(|(_, _, v)| v);
    let lengths: Vec<f64> = known.map(|[x, y]| f64::from(x).hypot(f64::from(y))).collect();
    let mean = lengths.iter().sum::<f64>() / lengths.len().max(1) as f64;
    (mean, lengths.iter().copied().fold(0., f64::max))
}

/// The image at `path`.
pub fn image(path: &Path) -> anyhow::Result<RgbImage> {
    let mut source = video::open(path, &Default::default())?;
    let frames = source.len()?;
    if frames != 1 {
        let what = format!("{}: {frames} frames, and an image is wanted", path.display());
        return Err(failure(exit::CORRUPT, what));
    }
    rgb(path, source.frames(&[0])?.remove(0))
}

/// A frame of the video at `path` as an image.
pub fn rgb(path: &Path, frame: video::Frame) -> anyhow::Result<RgbImage> {
    let image = RgbImage::from_raw(frame.width, frame.height, frame.data);
    image.ok_or_else(|| anyhow::anyhow!("{}: a frame without all its pixels", path.display()))
}
