//! The built command line, end to end: what it prints where, and the code it ends with.
#![allow(clippy::unwrap_used, reason = "helpers of tests may fail as tests do")]

mod classify;
mod data;
mod eval;
mod files;
mod flow;
mod fuse;
mod inputs;
mod prepare;
mod refusals;
mod reproduce;
mod support;
mod svm;
mod train;
mod train_refusals;
mod ucf101;
mod zoo;
