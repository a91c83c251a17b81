//! Held against `LinearSVC(tol=1e-10)` of scikit-learn 1.9.1, on rows made by a formula.

use super::*;

/// 30 rows of 4 numbers, of 3 classes that overlap.
fn data() -> (Vec<Vec<f32>>, Vec<u32>) {
    let number = |i: usize, j: usize| {
        let own = if i % 3 == j { 0.8 } else { 0. };
        ((1.7 * i as f64 + 2.3 * j as f64).sin() + own) as f32
    };
    (0..30).map(|i| ((0..4).map(|j| number(i, j)).collect::<Vec<_>>(), (i % 3) as u32)).unzip()
}

fn near(svm: &LinearSvm, want: &[[f64; 5]]) {
    let got = svm.weights();
    assert_eq!(got.len(), want.len());
    let far = got.concat().iter().zip(want.concat()).map(|(a, b)| (a - b).abs()).fold(0., f64::max);
    assert!(far < 2e-5, "{got:?} is not {want:?}");
}

#[test]
fn weights_are_those_of_liblinear() {
    let (rows, labels) = data();
    let fit = |config| LinearSvm::fit(&rows, &labels, 3, &config).unwrap();
    let squared = fit(SvmConfig { tolerance: 1e-9, ..SvmConfig::default() });
    near(
        &squared,
        &[
            [0.977371, -0.787188, -1.534299, -1.838586, -0.065971],
            [0.758562, 1.588306, 0.90966, 0.158592, -1.190274],
            [-1.7544, -0.763519, 0.759178, 1.785219, 0.01109],
        ],
    );
    assert!(squared.passes() < SvmConfig::default().passes);
    let config =
        SvmConfig { c: 0.5, hinge: Hinge::Linear, tolerance: 1e-9, ..SvmConfig::default() };
    near(
        &fit(config),
        &[
            [1.091921, -0.661776, -1.337271, -1.683928, -0.211479],
            [-0.289647, 0.818521, -0.093538, 0.134441, -0.710683],
            [-1.288047, -0.5849, 0.926055, 1.384063, -0.277782],
        ],
    );
}

#[test]
fn of_two_classes_one_mirrors_the_other() {
    let (rows, labels) = data();
    let labels: Vec<u32> = labels.iter().map(|label| u32::from(*label != 1)).collect();
    let svm = LinearSvm::fit(&rows, &labels, 2, &SvmConfig::default()).unwrap();
    let first = [0.758562, 1.588306, 0.90966, 0.158592, -1.190274];
    near(&svm, &[first, first.map(|w| -w)]);
    let decisions = svm.decisions(&rows[1]);
    assert_eq!(decisions[0], -decisions[1]);
    assert_eq!(svm.predict(&rows[1]), usize::from(decisions[0] < 0.));
}

#[test]
fn the_same_seed_gives_the_same_bits_and_another_the_same_optimum() {
    let (rows, labels) = data();
    let fit = |seed| {
        LinearSvm::fit(&rows, &labels, 3, &SvmConfig { seed, ..SvmConfig::default() }).unwrap()
    };
    assert_eq!(fit(1), fit(1));
    let far = |a: &[f64], b: &[f64]| a.iter().zip(b).all(|(a, b)| (a - b).abs() < 1e-4);
    assert!(fit(1).weights().iter().zip(fit(2).weights()).all(|(a, b)| far(a, b)));
}

#[test]
fn what_cannot_be_learnt_from_is_refused() {
    let (rows, labels) = data();
    let refused = |rows: &[Vec<f32>], labels: &[u32], classes, config: SvmConfig| {
        LinearSvm::fit(rows, labels, classes, &config).unwrap_err().to_string()
    };
    let config = SvmConfig::default();
    assert!(refused(&[], &[], 2, config).contains("no rows"));
    assert!(refused(&rows, &labels[1..], 3, config).contains("29 labels of 30 rows"));
    assert!(refused(&rows, &labels, 2, config).contains("label 2 of 2 classes"));
    assert!(refused(&rows[..1], &[1], 2, config).contains("all rows are of class 1"));
    let mut odd = rows.clone();
    odd[7][2] = f32::NAN;
    assert!(refused(&odd, &labels, 3, config).contains("row 7"));
    odd[7] = vec![0.; 3];
    assert!(refused(&odd, &labels, 3, config).contains("row 7"));
    assert!(refused(&rows, &labels, 3, SvmConfig { c: 0., ..config }).contains("makes no sense"));
}
