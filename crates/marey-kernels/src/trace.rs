//! What was computed how, and how long it took: on stderr, where the environment variable `MAREY_TRACE` asks for it.
//!
//! It holds names separated by commas: `conv`, `pool`, `norm`, or `all`.

use std::sync::OnceLock;
use std::time::Instant;

fn asked(name: &str) -> bool {
    static ASKED: OnceLock<String> = OnceLock::new();
    let asked = ASKED.get_or_init(|| std::env::var("MAREY_TRACE").unwrap_or_default());
    !asked.is_empty() && asked.split(',').any(|asked| asked == name || asked == "all")
}

/// Runs `f`, and says what it was if `name` is asked for.
pub(crate) fn timed<T>(name: &str, what: impl FnOnce() -> String, f: impl FnOnce() -> T) -> T {
    if !asked(name) {
        return f();
    }
    let start = Instant::now();
    let result = f();
    let ms = start.elapsed().as_secs_f64() * 1e3;
    eprintln!("{name}: {ms:8.3} ms  {}", what());
    result
}
