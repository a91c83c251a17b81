//! Names of classes that networks were released for.

/// The 400 classes of Kinetics-400, in the order of the released networks' logits: alphabetical.
///
/// ```
/// let names = marey_data::labels::kinetics_400();
/// assert_eq!((names.len(), names[0], names[399]), (400, "abseiling", "zumba"));
/// ```
pub fn kinetics_400() -> Vec<&'static str> {
    include_str!("../labels/kinetics-400.txt").lines().collect()
}
