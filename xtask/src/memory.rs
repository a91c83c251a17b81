//! How the process gets its memory, and how much it has.

/// Has the allocator keep what was freed: activations come and go by the dozen a second, and asking the system for each
/// anew takes a tenth of a network's time.
///
/// To be called before other threads are started.
#[cfg(all(target_os = "linux", target_env = "gnu"))]
pub fn keep() {
    const STEP: i32 = 64 << 20;
    // One arena: what one thread freed another may have.
    for (setting, value) in [
        (libc::M_MMAP_MAX, 0),
        (libc::M_TRIM_THRESHOLD, i32::MAX),
        (libc::M_TOP_PAD, STEP),
        (libc::M_ARENA_MAX, 1),
    ] {
        // SAFETY: settings of the allocator, changed while there is one thread. An error changes nothing.
        unsafe { libc::mallopt(setting, value) };
    }
}

#[cfg(not(all(target_os = "linux", target_env = "gnu")))]
pub fn keep() {}

/// A line of Linux's `/proc/self/status`, in MB of 2^20 bytes: `VmRSS` is the memory that the process has, `VmHWM` the most that it
/// had. `None` where the system does not say.
pub fn mb(name: &str) -> Option<f64> {
    of("/proc/self/status", name)
}

/// All memory of the machine, in MB; `None` where the system does not say.
pub fn total() -> Option<f64> {
    of("/proc/meminfo", "MemTotal")
}

fn of(file: &str, name: &str) -> Option<f64> {
    let status = std::fs::read_to_string(file).ok()?;
    let line = status.lines().find_map(|line| line.strip_prefix(name)?.strip_prefix(':'))?;
    Some(line.trim().strip_suffix(" kB")?.parse::<f64>().ok()? / 1024.)
}
