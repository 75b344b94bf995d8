//! What `add` says that it did.

use std::fmt::{self, Write};

use super::noun;
use crate::{
    cli::{
        page::{Page, many},
        report::Render,
    },
    ledger::{
        UnreadSentence,
        verb::add::{AddReport, PredicateCount},
    },
};

impl Render for AddReport {
    fn render(&self, page: &mut Page) -> fmt::Result {
        let (noun, outcome) = (noun(self.role), &self.outcome);
        let mut parts = Vec::new();
        if outcome.added + outcome.replaced > 0 {
            let replaced = match outcome.replaced {
                0 => String::new(),
                replaced => format!(" ({replaced} in place of another)"),
            };
            parts.push(format!("{}{replaced}", many(outcome.added + outcome.replaced, noun)));
        }
        let retracted = self.sync.map_or(0, |sync| sync.retracted);
        let unstaged = self.sync.map_or(0, |sync| sync.unstaged);
        for (count, noun) in [
            (retracted, "retraction"),
            (outcome.labels, "label"),
            (outcome.names, "further name"),
            (outcome.templates, "template"),
            (outcome.settings, "predicate setting"),
        ] {
            if count > 0 {
                parts.push(many(count, noun));
            }
        }
        match parts.as_slice() {
            [] if unstaged > 0 && self.dry_run => {
                writeln!(page, "Would unstage {}", many(unstaged, noun))?;
            }
            [] if unstaged > 0 => writeln!(page, "Unstaged {}", many(unstaged, noun))?,
            [] => writeln!(page, "Nothing new")?,
            parts if self.dry_run => writeln!(page, "Would stage {}", parts.join(", "))?,
            parts => writeln!(page, "Staged {}", parts.join(", "))?,
        }
        page.changes(&self.changes)?;
        let changed = outcome.added + outcome.replaced + retracted;
        let more = changed.saturating_sub(self.changes.len() as u64);
        if self.dry_run && more > 0 {
            page.note(format_args!("and {more} more"))?;
        }
        if outcome.unchanged > 0 {
            page.note(format_args!("{} committed already", outcome.unchanged))?;
        }
        if outcome.duplicates > 0 {
            page.note(format_args!("{} staged already", outcome.duplicates))?;
        }
        if (self.dry_run || !self.left_out.is_empty()) && !self.predicates.is_empty() {
            page.note("facts read, by predicate")?;
            by_predicate(page, &self.predicates)?;
        }
        for note in &self.notes {
            page.note(note)?;
            let left = self.left_out.iter().find(|left| note.ends_with(left.why.in_words()));
            by_predicate(page, left.map_or(&[], |left| &left.predicates))?;
        }
        if let Some(united) = &self.same_as {
            let (names, facts) = (many(united.names, "name"), many(united.facts, "fact"));
            page.note(format_args!("{names} made one with another, in {facts}"))?;
            if united.repeated > 0 {
                let repeated = many(united.repeated, "owl:sameAs triple");
                page.note(format_args!("{repeated} said twice or in a circle"))?;
            }
        }
        if let Some(sync) = &self.sync {
            page.note(format_args!("facts from this database before: {}", sync.before))?;
            if sync.unstaged > 0 && changed > 0 {
                page.note(format_args!("{} staged no longer", sync.unstaged))?;
            }
        }
        if let Some(sentences) = &self.sentences {
            let (said, read) = (sentences.understood, sentences.read);
            page.note(format_args!("sentences that say a fact: {said} of {read}"))?;
            if sentences.proposed > 0 {
                page.note(format_args!("as the endpoint reads them: {}", sentences.proposed))?;
            }
            if sentences.thrown_away > 0 {
                let away = many(sentences.thrown_away, "proposal");
                page.note(format_args!("{away} of the endpoint thrown away"))?;
            }
            for (why, count) in &sentences.counts {
                page.note(format_args!("{}: {}", many(*count, "sentence"), why.in_words()))?;
            }
            unread(page, &sentences.unread)?;
        }
        if self.dry_run {
            return page.note("nothing was staged");
        }
        match self.staged {
            0 => Ok(()),
            staged => page.note(format_args!("{} staged in all", many(staged, "fact"))),
        }
    }
}

/// Sentences that may mean several facts, or one loosely.
fn unread(page: &mut Page, unread: &[UnreadSentence]) -> fmt::Result {
    if page.quiet {
        return Ok(());
    }
    for sentence in unread.iter().filter(|unread| !unread.proposals.is_empty()) {
        writeln!(page, "  {}", sentence.in_short())?;
        for proposal in sentence.numbered() {
            writeln!(page, "    {proposal}")?;
        }
    }
    Ok(())
}

/// Predicates that are listed.
const LISTED: usize = 10;

/// How many facts each of the first predicates has.
fn by_predicate(page: &mut Page, counts: &[PredicateCount]) -> fmt::Result {
    if page.quiet {
        return Ok(());
    }
    let row = |row: &PredicateCount| [String::new(), row.count.to_string(), row.predicate.clone()];
    let mut rows: Vec<[String; 3]> = counts.iter().take(LISTED).map(row).collect();
    if let Some(others) = counts.get(LISTED..).filter(|others| !others.is_empty()) {
        let facts: u64 = others.iter().map(|row| row.count).sum();
        rows.push([String::new(), facts.to_string(), many(others.len() as u64, "other predicate")]);
    }
    page.table(&rows)
}
