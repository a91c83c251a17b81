//! Pictures of what was measured, as SVG that needs nothing else.
//!
//! The background has the class `paper` and lines of axes the class `grid`, so that a page that holds a picture may colour them otherwise.

pub mod confusion;
pub mod curves;

pub use confusion::Matrix;
pub use curves::Curve;

/// `text` as it is written between the tags of SVG and HTML and inside their quotes. What XML has no character for becomes a space.
pub fn escape(text: &str) -> String {
    let mut escaped = String::with_capacity(text.len());
    for c in text.chars() {
        match c {
            '&' => escaped += "&amp;",
            '<' => escaped += "&lt;",
            '>' => escaped += "&gt;",
            '"' => escaped += "&quot;",
            '\t' | '\n' | '\r' => escaped.push(c),
            '\0'..' ' | '\u{fffe}' | '\u{ffff}' => escaped.push(' '),
            _ => escaped.push(c),
        }
    }
    escaped
}

/// The beginning of a picture of so many units: its background and its title.
fn begin(width: f64, height: f64, title: &str) -> String {
    format!(
        "<svg xmlns=\"http://www.w3.org/2000/svg\" width=\"{width:.0}\" height=\"{height:.0}\" viewBox=\"0 0 {width:.0} {height:.0}\" font-family=\"sans-serif\" font-size=\"12\">\n\
         <rect class=\"paper\" width=\"100%\" height=\"100%\" fill=\"white\"/>\n\
         <text x=\"12\" y=\"24\" font-size=\"15\">{}</text>\n",
        escape(title)
    )
}

#[cfg(test)]
mod tests {
    use super::*;

    #[test]
    fn text_cannot_end_what_it_stands_in() {
        assert_eq!(escape("a<b>&\"c\"\u{1}\u{ffff}\n'é'"), "a&lt;b&gt;&amp;&quot;c&quot;  \n'é'");
        assert!(begin(1., 1., "</text><script>").contains(">&lt;/text&gt;&lt;script&gt;<"));
    }
}
