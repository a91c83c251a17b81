//! Published tables, rerun.

pub mod interrupt;
pub mod recipe;
pub mod report;
pub mod source;
pub mod structure;
pub mod trial;
