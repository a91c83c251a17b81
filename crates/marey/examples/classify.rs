//! Names the action in a video: `cargo run --release -p marey --example classify -- VIDEO WEIGHTS`.
//!
//! WEIGHTS are I3D's, in any format that `marey::weights` reads; `docs/weights.md` says where they are had.

use anyhow::{Context, Result};
use candle::{D, Device};
use marey::{clip, data, train::metrics::best, video, zoo};

fn main() -> Result<()> {
    let mut args = std::env::args().skip(1);
    let (film, weights) = args.next().zip(args.next()).context("VIDEO and WEIGHTS are needed")?;
    let i3d = zoo::find("i3d")?;
    let network = i3d.load(&i3d.sizes(400), &weights, &Device::Cpu)?;
    let mut film = video::open(&film, &video::Options::default())?;
    let wanted = i3d.views.clips(film.len()?)?;
    let clips = data::clips(&mut *film, &wanted, |clip| i3d.recipe.prepare(&clip))?;
    let logits = network.forward_t(&clip::stack(&clips)?, false)?; // [clips, 400]
    let scores: Vec<f32> = candle_nn::ops::softmax(&logits, D::Minus1)?.mean(0)?.to_vec1()?;
    for class in best(&scores, 5) {
        println!("{:.4}  {}", scores[class], data::labels::kinetics_400()[class]);
    }
    Ok(())
}
