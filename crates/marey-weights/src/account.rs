//! Fitting a checkpoint to a network: every tensor of both sides is accounted for, exactly once.

use std::collections::{BTreeMap, BTreeSet};
use std::fmt;

use safetensors::Dtype;

use crate::error::Error;
use crate::strided::elements;
use crate::tensor::Tensor;

/// A tensor the network wants.
#[derive(Clone, Debug, PartialEq, Eq)]
pub struct Wanted {
    /// Its name in the network.
    pub name: String,
    /// Its shape in the network.
    pub shape: Vec<usize>,
}

/// How a family of checkpoints names and lays out what a network wants.
///
/// "Ours" is the network's name of a tensor, "theirs" the checkpoint's.
#[derive(Clone, Copy, Debug)]
pub struct Dialect {
    /// What to call it, such as `flax`.
    pub name: &'static str,
    /// Their names of all that the network wants, one for each and in the same order. Some depend on other tensors: on the
    /// number of classes, say, or of the blocks before. Where they do not, [`each`] makes them.
    pub sources: fn(&[Wanted]) -> Vec<String>,
    /// For our tensor and the number of axes theirs has: which of their axes becomes each of ours, as
    /// [`Tensor::permute`] takes it; `None` where the order is the same.
    pub permute: fn(&str, usize) -> Option<Vec<usize>>,
    /// The value all elements of our tensor have where theirs is absent by construction; `None` where it must be there.
    pub defined: fn(&str) -> Option<f32>,
    /// What is subtracted from their tensor, by its name, to make it ours: the network is another, but computes the same.
    pub subtract: fn(&str) -> Option<Subtract>,
    /// Whether their tensor carries nothing a network needs.
    pub ignored: fn(&str) -> bool,
    /// Whether a tensor may have more or fewer axes of length 1 than ours, as in running means kept as `[1, 1, 1, 1, C]` and
    /// kernels of images.
    pub squeeze: bool,
}

impl Dialect {
    /// The network's own names and axes; axes of length 1 may be left out, and `num_batches_tracked` of PyTorch's batch norms
    /// is ignored.
    pub const SAME: Self = Self {
        name: "same",
        sources: |wanted| each(wanted, str::to_owned),
        permute: |_, _| None,
        defined: |_| None,
        subtract: |_| None,
        ignored: |theirs| theirs.ends_with("num_batches_tracked"),
        squeeze: true,
    };
}

/// Their names of all that is wanted, where each follows from ours.
pub fn each(wanted: &[Wanted], source: impl Fn(&str) -> String) -> Vec<String> {
    wanted.iter().map(|wanted| source(&wanted.name)).collect()
}

/// What is subtracted from a tensor.
#[derive(Clone, Debug, PartialEq)]
pub enum Subtract {
    /// A number, from every element: from a running variance, what our epsilon is more than theirs.
    Number(f32),
    /// Another of their tensors, element by element: from a running mean, the bias of the convolution before it.
    Tensor(String),
}

impl fmt::Display for Subtract {
    fn fmt(&self, f: &mut fmt::Formatter<'_>) -> fmt::Result {
        match self {
            Self::Number(number) => number.fmt(f),
            Self::Tensor(name) => name.fmt(f),
        }
    }
}

/// A tensor that is there in another shape.
#[derive(Clone, Debug, PartialEq, Eq)]
pub struct Mismatch {
    /// Our name.
    pub name: String,
    /// Their name.
    pub source: String,
    /// The checkpoint's shape, in our order of axes.
    pub met: Vec<usize>,
    /// The network's shape.
    pub wanted: Vec<usize>,
}

/// What became of every tensor.
///
/// A wanted tensor is in exactly one of `used`, `renamed`, `defined`, `missing`, `mismatched` and `unreadable`; a tensor
/// of the checkpoint is the source of exactly one of these, or is subtracted from one, or is in exactly one of `ignored` and
/// `left_over`. `transposed`, `reshaped`, `converted` and `subtracted` say more about tensors that are in `used` or `renamed`.
#[derive(Clone, Debug, Default, PartialEq)]
pub struct Account {
    /// Taken under the same name.
    pub used: Vec<String>,
    /// Taken under another name: theirs, ours.
    pub renamed: Vec<(String, String)>,
    /// Absent, and filled with the value that the dialect defines: ours, value.
    pub defined: Vec<(String, f32)>,
    /// Wanted, and not there: ours, and theirs that was looked for.
    pub missing: Vec<(String, String)>,
    /// There in another shape.
    pub mismatched: Vec<Mismatch>,
    /// There with elements that are no real numbers, NaN and infinity among them: ours, theirs, their type.
    pub unreadable: Vec<(String, String, Dtype)>,
    /// Theirs that carry nothing for the network.
    pub ignored: Vec<String>,
    /// Theirs that nothing wants.
    pub left_over: Vec<String>,
    /// Ours whose axes were reordered, and the order.
    pub transposed: Vec<(String, Vec<usize>)>,
    /// Ours that gained or lost axes of length 1, and the shape before.
    pub reshaped: Vec<(String, Vec<usize>)>,
    /// Ours that were rounded or widened to `F32`, and the type before.
    pub converted: Vec<(String, Dtype)>,
    /// Ours from which something was subtracted, and what.
    pub subtracted: Vec<(String, Subtract)>,
}

