//! The model card of an export: what it is, what it says differently, and how to load it.

use std::{fmt::Write, path::Path};

use super::{Outgoing, factors::Fidelity};
use crate::{
    checkpoint::Names,
    commit::{Check, Commit, FactView},
    durable,
    id::Id,
};

/// The name under which Hugging Face looks for it.
const FILE: &str = "README.md";

/// Facts that a card lists.
const LISTED: usize = 200;

/// What a card tells.
pub(crate) struct Card<'a> {
    commit: Id<Commit>,
    version: &'a Commit,
    /// The facts that hold in the version, in words.
    facts: &'a [FactView],
    check: Option<&'a Check>,
    fidelity: Option<&'a Fidelity>,
    /// What to load the change on: a name on the hub, or a path.
    base_model: &'a str,
    /// The class of transformers that loads it.
    class: &'a str,
    tensors: Vec<&'a str>,
    load: Load,
}

/// How an export is loaded.
#[derive(Debug, Clone, Copy, PartialEq, Eq)]
pub(crate) enum Load {
    Checkpoint,
    Adapter,
    Delta,
}

impl<'a> Card<'a> {
    /// The card of `version`, written in a format that is loaded so.
    pub(crate) fn of(version: &'a Outgoing, load: Load, fidelity: Option<&'a Fidelity>) -> Self {
        let (told, base) = (&version.told, version.base());
        let class = Names::of(base.model_type().unwrap_or_default()).class(base.config());
        Self {
            commit: version.id,
            version: &told.commit,
            facts: &told.facts,
            check: told.check.as_ref(),
            fidelity,
            base_model: &version.base_model,
            class,
            tensors: version.weights.keys().map(String::as_str).collect(),
            load,
        }
    }

    /// Writes it into `dir`, in place of the base's own.
    ///
    /// # Errors
    /// When the file cannot be written.
    pub(crate) fn write(&self, dir: &Path) -> Result<(), durable::WriteError> {
        durable::write(&dir.join(FILE), self.text().as_bytes())
    }

    /// The card in Markdown, with the header that Hugging Face reads.
    fn text(&self) -> String {
        let mut text = String::new();
        self.markdown(&mut text).expect("because a string can be written to");
        text
    }

    fn markdown(&self, text: &mut String) -> std::fmt::Result {
        writeln!(text, "---")?;
        // A path is no name on the hub, and the hub refuses it.
        if !self.base_model.starts_with(['/', '.']) && !self.base_model.contains(['\n', '\\']) {
            writeln!(text, "base_model: {}", serde_json::Value::from(self.base_model))?;
        }
        match self.load {
            Load::Checkpoint => writeln!(text, "library_name: transformers")?,
            Load::Adapter => writeln!(text, "library_name: peft")?,
            Load::Delta => {}
        }
        writeln!(text, "tags:\n- knowledge-editing\n- kledger\n---\n")?;
        writeln!(text, "# {}\n", escaped(self.version.summary()))?;
        for line in self.version.message.lines().skip(1) {
            writeln!(text, "{}", escaped(line))?;
        }
        writeln!(
            text,
            "A version of a language model that differs from its base by edited facts.\n"
        )?;
        writeln!(text, "| | |\n|---|---|")?;
        writeln!(text, "| commit | `{}` |", self.commit)?;
        for parent in &self.version.parents {
            writeln!(text, "| parent | `{parent}` |")?;
        }
        writeln!(text, "| base | `{}` |", self.version.base)?;
        writeln!(text, "| author | {} |\n", escaped(&self.version.author))?;
        self.facts(text)?;
        self.metrics(text)?;
        writeln!(text, "## Loading\n")?;
        match self.load {
            Load::Checkpoint => writeln!(
                text,
                "```python\nfrom transformers import {class}, AutoTokenizer\n\n\
                 model = {class}.from_pretrained(\"<this directory>\")\n\
                 tokenizer = AutoTokenizer.from_pretrained(\"<this directory>\")\n```\n",
                class = self.class
            )?,
            Load::Adapter => writeln!(
                text,
                "```python\nfrom peft import PeftModel\nfrom transformers import {class}\n\n\
                 base = {class}.from_pretrained({})\n\
                 model = PeftModel.from_pretrained(base, \"<this directory>\").merge_and_unload()\n```\n",
                serde_json::Value::from(self.base_model),
                class = self.class
            )?,
            Load::Delta => writeln!(
                text,
                "In a kledger repository around the same base:\n\n\
                 ```sh\nkledger import --from-delta <this directory>\n```\n"
            )?,
        }
        writeln!(text, "## Tensors\n\nThese differ from the base's:\n")?;
        for tensor in &self.tensors {
            writeln!(text, "- `{tensor}`")?;
        }
        Ok(())
    }

    fn facts(&self, text: &mut String) -> std::fmt::Result {
        writeln!(text, "## Facts\n")?;
        if self.facts.is_empty() {
            return writeln!(text, "None are recorded.\n");
        }
        writeln!(text, "| subject | predicate | object |\n|---|---|---|")?;
        for fact in self.facts.iter().take(LISTED) {
            let [subject, predicate, object] =
                [&fact.subject, &fact.predicate, &fact.object].map(|words| escaped(words));
            writeln!(text, "| {subject} | {predicate} | {object} |")?;
        }
        match self.facts.len().saturating_sub(LISTED) {
            0 => writeln!(text),
            more => writeln!(text, "\nand {more} more.\n"),
        }
    }

    fn metrics(&self, text: &mut String) -> std::fmt::Result {
        let rates = self.check.map(|check| {
            [
                ("efficacy", check.efficacy),
                ("paraphrase", check.paraphrase),
                ("neighbourhood unchanged", check.neighbourhood),
                ("earlier facts kept", check.kept),
            ]
        });
        let rates: Vec<_> =
            rates.into_iter().flatten().filter_map(|(name, rate)| Some((name, rate?))).collect();
        if rates.is_empty() && self.fidelity.is_none() {
            return Ok(());
        }
        writeln!(text, "## Measured\n")?;
        for (name, rate) in rates {
            writeln!(text, "- {name}: {} of {}", rate.passed, rate.of)?;
        }
        if let Some(cut) = self.fidelity {
            writeln!(
                text,
                "- cut down from rank {}: {} of {} facts that held still hold; log-probabilities of the \
                 facts' objects moved by {:.3} on average, {:.3} at most",
                cut.rank, cut.kept, cut.held, cut.shift, cut.largest_shift
            )?;
        }
        writeln!(text)
    }
}

/// Words in a Markdown table.
fn escaped(words: &str) -> String {
    let mut text = String::new();
    for c in words.chars() {
        match c {
            '|' | '\\' | '`' | '<' | '>' | '[' | ']' | '*' | '_' => text.extend(['\\', c]),
            c if c.is_control() => text.push(' '),
            c => text.push(c),
        }
    }
    text
}
