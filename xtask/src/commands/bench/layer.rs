//! `bench layer`: the convolutions of a network one by one, beside what the machine can do.

use std::path::PathBuf;

use candle::{DType, Device, Tensor};
use marey::kernels::conv::{self, Epilogue, Filter, plan};
use marey::kernels::{ConvShape, Isa, Sum, machine};
use marey::layers::{drawn, trace};
use serde::Serialize;

use super::{compare, median, timed};
use crate::cli::{Network, Precision};
use crate::{exit, out};

/// Time the convolutions of a network one by one
///
/// Each is timed by itself, warm, beside the least time that the machine's measured peak and bandwidth allow. A Winograd
/// algorithm may take less: it has fewer multiplications than the definition, which GFLOP/s are counted by.
#[derive(Debug, clap::Args)]
#[command(
    after_help = "Examples:\n  cargo xtask bench layer c3d --threads 2\n  cargo xtask bench layer i3d --frames 16 --train --json > before.json\n  cargo xtask bench layer i3d --frames 16 --train --compare before.json"
)]
pub struct Args {
    #[command(flatten)]
    network: Network,
    /// Clips of a batch
    #[arg(long, default_value_t = 1, value_parser = clap::value_parser!(u16).range(1..))]
    batch: u16,
    /// Timed runs, after one that is not
    #[arg(long, default_value_t = 5, value_parser = clap::value_parser!(u16).range(1..))]
    runs: u16,
    /// The gradients of inputs and weights too
    #[arg(long)]
    train: bool,
    /// How exactly to compute
    #[arg(long, value_enum, default_value = "f32")]
    precision: Precision,
    /// An earlier report (`--json`) of the same layers, to print ratios to
    #[arg(long, value_name = "FILE")]
    compare: Option<PathBuf>,
    /// Print a JSON object
    #[arg(long)]
    json: bool,
}

#[derive(Serialize)]
struct Report {
    model: &'static str,
    /// `[N, C, T, H, W]`.
    input: [usize; 5],
    precision: &'static str,
    threads: usize,
    runs: u16,
    isa: &'static str,
    /// Measured, of all threads.
    peak_gflops: f64,
    bandwidth_gbs: f64,
    layers: Vec<Layer>,
    /// Of all layers, each as often as the network has it.
    sum_ms: f64,
}

#[derive(Serialize)]
struct Layer {
    /// Channels, kernel, stride, input, groups.
    layer: String,
    /// `forward`, `input gradient` or `weight gradient`.
    pass: &'static str,
    /// How often the network has it.
    times: usize,
    algorithm: &'static str,
    median_ms: f64,
    gflops: f64,
    /// Of the measured peak.
    peak_share: f64,
    /// Bytes of input, weights and output.
    bytes: u64,
    /// The least time by peak and bandwidth.
    limit_ms: f64,
}

pub fn run(args: &Args) -> anyhow::Result<u8> {
    let precision = args.precision.layers()?;
    let (model, sizes) = args.network.find(None)?;
    let [t, h, w] = sizes.input;
    let input = [args.batch.into(), sizes.c_in, t, h, w];
    let shapes = {
        let network = model.build(&sizes, drawn(1, DType::F32, &Device::Cpu))?;
        let clip = Tensor::zeros((), DType::F32, &Device::Cpu)?.broadcast_as(&input)?;
        trace::convolutions(|| network.forward_t(&clip, false))?
    };
    let (peak, bandwidth) = (machine::peak_gflops(), machine::bandwidth_gbs());
    let mut layers: Vec<Layer> = Vec::new();
    let mut seen: Vec<ConvShape> = Vec::new();
    for shape in &shapes {
        if seen.contains(shape) {
            continue;
        }
        seen.push(*shape);
        let times = shapes.iter().filter(|other| *other == shape).count();
        let mut passes = Passes::new(*shape, precision, args.runs);
        let mut all = vec![passes.forward()?];
        if args.train {
            all.extend([passes.input_gradient()?, passes.weight_gradient()?]);
        }
        for (pass, algorithm, median_ms) in all {
            let flops = 2. * shape.multiply_adds().unwrap_or_default() as f64;
            let bytes = shape.bytes().unwrap_or_default();
            let gflops = flops / median_ms / 1e6;
            let limit_ms = (flops / peak).max(bytes as f64 / bandwidth) / 1e6;
            layers.push(Layer {
                layer: shape.to_string(),
                pass,
                times,
                algorithm,
                median_ms,
                gflops,
                peak_share: gflops / peak,
                bytes,
                limit_ms,
            });
        }
    }
    let report = Report {
        model: model.name,
        input,
        precision: args.precision.name(),
        threads: rayon::current_num_threads(),
        runs: args.runs,
        isa: Isa::best().name(),
        peak_gflops: peak,
        bandwidth_gbs: bandwidth,
        sum_ms: layers.iter().map(|layer| layer.median_ms * layer.times as f64).sum(),
        layers,
    };
    print(&report, args)?;
    Ok(exit::OK)
}

