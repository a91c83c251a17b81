//! What was recorded of the steps of one or several runs, as lines.

use std::fmt::Write;

use super::{begin, escape};

/// What was recorded of a run, step by step; parts that are empty are not drawn.
#[derive(Debug, Clone, Copy, Default)]
pub struct Curve<'a> {
    /// The run.
    pub name: &'a str,
    /// The loss of each step.
    pub losses: &'a [f32],
    /// The share of each step's batch that was right, where it was measured.
    pub accuracies: &'a [Option<f32>],
    /// The learning rate of each step.
    pub rates: &'a [f64],
    /// Values and the steps that were done by then.
    pub watched: &'a [(u64, f64)],
}

/// Points `(step, value)`.
type Line = Vec<(f64, f64)>;

const COLOURS: [&str; 6] = ["#1b6ca8", "#d1495b", "#2e8b57", "#8d5a97", "#c77d0a", "#777777"];
const WIDTH: f64 = 420.;
const HEIGHT: f64 = 260.;
const MARGIN: f64 = 48.;
/// From the top of a row of panels to the next.
const ROW: f64 = HEIGHT + 1.6 * MARGIN;

/// Panels, two in a row, of loss, batch accuracy and learning rate, averaged over sixtieths of the run, and of what was watched; those
/// for which there is a point.
pub fn svg(title: &str, curves: &[Curve<'_>]) -> String {
    let each =
        |line: &dyn Fn(&Curve<'_>) -> Line| -> Vec<Line> { curves.iter().map(line).collect() };
    let mut panels = vec![
        ("loss", 0., each(&|c| smooth(numbered(c.losses, |loss| Some(f64::from(*loss)))))),
        (
            "batch accuracy, %",
            100.,
            each(&|c| smooth(numbered(c.accuracies, |share| share.map(|a| f64::from(a) * 100.)))),
        ),
        ("learning rate", 0., each(&|c| smooth(numbered(c.rates, |rate| Some(*rate))))),
        ("watched", 0., each(&|c| c.watched.iter().map(|(step, y)| (*step as f64, *y)).collect())),
    ];
    for line in panels.iter_mut().flat_map(|(_, _, lines)| lines) {
        line.retain(|(_, y)| y.is_finite());
    }
    panels.retain(|(_, _, lines)| lines.iter().any(|line| !line.is_empty()));

    let legend = ROW * panels.len().div_ceil(2) as f64 + 1.2 * MARGIN;
    let (full, tall) = (2. * WIDTH + 3. * MARGIN, legend + 18. * curves.len() as f64);
    let mut svg = begin(full, tall, title);
    for (i, (label, top, lines)) in panels.iter().enumerate() {
        let corner =
            (MARGIN + (i % 2) as f64 * (MARGIN + WIDTH), 1.2 * MARGIN + (i / 2) as f64 * ROW);
        panel(&mut svg, corner, label, *top, lines);
    }
    for (i, curve) in curves.iter().enumerate() {
        let _ = writeln!(
            svg,
            "<rect x=\"{MARGIN}\" y=\"{:.1}\" width=\"18\" height=\"4\" fill=\"{}\"/><text x=\"{}\" y=\"{:.1}\">{}</text>",
            legend + 18. * i as f64 - 6.,
            COLOURS[i % COLOURS.len()],
            MARGIN + 26.,
            legend + 18. * i as f64,
            escape(curve.name)
        );
    }
    svg + "</svg>\n"
}

/// One panel of lines, from 0 or below to `top` or above.
fn panel(svg: &mut String, (left, upper): (f64, f64), label: &str, top: f64, lines: &[Line]) {
    let points = || lines.iter().flatten();
    let steps = points().map(|(x, _)| *x).fold(1., f64::max);
    let lowest = points().map(|(_, y)| *y).fold(0., f64::min);
    let highest = points().map(|(_, y)| *y).fold(top, f64::max);
    let (x_ticks, y_ticks) = (ticks(0., steps), ticks(lowest, highest));
    let span = |ticks: &[f64]| (ticks[0], ticks[ticks.len() - 1] - ticks[0]);
    let ((_, steps), (bottom, high)) = (span(&x_ticks), span(&y_ticks));
    let base = upper + HEIGHT;
    let place =
        |(x, y): (f64, f64)| (left + x / steps * WIDTH, base - (y - bottom) / high * HEIGHT);
    for tick in y_ticks {
        let (_, y) = place((0., tick));
        let (right, end, line) = (left + WIDTH, left - 6., y + 4.);
        let _ = writeln!(
            svg,
            "<path class=\"grid\" d=\"M{left} {y:.1}H{right}\" stroke=\"#ddd\"/><text x=\"{end}\" y=\"{line:.1}\" text-anchor=\"end\">{tick}</text>"
        );
    }
    for tick in x_ticks {
        let (x, y) = (place((tick, bottom)).0, base + 16.);
        let _ =
            writeln!(svg, "<text x=\"{x:.1}\" y=\"{y:.1}\" text-anchor=\"middle\">{tick}</text>");
    }
    let (middle, below, above) = (left + WIDTH / 2., base + 32., upper - 8.);
    let _ = writeln!(
        svg,
        "<text x=\"{middle}\" y=\"{below:.1}\" text-anchor=\"middle\">step</text><text x=\"{left}\" y=\"{above:.1}\">{label}</text>"
    );
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

/// Round numbers from `low` or just below to `high` or just above, at most eight of them.
fn ticks(low: f64, high: f64) -> Vec<f64> {
    let span = if high > low { high - low } else { 1. };
    let power = (span / 6.).log10().floor() as i32;
    let ten = 10f64.powi(power.abs());
    // Divided by a power of ten and not multiplied by its inverse, so that 3 steps of 0.1 are printed as 0.3.
    let scaled = |n: f64| if power < 0 { n / ten } else { n * ten };
    let step = [1., 2., 5.].into_iter().find(|n| span / scaled(*n) <= 6.).unwrap_or(10.);
    let (first, last) = ((low / scaled(step)).floor(), (high / scaled(step)).ceil());
    let count = (last - first).max(1.) as u32;
    (0..=count).map(|i| scaled((first + f64::from(i)) * step)).collect()
}

/// The values that there are, each with the number of its step.
fn numbered<T>(values: &[T], of: impl Fn(&T) -> Option<f64>) -> (Line, usize) {
    let points = values.iter().enumerate().filter_map(|(i, value)| Some((i as f64, of(value)?)));
    (points.collect(), values.len())
}

/// Means of sixty stretches of so many steps, each at the last step of its own.
fn smooth((points, steps): (Line, usize)) -> Line {
    let stretch = (steps / 60).max(1) as f64;
    let of = |(step, _): &(f64, f64)| (step / stretch).floor();
    let mean = |part: &[(f64, f64)]| {
        let end = ((of(&part[0]) + 1.) * stretch).min(steps as f64);
        (end, part.iter().map(|(_, y)| y).sum::<f64>() / part.len() as f64)
    };
    points.chunk_by(|a, b| of(a) == of(b)).map(mean).collect()
}

#[cfg(test)]
mod tests {
    use super::*;

    #[test]
    fn smooth_averages_stretches() {
        let values: Vec<f64> = (0..120).map(|i| f64::from(i % 2)).collect();
        let line = smooth(numbered(&values, |y| Some(*y)));
        assert_eq!(line.len(), 60);
        assert!(line.iter().all(|(_, y)| *y == 0.5));
        assert_eq!((line[0].0, line[59].0), (2., 120.));
        // By hand: stretches of two steps, one of them without a value.
        let sparse: Vec<_> =
            (0..121).map(|i| (i == 1 || i > 118).then_some(f64::from(i))).collect();
        assert_eq!(smooth(numbered(&sparse, |y| *y)), [(2., 1.), (120., 119.), (121., 120.)]);
    }

    #[test]
    fn ticks_are_round_numbers_that_reach_both_ends() {
        assert_eq!(ticks(0., 750.), [0., 200., 400., 600., 800.]);
        assert_eq!(ticks(0., 100.), [0., 20., 40., 60., 80., 100.]);
        assert_eq!(ticks(0., 2.6), [0., 0.5, 1., 1.5, 2., 2.5, 3.]);
        assert_eq!(ticks(0., 0.55), [0., 0.1, 0.2, 0.3, 0.4, 0.5, 0.6]);
        assert_eq!(ticks(0., 3e-5), [0., 5e-6, 1e-5, 1.5e-5, 2e-5, 2.5e-5, 3e-5]);
        assert_eq!(ticks(-1.2, 0.4), [-1.5, -1., -0.5, 0., 0.5]);
        assert_eq!(ticks(0., 0.).len(), 2);
    }

    #[test]
    fn a_picture_has_a_line_for_each_curve_and_panel() {
        let curve = Curve {
            name: "a < b",
            losses: &[2., f32::NAN, 1.],
            accuracies: &[Some(0.), None, Some(1.)],
            ..Curve::default()
        };
        let svg = svg("t", &[curve]);
        assert_eq!(svg.matches("<polyline").count(), 2);
        assert!(svg.contains("a &lt; b") && !svg.contains("NaN") && !svg.contains("rate"));
        let all = Curve { rates: &[0.1, 1e-4], watched: &[(1, -2.), (2, 3.)], ..curve };
        let svg = super::svg("t", &[all, curve]);
        assert_eq!(svg.matches("<polyline").count(), 6);
        assert!(svg.contains("learning rate") && svg.contains("watched"));
    }

    #[test]
    fn nothing_and_zeros_can_be_drawn() {
        let zeros = Curve { losses: &[0.], ..Curve::default() };
        for curves in [&[][..], &[Curve::default()], &[zeros]] {
            let svg = svg("t", curves);
            assert!(!svg.contains("NaN") && !svg.contains("inf"), "{svg}");
        }
    }
}
