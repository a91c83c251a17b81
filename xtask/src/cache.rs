//! Where what can be found out again is kept.

use std::path::{Path, PathBuf, absolute};

use marey::layers::rng::fnv1a;

/// The index of the dataset `name` under `root`, in `$XDG_CACHE_HOME/marey` or `~/.cache/marey`; nothing where neither is set.
pub fn index(name: &str, root: &Path) -> Option<PathBuf> {
    let root = absolute(root).ok()?;
    let hash = fnv1a(&root.display().to_string());
    Some(folder(|name| std::env::var_os(name))?.join(format!("index-{name}-{hash:016x}.json")))
}

fn folder(variable: impl Fn(&str) -> Option<std::ffi::OsString>) -> Option<PathBuf> {
    // The specification has relative paths ignored.
    let absolute = |name| variable(name).map(PathBuf::from).filter(|path| path.is_absolute());
    let cache = absolute("XDG_CACHE_HOME").or_else(|| Some(absolute("HOME")?.join(".cache")));
    Some(cache?.join("marey"))
}

#[cfg(test)]
mod tests {
    use super::*;

    #[test]
    fn the_cache_is_where_its_specification_says() {
        let of = |set: &'static [(&str, &str)]| {
            folder(|name| set.iter().find(|(n, _)| *n == name).map(|(_, path)| path.into()))
        };
        assert_eq!(of(&[("XDG_CACHE_HOME", "/c"), ("HOME", "/h")]), Some("/c/marey".into()));
        assert_eq!(of(&[("XDG_CACHE_HOME", "c"), ("HOME", "/h")]), Some("/h/.cache/marey".into()));
        assert_eq!(of(&[]), None);
    }
}
