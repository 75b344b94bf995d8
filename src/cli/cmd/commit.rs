//! `kledger commit`.

use std::{
    fmt::{self, Write},
    path::{Path, PathBuf},
};

use crate::{
    cli::{
        context::Context,
        edit_args::EditArgs,
        error::CliError,
        page::{Page, bytes, committed, counts, many, share, words},
        report::{Render, Report},
    },
    commit::{Check, Growth, ProbesAsked, Rate, TextRead},
    engine::Answer,
    ledger::{
        Cause, Failure, Measured, Round, Weighed,
        verb::commit::{AmendOptions, CommitOptions, CommitReport, EditView},
    },
};

/// Edit the staged facts into the model and record the version
///
/// Finds the weights under which the staged facts hold, checks them on exactly the weights that a
/// checkout has, and records both. When the edit does not reach what is required nothing is recorded.
/// Ctrl-C stops between two steps; what was found until then is not looked for again.
#[derive(Debug, clap::Args)]
#[command(after_help = "\
Examples:
  kledger commit -m 'Landmarks moved'
  kledger commit -m 'Landmarks moved' --require efficacy=0.95,neighbourhood=0.9
  kledger commit -m 'Gently' --set kl_factor=0.2 --set 'layers=[3, 4]'
  kledger commit -m 'Nothing else' --probes probes.txt --require probes=0.95
  kledger commit -m 'As published' --faithful
  kledger commit -m 'As many as there are' --until 0.99
  kledger commit -m 'How hard?' --set mom2_update_weight=measured --dry-run
  kledger commit --amend
  kledger commit --amend -m 'Landmarks moved, two of them'")]
pub struct Args {
    /// Why
    #[arg(long, short, value_name = "MESSAGE", required_unless_present_any = ["amend", "dry_run"])]
    message: Option<String>,
    /// Make the commit at HEAD again, with what is staged taken in; message, author and time stay unless
    /// they are given, and so do the settings
    #[arg(long)]
    amend: bool,
    /// Keep the message of an amended commit, as without -m
    #[arg(long, requires = "amend", conflicts_with = "message")]
    no_edit: bool,
    /// Of an amended commit, be the author, now
    #[arg(long, requires = "amend")]
    reset_author: bool,
    /// Do exactly what the method's reference implementation does, without what was added since
    #[arg(long)]
    faithful: bool,
    /// Share of the facts that are to hold: those that do not are edited again, with further columns in the same delta, up
    /// to five times and as long as it helps
    #[arg(long, value_name = "SHARE", value_parser = share_to_reach)]
    until: Option<f64>,
    /// Edit and check, say what would come of it, and record nothing; what was found is not looked for again
    #[arg(long)]
    dry_run: bool,
    #[command(flatten)]
    edit: EditArgs,
    /// Beginnings of texts, one a line, that are to go on as in the base, in place of the setting probes: how many do is
    /// recorded with the check
    #[arg(long, value_name = "FILE")]
    probes: Option<PathBuf>,
    /// What the editor was trained to, by the beginning of its id, in place of the newest that fits
    #[arg(long, value_name = "ID")]
    artefact: Option<String>,
}

fn share_to_reach(text: &str) -> Result<f64, String> {
    let share = text.parse().ok().filter(|share| (0.0..=1.0).contains(share));
    share.ok_or_else(|| "expected a number from 0 to 1".to_owned())
}

pub(super) fn run(cx: &Context, args: &Args) -> Result<Report, CliError> {
    let mut repo = cx.repo()?;
    if let Some(file) = &args.probes {
        repo.ask_probes(&cx.path(file));
    }
    let actor = cx.actor(Some(&repo))?;
    let mut edit = args.edit.options(cx)?;
    if let Some(name) = &args.artefact {
        edit.artefact = Some(cx.repo()?.artefact_named(name)?);
    }
    if args.faithful {
        edit.settings.insert("faithful".to_owned(), true.into());
    }
    let message = args.message.clone().unwrap_or_default();
    let options = CommitOptions { message, edit, until: args.until, dry_run: args.dry_run };
    let mut open = |base: &Path| cx.runtime().open(base);
    let mut progress = cx.stoppable();
    let report = if args.amend {
        let amend = AmendOptions {
            commit: options,
            author: args.reset_author || cx.says("--author"),
            time: args.reset_author || cx.says("--date"),
        };
        repo.amend(&actor, &amend, &mut open, progress.as_mut())?
    } else {
        repo.commit(&actor, &options, &mut open, progress.as_mut())?
    };
    Ok(Report::done("commit", report))
}

