#![doc = include_str!("../README.md")]

pub mod clips;
pub mod dataset;
pub mod error;
pub mod extract;
pub mod labels;
pub mod loader;
pub mod marionettes;
pub mod modality;
mod ordered;
pub mod preview;
pub mod split;
pub mod ucf101;

pub use clips::clips;
pub use dataset::{Dataset, Subset};
pub use error::{Error, Result};
pub use extract::{ExtractConfig, Extraction};
pub use loader::{Batch, Batches, Loader, LoaderConfig, Video, Videos};
pub use marionettes::{Marionettes, MarionettesConfig};
pub use modality::{FlowRange, Modality};
pub use preview::preview;
pub use ucf101::Ucf101;
