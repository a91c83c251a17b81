//! `data`: what networks are trained on.

mod check;
mod prepare;
mod preview;

/// Look at datasets, and prepare them
#[derive(Debug, clap::Subcommand)]
pub enum Data {
    Preview(preview::Args),
    Check(check::Args),
    Prepare(prepare::Args),
}

pub fn run(data: &Data) -> anyhow::Result<u8> {
    match data {
        Data::Preview(args) => preview::run(args),
        Data::Check(args) => check::run(args),
        Data::Prepare(args) => prepare::run(args),
    }
}