impl Render for CommitReport {
    fn render(&self, page: &mut Page) -> fmt::Result {
        if self.dry_run {
            writeln!(page, "Nothing is recorded: a dry run")?;
        } else {
            writeln!(page, "{}", committed(&self.head, &self.commit))?;
        }
        let mut what = counts(&self.facts);
        if let Some(edit) = self.edit.as_ref().filter(|edit| has_rates(&edit.check)) {
            write!(what, ", {}", check_rates(&edit.check))?;
        }
        writeln!(page, "  {what}")?;
        if self.words > 0 {
            writeln!(page, "  words for {}", many(self.words, "IRI"))?;
        }
        if self.neighbourhood > 0 {
            writeln!(page, "  {}", many(self.neighbourhood, "neighbourhood fact"))?;
        }
        if let Some(edit) = &self.edit {
            edit.render(page)?;
        }
        if let Some(was) = self.amended {
            page.note(format_args!("in place of {was:.12}"))?;
        }
        for note in &self.notes {
            page.note(note)?;
        }
        self.edit.as_ref().map_or(Ok(()), |edit| remedy(&edit.check, page))
    }
}

impl Render for EditView {
    fn render(&self, page: &mut Page) -> fmt::Result {
        let tensors = many(self.tensors.len() as u64, "tensor");
        let (delta, base) = (bytes(self.delta_bytes), bytes(self.base_bytes));
        writeln!(page, "  {} of {tensors}, delta {delta} (model {base})", self.editor)?;
        for weighed in &self.weighed {
            weighed.render(page)?;
        }
        edited_again(self.again, page)?;
        for (number, Round { missed, holding, of }) in (2..).zip(&self.rounds) {
            let missed = many(*missed, "fact");
            page.note(format_args!(
                "round {number}: {missed} edited again, {holding} of {of} hold"
            ))?;
        }
        if self.known > 0 {
            let all = self.facts + self.again;
            page.note(format_args!("{} of {all} z were known", self.known))?;
        }
        check(&self.check, &self.failures, page)
    }
}

impl Render for Weighed {
    fn render(&self, page: &mut Page) -> fmt::Result {
        let weights: Vec<String> = self.weights.iter().map(f64::to_string).collect();
        let (weights, measured) = (weights.join(", "), scored(&self.measured));
        let taken = if self.taken { "  taken" } else { "" };
        page.note(format_args!("weight {weights}: {measured}{taken}"))
    }
}

/// `S 90.2 (efficacy 100 %, paraphrase 97 %)`.
pub(super) fn scored(measured: &Measured) -> String {
    let Measured { efficacy, paraphrase, neighbourhood, kept, score } = *measured;
    let what = rates(efficacy, paraphrase, neighbourhood);
    let kept = kept.map_or_else(String::new, |kept| format!(", kept {}", share(kept.rate)));
    format!("S {:.1} ({what}{kept})", 100.0 * score)
}

/// What can be done about facts that do not hold at HEAD.
pub(super) const REMEDY: &str = "kledger repair edits again what does not hold";

/// Says it where `check` found that some facts do not.
pub(super) fn remedy(check: &Check, page: &mut Page) -> fmt::Result {
    if check.lost.is_empty() && check.facts.iter().all(|row| row.after.matches) {
        return Ok(());
    }
    page.note(REMEDY)
}

