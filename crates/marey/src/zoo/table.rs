//! The models there are, family by family.

use super::{Model, channel_separated, factorized, hidden, recurrent, three_d, two_stream};

const FAMILIES: [&[Model]; 6] = [
    two_stream::MODELS,
    hidden::MODELS,
    three_d::MODELS,
    factorized::MODELS,
    channel_separated::MODELS,
    recurrent::MODELS,
];

const COUNT: usize = {
    let (mut count, mut family) = (0, 0);
    while family < FAMILIES.len() {
        count += FAMILIES[family].len();
        family += 1;
    }
    count
};

/// All models, by family; those of one are in the order of their years.
pub const MODELS: &[Model] = &{
    let mut all = [FAMILIES[0][0]; COUNT];
    let (mut next, mut family) = (0, 0);
    while family < FAMILIES.len() {
        let mut i = 0;
        while i < FAMILIES[family].len() {
            all[next] = FAMILIES[family][i];
            (next, i) = (next + 1, i + 1);
        }
        family += 1;
    }
    all
};
