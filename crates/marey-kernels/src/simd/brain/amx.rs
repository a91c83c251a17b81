//! AMX by inline assembly: Rust has neither its instructions nor its detection yet.

use std::arch::asm;
use std::sync::OnceLock;

use crate::tile::Run;

/// Rows and columns of what [`multiply`] computes at once: two by two matrices of 16.
pub(crate) const SIDE: usize = 32;

/// Steps of the depth that one instruction takes, in cells of two brain floats.
pub(crate) const STEP: usize = 16;

/// Whether the processor has it, and the system lets this process use it.
pub(super) fn permitted() -> bool {
    static PERMITTED: OnceLock<bool> = OnceLock::new();
    *PERMITTED.get_or_init(|| detected() && asked())
}

/// Whether the processor has tiles and their products of brain floats, and the system keeps them for its threads.
fn detected() -> bool {
    use std::arch::x86_64::{__cpuid, __cpuid_count, _xgetbv};
    const TILES: u32 = 1 << 24 | 1 << 22;
    const XSAVE: u32 = 1 << 27;
    const STATE: u64 = 1 << 17 | 1 << 18;
    #[target_feature(enable = "xsave")]
    unsafe fn state() -> u64 {
        // SAFETY: the caller saw that the system uses it.
        unsafe { _xgetbv(0) }
    }
    if __cpuid(0).eax < 7 || __cpuid(1).ecx & XSAVE == 0 {
        return false;
    }
    // SAFETY: the system has set XSAVE up, by the line above.
    __cpuid_count(7, 0).edx & TILES == TILES && unsafe { state() } & STATE == STATE
}

/// Asks the system for the tiles' state, which it keeps for threads that ask only.
#[cfg(target_os = "linux")]
fn asked() -> bool {
    const ARCH_REQ_XCOMP_PERM: libc::c_long = 0x1023;
    const TILE_DATA: libc::c_long = 18;
    // SAFETY: it takes numbers, and gives a permission to the process.
    unsafe { libc::syscall(libc::SYS_arch_prctl, ARCH_REQ_XCOMP_PERM, TILE_DATA) == 0 }
}

#[cfg(not(target_os = "linux"))]
fn asked() -> bool {
    false
}

/// The shapes of the eight tiles.
#[repr(C, align(64))]
struct Shapes {
    palette: u8,
    start: u8,
    reserved: [u8; 14],
    bytes: [u16; 16],
    rows: [u8; 16],
}

/// The tiles of this thread, all of 16 rows of 64 bytes, while this lives.
pub(crate) struct Tiles(());

impl Tiles {
    /// # Safety
    ///
    /// Only where tiles are [`permitted`]; one at a time on a thread.
    pub(crate) unsafe fn new() -> Self {
        let (mut bytes, mut rows) = ([0; 16], [0; 16]);
        bytes[..8].fill(64);
        rows[..8].fill(16);
        let shapes = Shapes { palette: 1, start: 0, reserved: [0; 14], bytes, rows };
        // SAFETY: tiles are there, by the caller's word.
        unsafe { asm!("ldtilecfg [{}]", in(reg) &raw const shapes, options(nostack, readonly)) };
        Self(())
    }

    /// `sums = left * panel`, for 32 rows, 32 columns, and 16 of these where the panel is not `WIDE`.
    ///
    /// A row of `left` starts every `row` cells, and its runs (counted from where it starts, of whole [`STEP`]s) are
    /// multiplied with the panel's depths one after the other, each 32 or 16 cells.
    ///
    /// # Safety
    ///
    /// 32 rows can be read, whatever is in those that do not count; `sums` has 32 x 32 cells.
    pub(crate) unsafe fn multiply<const WIDE: bool>(
        &self,
        left: *const f32,
        row: usize,
        runs: &[Run],
        panel: *const f32,
        sums: *mut f32,
    ) {
        debug_assert!(
            !runs.is_empty() && runs.iter().all(|run| run.len > 0 && run.len % STEP == 0)
        );
        // tmm0 to tmm3: the sums, upper left, upper right, lower left, lower right; tmm4, tmm5: the panel; tmm6, tmm7: the
        // upper and the lower rows.
        macro_rules! product {
            ($(only wide $wide:literal,)* [$zero:literal] [$($product:literal)*] [$($store:literal)*] $width:literal) => {
                asm!(
                    "tilezero tmm0", "tilezero tmm2", $zero,
                    "2:",
                    "mov {upper}, [{runs}]",
                    "mov {steps}, [{runs} + 8]",
                    "lea {upper}, [{left} + {upper} * 4]",
                    "lea {lower}, [{upper} + {half}]",
                    "shr {steps}, 4",
                    "3:",
                    $($product,)*
                    "add {upper}, 64",
                    "add {lower}, 64",
                    concat!("add {panel}, ", $width, " * 64"),
                    "dec {steps}",
                    "jnz 3b",
                    "add {runs}, 16",
                    "dec {count}",
                    "jnz 2b",
                    $($store,)*
                    left = in(reg) left,
                    row = in(reg) row * size_of::<f32>(),
                    half = in(reg) 16 * row * size_of::<f32>(),
                    runs = inout(reg) runs.as_ptr() => _,
                    count = inout(reg) runs.len() => _,
                    panel = inout(reg) panel => _,
                    sums = in(reg) sums,
                    line = in(reg) $width as usize * size_of::<f32>(),
                    sums_line = in(reg) SIDE * size_of::<f32>(),
                    upper = out(reg) _,
                    lower = out(reg) _,
                    steps = out(reg) _,
                    options(nostack),
                )
            };
        }
        // SAFETY: tiles are there while `self` is; pointers are good by the caller's word.
        unsafe {
            if WIDE {
                product!(
                    ["tilezero tmm1\ntilezero tmm3"]
                    [
                        "tileloadd tmm4, [{panel} + {line}]"
                        "tileloadd tmm6, [{upper} + {row}]"
                        "tdpbf16ps tmm0, tmm6, tmm4"
                        "tileloadd tmm5, [{panel} + {line} + 64]"
                        "tdpbf16ps tmm1, tmm6, tmm5"
                        "tileloadd tmm7, [{lower} + {row}]"
                        "tdpbf16ps tmm2, tmm7, tmm4"
                        "tdpbf16ps tmm3, tmm7, tmm5"
                    ]
                    [
                        "tilestored [{sums} + {sums_line}], tmm0"
                        "tilestored [{sums} + {sums_line} + 64], tmm1"
                        "tilestored [{sums} + {sums_line} + 2048], tmm2"
                        "tilestored [{sums} + {sums_line} + 2112], tmm3"
                    ]
                    32
                );
            } else {
                product!(
                    [""]
                    [
                        "tileloadd tmm4, [{panel} + {line}]"
                        "tileloadd tmm6, [{upper} + {row}]"
                        "tdpbf16ps tmm0, tmm6, tmm4"
                        "tileloadd tmm7, [{lower} + {row}]"
                        "tdpbf16ps tmm2, tmm7, tmm4"
                    ]
                    [
                        "tilestored [{sums} + {sums_line}], tmm0"
                        "tilestored [{sums} + {sums_line} + 2048], tmm2"
                    ]
                    16
                );
            }
        }
    }
}

impl Drop for Tiles {
    fn drop(&mut self) {
        // SAFETY: they are there, by the word of who made this.
        unsafe { asm!("tilerelease", options(nostack, nomem)) };
    }
}