/// The passes of one convolution, on values that do not matter.
struct Passes {
    shape: ConvShape,
    precision: conv::Precision,
    runs: u16,
    xs: Vec<f32>,
    ws: Vec<f32>,
    dys: Vec<f32>,
}

/// What was timed, its algorithm, and milliseconds.
type Timed = (&'static str, &'static str, f64);

impl Passes {
    fn new(shape: ConvShape, precision: conv::Precision, runs: u16) -> Self {
        let values =
            |len: usize| (0..len).map(|i| (i * 7919 % 1009) as f32 / 1009. - 0.5).collect();
        let dys = shape.output_len().unwrap_or_default();
        let (xs, ws) = (values(shape.input_len()), values(shape.weight_len()));
        Self { shape, precision, runs, xs, ws, dys: values(dys) }
    }

    fn forward(&mut self) -> anyhow::Result<Timed> {
        let algorithm = plan(&self.shape, self.precision);
        let filter = Filter::new(&self.shape, algorithm, &self.ws);
        let epilogue = Epilogue { relu: true, ..Default::default() };
        let mut times = timed(self.runs, || {
            std::hint::black_box(filter.forward(&self.shape, &self.xs, &epilogue));
            Ok(())
        })?;
        Ok(("forward", algorithm.name(), median(&mut times)))
    }

    fn input_gradient(&mut self) -> anyhow::Result<Timed> {
        let Self { shape, precision, ws, dys, .. } = self;
        let algorithm = conv::input_gradient_algorithm(shape, *precision);
        let mut times = timed(self.runs, || {
            conv::input_gradient(shape, *precision, dys, ws, &mut Sum::default());
            Ok(())
        })?;
        Ok(("input gradient", algorithm.name(), median(&mut times)))
    }

    fn weight_gradient(&mut self) -> anyhow::Result<Timed> {
        let Self { shape, precision, xs, dys, .. } = self;
        let algorithm = conv::weight_gradient_algorithm(shape, *precision);
        let mut dws = vec![0.; shape.weight_len()];
        let mut times = timed(self.runs, || {
            conv::weight_gradient(shape, *precision, xs, dys, &mut dws);
            Ok(())
        })?;
        Ok(("weight gradient", algorithm.name(), median(&mut times)))
    }
}

fn print(report: &Report, args: &Args) -> anyhow::Result<()> {
    let now = serde_json::to_value(report)?;
    let same = ["model", "input", "precision"];
    let before = args.compare.as_ref().map(|path| compare::read(path, &now, &same)).transpose()?;
    if args.json {
        return out::json(report);
    }
    let mut head =
        vec!["layer", "times", "pass", "algorithm", "ms", "GFLOP/s", "of peak", "MB", "limit ms"];
    head.extend(before.is_some().then_some("before / now"));
    let row = |layer: &Layer| {
        let mut row = vec![
            layer.layer.clone(),
            layer.times.to_string(),
            layer.pass.into(),
            layer.algorithm.into(),
            format!("{:.2}", layer.median_ms),
            format!("{:.0}", layer.gflops),
            format!("{:.0} %", 100. * layer.peak_share),
            format!("{:.1}", layer.bytes as f64 / 1e6),
            format!("{:.2}", layer.limit_ms),
        ];
        if let Some(before) = &before {
            let of = |other: &&serde_json::Value| {
                other["layer"] == layer.layer && other["pass"] == layer.pass
            };
            let earlier = before["layers"].as_array().and_then(|all| all.iter().find(of));
            row.push(compare::ratio(
                earlier.and_then(|l| l["median_ms"].as_f64()),
                layer.median_ms,
            ));
        }
        row
    };
    let rows: Vec<_> = report.layers.iter().map(row).collect();
    out::text(&out::table(&head, &rows))?;
    out::text(&format!(
        "\n{} {:?}, {}, {} threads of {}: {:.1} ms for all; measured peak {:.0} GFLOP/s, bandwidth {:.1} GB/s",
        report.model,
        report.input,
        report.precision,
        report.threads,
        report.isa,
        report.sum_ms,
        report.peak_gflops,
        report.bandwidth_gbs,
    ))
}
