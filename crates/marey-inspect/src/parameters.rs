//! The tensors a network asks for, without any of them.

use std::sync::{Arc, Mutex};

use candle::{DType, Device, Result, Shape, Tensor};
use candle_nn::var_builder::SimpleBackend;
use candle_nn::{Init, VarBuilder};
use marey_layers::trace;

/// A tensor of a network.
#[derive(Debug, Clone, PartialEq, Eq)]
pub struct Parameter {
    /// As in the checkpoint.
    pub name: String,
    /// Its shape.
    pub shape: Vec<usize>,
}

impl Parameter {
    /// Number of values.
    pub fn count(&self) -> u64 {
        self.shape.iter().map(|size| *size as u64).product()
    }

    /// Whether training changes it by its gradient: running statistics are not.
    pub fn is_trainable(&self) -> bool {
        !matches!(self.last_name(), "running_mean" | "running_var")
    }

    /// Whether it is the kernel of a convolution or a linear layer.
    pub fn is_weight(&self) -> bool {
        self.shape.len() > 1 && self.last_name() == "weight"
    }

    fn last_name(&self) -> &str {
        self.name.rsplit('.').next().unwrap_or_default()
    }
}

struct Blank(Asked);

/// What [`blank`] notes: the tensors that were asked for, in that order.
pub type Asked = Arc<Mutex<Vec<Parameter>>>;

/// A `VarBuilder` of zeros that notes what is asked of it.
pub fn blank() -> (VarBuilder<'static>, Asked) {
    let asked = Asked::default();
    let vb = VarBuilder::from_backend(Box::new(Blank(asked.clone())), DType::F32, Device::Cpu);
    (vb, asked)
}

impl SimpleBackend for Blank {
    fn get(&self, s: Shape, name: &str, _: Init, dtype: DType, dev: &Device) -> Result<Tensor> {
        if let Ok(mut asked) = self.0.lock() {
            asked.push(Parameter { name: name.into(), shape: s.dims().into() });
        }
        trace::zeros(s, dev)?.to_dtype(dtype)
    }

    fn get_unchecked(&self, name: &str, _: DType, _: &Device) -> Result<Tensor> {
        candle::bail!("`{name}`: asked for without a shape")
    }

    fn contains_tensor(&self, _: &str) -> bool {
        true
    }
}
