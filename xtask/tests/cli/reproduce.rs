//! `reproduce` on the generated benchmark: run, run again, stopped and taken up again.

use std::path::Path;
use std::process::{Command, Stdio};
use std::time::Instant;

use serde_json::Value;

use crate::support::{Ran, command, done, json, ran, read, refused, run, stop};

const QUICK: [&str; 5] = ["reproduce", "table4", "--quick", "--runs", "runs"];
const FOLDER: &str = "runs/survey-table4-marionettes-quick-seed1";

/// What was measured of the rows that were run, by method.
pub(crate) fn measured(report: &Value) -> Vec<(&str, &Value)> {
    let rows = report["rows"].as_array().unwrap().iter().filter(|row| !row["measured"].is_null());
    rows.map(|row| (row["method"].as_str().unwrap(), &row["measured"])).collect()
}

/// What of it does not depend on the clock.
fn results(report: &Value) -> Vec<Vec<&Value>> {
    let keys = ["top1", "top5", "clip_top1", "confusion", "losses", "accuracies"];
    measured(report)
        .iter()
        .map(|(_, measured)| keys.iter().map(|key| &measured[key]).collect())
        .collect()
}

fn report(folder: &Path) -> Value {
    serde_json::from_str(&read(&folder.join("report.json"))).unwrap()
}

fn assert_whole(report: &Value) {
    let rows = measured(report);
    let methods: Vec<&str> = rows.iter().map(|(method, _)| *method).collect();
    assert_eq!(
        methods,
        ["Spatial stream network, from scratch", "C3D, end to end", "R3D-18, end to end (of 2018)"]
    );
    for (method, measured) in rows {
        assert_eq!(
            (&measured["videos"], measured["losses"].as_array().unwrap().len()),
            (&48.into(), 20),
            "{method}"
        );
        let confusion = measured["confusion"].as_array().unwrap().iter();
        let row = |row: &Value| {
            row.as_array().unwrap().iter().map(|n| n.as_u64().unwrap()).collect::<Vec<_>>()
        };
        let confusion: Vec<Vec<u64>> = confusion.map(row).collect();
        // Twelve actions, four test videos each; top-1 is the diagonal.
        assert!(
            confusion.len() == 12 && confusion.iter().all(|row| row.iter().sum::<u64>() == 4),
            "{confusion:?}"
        );
        let right = (0..12).map(|k| confusion[k][k]).sum::<u64>() as f64 / 48.;
        assert!((measured["top1"].as_f64().unwrap() - right).abs() < 1e-12, "{method}");
    }
    // The single-frame network is right on at most one of two videos that are each other's reversal.
    assert!(measured(report)[0].1["top1"].as_f64().unwrap() <= 0.5);
    // Rows that are not run say why.
    for row in report["rows"].as_array().unwrap().iter().filter(|row| row["measured"].is_null()) {
        assert!(row["skipped"].as_str().unwrap().starts_with("needs "), "{row}");
    }
    let published =
        report["rows"].as_array().unwrap().iter().filter_map(|row| row["published"].as_f64());
    assert!(published.eq([
        68.8, 76.2, 65.4, 72.6, 71.1, 75.8, 82.3, 85.2, 87.9, 83.7, 88.0, 82.9, 84.3, 88.2, 88.6,
        89.1, 90.4
    ]));
}

