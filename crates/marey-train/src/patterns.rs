//! Names of variables, picked by patterns.

use std::sync::Arc;

use crate::error::{Error, Result};

/// Patterns of names with at most one `*`, which stands for any text. The first that matches a name
/// decides.
///
/// ```
/// use marey_train::Patterns;
/// let head = Patterns::new(["fc.*", "*.bias"]);
/// assert_eq!(head.first("fc.bias"), Some(0));
/// assert_eq!(head.first("conv1.weight"), None);
/// assert!(head.check(&["fc.weight", "fc.bias"]).is_err()); // `*.bias` decides nothing
/// ```
#[derive(Debug, Clone, Default)]
pub struct Patterns(Arc<[String]>);

impl Patterns {
    /// In this order. Whether they are patterns, [`Self::check`] says.
    pub fn new<P: Into<String>>(patterns: impl IntoIterator<Item = P>) -> Self {
        Self(patterns.into_iter().map(Into::into).collect())
    }

    /// The place of the first pattern that matches `name`.
    pub fn first(&self, name: &str) -> Option<usize> {
        self.0.iter().position(|pattern| match pattern.split_once('*') {
            None => pattern == name,
            Some((start, end)) => name.strip_prefix(start).is_some_and(|rest| rest.ends_with(end)),
        })
    }

    /// Refuses a pattern with more than one `*`, and one that decides for none of `names`.
    pub fn check(&self, names: &[&str]) -> Result<()> {
        for (place, pattern) in self.0.iter().enumerate() {
            if pattern.matches('*').count() > 1 {
                let cause = format!("pattern `{pattern}` has more than one `*`");
                return Err(Error::Config(cause));
            }
            if !names.iter().any(|name| self.first(name) == Some(place)) {
                return Err(Error::Config(format!(
                    "pattern `{pattern}` matches no variable that no pattern before it matches"
                )));
            }
        }
        Ok(())
    }
}

#[cfg(test)]
mod tests {
    use super::*;

    #[test]
    fn a_pattern_that_decides_nothing_is_named() {
        let check = |patterns: [&str; 2]| {
            let patterns = Patterns::new(patterns);
            patterns.check(&["fc.weight", "fc.bias"]).unwrap_err().to_string()
        };
        assert!(check(["fc.*", "fc8.*"]).contains("`fc8.*`"));
        assert!(check(["*", "fc.weight"]).contains("`fc.weight`"));
        assert!(check(["*.*", "fc.weight"]).contains("more than one"));
    }
}
