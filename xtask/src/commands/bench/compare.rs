//! An earlier report, to hold a new one against.

use std::path::Path;

use anyhow::Context;
use serde_json::Value;

use crate::exit::{self, failure};

/// The report in `path`, as `--json` printed it, if it is of the same measurement: `same` names the fields that must agree
/// with those of `now`.
pub fn read(path: &Path, now: &Value, same: &[&str]) -> anyhow::Result<Value> {
    let shown = path.display();
    let text = std::fs::read_to_string(path).with_context(|| shown.to_string())?;
    let before: Value = serde_json::from_str(&text).map_err(|error| {
        failure(exit::CORRUPT, format!("{shown}: not a report of `bench .. --json`: {error}"))
    })?;
    for field in same {
        if before[field] != now[field] {
            let (before, now) = (&before[field], &now[field]);
            return Err(failure(
                exit::CORRUPT,
                format!(
                    "{shown}: a report of another measurement: `{field}` is {before}, here {now}"
                ),
            ));
        }
    }
    Ok(before)
}

/// `before / now`, above 1 where it is faster now: "1.25".
pub fn ratio(before: Option<f64>, now: f64) -> String {
    before.map_or("new".into(), |before| format!("{:.2}", before / now))
}
