//! How many clips of Marionettes, 16 frames of 64 x 64, one thread draws in a second.

use std::time::Instant;

use marey_data::{Dataset, Marionettes, MarionettesConfig, Subset};

fn main() -> marey_data::Result<()> {
    let data = Marionettes::new(MarionettesConfig::default(), Subset::Train)?;
    let which: Vec<usize> = (0..16).map(|t| 2 * t).collect();
    for round in 1..=3 {
        let begun = Instant::now();
        for i in 0..600 {
            data.frames(i, &which)?;
        }
        let rate = 600. / begun.elapsed().as_secs_f64();
        println!("round {round}: {rate:.0} clips/s");
    }
    Ok(())
}
