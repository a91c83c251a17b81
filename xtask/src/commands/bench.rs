//! `bench`: how fast, and how much memory.

mod compare;
mod data;
mod flow;
mod layer;
mod model;

/// Measure
#[derive(Debug, clap::Subcommand)]
pub enum Bench {
    Model(model::Args),
    Layer(layer::Args),
    Flow(flow::Args),
    Data(data::Args),
}

pub fn run(bench: &Bench) -> anyhow::Result<u8> {
    match bench {
        Bench::Model(args) => model::run(args),
        Bench::Layer(args) => layer::run(args),
        Bench::Flow(args) => flow::run(args),
        Bench::Data(args) => data::run(args),
    }
}

/// The middle of `times`, sorted in place.
fn median(times: &mut [f64]) -> f64 {
    times.sort_by(f64::total_cmp);
    (times[(times.len() - 1) / 2] + times[times.len() / 2]) / 2.
}

/// Milliseconds of each of `runs` calls of `f`, after one that is not timed.
fn timed(runs: u16, mut f: impl FnMut() -> anyhow::Result<()>) -> anyhow::Result<Vec<f64>> {
    f()?;
    let mut times = Vec::new();
    for _ in 0..runs {
        let start = std::time::Instant::now();
        f()?;
        times.push(start.elapsed().as_secs_f64() * 1e3);
    }
    Ok(times)
}