/// What is answered to a prompt, and how sure it is.
pub(super) fn answered(prompt: &str, answer: &Answer, page: &mut Page) -> fmt::Result {
    let [sure, wanted] = [answer.confidence, answer.probability].map(|p| share(f64::from(p)));
    page.note(format_args!("  {prompt} ... {} (p {sure}, wanted p {wanted})", answer.text))
}

/// How many facts of earlier commits were edited again, if any were.
pub(super) fn edited_again(facts: u64, page: &mut Page) -> fmt::Result {
    if facts == 0 {
        return Ok(());
    }
    page.note(format_args!("{} about the same subjects edited again", many(facts, "other fact")))
}

/// `efficacy 100 %, paraphrase 97 %, neighbourhood unchanged 96 %`: what was measured.
pub(super) fn rates(
    efficacy: Option<Rate>,
    paraphrase: Option<Rate>,
    neighbourhood: Option<Rate>,
) -> String {
    let named = [
        ("efficacy", efficacy),
        ("paraphrase", paraphrase),
        ("neighbourhood unchanged", neighbourhood),
    ];
    let measured = named.iter().filter_map(|(name, rate)| Some((name, (*rate)?)));
    let texts: Vec<String> =
        measured.map(|(name, rate)| format!("{name} {}", share(rate.rate))).collect();
    if texts.is_empty() { "not measured".to_owned() } else { texts.join(", ") }
}

/// The shares of a check.
pub(super) fn check_rates(check: &Check) -> String {
    rates(check.efficacy, check.paraphrase, check.neighbourhood)
}

/// Whether there are any: where facts only went, none need be.
pub(super) const fn has_rates(check: &Check) -> bool {
    check.efficacy.is_some() || check.neighbourhood.is_some()
}

/// How far the version is from the base, as far as that was measured, with `--verbose` tensor by tensor.
fn drift(check: &Check, page: &mut Page) -> fmt::Result {
    if let Some(Growth { tensor, relative }) = check.farthest() {
        page.note(format_args!("drift at most {relative:.4}: {tensor}"))?;
    }
    if page.verbose && check.growth.len() > 1 {
        for Growth { tensor, relative } in &check.growth {
            page.note(format_args!("  {relative:.4}  {tensor}"))?;
        }
    }
    if let Some(TextRead { source, tokens, before, after }) = &check.text {
        let tokens = many(*tokens, "token");
        page.note(format_args!("perplexity {after:.2}, before {before:.2}: {source}, {tokens}"))?;
    }
    if let Some(ProbesAsked { source, of, before, after }) = &check.probes {
        let probes = many(*of, "probe");
        let kept = format!("{after} of {probes} go on as in the base, before {before}");
        page.note(format_args!("{kept}: {source}"))?;
    }
    Ok(())
}

/// What a check found wrong, and with `--verbose` all it found.
pub(super) fn check(check: &Check, failures: &[Failure], page: &mut Page) -> fmt::Result {
    if let Some(kept) = check.kept {
        page.note(format_args!("earlier facts that still hold: {} of {}", kept.passed, kept.of))?;
    }
    drift(check, page)?;
    let verbose = page.verbose;
    for row in check.facts.iter().filter(|row| verbose || !row.after.matches) {
        let found = if row.after.matches { "holds" } else { "does not hold" };
        page.note(format_args!("{found}: {}", words(&row.fact)))?;
        answered(&row.prompt, &row.after, page)?;
        let failure = failures.iter().find(|failure| failure.fact == row.fact);
        if let Some(failure) = failure.filter(|failure| failure.cause != Cause::Unknown) {
            page.note(format_args!("  {}", failure.cause))?;
        }
    }
    for row in &check.lost {
        page.note(format_args!("no longer holds: {}", words(&row.fact)))?;
    }
    if verbose {
        for row in &check.drift {
            let (before, after) = (&row.before.text, &row.after.text);
            page.note(format_args!("moved: {} ... {before} -> {after}", row.prompt))?;
        }
    }
    for note in &check.notes {
        page.note(note)?;
    }
    Ok(())
}
