//! What a file says of itself, read without decoding: codec, tracks, frame rate, and whether its end is there.

mod asf;
pub(crate) mod avi;
mod flv;
mod matroska;
mod mp4;
mod mpeg;
mod ogg;

use crate::{Error, Result, disk::Disk, error::Unit, sniff::Container};

/// The self-description of a file, as far as its format has one.
#[derive(Clone, Debug, Default, PartialEq)]
pub(crate) struct Facts {
    /// The codec of the first video track, in words.
    pub(crate) codec: Option<String>,
    /// Whether there is a video track; `None` where this was not found out.
    pub(crate) video: Option<bool>,
    /// Frames per second.
    pub(crate) fps: Option<f64>,
    /// Frames the file should give, where every stored frame is a displayed one.
    pub(crate) frames: Option<u64>,
    /// What is missing at the end of the file.
    pub(crate) shortfall: Option<Shortfall>,
}

/// A file that is shorter than it says.
#[derive(Clone, Copy, Debug, PartialEq, Eq)]
pub(crate) struct Shortfall {
    pub(crate) got: u64,
    pub(crate) expected: Option<u64>,
    pub(crate) unit: Unit,
}

impl Shortfall {
    /// A file of `got` bytes some part of which ends at `expected`.
    pub(crate) fn bytes(got: u64, expected: u64) -> Option<Self> {
        (expected > got).then_some(Self { got, expected: Some(expected), unit: Unit::Bytes })
    }

    pub(crate) fn error(self, path: &std::path::Path) -> Error {
        Error::Truncated {
            path: path.to_path_buf(),
            got: self.got,
            expected: self.expected,
            unit: self.unit,
        }
    }
}

/// Reads the facts of a file of a known container; of those without any, an empty answer.
pub(crate) fn facts(container: Container, disk: &mut Disk) -> Result<Facts> {
    match container {
        Container::Avi => avi::facts(disk),
        Container::Mp4 => mp4::facts(disk),
        Container::Matroska | Container::WebM => matroska::facts(disk),
        Container::Flv => flv::facts(disk),
        Container::Asf => asf::facts(disk),
        Container::Ogg => ogg::facts(disk),
        Container::MpegPs => mpeg::program_facts(disk),
        Container::MpegTs => mpeg::transport_facts(disk),
        _ => Ok(Facts::default()),
    }
}

/// A codec's four-character code in words; an unknown code stands for itself.
pub(crate) fn codec_name(code: [u8; 4]) -> String {
    let shown = String::from_utf8_lossy(&code).trim_matches(['\0', ' ']).escape_debug().to_string();
    let upper = code.map(|byte| byte.to_ascii_uppercase());
    let name = match &upper {
        b"AVC1" | b"AVC3" | b"H264" | b"X264" | b"DAVC" => "H.264",
        b"HVC1" | b"HEV1" | b"HEVC" => "H.265",
        b"AV01" => "AV1",
        b"VP80" | b"VP08" => "VP8",
        b"VP90" | b"VP09" => "VP9",
        b"MJPG" | b"JPEG" | b"MJPA" | b"MJPB" | b"AVRN" => "Motion JPEG",
        b"XVID" | b"DIVX" | b"DX50" | b"MP4V" | b"FMP4" | b"MP4S" | b"3IV2" => "MPEG-4 part 2",
        b"DIV3" | b"MP43" | b"DIV4" => "MS MPEG-4 v3",
        b"MP42" => "MS MPEG-4 v2",
        b"MPG1" | b"MPEG" => "MPEG-1",
        b"MPG2" | b"M2V1" => "MPEG-2",
        b"S263" | b"H263" => "H.263",
        b"WMV1" => "Windows Media Video 7",
        b"WMV2" => "Windows Media Video 8",
        b"WMV3" | b"WVC1" => "Windows Media Video 9",
        b"\0\0\0\0" | b"DIB " | b"RAW " | b"I420" | b"YV12" | b"YUY2" | b"UYVY" => {
            "uncompressed video"
        }
        b"CVID" => "Cinepak",
        b"IV50" | b"IV32" | b"IV31" => "Indeo",
        _ if shown.is_empty() => "an unnamed codec",
        _ => return shown,
    };
    if shown.is_empty() { name.to_string() } else { format!("{name} ({shown})") }
}

#[cfg(test)]
mod tests {
    use super::*;

    #[test]
    fn codes_in_words() {
        assert_eq!(codec_name(*b"XVID"), "MPEG-4 part 2 (XVID)");
        assert_eq!(codec_name(*b"avc1"), "H.264 (avc1)");
        assert_eq!(codec_name([0; 4]), "uncompressed video");
        assert_eq!(codec_name(*b"\x01abc"), "\\u{1}abc");
    }
}
