//! Median filters of 3x3 and 5x5 pixels, by the networks of the CPU's.

use candle::{Result, Tensor, bail};

use super::super::median::{SORT_3, SORT_5};
use super::cells;

/// Filters `[N, C, H, W]` by windows of `side` (3 or 5) pixels; beyond the border is what is at the border.
pub(super) fn median(side: usize, xs: &Tensor) -> Result<Tensor> {
    match side {
        3 => {
            let m = sorted::<3>(xs, &SORT_3)?;
            let mut diagonal = [m[0][2].clone(), m[1][1].clone(), m[2][0].clone()];
            sort(&mut diagonal, &SORT_3)?;
            Ok(diagonal[1].clone())
        }
        5 => middle_of_5x5(&sorted::<5>(xs, &SORT_5)?),
        _ => bail!("TV-L1: no median filter has a side of {side} pixels"),
    }
}

/// The numbers of each window, put in order down its columns and then along its rows.
fn sorted<const N: usize>(xs: &Tensor, network: &[[usize; 2]]) -> Result<Vec<Vec<Tensor>>> {
    let mut rows = shifted::<N>(xs, 2)?;
    sort(&mut rows, network)?;
    // All rows at once.
    let mut columns = shifted::<N>(&Tensor::cat(&rows, 0)?, 3)?;
    sort(&mut columns, network)?;
    let n = xs.dim(0)?;
    let row = |i: usize| columns.iter().map(|column| column.narrow(0, i * n, n)).collect();
    (0..N).map(row).collect()
}

/// What is so many before to so many behind on an axis.
fn shifted<const N: usize>(xs: &Tensor, axis: usize) -> Result<Vec<Tensor>> {
    let len = xs.dim(axis)?;
    let shift = |i: usize| {
        let cell = |at: usize| (at + i).saturating_sub(N / 2).min(len - 1);
        xs.index_select(&cells(len, cell, xs.device())?, axis)
    };
    (0..N).map(shift).collect()
}

fn sort(of: &mut [Tensor], network: &[[usize; 2]]) -> Result<()> {
    network.iter().try_for_each(|[low, high]| order(of, *low, *high))
}

fn order(of: &mut [Tensor], low: usize, high: usize) -> Result<()> {
    (of[low], of[high]) = (of[low].minimum(&of[high])?, of[low].maximum(&of[high])?);
    Ok(())
}

/// Of the 13 numbers that can be in the middle, forgets the least and the most of 8, 7, 6, .. until one is left.
fn middle_of_5x5(m: &[Vec<Tensor>]) -> Result<Tensor> {
    let pick = |[row, column]: [usize; 2]| m[row][column].clone();
    let mut left =
        [[0, 3], [0, 4], [1, 2], [1, 3], [2, 1], [2, 2], [3, 0], [3, 1]].map(pick).to_vec();
    for other in [[1, 4], [2, 3], [3, 2], [4, 0], [4, 1]].map(pick) {
        extremes(&mut left)?;
        left.pop();
        left[0] = other;
    }
    extremes(&mut left)?;
    Ok(left[1].clone())
}

/// Puts the least first and the most last.
fn extremes(of: &mut [Tensor]) -> Result<()> {
    let len = of.len();
    (0..len / 2).try_for_each(|i| order(of, i, len - 1 - i))?;
    (1..len.div_ceil(2)).try_for_each(|i| order(of, 0, i))?;
    (len / 2..len - 1).try_for_each(|i| order(of, i, len - 1))
}