impl Account {
    /// Whether every wanted tensor has its values.
    pub fn is_complete(&self) -> bool {
        self.missing.is_empty() && self.mismatched.is_empty() && self.unreadable.is_empty()
    }
}

/// One line: how many tensors met each end, with the first names of those that are wrong or left over.
impl fmt::Display for Account {
    fn fmt(&self, f: &mut fmt::Formatter<'_>) -> fmt::Result {
        let (renamed, taken) = (self.renamed.len(), self.used.len() + self.renamed.len());
        write!(f, "{taken} taken ({renamed} renamed, {} transposed)", self.transposed.len())?;
        if !self.subtracted.is_empty() {
            write!(f, ", {} shifted", self.subtracted.len())?;
        }
        write!(f, ", {} defined, {} ignored", self.defined.len(), self.ignored.len())?;
        first(f, "missing", &self.missing, |(ours, theirs)| match ours == theirs {
            true => ours.clone(),
            false => format!("{ours} (as {theirs})"),
        })?;
        first(f, "of another shape", &self.mismatched, |m| {
            format!("{}: {:?} instead of {:?}", m.name, m.met, m.wanted)
        })?;
        first(f, "not of real numbers", &self.unreadable, |(ours, _, dtype)| {
            format!("{ours}: {dtype}")
        })?;
        first(f, "left over", &self.left_over, String::clone)
    }
}

fn first<T>(
    f: &mut fmt::Formatter<'_>,
    what: &str,
    items: &[T],
    show: impl Fn(&T) -> String,
) -> fmt::Result {
    if items.is_empty() {
        return write!(f, ", 0 {what}");
    }
    let shown: Vec<String> = items.iter().take(3).map(show).collect();
    let more = if items.len() > 3 { ", ..." } else { "" };
    write!(f, ", {} {what} ({}{more})", items.len(), shown.join("; "))
}

/// Gives every wanted tensor its values as `F32`, in our shapes and order of axes.
///
/// A state dict that lies in a further container is found there: where most of the dialect's names occur behind one
/// prefix (`state_dict.`, `module.`), that prefix belongs to the source's name.
///
/// Tensors left over are no error: the account names them. [`Error::Incomplete`] carries the account where a wanted
/// tensor is missing and not defined, has another shape, or holds no real numbers; [`Error::Tensor`] says where a wanted
/// name comes twice, where two containers hold equally much of what is wanted, where the dialect gives one source to two
/// tensors, or where its order of axes is none.
pub fn fit(
    dialect: &Dialect,
    tensors: &BTreeMap<String, Tensor>,
    wanted: &[Wanted],
) -> Result<(BTreeMap<String, Tensor>, Account), Error> {
    let (out, account) = fit_some(dialect, tensors, wanted)?;
    if account.is_complete() {
        Ok((out, account))
    } else {
        Err(Error::Incomplete(Box::new(account)))
    }
}

