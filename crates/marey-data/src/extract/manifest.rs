//! `manifest.json`: what the flow images beside it were made of, and how.

use std::path::Path;

use marey_flow::Quantization;
use marey_video::FrameSource;
use marey_weights::write_atomically;
use serde::de::DeserializeOwned;
use serde::{Deserialize, Serialize};
use serde_json::Value;

use super::config::ExtractConfig;
use super::digest::Digest;
use super::whole::Record;
use crate::error::{Error, Result};

/// Its name in the folder of the images.
pub const NAME: &str = "manifest.json";

/// The version of what stands in it. Another one is not read.
pub(crate) const FORMAT: u32 = 1;

/// What the flow images of a video were made of, and how.
#[derive(Debug, Clone, PartialEq, Serialize, Deserialize)]
pub struct Manifest {
    /// The version of the manifest itself.
    pub format: u32,
    /// The version of marey.
    pub marey: String,
    /// The video.
    pub source: Source,
    /// The name of the preset whose parameters are [`settings`](field@Self::settings).
    pub preset: Option<String>,
    /// All that another extraction has to agree on.
    pub settings: ExtractConfig,
    /// How frames came to another size.
    pub resize: String,
    /// How many there are of `img_`, of `flow_x_` and of `flow_y_`.
    pub frames: usize,
    /// Width of all images.
    pub width: u32,
    /// Height of all images.
    pub height: u32,
    /// What the field of the last frame is, which has no next one: always "repeated", that of the frame before it.
    pub last_field: String,
    /// With [`Range::Own`](super::Range::Own), of each field the least and the largest displacement along x, then along y.
    pub ranges: Option<Vec<[[f32; 2]; 2]>>,
    /// All images together.
    pub files: Digest,
}

/// The video that images were made of.
#[derive(Debug, Clone, PartialEq, Serialize, Deserialize)]
pub struct Source {
    /// As it was named then.
    pub path: String,
    /// Its content.
    #[serde(flatten)]
    pub digest: Digest,
    /// What the file is, as "MPEG-4 part 2 (XVID) in AVI".
    pub kind: String,
    /// What decoded it, by name and version.
    pub decoder: String,
    /// All its frames.
    pub frames: usize,
    /// Width of its frames.
    pub width: u32,
    /// Height of its frames.
    pub height: u32,
}

impl Source {
    /// The video at `path`, of this content and kind, that `frames` reads.
    pub(crate) fn of(
        path: &Path,
        digest: Digest,
        kind: String,
        frames: &mut dyn FrameSource,
    ) -> Result<Self> {
        let (path, decoder) = (path.display().to_string(), frames.decoder()?);
        let (len, (width, height)) = (frames.len()?, frames.size());
        Ok(Self { path, digest, kind, decoder, frames: len, width, height })
    }
}

impl Record for Manifest {
    type Settings = ExtractConfig;

    fn made_of(&self) -> &Source {
        &self.source
    }

    fn made_by(&self) -> &ExtractConfig {
        &self.settings
    }
}

impl Manifest {
    /// A manifest of this version of marey.
    pub(super) fn new(
        source: Source,
        settings: ExtractConfig,
        frames: usize,
        (width, height): (u32, u32),
        ranges: Option<Vec<[[f32; 2]; 2]>>,
        files: Digest,
    ) -> Self {
        Self {
            format: FORMAT,
            marey: env!("CARGO_PKG_VERSION").into(),
            source,
            preset: settings.preset().map(|preset| preset.name().into()),
            settings,
            resize: super::config::RESIZE.into(),
            frames,
            width,
            height,
            last_field: "repeated".into(),
            ranges,
            files,
        }
    }

    /// The manifest in `folder`, or nothing if there is none.
    ///
    /// # Errors
    ///
    /// If it cannot be read, or is of another version.
    pub fn read(folder: &Path) -> Result<Option<Self>> {
        read(folder)
    }

    /// What the bytes of the x and y image of a field mean, the field numbered from 0.
    #[must_use]
    pub fn rules(&self, field: usize) -> Option<[Quantization; 2]> {
        match (self.settings.range, &self.ranges) {
            (super::Range::Bound(bound), _) => Some([Quantization::Bound(bound); 2]),
            (super::Range::Own, ranges) => {
                let own = ranges.as_ref()?.get(field)?;
                Some(own.map(|[min, max]| Quantization::Range { min, max }))
            }
        }
    }
}

/// The manifest in `folder`, or nothing if there is none.
pub(super) fn read<R: DeserializeOwned>(folder: &Path) -> Result<Option<R>> {
    #[derive(Deserialize)]
    struct Version {
        format: u32,
    }
    let path = folder.join(NAME);
    let text = match std::fs::read(&path) {
        Ok(text) => text,
        Err(error) if error.kind() == std::io::ErrorKind::NotFound => return Ok(None),
        Err(error) => return Err(Error::io(&path, error)),
    };
    let broken = |error: serde_json::Error| Error::Taken {
        folder: path.clone(),
        what: format!("not a manifest of such images: {error}"),
    };
    let version: Version = serde_json::from_slice(&text).map_err(broken)?;
    if version.format != FORMAT {
        let what = format!("a manifest of format {}, and {FORMAT} is known", version.format);
        return Err(Error::Taken { folder: path, what });
    }
    serde_json::from_slice(&text).map(Some).map_err(broken)
}

