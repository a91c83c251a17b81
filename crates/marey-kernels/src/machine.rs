//! What this machine can do at best, measured: what benchmarks hold kernels against.

use std::time::Instant;

use rayon::prelude::*;

use crate::scratch::Aligned;
use crate::simd::{Isa, Kernel, Vector};

/// Times each measurement is taken; the best counts.
const TIMES: usize = 5;

/// Multiply-adds on registers alone, on all threads of the pool: GFLOP/s, two to a multiply-add.
pub fn peak_gflops() -> f64 {
    const ROUNDS: usize = 10_000_000;
    let threads = rayon::current_num_threads();
    let isa = Isa::best();
    let flops = 2 * threads * ROUNDS * SUMS * isa.lanes();
    let once = || {
        let start = Instant::now();
        let sums = rayon::broadcast(|_| isa.run(Multiply(ROUNDS)));
        assert!(sums.iter().all(|sum| sum.is_finite()), "sums of sixteenths");
        flops as f64 / start.elapsed().as_secs_f64() / 1e9
    };
    (0..TIMES).map(|_| once()).fold(0., f64::max)
}

/// Sums that are independent of each other, enough to keep all units busy.
const SUMS: usize = 12;

struct Multiply(usize);

impl Kernel for Multiply {
    type Output = f32;

    #[inline(always)]
    unsafe fn run<V: Vector>(self) -> f32 {
        // SAFETY: as of the kernel; a vector has at most 16 lanes.
        unsafe {
            let (half, x) = (V::splat(0.5), V::splat(std::hint::black_box(1. / 16.)));
            let mut sums = [x; SUMS];
            for _ in 0..self.0 {
                for sum in &mut sums {
                    *sum = sum.mul_add(half, x);
                }
            }
            let mut lanes = [0f32; 16];
            sums.into_iter().fold(V::zero(), |a, b| a.add(b)).store(lanes.as_mut_ptr());
            lanes.iter().sum()
        }
    }
}

/// Reading and writing memory beyond the caches, on all threads of the pool: GB/s, 10^9 bytes.
pub fn bandwidth_gbs() -> f64 {
    // Half a GiB: more than the caches of one socket have.
    const CELLS: usize = 1 << 26;
    let from = Aligned::zeros(CELLS);
    let mut to = Aligned::zeros(CELLS);
    let mut once = || {
        let start = Instant::now();
        to.par_chunks_mut(1 << 16).zip(from.par_chunks(1 << 16)).for_each(|(to, from)| {
            to.copy_from_slice(from);
        });
        2. * (CELLS * size_of::<f32>()) as f64 / start.elapsed().as_secs_f64() / 1e9
    };
    (0..TIMES).map(|_| once()).fold(0., f64::max)
}
