//! What can be wrong with features and labels.

/// What can be wrong with features and labels.
#[derive(Debug, Clone, PartialEq, thiserror::Error)]
#[non_exhaustive]
pub enum Error {
    /// A setting makes no sense.
    #[error("{0}")]
    Config(String),
    /// Rows, labels or their sizes do not go together.
    #[error("{0}")]
    Input(String),
}

/// A result of this crate.
pub type Result<T> = std::result::Result<T, Error>;
