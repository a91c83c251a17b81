//! The sample files: each opens strictly, has the frames it has, and gives ffmpeg's own pixels.
#![allow(clippy::unwrap_used, reason = "these are tests")]

use std::path::PathBuf;

use marey_video::{Options, open, sniff};

mod common;

/// Path below `videos`, kind, frames by ffmpeg 5.1, frames per second.
const VIDEOS: [(&str, &str, usize, f64); 9] = [
    ("ucf101/v_ApplyEyeMakeup_g01_c01.avi", "MPEG-4 part 2 (XVID) in AVI", 164, 25.0),
    ("ucf101/v_SoccerJuggling_g23_c01.avi", "MPEG-4 part 2 (xvid) in AVI", 240, 30000.0 / 1001.0),
    ("ucf101/v_BaseballPitch_g01_c01.avi", "MPEG-4 part 2 (xvid) in AVI", 107, 30000.0 / 1001.0),
    (
        "hmdb51/SchoolRulesHowTheyHelpUs_wave_f_nm_np1_ba_med_0.avi",
        "MPEG-4 part 2 (DX50) in AVI",
        74,
        30.0,
    ),
    ("kinetics/armwrestling_mmaction2_demo.mp4", "H.264 (avc1) in MP4", 280, 28.0),
    ("kinetics/WUzgd7C1pWA.mp4", "H.264 (avc1) in MP4", 327, 30000.0 / 1001.0),
    ("other/bikes.mp4", "H.264 (avc1) in MP4", 250, 25.0),
    ("other/person01_boxing_d1_uncomp.avi", "MPEG-4 part 2 (DX50) in AVI", 360, 25.0),
    ("kinetics-i3d/v_CricketShot_g04_c01_rgb.gif", "GIF", 79, 25.0),
];

#[test]
fn every_frame_equals_ffmpegs() {
    let Some(data) = common::data().filter(|_| common::has_ffmpeg()) else { return };
    for (name, kind, len, fps) in VIDEOS {
        let path = data.join("videos").join(name);
        assert_eq!(sniff(&path).unwrap().to_string(), kind);
        let mut video = open(&path, &Options::default()).unwrap();
        assert_eq!(video.len().unwrap(), len, "{path:?}");
        assert!((video.fps().unwrap() - fps).abs() < 0.01, "{path:?}: {:?}", video.fps());
        let (width, height) = video.size();
        let reference = common::reference(&path);
        let bytes = width as usize * height as usize * 3;
        assert_eq!(reference.len(), len * bytes, "{path:?}");
        let frames = video.all().unwrap();
        for (index, (frame, wanted)) in frames.iter().zip(reference.chunks_exact(bytes)).enumerate()
        {
            assert!(frame.data == wanted, "{path:?}: frame {index}");
        }
        assert!(common::walked(&mut *video, usize::MAX) == frames, "{path:?}: frames of one pass");
        // Some of them, in any order, are the same ones.
        let wanted = [len - 1, 0, 17, 18, 17, len / 2];
        for (frame, index) in video.frames(&wanted).unwrap().iter().zip(wanted) {
            assert!(*frame == frames[index], "{path:?}: frame {index} alone");
        }
    }
}

#[test]
fn the_fight_clips_open_strictly() {
    let Some(data) = common::data().filter(|_| common::has_ffmpeg()) else { return };
    for folder in ["fight/fight", "fight/noFight"] {
        let mut clips: Vec<PathBuf> = std::fs::read_dir(data.join(folder))
            .unwrap()
            .map(|entry| entry.unwrap().path())
            .collect();
        clips.sort();
        for clip in clips.iter().step_by(40) {
            let mut video = open(clip, &Options::default()).unwrap();
            assert!(video.len().unwrap() > 10, "{clip:?}");
        }
    }
}
