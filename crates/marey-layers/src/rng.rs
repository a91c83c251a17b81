//! Random numbers that follow from a seed, a name and a number, and from nothing else.
//!
//! candle's generator cannot be seeded on the CPU, and a generator that is handed from layer to
//! layer makes every draw depend on all before it. Here each draw has a stream of its own,
//! from ChaCha8 keyed by what the draw is for: the same on every machine, whatever was drawn
//! before and on however many threads.

use std::cell::Cell;

use candle::{Result, Tensor, bail};
use rand::{Rng, SeedableRng};
pub use rand_chacha::ChaCha8Rng;

thread_local! {
    static STEP: Cell<Option<(u64, u64)>> = const { Cell::new(None) };
}

/// The stream of random numbers for draw number `index` of what is called `name`.
///
/// ```
/// use rand::RngCore;
/// let mut a = marey_layers::rng::stream(7, "fc.weight", 0);
/// let mut b = marey_layers::rng::stream(7, "fc.weight", 0);
/// assert_eq!(a.next_u64(), b.next_u64());
/// ```
pub fn stream(seed: u64, name: &str, index: u64) -> ChaCha8Rng {
    let mut key = [0; 32];
    let words = [seed, fnv1a(name), index, name.len() as u64];
    for (bytes, word) in key.chunks_exact_mut(8).zip(words) {
        bytes.copy_from_slice(&word.to_le_bytes());
    }
    ChaCha8Rng::from_seed(key)
}

/// Runs `f` as training step `step` of the run seeded by `seed`.
///
/// Layers that draw while they train (dropout) refuse to outside of it: their draws follow
/// from `seed`, `step` and their own name, so that a run which is stopped and resumed at any
/// step goes on with the same numbers. Steps may be nested; the inner one counts.
pub fn train_step<T>(seed: u64, step: u64, f: impl FnOnce() -> T) -> T {
    struct Restore(Option<(u64, u64)>);
    impl Drop for Restore {
        fn drop(&mut self) {
            STEP.set(self.0);
        }
    }
    let _restore = Restore(STEP.replace(Some((seed, step))));
    f()
}

/// Seed and number of the training step that runs on this thread.
pub(crate) fn current_step() -> Option<(u64, u64)> {
    STEP.get()
}

/// The stream of the layer called `name` in the training step that runs on this thread; an error outside of [`train_step`].
pub fn layer_stream(name: &str) -> Result<ChaCha8Rng> {
    match STEP.get() {
        Some((seed, step)) => Ok(stream(seed, name, step)),
        None => bail!(
            "`{name}`: a layer that draws random numbers is trained inside `marey_layers::rng::train_step(seed, step, ..)` only"
        ),
    }
}

/// What the layer called `name` multiplies `xs` by in this training step: 0 with chance `p`, else `1 / (1 - p)`.
pub(crate) fn mask(name: &str, p: f32, xs: &Tensor) -> Result<Tensor> {
    let mut rng = layer_stream(name)?;
    let keep = 1. / (1. - p);
    let mask: Vec<f32> =
        (0..xs.elem_count()).map(|_| if rng.random::<f32>() < p { 0. } else { keep }).collect();
    Tensor::from_vec(mask, xs.shape(), xs.device())?.to_dtype(xs.dtype())
}

/// The 64-bit FNV-1a hash: the same in every version and on every machine.
pub fn fnv1a(text: &str) -> u64 {
    text.bytes().fold(0xcbf2_9ce4_8422_2325, |hash, byte| {
        (hash ^ u64::from(byte)).wrapping_mul(0x0100_0000_01b3)
    })
}

#[cfg(test)]
mod tests {
    use super::*;
    use rand::RngCore;

    #[test]
    fn stream_depends_on_each_of_its_arguments() {
        let first = |seed, name, index| stream(seed, name, index).next_u64();
        let all = [first(1, "a", 0), first(2, "a", 0), first(1, "b", 0), first(1, "a", 1)];
        for (i, a) in all.iter().enumerate() {
            assert!(all[i + 1..].iter().all(|b| a != b));
        }
    }

    #[test]
    fn fnv1a_of_the_reference_vectors() {
        // From the authors' test suite, http://www.isthe.com/chongo/tech/comp/fnv/.
        assert_eq!(fnv1a(""), 0xcbf2_9ce4_8422_2325);
        assert_eq!(fnv1a("foobar"), 0x8594_4171_f739_67e8);
    }

    #[test]
    fn layer_stream_is_refused_outside_a_step() {
        assert!(layer_stream("drop").is_err());
        let a = train_step(3, 5, || layer_stream("drop").unwrap().next_u64());
        assert_eq!(a, stream(3, "drop", 5).next_u64());
        assert!(layer_stream("drop").is_err());
    }
}
