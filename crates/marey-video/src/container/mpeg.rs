//! MPEG program and transport streams. Neither states its length: only a cut within a packet is seen.

use crate::{
    Result,
    container::{Facts, Shortfall},
    disk::{Disk, number},
};

/// Walks the packets of a program stream up to the first bytes that are not one.
pub(crate) fn program_facts(disk: &mut Disk) -> Result<Facts> {
    let mut facts = Facts::default();
    let mut position = 0;
    while let Some(head) = disk.array::<6>(position)? {
        let size = match (&head[..3], head[3]) {
            ([0, 0, 1], 0xBA) if head[4] & 0xC0 == 0x40 => {
                // MPEG-2: three bits at the end say how many bytes of stuffing follow.
                14 + disk.array::<1>(position + 13)?.map_or(0, |last| u64::from(last[0] & 7))
            }
            ([0, 0, 1], 0xBA) => 12,
            ([0, 0, 1], 0xBB..) => 6 + u64::from(number::be16(&head, 4)),
            _ => break,
        };
        if head[3] & 0xF0 == 0xE0 {
            facts.video = Some(true);
        }
        position += size;
        facts.shortfall = Shortfall::bytes(disk.len(), position);
    }
    Ok(facts)
}

/// A transport stream is packets of 188 bytes; fewer at the end are a cut one.
pub(crate) fn transport_facts(disk: &mut Disk) -> Result<Facts> {
    let rest = disk.len() % 188;
    let start = disk.len() - rest;
    // Only where the packets are 188 apart from the first byte, and the rest is the start of one.
    let aligned = disk.array::<1>(0)? == Some([0x47]) && disk.array::<1>(start)? == Some([0x47]);
    let shortfall =
        if aligned && rest > 0 { Shortfall::bytes(disk.len(), start + 188) } else { None };
    Ok(Facts { shortfall, ..Facts::default() })
}
