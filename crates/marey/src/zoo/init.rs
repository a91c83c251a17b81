//! First weights of a network from the checkpoint of another: of other classes, of a part of it, of 2D kernels or of RGB.

use std::collections::{BTreeMap, BTreeSet};
use std::fmt;

use candle::{Device, Result, Tensor, Var, bail};
use candle_nn::VarMap;
use marey_backbone::{cross_modality, inflate};
use marey_train::Patterns;
use marey_weights::{Account, Wanted, fit_some};

use super::load::on_device;
use super::{LoadError, Model, Sizes, Source};

/// What of a network does not begin as the checkpoint has it.
#[derive(Debug, Clone, Default, PartialEq, Eq)]
pub struct InitRules {
    /// [`Patterns`] of tensors that begin anew, whatever the checkpoint has of them. Each must match one, and one that no
    /// pattern before it matches.
    pub new: Vec<String>,
    /// Whether tensors that the checkpoint lacks begin anew, and are no error.
    pub partial: bool,
}

/// How a tensor of a network begins. The shapes are those of the checkpoint.
#[derive(Debug, Clone, PartialEq, Eq)]
pub enum Begun {
    /// As in the checkpoint, or as its dialect defines.
    Taken,
    /// With a 2D kernel, repeated over time (Carreira and Zisserman 2017, section 2.2).
    Inflated {
        /// `[O, I, H, W]`, or that with a kernel of one frame.
        from: Vec<usize>,
    },
    /// With the mean of a kernel for RGB over its channels, for channels of another kind (Wang et al. 2016, section 3.2),
    /// repeated over time where it is 2D.
    Channels {
        /// `[O, 3, H, W]` or `[O, 3, T, H, W]`.
        from: Vec<usize>,
    },
    /// As the network was built.
    New {
        /// Because of this.
        why: NewBecause,
    },
}

/// Why a tensor begins anew.
#[derive(Debug, Clone, PartialEq, Eq)]
pub enum NewBecause {
    /// A pattern of [`InitRules::new`] matches it.
    Asked,
    /// It is of a classifier, and the checkpoint's is of other classes.
    Classes {
        /// The shape there.
        from: Vec<usize>,
    },
    /// The checkpoint lacks it.
    Missing,
}

impl fmt::Display for Begun {
    fn fmt(&self, f: &mut fmt::Formatter<'_>) -> fmt::Result {
        match self {
            Self::Taken => write!(f, "taken"),
            Self::Inflated { from } => write!(f, "inflated from {from:?}"),
            Self::Channels { from } => write!(f, "mean over the channels of {from:?}"),
            Self::New { why: NewBecause::Asked } => write!(f, "new, as asked for"),
            Self::New { why: NewBecause::Classes { from } } => {
                write!(f, "new: other classes, {from:?}")
            }
            Self::New { why: NewBecause::Missing } => write!(f, "new: missing"),
        }
    }
}

