//! A recipe: a network, its data and how it learns, as TOML.

use std::path::{Path, PathBuf};

use anyhow::Context;
use serde::{Deserialize, Serialize};

use super::sections::{
    Augment, ClipSection, Data, Group, Init, Save, Schedule, Test, Train, Watch,
};
use crate::exit::{self, failure};

/// A recipe.
#[derive(Debug, Clone, PartialEq, Deserialize, Serialize)]
#[serde(deny_unknown_fields)]
pub struct Recipe {
    /// A name of the zoo.
    pub model: String,
    /// The paper's channel counts are multiplied by this: 1, 1/2, 1/3, ..
    #[serde(default = "one")]
    pub width: f64,
    /// The chance that a unit is dropped, where the network drops any; the paper's if there is none.
    pub dropout: Option<f32>,
    /// All that is drawn follows from it.
    #[serde(default)]
    pub seed: u64,
    #[serde(default)]
    pub data: Data,
    /// Learnt at once, with a classifier of its own; not tested.
    pub also: Option<Data>,
    #[serde(default)]
    pub clip: ClipSection,
    #[serde(default)]
    pub augment: Augment,
    #[serde(default)]
    pub init: Init,
    #[serde(default)]
    pub train: Train,
    #[serde(default)]
    pub schedule: Schedule,
    #[serde(default)]
    pub group: Vec<Group>,
    #[serde(default)]
    pub watch: Watch,
    #[serde(default)]
    pub save: Save,
    #[serde(default)]
    pub test: Test,
}

fn one() -> f64 {
    1.
}

impl Recipe {
    /// Reads `path`, with `changes` of the form `KEY.KEY=VALUE` laid over it. Paths in it become paths from here.
    pub fn load(path: &Path, changes: &[String]) -> anyhow::Result<Self> {
        let name = path.display().to_string();
        let text = std::fs::read_to_string(path).with_context(|| name.clone())?;
        let mut recipe = Self::changed(&text, &name, changes)?;
        let folder = path.parent().unwrap_or(Path::new(""));
        recipe.paths().for_each(|path| *path = folder.join(&*path));
        Ok(recipe)
    }

    /// That of a network as its paper has it, with `changes` laid over it.
    pub fn of(model: &str, changes: &[String]) -> anyhow::Result<Self> {
        Self::changed(&format!("model = {model:?}"), model, changes)
    }

    fn changed(text: &str, name: &str, changes: &[String]) -> anyhow::Result<Self> {
        let recipe = Self::parse(text, name)?;
        if changes.is_empty() {
            return Ok(recipe);
        }
        let mut table: toml::Table = text.parse().with_context(|| name.to_string())?;
        for change in changes {
            lay_over(&mut table, change)?;
        }
        table.try_into().map_err(|error: toml::de::Error| {
            let text = error.to_string();
            let (message, place) = text.trim_end().split_once('\n').unwrap_or((&text, "in it"));
            failure(exit::USAGE, format!("{name} with --set: {place}: {}", explained(message)))
        })
    }

    /// The same with paths that hold from any folder.
    pub fn whole_paths(mut self) -> anyhow::Result<Self> {
        for path in self.paths() {
            *path = std::path::absolute(&*path).with_context(|| path.display().to_string())?;
        }
        Ok(self)
    }

    fn paths(&mut self) -> impl Iterator<Item = &mut PathBuf> {
        let sets = [Some(&mut self.data), self.also.as_mut()].into_iter().flatten();
        let paths = sets.flat_map(|data| [&mut data.root, &mut data.flow]);
        paths.chain([&mut self.init.weights]).flatten()
    }

    /// `text` as a recipe; `name` is for messages.
    fn parse(text: &str, name: &str) -> anyhow::Result<Self> {
        toml::from_str(text).map_err(|error| {
            let line = error.span().map(|span| 1 + text[..span.start].matches('\n').count());
            let place = line.map_or(name.to_string(), |line| format!("{name}:{line}"));
            failure(exit::USAGE, format!("{place}: {}", explained(error.message())))
        })
    }

    /// A line `section.key = value` for each key that has a value.
    pub fn lines(&self) -> anyhow::Result<Vec<String>> {
        fn add(name: &str, value: &toml::Value, lines: &mut Vec<String>) {
            let Some(table) = value.as_table() else {
                return lines.push(format!("{name} = {value}"));
            };
            let separator = if name.is_empty() { "" } else { "." };
            table
                .iter()
                .for_each(|(key, value)| add(&format!("{name}{separator}{key}"), value, lines));
        }
        let mut lines = Vec::new();
        add("", &toml::Value::try_from(self)?, &mut lines);
        Ok(lines)
    }

    /// The recipe as a file of its own.
    pub fn to_toml(&self) -> anyhow::Result<String> {
        Ok(toml::to_string(self)?)
    }
}

/// Lays `change`, of the form `KEY.KEY=VALUE`, over `table`. A value that is no TOML is a text.
fn lay_over(table: &mut toml::Table, change: &str) -> anyhow::Result<()> {
    let wanted =
        || failure(exit::USAGE, format!("--set {change}: KEY=VALUE is wanted, as train.epochs=2"));
    let (key, value) = change.split_once('=').ok_or_else(wanted)?;
    let parsed = format!("value = {value}").parse::<toml::Table>().ok();
    let value = parsed.and_then(|mut table| table.remove("value"));
    let value = value.unwrap_or_else(|| change[key.len() + 1..].trim().to_string().into());
    let mut keys: Vec<&str> = key.split('.').map(str::trim).collect();
    let last = keys.pop().ok_or_else(wanted)?;
    let mut place = table;
    for key in keys {
        let inner = place.entry(key).or_insert_with(|| toml::Table::new().into());
        place = inner.as_table_mut().ok_or_else(wanted)?;
    }
    place.insert(last.to_string(), value);
    Ok(())
}

