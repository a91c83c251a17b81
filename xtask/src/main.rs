//! The command line of marey: `cargo xtask COMMAND`.

mod cache;
mod cli;
mod commands;
mod exit;
mod interrupt;
mod memory;
mod out;
mod progress;
mod report;
mod reproduce;
mod source;
mod tensors;
mod training;

use clap::Parser;

fn main() -> std::process::ExitCode {
    memory::keep();
    let cli = cli::Cli::parse();
    if let Some(threads) = cli.threads {
        // SAFETY: no other thread was started yet, so nobody reads the environment meanwhile.
        // candle asks it for the number of its threads.
        unsafe { std::env::set_var("RAYON_NUM_THREADS", threads.to_string()) };
    }
    match interrupt::install().and_then(|()| cli.command.run()) {
        Ok(code) => code.into(),
        Err(error) => exit::report(&error),
    }
}