pub(super) fn write(manifest: &impl Serialize, folder: &Path) -> Result<()> {
    let mut text = serde_json::to_vec_pretty(manifest).map_err(|e| Error::Config(e.to_string()))?;
    text.push(b'\n');
    write_atomically(folder.join(NAME), &text).map_err(|e| Error::io(&e.path, e.source))
}

/// What keeps these images from being those of a video of this content by these settings, one thing each.
pub(super) fn differences<R: Record>(
    record: &R,
    source: &Digest,
    settings: &R::Settings,
) -> Vec<String> {
    let mut all = Vec::new();
    if record.made_of().digest != *source {
        let (was, now) = (&record.made_of().digest, source);
        let short = |digest: &Digest| digest.sha256.chars().take(8).collect::<String>();
        all.push(format!(
            "the video was another one ({} bytes, SHA-256 {}.., now {} bytes, {}..)",
            was.bytes,
            short(was),
            now.bytes,
            short(now)
        ));
    }
    differ("", &value(record.made_by()), &value(settings), &mut all);
    all
}

/// By way of its text, which has 0.15 where `f32` as `f64` is 0.15000000596.
fn value(settings: &impl Serialize) -> Value {
    let text = serde_json::to_string(settings).unwrap_or_default();
    serde_json::from_str(&text).unwrap_or_default()
}

fn differ(name: &str, was: &Value, now: &Value, all: &mut Vec<String>) {
    match (was, now) {
        (Value::Object(a), Value::Object(b)) if a.keys().eq(b.keys()) => {
            for ((key, was), now) in a.iter().zip(b.values()) {
                let separator = if name.is_empty() { "" } else { "." };
                differ(&format!("{name}{separator}{key}"), was, now, all);
            }
        }
        _ if was != now => all.push(format!("{name} was {was}, now {now}")),
        _ => {}
    }
}

#[cfg(test)]
mod tests {
    use super::super::{Range, Size, Warped};
    use super::*;

    fn manifest() -> Manifest {
        let digest = Digest { bytes: 7, sha256: "0123456789abcdef".into() };
        let source = Source {
            path: "v.gif".into(),
            digest: digest.clone(),
            kind: "GIF".into(),
            decoder: "marey-video 0.1.0".into(),
            frames: 2,
            width: 4,
            height: 3,
        };
        let config = ExtractConfig { range: Range::Own, ..Default::default() };
        let ranges = Some(vec![[[-1., 2.], [0., 0.25]], [[0., 1.], [0., 1.]]]);
        Manifest::new(source, config, 2, (4, 3), ranges, digest)
    }

    #[test]
    fn a_manifest_comes_back_and_others_are_refused() {
        let dir = tempfile::tempdir().unwrap();
        assert_eq!(Manifest::read(dir.path()).unwrap(), None);
        write(&manifest(), dir.path()).unwrap();
        assert_eq!(Manifest::read(dir.path()).unwrap(), Some(manifest()));
        let path = dir.path().join(NAME);
        let text = std::fs::read_to_string(&path).unwrap();
        assert!(text.contains("\"preset\": \"opencv\"") && text.contains("\"lambda\": 0.15,"));
        for (text, what) in [
            (text.replace("\"format\": 1", "\"format\": 2"), "a manifest of format 2, and 1"),
            (text.replace("\"sha256\"", "\"md5\""), "missing field"),
            ("[]".into(), "not a manifest"),
        ] {
            std::fs::write(&path, text).unwrap();
            let error = Manifest::read(dir.path()).unwrap_err().to_string();
            assert!(error.contains(what) && error.contains(NAME), "{error}");
        }
    }

    #[test]
    fn differences_are_named() {
        let (was, same) = (manifest(), manifest().source.digest);
        assert_eq!(differences(&was, &same, &was.settings), [""; 0]);
        let other = Digest { bytes: 8, sha256: "fedcba9876543210".into() };
        let mut settings = ExtractConfig { quality: 90, size: Size::Exact(4, 3), ..was.settings };
        settings.tvl1.lambda = 0.2;
        settings.warped = Some(Warped { seed: 3 });
        assert_eq!(
            differences(&was, &other, &settings),
            [
                "the video was another one (7 bytes, SHA-256 01234567.., now 8 bytes, fedcba98..)",
                "quality was 95, now 90",
                "size was \"source\", now {\"exact\":[4,3]}",
                "tvl1.lambda was 0.15, now 0.2",
                "warped was null, now {\"seed\":3}",
            ]
        );
    }

    #[test]
    fn rules_are_those_of_the_field() {
        let own = manifest();
        let range = |min, max| Quantization::Range { min, max };
        assert_eq!(own.rules(0), Some([range(-1., 2.), range(0., 0.25)]));
        assert_eq!(own.rules(2), None);
        let settings = ExtractConfig { range: Range::Bound(3.), ..own.settings };
        assert_eq!(Manifest { settings, ..own }.rules(9), Some([Quantization::Bound(3.); 2]));
    }
}
