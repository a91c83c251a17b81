#![doc = include_str!("../README.md")]

pub mod check;
pub mod clips;
pub mod dataset;
pub mod error;
pub mod extract;
pub mod index;
pub mod labels;
pub mod layouts;
pub mod listed;
mod lists;
pub mod loader;
pub mod marionettes;
pub mod modality;
mod ordered;
pub mod preview;
pub mod skipped;
pub mod timings;
pub mod videos;

pub use check::check;
pub use clips::clips;
pub use dataset::{Dataset, Subset};
pub use error::{Error, Result};
pub use extract::{ExtractConfig, Extraction};
pub use index::Indexed;
pub use layouts::open;
pub use listed::{Entry, Listed, Listing};
pub use loader::{Batch, Batches, Loader, LoaderConfig};
pub use marionettes::{Marionettes, MarionettesConfig};
pub use modality::{FlowRange, Modality};
pub use preview::preview;
pub use skipped::Skipped;
pub use timings::Timings;
pub use videos::{Video, Videos};
