//! One file a command.

pub mod bench;
pub mod classify;
pub mod data;
pub mod eval;
pub mod features;
pub mod flow;
pub mod fuse;
pub mod import_weights;
pub mod infer;
pub mod models;
pub mod reproduce;
pub mod subject;
pub mod summary;
pub mod svm;
pub mod train;
