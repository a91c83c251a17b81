#![doc = include_str!("../README.md")]

pub mod factor;
pub mod fstcn;
pub mod heavy;
pub mod keys;
pub mod mc;
pub mod p3d;
pub mod r2d;
pub mod r2plus1d;
pub mod s3d;
pub mod s3d_slim;

pub use factor::{Pairs, Spectrum, factor, kronecker, spectra};
pub use fstcn::mrzzm::{Mrzzm, MrzzmConfig, fstcn_mrzzm};
pub use fstcn::{FstCn, FstCnConfig, fstcn};
pub use heavy::{bottom_heavy, i2d, top_heavy};
pub use mc::{Group, mc, mc3_18, rmc};
pub use p3d::{Join, P3d, P3dConfig, p3d, p3d_199, p3d_a, p3d_b, p3d_c};
pub use r2d::{fr2d_18, r2d_18};
pub use r2plus1d::{r2plus1d, r2plus1d_18};
pub use s3d::{s3d, s3d_g};
pub use s3d_slim::{Start, Stem, s3d_g_slim, s3d_slim, s3d_slim_from};