/// The same, of a checkpoint that need not have all: what is there, and the account of the rest.
///
/// A tensor of another shape is given in that shape, with our order of axes, to be made to fit; the account counts it
/// among the `mismatched` all the same.
pub fn fit_some(
    dialect: &Dialect,
    tensors: &BTreeMap<String, Tensor>,
    wanted: &[Wanted],
) -> Result<(BTreeMap<String, Tensor>, Account), Error> {
    let said = |what: String| Error::Tensor(format!("dialect {}: {what}", dialect.name));
    let theirs = (dialect.sources)(wanted);
    if theirs.len() != wanted.len() {
        return Err(said(format!("{} names of {} tensors", theirs.len(), wanted.len())));
    }
    let Place { prefix, other, .. } = place(dialect, tensors, wanted, &theirs);
    if let Some(other) = other {
        return Err(said(format!(
            "`{other}` and `{prefix}` hold equally many of the tensors wanted; save one of them by itself"
        )));
    }
    let (mut out, mut account) = (BTreeMap::new(), Account::default());
    let (mut sources, mut names) = (BTreeMap::new(), BTreeSet::new());
    for (Wanted { name, shape }, theirs) in wanted.iter().zip(&theirs) {
        if !names.insert(name) {
            return Err(Error::Tensor(format!("{name} is wanted twice")));
        }
        let source = format!("{prefix}{theirs}");
        let Some(tensor) = tensors.get(&source) else {
            match (dialect.defined)(name) {
                Some(value) => {
                    out.insert(name.clone(), filled(shape, value)?);
                    account.defined.push((name.clone(), value));
                }
                None => account.missing.push((name.clone(), source)),
            }
            continue;
        };
        if let Some(other) = sources.insert(source.clone(), name) {
            return Err(said(format!("{source} is the source of both {other} and {name}")));
        }
        let axes = (dialect.permute)(name, tensor.shape.len());
        let met: Vec<usize> = match &axes {
            Some(axes) => axes.iter().map(|&a| tensor.shape.get(a).copied().unwrap_or(0)).collect(),
            None => tensor.shape.clone(),
        };
        let finite = |values: &Vec<f32>| values.iter().all(|value| value.is_finite());
        if met != *shape && !(dialect.squeeze && differ_by_ones(&met, shape)) {
            let moved = axes.map_or(Ok(tensor.clone()), |axes| tensor.permute(&axes));
            if let Some(values) = moved.ok().and_then(|moved| moved.to_f32()).filter(finite) {
                out.insert(name.clone(), Tensor::from_f32(met.clone(), values)?);
            }
            account.mismatched.push(Mismatch {
                name: name.clone(),
                source,
                met,
                wanted: shape.clone(),
            });
            continue;
        }
        let moved = match &axes {
            Some(axes) => &tensor.permute(axes).map_err(|e| said(format!("{name}: {e}")))?,
            None => tensor,
        };
        let Some(mut values) = moved.to_f32().filter(finite) else {
            account.unreadable.push((name.clone(), source, tensor.dtype));
            continue;
        };
        match (dialect.subtract)(theirs) {
            None => {}
            Some(Subtract::Number(number)) => {
                values.iter_mut().for_each(|value| *value -= number);
                account.subtracted.push((name.clone(), Subtract::Number(number)));
            }
            Some(Subtract::Tensor(less)) => {
                let less = format!("{prefix}{less}");
                let Some(tensor) = tensors.get(&less) else {
                    account.missing.push((name.clone(), less));
                    continue;
                };
                let same = |numbers: &Vec<f32>| numbers.len() == values.len() && finite(numbers);
                let Some(numbers) = tensor.to_f32().filter(same) else {
                    account.unreadable.push((name.clone(), less, tensor.dtype));
                    continue;
                };
                values.iter_mut().zip(numbers).for_each(|(value, number)| *value -= number);
                sources.insert(less.clone(), name);
                account.subtracted.push((name.clone(), Subtract::Tensor(less)));
            }
        }
        out.insert(name.clone(), Tensor::from_f32(shape.clone(), values)?);
        if let Some(axes) = axes.filter(|a| !a.is_sorted()) {
            account.transposed.push((name.clone(), axes));
        }
        if met != *shape {
            account.reshaped.push((name.clone(), met));
        }
        if tensor.dtype != Dtype::F32 {
            account.converted.push((name.clone(), tensor.dtype));
        }
        if source == *name {
            account.used.push(source);
        } else {
            account.renamed.push((source, name.clone()));
        }
    }
    for theirs in tensors.keys().filter(|t| !sources.contains_key(*t)) {
        // What lies beside the state dict's container (an optimizer's state) is nothing of a network.
        let bare = theirs.strip_prefix(prefix);
        let list = if bare.is_none_or(dialect.ignored) {
            &mut account.ignored
        } else {
            &mut account.left_over
        };
        list.push(theirs.clone());
    }
    Ok((out, account))
}

/// How many of the wanted tensors are there, behind the prefix that [`fit`] would take.
pub fn found(dialect: &Dialect, tensors: &BTreeMap<String, Tensor>, wanted: &[Wanted]) -> usize {
    place(dialect, tensors, wanted, &(dialect.sources)(wanted)).found
}

/// Where a checkpoint has its state dict.
struct Place<'a> {
    /// What stands before the dialect's names: nothing, or a container's name and a dot where more tensors are found so.
    prefix: &'a str,
    /// How many are found there.
    found: usize,
    /// Another prefix behind which as many are found.
    other: Option<&'a str>,
}

fn place<'a>(
    dialect: &Dialect,
    tensors: &'a BTreeMap<String, Tensor>,
    wanted: &[Wanted],
    theirs: &[String],
) -> Place<'a> {
    let count = |prefix: &str| {
        theirs.iter().filter(|t| tensors.contains_key(&format!("{prefix}{t}"))).count()
    };
    let mut place = Place { prefix: "", found: count(""), other: None };
    // The first tensor that must be there shows all prefixes that come into question.
    let mut both = wanted.iter().zip(theirs);
    let Some((_, first)) = both.find(|(w, _)| (dialect.defined)(&w.name).is_none()) else {
        return place;
    };
    let ends = tensors.keys().filter_map(|theirs| theirs.strip_suffix(first.as_str()));
    for prefix in ends.filter(|prefix| prefix.ends_with('.')).take(16) {
        let found = count(prefix);
        if found > place.found {
            place = Place { prefix, found, other: None };
        } else if found == place.found && !place.prefix.is_empty() {
            place.other = Some(place.prefix);
            place.prefix = prefix;
        }
    }
    place
}

/// Whether one has axes of length 1 that the other leaves out.
fn differ_by_ones(met: &[usize], wanted: &[usize]) -> bool {
    let without = |shape: &[usize]| -> Vec<usize> {
        shape.iter().copied().filter(|&side| side != 1).collect()
    };
    met.len() != wanted.len() && without(met) == without(wanted)
}

fn filled(shape: &[usize], value: f32) -> Result<Tensor, Error> {
    let n =
        elements(shape).ok_or_else(|| Error::Tensor(format!("{shape:?} has too many elements")))?;
    Tensor::from_f32(shape.to_vec(), vec![value; n])
}
