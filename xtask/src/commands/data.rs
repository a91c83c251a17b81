//! `data`: what networks are trained on.

mod check;
mod preview;

/// Look at datasets
#[derive(Debug, clap::Subcommand)]
pub enum Data {
    Preview(preview::Args),
    Check(check::Args),
}

pub fn run(data: &Data) -> anyhow::Result<u8> {
    match data {
        Data::Preview(args) => preview::run(args),
        Data::Check(args) => check::run(args),
    }
}
