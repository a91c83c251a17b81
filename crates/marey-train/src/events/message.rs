//! Messages of TensorFlow's `event.proto` and `summary.proto`, in the encoding of Protocol Buffers.

/// What an event says.
#[derive(Clone, Copy)]
pub(super) enum What<'a> {
    /// Which version of events the file has; its first event.
    Version,
    /// A process starts: what was said before of this step and later ones is void.
    Start,
    /// Values by tag.
    Scalars(&'a [(&'a str, f32)]),
    /// A PNG file of so many pixels.
    Image { tag: &'a str, width: u64, height: u64, png: &'a [u8] },
}

/// An `Event`: 1 wall_time (seconds since 1970), 2 step, 3 file_version, 5 summary, 7 session_log.
pub(super) fn event(wall_time: f64, step: u64, what: What<'_>) -> Vec<u8> {
    let mut event = Message::default();
    event.fixed(1, 1, &wall_time.to_le_bytes());
    // A zero is what an absent field means.
    if step > 0 {
        event.number(2, step);
    }
    match what {
        What::Version => event.bytes(3, b"brain.Event:2"),
        What::Start => {
            // `SessionLog`: 1 status, of which 1 is START.
            let mut log = Message::default();
            log.number(1, 1);
            event.bytes(7, &log.0);
        }
        What::Scalars(values) => {
            let mut summary = Message::default();
            for (tag, scalar) in values {
                // `Summary.Value`: 1 tag, 2 simple_value, 4 image.
                let mut value = Message::default();
                value.bytes(1, tag.as_bytes());
                value.fixed(2, 5, &scalar.to_le_bytes());
                summary.bytes(1, &value.0);
            }
            event.bytes(5, &summary.0);
        }
        What::Image { tag, width, height, png } => {
            // `Summary.Image`: 1 height, 2 width, 3 colorspace (RGB), 4 encoded_image_string.
            let mut image = Message::default();
            image.number(1, height);
            image.number(2, width);
            image.number(3, 3);
            image.bytes(4, png);
            let (mut value, mut summary) = (Message::default(), Message::default());
            value.bytes(1, tag.as_bytes());
            value.bytes(4, &image.0);
            summary.bytes(1, &value.0);
            event.bytes(5, &summary.0);
        }
    }
    event.0
}

#[derive(Default)]
struct Message(Vec<u8>);

impl Message {
    /// Seven bits a byte, the lowest first; the top bit says that more follow.
    fn varint(&mut self, mut value: u64) {
        while value >= 0x80 {
            self.0.push(value as u8 | 0x80);
            value >>= 7;
        }
        self.0.push(value as u8);
    }

    fn number(&mut self, field: u64, value: u64) {
        self.varint(field << 3);
        self.varint(value);
    }

    fn bytes(&mut self, field: u64, bytes: &[u8]) {
        self.varint(field << 3 | 2);
        self.varint(bytes.len() as u64);
        self.0.extend(bytes);
    }

    /// A number of 8 bytes (wire type 1) or 4 (wire type 5).
    fn fixed(&mut self, field: u64, wire_type: u64, bytes: &[u8]) {
        self.varint(field << 3 | wire_type);
        self.0.extend(bytes);
    }
}

#[cfg(test)]
mod tests {
    use super::super::record::framed;
    use super::*;

    #[test]
    fn records_are_those_of_tensorboard() {
        // Records of `Event(wall_time=1234567890.5, ..)` by the Python package tensorboard 2.21.0: SerializeToString of
        // its event_pb2, and the checksums of its masked_crc32c.
        let png = b"\x89PNG\r\n\x1a\n\0\0\0\rIHDR\0\0\0\x03\0\0\0\x02";
        let image = What::Image { tag: "m", width: 3, height: 2, png };
        for (step, what, wanted) in [
            (
                0,
                What::Version,
                "1800000000000000a37f4b22090000a0b48065d2411a0d627261696e2e4576656e743a32f5e8f016",
            ),
            (301, What::Start, "100000000000000095fbfe18090000a0b48065d24110ad023a0208012c095ea9"),
            (
                300,
                What::Scalars(&[("loss", 0.1), ("rate", 1e-4)]),
                "2800000000000000ff70164a090000a0b48065d24110ac022a1a0a0b0a046c6f737315cdcccc3d0a0b0a04726174651517b7d1380042c74b",
            ),
            (
                300,
                image,
                "3500000000000000d6c55de6090000a0b48065d24110ac022a270a250a016d2220080210031803221889504e470d0a1a0a0000000d494844520000000300000002dc443654",
            ),
        ] {
            let record = framed(&event(1_234_567_890.5, step, what));
            let hex: String = record.iter().map(|byte| format!("{byte:02x}")).collect();
            assert_eq!(hex, wanted);
        }
    }
}
