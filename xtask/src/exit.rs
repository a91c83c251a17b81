//! How a command ends.

use std::process::ExitCode;

use anyhow::Error;
use marey::data::Error as DataError;
use marey::flow::Error as FlowError;
use marey::train::Error as TrainError;
use marey::video::Error as VideoError;
use marey::weights::Error as WeightsError;
use marey::zoo::LoadError;

/// All went well.
pub const OK: u8 = 0;
/// It ran, but a check is outside its tolerance.
pub const OFF: u8 = 1;
/// The command was used wrongly.
pub const USAGE: u8 = 2;
/// Data is missing.
pub const MISSING: u8 = 3;
/// Input is corrupt, or of something else.
pub const CORRUPT: u8 = 4;
/// Memory, disk or device is spent.
pub const RESOURCE: u8 = 5;
/// Ctrl-C.
pub const INTERRUPTED: u8 = 130;

/// An error that says itself how the command ends.
#[derive(Debug)]
pub struct Failure {
    pub code: u8,
    pub message: String,
}

impl std::fmt::Display for Failure {
    fn fmt(&self, f: &mut std::fmt::Formatter<'_>) -> std::fmt::Result {
        f.write_str(&self.message)
    }
}

impl std::error::Error for Failure {}

/// An error that ends the command with `code`.
pub fn failure(code: u8, message: impl Into<String>) -> Error {
    Failure { code, message: message.into() }.into()
}

/// The code that `error` ends the command with.
pub fn code(error: &Error) -> u8 {
    let of_cause = |cause: &(dyn std::error::Error + 'static)| -> Option<u8> {
        if let Some(failure) = cause.downcast_ref::<Failure>() {
            return Some(failure.code);
        }
        if let Some(error) = cause.downcast_ref::<VideoError>() {
            return missing(error.is_not_found());
        }
        if let Some(error) = cause.downcast_ref::<WeightsError>() {
            return missing(matches!(error, WeightsError::NotFound { .. }));
        }
        if let Some(error) = cause.downcast_ref::<DataError>() {
            return of_data(error);
        }
        if let Some(error) = cause.downcast_ref::<FlowError>() {
            return of_flow(error);
        }
        if let Some(error) = cause.downcast_ref::<TrainError>() {
            return match error {
                TrainError::Diverged { .. } | TrainError::NotFinite { .. } => Some(OFF),
                TrainError::Checkpoint { .. } => Some(CORRUPT),
                _ => None,
            };
        }
        if let Some(error) = cause.downcast_ref::<LoadError>() {
            return match error {
                LoadError::Read(error) => missing(matches!(error, WeightsError::NotFound { .. })),
                LoadError::Fit { .. } | LoadError::Strange { .. } => Some(CORRUPT),
                LoadError::Ambiguous { .. }
                | LoadError::Dialect { .. }
                | LoadError::Begin { .. }
                | LoadError::Build(_) => Some(USAGE),
            };
        }
        cause.downcast_ref::<std::io::Error>().map(of_io)
    };
    error.chain().find_map(of_cause).unwrap_or(USAGE)
}

fn missing(is: bool) -> Option<u8> {
    Some(if is { MISSING } else { CORRUPT })
}

fn of_data(error: &DataError) -> Option<u8> {
    match error {
        DataError::NotFound { .. } => Some(MISSING),
        DataError::Split { .. } | DataError::Unreadable { .. } => Some(CORRUPT),
        DataError::Video(error) => missing(error.is_not_found()),
        DataError::Flow(error) => of_flow(error),
        // What is boxed is not met as a cause of its own.
        DataError::Sample { source, .. } => of_data(source),
        _ => None,
    }
}

fn of_flow(error: &FlowError) -> Option<u8> {
    match error {
        FlowError::NotFound { .. } => Some(MISSING),
        FlowError::Format { .. } => Some(CORRUPT),
        FlowError::Io { source, .. } => Some(of_io(source)),
        _ => None,
    }
}

fn of_io(error: &std::io::Error) -> u8 {
    match error.kind() {
        std::io::ErrorKind::NotFound => MISSING,
        std::io::ErrorKind::StorageFull
        | std::io::ErrorKind::QuotaExceeded
        | std::io::ErrorKind::FileTooLarge
        | std::io::ErrorKind::OutOfMemory => RESOURCE,
        _ => CORRUPT,
    }
}

/// Prints `error` on one line of stderr, and gives the code to end with. A reader that went away is no error.
pub fn report(error: &Error) -> ExitCode {
    let closed = |cause: &(dyn std::error::Error + 'static)| {
        let io = cause.downcast_ref::<std::io::Error>();
        io.is_some_and(|io| io.kind() == std::io::ErrorKind::BrokenPipe)
    };
    if error.chain().any(closed) {
        return OK.into();
    }
    crate::out::note(format_args!("error: {}", line(error)));
    code(error).into()
}

/// `error` and its causes on one line, without those that the line has already.
pub fn line(error: &Error) -> String {
    let mut line = String::new();
    for cause in error.chain().map(|cause| message(&cause.to_string())) {
        if !line.contains(&cause) {
            let separator = if line.is_empty() { "" } else { ": " };
            line = format!("{line}{separator}{cause}");
        }
    }
    line
}

/// A message on one line, without the stack that candle's errors print after it where `RUST_BACKTRACE` is set.
fn message(text: &str) -> String {
    let of_stack = |line: &str| {
        let number = line.trim_start().split(':').next().unwrap_or_default();
        line.starts_with(' ') && !number.is_empty() && number.bytes().all(|b| b.is_ascii_digit())
    };
    let lines = text.lines().take_while(|line| !of_stack(line));
    lines.flat_map(str::split_whitespace).collect::<Vec<_>>().join(" ")
}

#[cfg(test)]
mod tests {
    use super::*;

    #[test]
    fn a_video_of_a_dataset_has_the_code_of_the_video() {
        let opened = marey::video::open("no/such.gif", &Default::default());
        let missing = DataError::from(opened.err().expect("there is no such file"));
        let sample = DataError::Sample { video: "v".into(), source: Box::new(missing) };
        assert_eq!(code(&sample.into()), MISSING);
    }

    #[test]
    fn a_message_is_one_line_without_a_stack() {
        let text = "no model is called `x`;\n there are two\n   0: candle_core::error::Error::bt\n   1: main\n             at a.rs:1";
        assert_eq!(message(text), "no model is called `x`; there are two");
        let error = Error::msg("b: 7").context("a.mp4");
        assert_eq!(line(&error), "a.mp4: b: 7");
        // A cause that its error names already is not said twice.
        assert_eq!(line(&Error::msg("bad").context("a.mp4: bad")), "a.mp4: bad");
    }
}
