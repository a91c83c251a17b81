//! The part of each batch that one of several processes makes.

use std::ops::Range;

/// Which part of each batch is made, of `world` parts in order whose sizes are as equal as can be.
#[derive(Debug, Clone, Copy, PartialEq, Eq)]
pub struct Shard {
    /// The part, from 0.
    pub rank: usize,
    /// How many there are, from 1.
    pub world: usize,
}

impl Default for Shard {
    /// All of it.
    fn default() -> Self {
        Self { rank: 0, world: 1 }
    }
}

impl Shard {
    /// The places of this part in a batch of `count`.
    pub(crate) fn of(self, count: u64) -> Range<u64> {
        let (rank, world) = (self.rank as u64, self.world as u64);
        rank * count / world..(rank + 1) * count / world
    }

    /// How many places that is.
    pub(crate) fn len(self, count: u64) -> u64 {
        let places = self.of(count);
        places.end - places.start
    }
}
