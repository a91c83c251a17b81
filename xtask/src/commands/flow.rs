//! `flow`: optical flow of two images, or flow images of whole videos.

mod gif;
mod names;
mod pair;
mod shard;
mod videos;

use std::path::PathBuf;

use marey::flow::Preset;
pub(super) use names::{Named, named};
pub(super) use pair::image;

use crate::exit::{self, failure};

/// Find optical flow by TV-L1
///
/// Of two images into a file (-o), or of whole videos into images (--out): each video becomes a folder with img_00001.jpg,
/// flow_x_00001.jpg, flow_y_00001.jpg and so on, as many of each as it has frames, and manifest.json. Field n is from frame n to
/// the next; the last frame, which has no next one, has the field before it once more. A folder is whole or not there, so a run
/// that was stopped goes on when it is started again: what is there is not made twice. Several runs may share a folder.
#[derive(Debug, clap::Args)]
#[command(
    group(clap::ArgGroup::new("to").required(true)),
    group(clap::ArgGroup::new("no_videos").args(["output", "gif"])),
    override_usage = "cargo xtask flow [OPTIONS] -o FILE FROM TO\n       cargo xtask flow [OPTIONS] --out DIR [VIDEO]..\n       cargo xtask flow --gif FILE FOLDER",
    after_help = EXAMPLES
)]
pub struct Args {
    /// Two images; or videos, files of any kind that `classify` takes or folders of frames
    #[arg(value_name = "PATH")]
    inputs: Vec<PathBuf>,
    /// The file that the flow of two images goes to: .flo, or .png as KITTI has it
    #[arg(short, long, value_name = "FILE", group = "to")]
    output: Option<PathBuf>,
    /// The folder that the folders of videos go to
    #[arg(long, value_name = "DIR", group = "to")]
    out: Option<PathBuf>,
    /// An animated GIF of a folder that --out made: frames beside their flow in colours
    #[arg(long, value_name = "FILE", group = "to")]
    gif: Option<PathBuf>,
    /// ipol, opencv or fast
    #[arg(long, default_value = "opencv")]
    preset: Preset,
    /// Take off the camera's motion
    #[arg(long)]
    warped: bool,
    /// Draws the matches that the camera's motion is guessed from
    #[arg(long, default_value_t = 1, requires = "warped")]
    seed: u64,
    /// Print a JSON object
    #[arg(long)]
    json: bool,
    #[command(flatten)]
    pair: pair::Args,
    #[command(flatten)]
    videos: videos::Args,
}

const EXAMPLES: &str = "\
Shards: --shard 2/8 takes the videos whose path, as it is written, hashes (FNV-1a, 64 bits) to 1 modulo 8. Without it, a task of
a SLURM array (SLURM_ARRAY_TASK_ID, _COUNT, _MIN, _STEP) takes its own part, and so does a pod of an indexed Kubernetes job
(JOB_COMPLETION_INDEX), which has to be told of how many by --shards.

Examples:
  cargo xtask flow frame0.png frame1.png -o flow.flo --picture flow.png
  cargo xtask flow frame0.png frame1.png -o flow.flo --truth truth.flo --json
  cargo xtask flow v_*.avi --out flows --size 340x256
  cargo xtask flow flows/v_Archery_g01_c01 --gif archery.gif
  cargo xtask flow --list videos.txt --root UCF-101 --out flows --short-side 256 --shard 1/8";

pub fn run(args: &Args) -> anyhow::Result<u8> {
    match (&args.output, &args.out, &args.gif) {
        (Some(output), None, None) => pair::run(args, output),
        (None, Some(out), None) => videos::run(args, out),
        (None, None, Some(gif)) => gif::run(&args.inputs, gif),
        _ => Err(failure(exit::USAGE, "one of -o FILE, --out DIR and --gif FILE is wanted")),
    }
}