/// serde's message, with the nearest of the keys that it expected.
fn explained(message: &str) -> String {
    let message = message.replace("unknown field", "unknown key");
    if !message.starts_with("unknown") {
        return message;
    }
    let mut quoted = message.split('`').skip(1).step_by(2);
    let Some(met) = quoted.next() else { return message };
    match quoted.min_by_key(|key| distance(met, key)) {
        Some(nearest) => format!("{message}; the nearest is `{nearest}`"),
        None => message,
    }
}

/// How many letters have to be added, removed or changed (Levenshtein).
fn distance(a: &str, b: &str) -> usize {
    let b: Vec<char> = b.chars().collect();
    let mut row: Vec<usize> = (0..=b.len()).collect();
    for (i, x) in a.chars().enumerate() {
        let mut corner = std::mem::replace(&mut row[0], i + 1);
        for (j, y) in b.iter().enumerate() {
            let changed = corner + usize::from(x != *y);
            corner = row[j + 1];
            row[j + 1] = changed.min(row[j] + 1).min(corner + 1);
        }
    }
    row[b.len()]
}

#[cfg(test)]
mod tests {
    use super::*;

    fn refusal(text: &str) -> String {
        Recipe::parse(text, "a.toml").unwrap_err().to_string()
    }

    #[test]
    fn an_unknown_key_is_refused_with_its_line_and_the_nearest() {
        let error = refusal("model = \"c3d\"\n[train]\nbatch = 4\nrat = 0.1\n");
        assert!(error.starts_with("a.toml:4: unknown key `rat`"), "{error}");
        assert!(error.ends_with("the nearest is `rate`"), "{error}");
        let error = refusal("model = \"c3d\"\n[trian]\nbatch = 4\n");
        assert!(error.ends_with("the nearest is `train`"), "{error}");
        let error = refusal("model = \"c3d\"\n[schedule]\ndecay = \"cosin\"\n");
        assert!(error.ends_with("the nearest is `cosine`"), "{error}");
        assert!(refusal("width = 0.5").contains("model"));
    }

    /// The keys of a section, as it lists them where it meets another.
    fn keys(section: &str) -> Vec<String> {
        let error = refusal(&format!("model = \"c3d\"\n{section}\nzz = 1\n"));
        let listed = error.split_once("expected ").expect("an unknown key").1;
        let listed = listed.split_once("; the nearest").expect("a nearest one").0;
        listed.split('`').skip(1).step_by(2).map(String::from).collect()
    }

    #[test]
    fn the_page_has_every_key_of_every_section() {
        let page = include_str!("../../../docs/training.md");
        let heads =
            ["data", "clip", "augment", "init", "train", "schedule", "watch", "save", "test"];
        let mut sections =
            vec![("At the top".into(), String::new()), ("`[[group]]`".into(), "[[group]]".into())];
        sections.extend(
            ["data.marionettes"]
                .iter()
                .chain(&heads)
                .map(|head| (format!("`[{head}]`"), format!("[{head}]"))),
        );
        for (title, section) in &sections {
            let (_, part) = page.split_once(&format!("\n### {title}")).expect("a part of the page");
            let part = part.split("\n#").next().unwrap_or_default();
            let rows: String = part
                .lines()
                .filter_map(|line| line.strip_prefix("| ")?.split('|').next())
                .collect();
            for key in keys(section) {
                let others = ["group", "also"];
                let is_section =
                    section.is_empty() && (heads.contains(&&*key) || others.contains(&&*key));
                assert!(is_section || rows.contains(&format!("`{key}`")), "{title}: {key}");
            }
        }
        assert!(keys("[save]") == ["every", "keep"]);
    }

    #[test]
    fn what_was_written_is_read_again() {
        let text = "model = \"c3d\"\nwidth = 0.25\n[also]\nname = \"folds\"\nflow = \"f\"\n[clip]\nsize = [128, 171]\n[[group]]\nname = \"fc8.*\"\nrate = 10\n";
        let recipe = Recipe::parse(text, "a.toml").unwrap();
        assert_eq!(recipe.group[0].rate, 10.);
        let whole = recipe.clone().whole_paths().unwrap();
        assert!(whole.also.unwrap().flow.unwrap().is_absolute());
        assert_eq!(Recipe::parse(&recipe.to_toml().unwrap(), "b.toml").unwrap(), recipe);
    }

    #[test]
    fn changes_are_laid_over() {
        let mut table: toml::Table = "model = \"c3d\"\n[train]\nepochs = 3\n".parse().unwrap();
        for change in ["train.epochs=0.5", "clip.crop = 64", "data.name=folds"] {
            lay_over(&mut table, change).unwrap();
        }
        let recipe = Recipe::parse(&table.to_string(), "a.toml").unwrap();
        assert_eq!((recipe.train.epochs, recipe.clip.crop), (0.5, Some(64)));
        assert_eq!(recipe.data.name, "folds");
        assert!(lay_over(&mut table, "epochs").is_err());
        assert!(lay_over(&mut table, "model.x=1").is_err());
    }

    #[test]
    fn distances_by_hand() {
        assert_eq!(
            [distance("rat", "rate"), distance("abc", "axcd"), distance("", "ab")],
            [1, 2, 2]
        );
    }
}
