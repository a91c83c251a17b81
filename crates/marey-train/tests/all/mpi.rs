//! Processes that `mpirun` has started train as one, and one that is killed ends all.

use std::ops::ControlFlow;
use std::path::{Path, PathBuf};
use std::process::{Child, Command, Output, Stdio};
use std::time::{Duration, Instant};

use marey_train::collective::{here, share};
use marey_train::{CheckpointConfig, FitConfig, Outcome, TrainState, fit, resume};

use crate::ranks::{batches, whole};
use crate::resume::end;
use crate::threads;
use crate::tiny::{FINGERPRINT, Tiny, config};

const DIR: &str = "MAREY_TRAIN_MPI_DIR";
/// What the processes do: a key of [`rank`].
const PART: &str = "MAREY_TRAIN_MPI_PART";
const STEPS: u64 = 6;
/// Of the run that is killed.
const MANY: u64 = 40;

/// What each process of a job does. It writes down where it ended, and its process id ahead of that.
#[test]
fn rank() {
    let Some(dir) = std::env::var_os(DIR).map(PathBuf::from) else { return };
    let collective = here().unwrap();
    let rank = collective.rank();
    let write = |name: &str, text: String| std::fs::write(dir.join(name), text).unwrap();
    match std::env::var(PART).unwrap().as_str() {
        "own norms" => {
            let end = whole(&collective, 0.5, config(STEPS));
            write(&format!("end-{rank}"), format!("{end:?}"));
        }
        "one norm" => {
            let config = FitConfig { sync_norms: true, ..config(STEPS) };
            write(&format!("end-{rank}"), format!("{:?}", whole(&collective, 0., config)));
        }
        "saved" => {
            write(&format!("pid-{rank}"), std::process::id().to_string());
            let (network, vars) = Tiny::new(4);
            let mut state = match dir.join("run").exists() && rank == 0 {
                true => resume(dir.join("run"), &vars, FINGERPRINT).unwrap().state,
                false => TrainState::new(FINGERPRINT),
            };
            share(&*collective, &vars, &mut state).unwrap();
            write(&format!("from-{rank}"), state.step().to_string());
            let slow = state.step() == 0;
            let checkpoint = CheckpointConfig { dir: dir.join("run"), every: 3, keep: 2 };
            let config = FitConfig {
                checkpoint: Some(checkpoint),
                collective: Some(collective.clone()),
                ..config(MANY)
            };
            let batches = batches(&*collective, state.step());
            let outcome = fit(&network, &vars, batches, &config, &mut state, &mut |_| {
                // So that the job is killed while it runs.
                std::thread::sleep(Duration::from_millis(if slow { 100 } else { 0 }));
                ControlFlow::Continue(())
            });
            assert_eq!(outcome.unwrap(), Outcome::Finished);
            write(&format!("end-{rank}"), end(&vars, &state));
        }
        "an error" => {
            if rank == 1 {
                collective.abort(3);
            }
            collective.barrier().unwrap();
        }
        "a panic" => {
            assert!(rank != 1, "out of luck");
            collective.barrier().unwrap();
        }
        part => panic!("no part `{part}`"),
    }
}

/// A job of `world` processes, unless this machine cannot start any.
fn start(world: usize, part: &str, dir: &Path) -> Option<Child> {
    let job = Command::new("mpirun")
        .args(["--allow-run-as-root", "--oversubscribe", "-n", &world.to_string()])
        .arg(std::env::current_exe().unwrap())
        .args(["--exact", "mpi::rank", "--test-threads", "1", "--nocapture"])
        .env(DIR, dir)
        .env(PART, part)
        .stdout(Stdio::piped())
        .stderr(Stdio::piped())
        .spawn();
    match job {
        Ok(job) => Some(job),
        Err(error) if error.kind() == std::io::ErrorKind::NotFound => {
            println!("skipped: no mpirun");
            None
        }
        Err(error) => panic!("mpirun: {error}"),
    }
}

/// What the job printed, once it has ended within half a minute.
fn ended(mut job: Child) -> Output {
    let begun = Instant::now();
    while job.try_wait().unwrap().is_none() {
        if begun.elapsed() > Duration::from_secs(30) {
            job.kill().unwrap();
            panic!("the job did not end: {:?}", job.wait_with_output());
        }
        std::thread::sleep(Duration::from_millis(20));
    }
    job.wait_with_output().unwrap()
}

/// What each process of a job that ended well wrote as its end.
fn ends(world: usize, part: &str, dir: &Path) -> Option<Vec<String>> {
    let output = ended(start(world, part, dir)?);
    assert!(output.status.success(), "{output:?}");
    let end = |rank| std::fs::read_to_string(dir.join(format!("end-{rank}"))).unwrap();
    Some((0..world).map(end).collect())
}

#[test]
fn processes_end_with_the_bits_of_threads() {
    // Threads, which add up in the order of the ranks too, are the second way.
    for world in [2, 4] {
        for (part, dropout, sync_norms) in [("own norms", 0.5, false), ("one norm", 0., true)] {
            let dir = tempfile::tempdir().unwrap();
            let Some(first) = ends(world, part, dir.path()) else { return };
            let config = FitConfig { sync_norms, ..config(STEPS) };
            let want = threads::ranks(world, |collective| {
                format!("{:?}", whole(&collective, dropout, config.clone()))
            });
            assert_eq!(first, want, "{world} processes, {part}");
            assert_eq!(ends(world, part, dir.path()).unwrap(), first, "again");
        }
    }
}

#[test]
fn a_killed_process_ends_the_job_which_goes_on_to_the_same_bits() {
    let dir = tempfile::tempdir().unwrap();
    let Some(undisturbed) = ends(2, "saved", dir.path()) else { return };
    for killed in [0, 1] {
        let dir = tempfile::tempdir().unwrap();
        let dir = dir.path();
        let job = start(2, "saved", dir).unwrap();
        let begun = Instant::now();
        while !dir.join("run/step-000000006.safetensors").exists() {
            assert!(begun.elapsed() < Duration::from_secs(30), "nothing is saved");
            std::thread::sleep(Duration::from_millis(5));
        }
        let pid = std::fs::read_to_string(dir.join(format!("pid-{killed}"))).unwrap();
        assert!(Command::new("kill").args(["-9", &pid]).status().unwrap().success());
        let output = ended(job);
        assert!(!output.status.success(), "{output:?}");
        assert!(!dir.join("end-0").exists() && !dir.join("end-1").exists());

        assert_eq!(ends(2, "saved", dir).unwrap(), undisturbed, "rank {killed} was killed");
        let from = std::fs::read_to_string(dir.join("from-1")).unwrap();
        assert!(from.parse::<u64>().unwrap() >= 6, "from step {from}");
    }
}

#[test]
fn a_process_that_gives_up_or_panics_ends_the_job() {
    let dir = tempfile::tempdir().unwrap();
    for (part, code) in [("an error", 3), ("a panic", 101)] {
        let Some(job) = start(2, part, dir.path()) else { return };
        let output = ended(job);
        assert_eq!(output.status.code(), Some(code), "{part}: {output:?}");
    }
}
