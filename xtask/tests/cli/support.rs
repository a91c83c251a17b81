//! Running the command line.

use std::io::{BufRead, BufReader};
use std::path::Path;
use std::process::{Command, Output, Stdio};

use serde_json::Value;

/// What a command left.
#[derive(Debug)]
pub(crate) struct Ran {
    pub(crate) code: i32,
    pub(crate) stdout: String,
    pub(crate) stderr: String,
}

/// The command line with `args`, in `folder`, where its cache is too.
pub(crate) fn command(folder: &Path, args: &[&str]) -> Command {
    let mut command = Command::new(env!("CARGO_BIN_EXE_xtask"));
    command.args(args).current_dir(folder).env("XDG_CACHE_HOME", folder.join(".cache"));
    command
}

/// Runs `command`. Whatever it is, it ends by itself, and never by a panic.
pub(crate) fn run(mut command: Command) -> Ran {
    ran(command.output().unwrap())
}

/// What `output` says.
pub(crate) fn ran(output: Output) -> Ran {
    let text = |bytes| String::from_utf8(bytes).unwrap();
    let ran = Ran {
        code: output.status.code().unwrap_or(-1),
        stdout: text(output.stdout),
        stderr: text(output.stderr),
    };
    assert!((0..=5).contains(&ran.code) || ran.code == 130, "{ran:?}");
    assert!(!ran.stderr.contains("panicked") && !ran.stdout.contains("panicked"), "{ran:?}");
    ran
}

/// Runs the command line, which does what it is asked.
pub(crate) fn done(folder: &Path, args: &[&str]) -> Ran {
    let ran = run(command(folder, args));
    assert_eq!(ran.code, 0, "{args:?}: {ran:?}");
    ran
}

/// The JSON that it prints.
pub(crate) fn json(folder: &Path, args: &[&str]) -> Value {
    serde_json::from_str(&done(folder, args).stdout).unwrap()
}

/// Runs `command`, which does something and then ends with `code`, nothing on stdout, and a last line on stderr: the line.
pub(crate) fn failed(code: i32, command: Command) -> String {
    let what = format!("{command:?}");
    let ran = run(command);
    assert_eq!((ran.code, &*ran.stdout), (code, ""), "{what}: {ran:?}");
    let last = ran.stderr.lines().last().unwrap_or_default();
    assert!(last.starts_with("error: "), "{what}: {ran:?}");
    last.to_string()
}

/// Runs the command line, which ends with `code`, nothing on stdout, and one line on stderr: the line.
pub(crate) fn refused(code: i32, folder: &Path, args: &[&str]) -> String {
    refusal(code, command(folder, args))
}

/// The same of a command that was changed.
pub(crate) fn refusal(code: i32, command: Command) -> String {
    let what = format!("{command:?}");
    let ran = run(command);
    assert_eq!(ran.code, code, "{what}: {ran:?}");
    assert_eq!(ran.stdout, "", "{what}: {ran:?}");
    assert!(
        ran.stderr.starts_with("error: ") && ran.stderr.lines().count() == 1,
        "{what}: {ran:?}"
    );
    ran.stderr.trim_end().to_string()
}

/// The text of a file.
pub(crate) fn read(path: &Path) -> String {
    std::fs::read_to_string(path).unwrap_or_else(|error| panic!("{}: {error}", path.display()))
}

/// Runs `command` and sends it what Ctrl-C sends, once it has written a line that begins with `line` to stderr.
pub(crate) fn stop(mut command: Command, line: &str) -> Ran {
    let mut child = command.stdout(Stdio::piped()).stderr(Stdio::piped()).spawn().unwrap();
    let mut lines = BufReader::new(child.stderr.take().unwrap()).lines().map(|line| line.unwrap());
    let mut written = Vec::new();
    for met in lines.by_ref() {
        written.push(met.clone());
        if met.starts_with(line) {
            break;
        }
    }
    let kill =
        Command::new("sh").args(["-c", &format!("kill -INT {}", child.id())]).status().unwrap();
    assert!(kill.success());
    written.extend(lines);
    let mut output = child.wait_with_output().unwrap();
    output.stderr = written.join("\n").into_bytes();
    ran(output)
}
