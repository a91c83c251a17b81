//! What a run gave as a page: one HTML file that needs no other.

use std::fmt::Write;
use std::path::Path;

use marey::inspect::plot::{Curve, Matrix, curves, escape};
use marey::weights::write_atomically;

mod classes;
mod clips;

pub use clips::Hard;

/// What is on the page. Parts that are empty are left out.
#[derive(Default)]
pub struct Page<'a> {
    pub title: String,
    /// What was measured: a name, and the value as text.
    pub numbers: Vec<(String, String)>,
    /// What the numbers hold for (dataset, split, views, level, seed, ..): a name, and what it was in words.
    pub protocol: Vec<(String, String)>,
    pub curves: Vec<Curve<'a>>,
    pub confusion: Option<Matrix>,
    /// Videos that were furthest from being recognised, the worst first.
    pub hardest: Vec<Hard>,
    /// Videos that were not read, and why not.
    pub skipped: Vec<(String, String)>,
    /// The recipe as TOML.
    pub settings: String,
}

/// Nothing is fetched and no script runs, whatever names of videos or classes hold.
const POLICY: &str = "default-src 'none'; img-src data:; style-src 'unsafe-inline'";

impl Page<'_> {
    /// Writes the page to `path`, whole or not at all.
    pub fn write(&self, path: &Path) -> anyhow::Result<()> {
        Ok(write_atomically(path, self.html()?.as_bytes())?)
    }

    fn html(&self) -> anyhow::Result<String> {
        let title = escape(&self.title);
        let mut html = format!(
            "<!doctype html>\n<html lang=\"en\">\n<head>\n<meta charset=\"utf-8\">\n\
             <meta http-equiv=\"Content-Security-Policy\" content=\"{POLICY}\">\n\
             <meta name=\"viewport\" content=\"width=device-width\">\n\
             <title>{title}</title>\n<style>\n{}</style>\n</head>\n<body>\n<h1>{title}</h1>\n",
            include_str!("report/page.css")
        );
        let curves = match &self.curves[..] {
            [] => String::new(),
            curves => curves::svg("", curves),
        };
        let matrix = self.confusion.as_ref();
        let settings = match &*self.settings {
            "" => String::new(),
            settings => format!("<pre>{}</pre>\n", escape(settings)),
        };
        for (heading, content) in [
            ("Numbers", pairs(&self.numbers)),
            ("Protocol", pairs(&self.protocol)),
            ("Curves", curves),
            ("Confusion", matrix.map_or_else(String::new, |matrix| matrix.svg(""))),
            ("Classes", matrix.map_or_else(String::new, classes::table)),
            ("Hardest videos", clips::figures(&self.hardest)?),
            ("Skipped videos", pairs(&self.skipped)),
            ("Settings", settings),
        ] {
            if !content.is_empty() {
                let _ = writeln!(html, "<section>\n<h2>{heading}</h2>\n{content}</section>");
            }
        }
        Ok(html + "</body>\n</html>\n")
    }
}

fn pairs(pairs: &[(String, String)]) -> String {
    if pairs.is_empty() {
        return String::new();
    }
    let mut list = String::from("<dl>\n");
    for (name, value) in pairs {
        let _ = writeln!(list, "<dt>{}</dt><dd>{}</dd>", escape(name), escape(value));
    }
    list + "</dl>\n"
}

/// A share of 1 as a percentage; a dash for what is no number.
fn percent(share: f64) -> String {
    if share.is_finite() { format!("{:.1} %", share * 100.) } else { "-".into() }
}

#[cfg(test)]
mod tests {
    use image::RgbImage;

    use super::*;

    /// A page of which each text could be taken for a tag.
    fn page() -> Page<'static> {
        let pair = |name: &str| vec![(format!("<{name}>"), format!("a & b of <{name}>"))];
        let hard = Hard {
            video: "<video>.avi".into(),
            label: "<x>".into(),
            answer: "<y>".into(),
            score: f64::NAN,
            frames: vec![RgbImage::new(32, 24); 2],
        };
        let classes = vec!["<x>".into(), "<y>".into(), "<z>".into()];
        let rows = vec![vec![1, 2, 0], vec![0, 3, 0], vec![0, 0, 0]];
        Page {
            title: "<title> of \"it\"".into(),
            numbers: pair("numbers"),
            protocol: pair("protocol"),
            curves: vec![Curve {
                name: "<curve>",
                losses: &[2., f32::NAN],
                accuracies: &[None, Some(0.5)],
                rates: &[0.1, 0.1],
                watched: &[(2, 0.5)],
            }],
            confusion: Some(Matrix::new(classes, rows).unwrap()),
            hardest: vec![hard],
            skipped: pair("skipped"),
            settings: "rate = 0.1 # <settings>\n".into(),
        }
    }

    #[test]
    fn all_parts_are_there_and_no_text_is_a_tag() {
        let html = page().html().unwrap();
        for heading in [
            "Numbers",
            "Protocol",
            "Curves",
            "Confusion",
            "Classes",
            "Hardest videos",
            "Skipped videos",
            "Settings",
        ] {
            assert_eq!(html.matches(&format!("<h2>{heading}</h2>")).count(), 1, "{heading}");
        }
        for text in
            ["numbers", "protocol", "curve", "x", "y", "z", "video", "skipped", "settings", "title"]
        {
            assert!(html.contains(&format!("&lt;{text}&gt;")), "{text}");
            // The page has a title of its own, and so have cells of the matrix.
            assert!(text == "title" || !html.contains(&format!("<{text}>")), "{text}");
        }
        assert_eq!(html.matches("<polyline").count(), 4);
        assert_eq!(html.matches("<section>").count(), html.matches("</section>").count());
        assert!(!html.contains("NaN"), "{html}");
    }

    #[test]
    fn nothing_is_fetched() {
        let html = page().html().unwrap();
        assert!(!html.contains("<script") && !html.contains("<link"));
        assert_eq!(html.matches("src=").count(), html.matches("src=\"data:image/jpeg;").count());
        // Only the names of SVG's namespace are addresses.
        assert_eq!(
            html.matches("http").count(),
            1 + html.matches("xmlns=\"http://www.w3.org/").count()
        );
    }

    #[test]
    fn empty_parts_are_left_out() {
        let html = Page { title: "t".into(), ..Page::default() }.html().unwrap();
        assert!(html.contains("<h1>t</h1>") && !html.contains("<h2>"), "{html}");
    }

    #[test]
    fn a_page_is_written() {
        let dir = tempfile::tempdir().unwrap();
        let path = dir.path().join("report.html");
        page().write(&path).unwrap();
        assert_eq!(std::fs::read_to_string(&path).unwrap(), page().html().unwrap());
        assert!(page().write(&dir.path().join("missing/report.html")).is_err());
    }
}
