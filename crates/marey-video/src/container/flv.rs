//! Flash video: a walk over its tags.

use crate::{
    Result,
    container::{Facts, Shortfall},
    disk::{Disk, number},
};

pub(crate) fn facts(disk: &mut Disk) -> Result<Facts> {
    let mut facts = Facts::default();
    let header = disk.array::<9>(0)?.unwrap_or_default();
    let mut position = u64::from(number::be32(&header, 5)) + 4;
    while let Some(tag) = disk.array::<12>(position)? {
        let size = u64::from(number::be32(&tag, 0) & 0xFF_FFFF);
        let end = position + 11 + size;
        match tag[0] & 0x1F {
            9 => {
                facts.video = Some(true);
                facts.codec.get_or_insert_with(|| codec(tag[11] & 0x0F));
            }
            18 => {
                let stated = disk.bytes(position + 11, size)?.and_then(|data| stated_length(&data));
                facts.shortfall = stated.and_then(|stated| Shortfall::bytes(disk.len(), stated));
            }
            8 => {}
            _ => break, // not a tag
        }
        if end > disk.len() {
            facts.shortfall = facts.shortfall.or(Shortfall::bytes(disk.len(), end));
        }
        position = end + 4;
    }
    Ok(facts)
}

/// The number `filesize` of the `onMetaData` script, if it was filled in.
fn stated_length(script: &[u8]) -> Option<u64> {
    let key = b"\0\x08filesize\0";
    let at = script.windows(key.len()).position(|window| window == key)?;
    let value = f64::from_bits(number::be64(script, at + key.len()));
    (value > 0.0 && value < 1e15).then_some(value as u64)
}

fn codec(id: u8) -> String {
    match id {
        2 => "Sorenson H.263".to_string(),
        3 | 6 => "Flash screen video".to_string(),
        4 | 5 => "VP6".to_string(),
        7 => "H.264".to_string(),
        12 => "H.265".to_string(),
        id => format!("Flash video codec {id}"),
    }
}