impl Model {
    /// Sets the variables of a network just built for `sizes` to a checkpoint's tensors, and tells how each begins, by name.
    /// Besides what [`Self::import`] reads, the source may be of a 2D network of [`Model::images`].
    ///
    /// A classifier of other classes begins anew; kernels of images are inflated over time; kernels for RGB become those for
    /// other channels. Tensors that are missing are an error unless the rules say otherwise, tensors of another shape are one
    /// always, and so is a checkpoint that leaves all to begin anew: then no variable is set. What the checkpoint has besides
    /// is left there.
    pub fn init<'a>(
        &self,
        sizes: &Sizes,
        source: impl Into<Source<'a>>,
        vars: &VarMap,
        rules: &InitRules,
    ) -> std::result::Result<Vec<(String, Begun)>, LoadError> {
        let source = source.into();
        let wanted = self.wanted(sizes)?;
        let variables = self.variables(&wanted, vars)?;
        let heads = self.heads(sizes, &wanted)?;
        let refuse = |cause| LoadError::Begin { path: source.path.into(), model: self.name, cause };
        let new = Patterns::new(rules.new.iter().cloned());
        let names: Vec<&str> = wanted.iter().map(|wanted| wanted.name.as_str()).collect();
        new.check(&names).map_err(|error| refuse(error.to_string()))?;

        let dialects: Vec<_> = self.all_dialects().chain(self.images).collect();
        let (checkpoint, dialect) = self.open(source, &wanted, &dialects)?;
        let (mut tensors, mut account) = fit_some(dialect, &checkpoint.tensors, &wanted)
            .map_err(|error| self.unfit(source.path, dialect.name, error))?;

        let decide =
            Decide { new, partial: rules.partial, heads, tensors: &tensors, account: &account };
        let begun: BTreeMap<String, Begun> = wanted
            .iter()
            .filter_map(|wanted| Some((wanted.name.clone(), decide.begun(wanted)?)))
            .collect();
        if begun.len() < wanted.len() {
            account.missing.retain(|(name, _)| !begun.contains_key(name));
            account.mismatched.retain(|other| !begun.contains_key(&other.name));
            account.unreadable.retain(|(name, ..)| !begun.contains_key(name));
            return Err(self.misfit(source.path, dialect.name, Box::new(account)));
        }
        let constant = |name: &str| account.defined.iter().any(|(defined, _)| defined == name);
        if begun.iter().all(|(name, begun)| matches!(begun, Begun::New { .. }) || constant(name)) {
            return Err(refuse(format!("as {}, all would begin anew", dialect.name)));
        }

        // All are made before one is set.
        let mut made = Vec::new();
        for (Wanted { name, shape }, var) in wanted.iter().zip(variables) {
            if let (Some(begun), Some(tensor)) = (begun.get(name), tensors.remove(name))
                && let Some(tensor) = first(on_device(tensor, &Device::Cpu)?, begun, shape)?
            {
                made.push((tensor.to_dtype(var.dtype())?.to_device(var.device())?, var));
            }
        }
        for (tensor, var) in made {
            var.set(&tensor)?;
        }
        Ok(begun.into_iter().collect())
    }

    /// The variables of all that is wanted, in its order.
    fn variables(&self, wanted: &[Wanted], vars: &VarMap) -> Result<Vec<Var>> {
        let Ok(vars) = vars.data().lock() else { bail!("a thread panicked with the variables") };
        let find = |Wanted { name, shape }: &Wanted| match vars.get(name) {
            Some(var) if var.dims() == shape => Ok(var.clone()),
            other => bail!(
                "{}: expected a variable `{name}` {shape:?}, got {:?}",
                self.name,
                other.map(|var| var.dims())
            ),
        };
        wanted.iter().map(find).collect()
    }

    /// The tensors whose shape follows from the number of classes.
    fn heads(&self, sizes: &Sizes, wanted: &[Wanted]) -> Result<BTreeSet<String>> {
        let twice = self.wanted(&Sizes { classes: 2 * sizes.classes, ..*sizes })?;
        let both = wanted.iter().zip(twice);
        Ok(both.filter(|(one, two)| **one != *two).map(|(one, _)| one.name.clone()).collect())
    }
}

/// What decides how a tensor begins.
struct Decide<'a> {
    new: Patterns,
    partial: bool,
    heads: BTreeSet<String>,
    tensors: &'a BTreeMap<String, marey_weights::Tensor>,
    account: &'a Account,
}

impl Decide<'_> {
    /// How this one does; `None` if it cannot.
    fn begun(&self, Wanted { name, shape }: &Wanted) -> Option<Begun> {
        let new = |why| Some(Begun::New { why });
        let Account { missing, mismatched, .. } = self.account;
        if self.new.first(name).is_some() {
            return new(NewBecause::Asked);
        }
        if let Some(other) = mismatched.iter().find(|other| other.name == *name) {
            if self.heads.contains(name) && same_but_classes(&other.met, shape) {
                return new(NewBecause::Classes { from: other.met.clone() });
            }
            // It is not there where it holds no numbers.
            return self.tensors.get(name).and_then(|tensor| adapted(&tensor.shape, shape));
        }
        if self.tensors.contains_key(name) {
            return Some(Begun::Taken);
        }
        let missing = missing.iter().any(|(missing, _)| missing == name);
        if missing && self.partial { new(NewBecause::Missing) } else { None }
    }
}