#[test]
fn reproduce_runs_and_takes_up_what_is_done_or_was_stopped() {
    let folder = tempfile::tempdir().unwrap();
    let folder = folder.path();
    let (first, seconds) = timed(command(folder, &QUICK));
    let run = folder.join(FOLDER);
    let whole = report(&run);
    assert_whole(&whole);
    let markdown = read(&run.join("report.md"));
    assert_eq!(first.stdout.trim_end(), markdown.trim_end());
    assert!(
        markdown.contains("| C3D (1 net) + linear SVM | 82.3 | skipped: needs Sports-1M weights"),
        "{markdown}"
    );
    let curves = read(&run.join("curves.svg"));
    assert!(curves.starts_with("<svg ") && curves.matches("<polyline").count() == 6, "{curves}");

    // Again: every row is taken from the first run, the seconds it took included.
    let (again, less) = timed(command(folder, &[&QUICK[..], &["--json"]].concat()));
    let printed: Value = serde_json::from_str(&again.stdout).unwrap();
    assert_eq!(printed, whole);
    assert_eq!(again.stderr.matches("taken from ").count(), 3, "{}", again.stderr);
    assert!(less * 4. < seconds, "{less} s after {seconds} s");

    // With one thread, stopped in the middle of its second row and taken up again, to the same bits.
    if cfg!(unix) {
        let other = tempfile::tempdir().unwrap();
        let stopped = stop(
            command(other.path(), &[&QUICK[..], &["--threads", "1"]].concat()),
            "C3D, end to end: 20 steps",
        );
        assert_eq!(stopped.code, 130, "{stopped:?}");
        assert!(
            stopped.stderr.contains("error: interrupted; the same command goes on from here"),
            "{stopped:?}"
        );
        assert!(!other.path().join(FOLDER).join("report.json").exists());
        let rest = done(other.path(), &[&QUICK[..], &["--threads", "1"]].concat());
        assert_eq!(rest.stderr.matches("taken from ").count(), 1, "{}", rest.stderr);
        assert_eq!(results(&report(&other.path().join(FOLDER))), results(&whole));
    }
}

fn timed(mut command: Command) -> (Ran, f64) {
    let start = Instant::now();
    let ran = ran(command.output().unwrap());
    assert_eq!(ran.code, 0, "{ran:?}");
    (ran, start.elapsed().as_secs_f64())
}

#[test]
fn a_damaged_result_is_not_run_over_in_silence() {
    let folder = tempfile::tempdir().unwrap();
    let run = folder.path().join(FOLDER);
    // A first row that ended, with a result that is not what was written.
    let mut child =
        command(folder.path(), &QUICK).stdout(Stdio::null()).stderr(Stdio::null()).spawn().unwrap();
    let result = || {
        let rows = std::fs::read_dir(&run).into_iter().flatten().flatten();
        rows.map(|row| row.path().join("result.json")).find(|path| path.is_file())
    };
    let begun = Instant::now();
    while result().is_none() && begun.elapsed().as_secs() < 60 {
        std::thread::sleep(std::time::Duration::from_millis(5));
    }
    child.kill().unwrap();
    child.wait().unwrap();
    let result = result().unwrap();
    std::fs::write(&result, "{").unwrap();
    let line = refused(4, folder.path(), &QUICK);
    assert!(line.contains("result.json"), "{line}");
}

#[test]
fn tables_are_listed_and_unknown_ones_refused() {
    let folder = tempfile::tempdir().unwrap();
    let list = done(folder.path(), &["reproduce", "--list"]).stdout;
    assert!(
        list.lines().any(|line| line.starts_with("survey-table4 ") && line.contains("c3d-table3")),
        "{list}"
    );
    assert!(list.contains("csn-structure"), "{list}");
    let sizes = json(folder.path(), &["reproduce", "csn-structure", "--json"]);
    assert_eq!(sizes["rows"][0]["network"], "ResNet3D-26");
    assert_eq!(sizes["rows"][0]["count"], 20_426_304);
    // What nobody saw says so.
    let text = done(folder.path(), &["reproduce", "csn-structure"]).stdout;
    assert!(text.contains("| 20,426,304 | 20.4 (from memory) | 14.322 G |"), "{text}");
    let line = refused(2, folder.path(), &["reproduce", "table99"]);
    assert!(line.contains("`table99`") && line.contains("--list"), "{line}");
    // What clap refuses, it explains on more than one line.
    for args in [
        &["reproduce"][..],
        &["reproduce", "table4", "--quick", "--full"],
        &["reproduce", "table4", "--dataset", "hmdb"],
        &["reproduce", "table4", "--threads", "0"],
        &["no-such-command"],
    ] {
        let ran = run(command(folder.path(), args));
        assert_eq!((ran.code, &*ran.stdout), (2, ""), "{args:?}");
        assert!(ran.stderr.starts_with("error: "), "{args:?}: {}", ran.stderr);
    }
    assert_eq!(std::fs::read_dir(folder.path()).unwrap().count(), 0);
}
