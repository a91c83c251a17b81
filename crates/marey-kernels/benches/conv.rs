//! The convolutions of the video networks, forward and backward, by every algorithm that takes them.
//!
//!     cargo bench -p marey-kernels -- conv3b

use criterion::{Criterion, Throughput, criterion_group, criterion_main};
use marey_kernels::conv::{self, Epilogue, Filter, Precision};
use marey_kernels::{Algorithm, ConvShape, Sum, Window};

/// Padded so that a stride of 1 keeps the size.
fn shape(
    c_in: usize,
    c_out: usize,
    groups: usize,
    input: [usize; 3],
    kernel: [usize; 3],
    stride: [usize; 3],
) -> ConvShape {
    let half = kernel.map(|side| (side - 1) / 2);
    let window = Window { kernel, stride, before: half, after: half };
    ConvShape { n: 1, c_in, c_out, groups, input, window }
}

fn layers() -> Vec<(&'static str, ConvShape)> {
    let (one, two) = ([1; 3], [2; 3]);
    vec![
        ("c3d.conv1", shape(3, 64, 1, [16, 112, 112], [3; 3], one)),
        ("c3d.conv2a", shape(64, 128, 1, [16, 56, 56], [3; 3], one)),
        ("c3d.conv3b", shape(256, 256, 1, [8, 28, 28], [3; 3], one)),
        ("c3d.conv4b", shape(512, 512, 1, [4, 14, 14], [3; 3], one)),
        ("c3d.conv5", shape(512, 512, 1, [2, 7, 7], [3; 3], one)),
        ("r3d.stem", shape(3, 64, 1, [16, 112, 112], [3, 7, 7], [1, 2, 2])),
        ("r3d.layer1", shape(64, 64, 1, [16, 56, 56], [3; 3], one)),
        ("r3d.layer2.0", shape(64, 128, 1, [16, 56, 56], [3; 3], two)),
        ("r2plus1d.space", shape(64, 144, 1, [16, 56, 56], [1, 3, 3], one)),
        ("r2plus1d.time", shape(144, 64, 1, [16, 56, 56], [3, 1, 1], one)),
        ("i3d.stem", shape(3, 64, 1, [16, 224, 224], [7; 3], two)),
        ("csn.pointwise", shape(256, 64, 1, [8, 56, 56], one, one)),
        ("csn.depthwise", shape(64, 64, 64, [8, 56, 56], [3; 3], one)),
    ]
}

fn values(len: usize) -> Vec<f32> {
    (0..len).map(|i| (i * 7919 % 1009) as f32 / 1009. - 0.5).collect()
}

fn convolutions(criterion: &mut Criterion) {
    for (name, shape) in layers() {
        let mut group = criterion.benchmark_group(name);
        group.sample_size(10);
        // In multiply-adds, so that "elements per second" are comparable between layers.
        group.throughput(Throughput::Elements(shape.multiply_adds().unwrap_or_default()));
        let (xs, ws) = (values(shape.input_len()), values(shape.weight_len()));
        let dys = values(shape.output_len().unwrap_or_default());
        for algorithm in Algorithm::ALL.into_iter().filter(|algorithm| algorithm.takes(&shape)) {
            if shape.groups > 1 && algorithm == Algorithm::Direct {
                // A product a channel: nobody would.
                continue;
            }
            let filter = Filter::new(&shape, algorithm, &ws);
            group.bench_function(format!("forward {}", algorithm.name()), |bencher| {
                bencher.iter(|| filter.forward(&shape, &xs, &Epilogue::default()));
            });
        }
        group.bench_function("input gradient", |bencher| {
            bencher.iter(|| {
                let mut dxs = Sum::default();
                conv::input_gradient(&shape, Precision::F32, &dys, &ws, &mut dxs);
                dxs.take()
            });
        });
        let mut dws = vec![0.; ws.len()];
        group.bench_function("weight gradient", |bencher| {
            bencher.iter(|| conv::weight_gradient(&shape, Precision::F32, &xs, &dys, &mut dws));
        });
        group.finish();
    }
}

criterion_group!(benches, convolutions);
criterion_main!(benches);
