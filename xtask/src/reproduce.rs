//! Published tables, rerun.

pub mod recipe;
pub mod report;
pub mod structure;
pub mod trial;
