//! Writes a contact sheet and moving pictures of Marionettes into a folder (`preview` if none is given).

use std::path::PathBuf;

use marey_data::{Marionettes, MarionettesConfig, Subset, preview};

fn main() -> marey_data::Result<()> {
    let dir = std::env::args_os().nth(1).map_or_else(|| PathBuf::from("preview"), PathBuf::from);
    let config = MarionettesConfig { width: 128, height: 128, ..Default::default() };
    for path in preview(&Marionettes::new(config, Subset::Train)?, &dir)? {
        println!("{}", path.display());
    }
    Ok(())
}