/// Whether shapes differ in the first axis only, or in axes of length 1 besides.
fn same_but_classes(from: &[usize], to: &[usize]) -> bool {
    let inputs = |shape: &[usize]| -> Vec<usize> {
        shape.iter().skip(1).copied().filter(|&side| side != 1).collect()
    };
    inputs(from) == inputs(to)
}

/// How a kernel `[O, I, H, W]` or `[O, I, T, H, W]` becomes one of another shape, if it can.
fn adapted(from: &[usize], to: &[usize]) -> Option<Begun> {
    let [o, i, t, h, w] = match *from {
        [o, i, h, w] => [o, i, 1, h, w],
        [o, i, t, h, w] => [o, i, t, h, w],
        _ => return None,
    };
    let [to_o, to_i, to_t, to_h, to_w] = *to else { return None };
    let fits = [o, h, w] == [to_o, to_h, to_w] && (t == to_t || t == 1);
    let from = from.to_vec();
    match i == to_i {
        true if fits => Some(Begun::Inflated { from }),
        false if fits && i == 3 => Some(Begun::Channels { from }),
        _ => None,
    }
}

/// The first value of a variable of shape `to`, made of the checkpoint's; `None` if it begins anew.
fn first(tensor: Tensor, begun: &Begun, to: &[usize]) -> Result<Option<Tensor>> {
    let kernel = match (begun, to) {
        (Begun::New { .. }, _) => return Ok(None),
        (Begun::Channels { .. }, &[_, channels, ..]) => cross_modality(&tensor, channels)?,
        _ => tensor,
    };
    match *to {
        [o, i, t, h, w] if kernel.dims() != to => {
            inflate(&kernel.reshape((o, i, h, w))?, t).map(Some)
        }
        _ => Ok(Some(kernel)),
    }
}

#[cfg(test)]
mod tests {
    use super::*;

    #[test]
    fn kernels_adapt_in_time_and_from_rgb_only() {
        let from = |shape: &[usize]| shape.to_vec();
        let inflated = |shape: &[usize]| Some(Begun::Inflated { from: from(shape) });
        let channels = |shape: &[usize]| Some(Begun::Channels { from: from(shape) });
        let to = [64, 64, 3, 7, 7];
        for flat in [&[64, 64, 7, 7][..], &[64, 64, 1, 7, 7]] {
            assert_eq!(adapted(flat, &to), inflated(flat));
        }
        for rgb in [&[64, 3, 7, 7][..], &[64, 3, 1, 7, 7], &[64, 3, 3, 7, 7]] {
            assert_eq!(adapted(rgb, &to), channels(rgb));
        }
        // Of other channels out or in, of another side, over other frames, and what is no kernel.
        for other in [
            &[32, 64, 7, 7][..],
            &[64, 2, 7, 7],
            &[64, 64, 3, 3],
            &[64, 64, 5, 7, 7],
            &[64, 3, 5, 7, 7],
            &[64, 64],
        ] {
            assert_eq!(adapted(other, &to), None, "{other:?}");
        }
        assert_eq!(adapted(&[64, 3, 7, 7], &[64, 147]), None);
    }

    #[test]
    fn classifiers_differ_in_their_classes_only() {
        assert!(same_but_classes(&[1000, 512], &[101, 512]));
        assert!(same_but_classes(&[1000, 512], &[101, 512, 1, 1, 1]));
        assert!(same_but_classes(&[1000], &[101]));
        assert!(!same_but_classes(&[1000, 2048], &[101, 512]));
    }
}
