//! Each class on a line.

use std::cmp::Ordering;
use std::fmt::Write;

use marey::inspect::plot::{Matrix, escape};
use marey::train::metrics::wilson;

use super::percent;

/// What came of the videos of one class.
struct Class<'a> {
    name: &'a str,
    videos: u64,
    right: u64,
    /// The other class that its videos were most often taken for, the first of several, and how often.
    taken_for: Option<(&'a str, u64)>,
}

impl<'a> Class<'a> {
    fn of(matrix: &'a Matrix, label: usize) -> Self {
        let row = &matrix.rows()[label];
        let wrong =
            row.iter().enumerate().filter(|(answer, count)| *answer != label && **count > 0);
        let most = wrong.rev().max_by_key(|(_, count)| **count);
        Self {
            name: &matrix.classes()[label],
            videos: row.iter().sum(),
            right: row[label],
            taken_for: most.map(|(answer, count)| (&*matrix.classes()[answer], *count)),
        }
    }

    /// NaN without videos.
    fn accuracy(&self) -> f64 {
        self.right as f64 / self.videos as f64
    }

    /// The least accurate first, those without videos last.
    fn order(&self, other: &Self) -> Ordering {
        let rank = (self.videos == 0).cmp(&(other.videos == 0));
        rank.then_with(|| self.accuracy().total_cmp(&other.accuracy()))
    }
}

/// All classes, the least accurate first.
pub fn table(matrix: &Matrix) -> String {
    let classes = 0..matrix.classes().len();
    let mut classes: Vec<Class<'_>> = classes.map(|label| Class::of(matrix, label)).collect();
    classes.sort_by(Class::order);
    let mut table = String::from(
        "<table>\n<tr><th>class</th><th>videos</th><th>right</th><th>accuracy</th><th>95 % interval (Wilson)</th><th>most often taken for</th></tr>\n",
    );
    for class in &classes {
        let (low, high) = wilson(class.right, class.videos);
        let taken_for = class.taken_for.map(|(name, count)| format!("{} ({count})", escape(name)));
        let _ = writeln!(
            table,
            "<tr><td>{}</td><td>{}</td><td>{}</td><td>{}</td><td>{} to {}</td><td>{}</td></tr>",
            escape(class.name),
            class.videos,
            class.right,
            percent(class.accuracy()),
            percent(low),
            percent(high),
            taken_for.unwrap_or_default()
        );
    }
    table + "</table>\n"
}

#[cfg(test)]
mod tests {
    use super::*;

    #[test]
    fn classes_by_hand() {
        let names = ["none", "all", "some"].map(String::from).to_vec();
        let rows = vec![vec![0, 0, 0], vec![0, 5, 0], vec![2, 2, 1]];
        let table = table(&Matrix::new(names, rows).unwrap());
        let rows: Vec<&str> = table.lines().filter(|line| line.contains("<td>")).collect();
        // The intervals of 1 and 5 of 5, z = 1.96: (p + z²/2n ± z sqrt(p (1 - p) / n + z²/4n²)) / (1 + z²/n).
        assert_eq!(
            rows,
            [
                "<tr><td>some</td><td>5</td><td>1</td><td>20.0 %</td><td>3.6 % to 62.4 %</td><td>none (2)</td></tr>",
                "<tr><td>all</td><td>5</td><td>5</td><td>100.0 %</td><td>56.6 % to 100.0 %</td><td></td></tr>",
                "<tr><td>none</td><td>0</td><td>0</td><td>-</td><td>0.0 % to 100.0 %</td><td></td></tr>",
            ]
        );
    }
}
