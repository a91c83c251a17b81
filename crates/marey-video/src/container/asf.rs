//! Windows Media (ASF): the codec of the header object and the length of the data object.

use crate::{
    Result,
    container::{Facts, Shortfall, codec_name},
    disk::{Disk, number},
};

const DATA: [u8; 4] = [0x36, 0x26, 0xB2, 0x75];
const STREAM_PROPERTIES: [u8; 4] = [0x91, 0x07, 0xDC, 0xB7];
const VIDEO_STREAM: [u8; 4] = [0xC0, 0xEF, 0x19, 0xBC];

/// A larger header is left to the decoder.
const HEADER_LIMIT: u64 = 1 << 24;

pub(crate) fn facts(disk: &mut Disk) -> Result<Facts> {
    let mut facts = Facts::default();
    let header_end = disk.array::<24>(0)?.map_or(0, |head| number::le64(&head, 16));
    // Objects are known by the first four bytes of their 16-byte names; the header's own head is 30 bytes.
    let header = disk.up_to(30, header_end.min(HEADER_LIMIT).saturating_sub(30))?;
    let mut at = 0;
    while let Some(object) = header.get(at..).filter(|rest| rest.len() >= 24) {
        let size = usize::try_from(number::le64(object, 16)).unwrap_or(usize::MAX).max(24);
        if number::tag(object, 0) == STREAM_PROPERTIES {
            let is_video = number::tag(object, 24) == VIDEO_STREAM;
            facts.video = Some(is_video || facts.video == Some(true));
            if is_video && facts.codec.is_none() {
                // 78: the stream's own data; 11: size and flags; 16: the code within the bitmap header.
                facts.codec = Some(codec_name(number::tag(object, 78 + 11 + 16)));
            }
        }
        at = at.saturating_add(size);
    }
    facts.shortfall = match disk.array::<24>(header_end)? {
        Some(object) if number::tag(&object, 0) == DATA => {
            Shortfall::bytes(disk.len(), header_end.saturating_add(number::le64(&object, 16)))
        }
        Some(_) => None,
        None => Shortfall::bytes(disk.len(), header_end.saturating_add(24)),
    };
    Ok(facts)
}
