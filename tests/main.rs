//! Integration tests, one binary.
#![allow(clippy::unwrap_used, reason = "helpers of tests may fail as tests do")]

mod dialects;
mod first_weights;
mod golden;
mod gradients;
mod kill;
mod learn;
mod recognise;
mod structure;
mod support;
mod tidy;
