//! The curves of several runs, as an SVG picture.

use std::fmt::Write;

/// A run's curve: its name, its loss after each step, and its accuracy (a share) where it was measured.
pub struct Curve<'a> {
    pub name: &'a str,
    pub losses: &'a [f32],
    pub accuracies: &'a [Option<f32>],
}

const COLOURS: [&str; 6] = ["#1b6ca8", "#d1495b", "#2e8b57", "#8d5a97", "#c77d0a", "#444444"];
const WIDTH: f64 = 420.;
const HEIGHT: f64 = 260.;
const MARGIN: f64 = 48.;

/// Two panels side by side, loss and batch accuracy over steps, averaged over sixtieths of the run.
pub fn svg(title: &str, curves: &[Curve]) -> String {
    let losses: Vec<_> = curves
        .iter()
        .map(|c| smooth(c.losses.iter().copied().enumerate(), c.losses.len()))
        .collect();
    let measured = |c: &Curve| {
        let points = c.accuracies.iter().enumerate().filter_map(|(i, a)| Some((i, (*a)? * 100.)));
        smooth(points, c.accuracies.len())
    };
    let accuracies: Vec<_> = curves.iter().map(measured).collect();
    let (full, tall) = (2. * WIDTH + 3. * MARGIN, HEIGHT + 3. * MARGIN + 18. * curves.len() as f64);
    let mut svg = format!(
        "<svg xmlns=\"http://www.w3.org/2000/svg\" viewBox=\"0 0 {full} {tall}\" font-family=\"sans-serif\" font-size=\"12\">\n\
         <rect width=\"100%\" height=\"100%\" fill=\"white\"/>\n\
         <text x=\"{MARGIN}\" y=\"24\" font-size=\"15\">{}</text>\n",
        escape(title)
    );
    let top = losses.iter().flatten().map(|(_, y)| *y).fold(0.1, f64::max);
    panel(&mut svg, MARGIN, "loss", top, &losses);
    panel(&mut svg, 2. * MARGIN + WIDTH, "batch accuracy, %", 100., &accuracies);
    for (i, curve) in curves.iter().enumerate() {
        let y = HEIGHT + 2.4 * MARGIN + 18. * i as f64;
        let _ = writeln!(
            svg,
            "<rect x=\"{MARGIN}\" y=\"{}\" width=\"18\" height=\"4\" fill=\"{}\"/><text x=\"{}\" y=\"{y}\">{}</text>",
            y - 6.,
            COLOURS[i % COLOURS.len()],
            MARGIN + 26.,
            escape(curve.name)
        );
    }
    svg + "</svg>\n"
}

/// One panel of lines `(step, value)`, from 0 to `top` or a little above.
fn panel(svg: &mut String, left: f64, label: &str, top: f64, lines: &[Vec<(f64, f64)>]) {
    let steps = lines.iter().flatten().map(|(x, _)| *x).fold(1., f64::max);
    let (x_ticks, y_ticks) = (ticks(steps), ticks(top));
    let (steps, top) = (x_ticks[x_ticks.len() - 1], y_ticks[y_ticks.len() - 1]);
    let base = MARGIN + HEIGHT;
    let place = |(x, y): (f64, f64)| (left + x / steps * WIDTH, base - (y / top).min(1.) * HEIGHT);
    for tick in y_ticks {
        let (_, y) = place((0., tick));
        let (right, end, line) = (left + WIDTH, left - 6., y + 4.);
        let _ = writeln!(
            svg,
            "<path d=\"M{left} {y:.1}H{right}\" stroke=\"#ddd\"/><text x=\"{end}\" y=\"{line:.1}\" text-anchor=\"end\">{tick}</text>"
        );
    }
    for tick in x_ticks {
        let (x, y) = (place((tick, 0.)).0, base + 16.);
        let _ = writeln!(svg, "<text x=\"{x:.1}\" y=\"{y}\" text-anchor=\"middle\">{tick}</text>");
    }
    let (middle, below) = (left + WIDTH / 2., base + 32.);
    let _ = writeln!(svg, "<text x=\"{middle}\" y=\"{below}\" text-anchor=\"middle\">step</text>");
    let _ = writeln!(svg, "<text x=\"{left}\" y=\"{}\">{label}</text>", MARGIN - 8.);
    for (i, line) in lines.iter().enumerate().filter(|(_, line)| !line.is_empty()) {
        let points = line.iter().map(|point| place(*point)).map(|(x, y)| format!("{x:.1},{y:.1}"));
        let points: Vec<String> = points.collect();
        let colour = COLOURS[i % COLOURS.len()];
        let _ = writeln!(
            svg,
            "<polyline points=\"{}\" fill=\"none\" stroke=\"{colour}\" stroke-width=\"1.6\"/>",
            points.join(" ")
        );
    }
}

/// Round numbers from 0 to `most` or just above, at most seven of them.
fn ticks(most: f64) -> Vec<f64> {
    let power = 10f64.powf((most / 6.).log10().floor());
    let step = [1., 2., 5., 10.].map(|n| n * power).into_iter().find(|step| most / step <= 6.);
    let step = step.unwrap_or(10. * power);
    // Rounded, so that 3 steps of 0.1 are printed as 0.3.
    (0..=(most / step).ceil() as i32).map(|i| (f64::from(i) * step * 1e6).round() / 1e6).collect()
}

/// Means of sixty stretches of the points, each at the last step of its own.
fn smooth(points: impl Iterator<Item = (usize, f32)>, steps: usize) -> Vec<(f64, f64)> {
    let stretch = (steps / 60).max(1);
    let (mut line, mut sum, mut count, mut end) = (Vec::new(), 0., 0, stretch);
    for (step, value) in points {
        if step >= end && count > 0 {
            line.push((end as f64, sum / f64::from(count)));
            (sum, count) = (0., 0);
        }
        end = end.max((step / stretch + 1) * stretch);
        sum += f64::from(value);
        count += 1;
    }
    if count > 0 {
        line.push((end.min(steps) as f64, sum / f64::from(count)));
    }
    line
}

fn escape(text: &str) -> String {
    text.replace('&', "&amp;").replace('<', "&lt;")
}

#[cfg(test)]
mod tests {
    use super::*;

    #[test]
    fn smooth_averages_stretches() {
        let line = smooth((0..120).map(|i| (i, (i % 2) as f32)), 120);
        assert_eq!(line.len(), 60);
        assert!(line.iter().all(|(_, y)| *y == 0.5));
        assert_eq!((line[0].0, line[59].0), (2., 120.));
    }

    #[test]
    fn ticks_are_round_numbers_that_reach_the_top() {
        assert_eq!(ticks(750.), [0., 200., 400., 600., 800.]);
        assert_eq!(ticks(100.), [0., 20., 40., 60., 80., 100.]);
        assert_eq!(ticks(2.6), [0., 0.5, 1., 1.5, 2., 2.5, 3.]);
        assert_eq!(ticks(0.55), [0., 0.1, 0.2, 0.3, 0.4, 0.5, 0.6]);
    }

    #[test]
    fn svg_has_a_line_for_each_curve_and_panel() {
        let curve = Curve { name: "a < b", losses: &[2., 1.], accuracies: &[Some(0.), Some(1.)] };
        let svg = svg("t", &[curve]);
        assert_eq!(svg.matches("<polyline").count(), 2);
        assert!(svg.contains("a &lt; b") && !svg.contains("NaN"));
    }
}
