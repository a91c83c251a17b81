//! How the process gets its memory.

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
