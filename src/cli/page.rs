//! Text for people: lines, columns aligned by two spaces, colours that the terminal may not get.

use std::{
    fmt::{self, Display, Write},
    hash::{BuildHasher, RandomState},
    sync::LazyLock,
};

use anstyle::AnsiColor;
use jiff::{Timestamp, tz::TimeZone};

use super::visible;
use crate::{
    commit::FactView,
    id::Id,
    ledger::{CommitView, FactChange, FactCounts, HeadView},
};

/// Text that a report writes itself on.
///
/// What is written in one go is on one line: only a newline at its end is one, and all that a terminal would
/// obey or hide is made visible. So no name, message or path can do more than be read.
#[derive(Debug)]
pub struct Page {
    /// Lines with marks in them where styles begin and end.
    text: String,
    /// Whether to say more.
    pub verbose: bool,
    /// Whether to leave out all but the result.
    pub quiet: bool,
}

/// What a part of a line looks like: `{STYLE}` begins it, `{STYLE:#}` ends it.
///
/// What is written are marks that only this process knows, because escape codes can be in what comes from
/// elsewhere too. [`Page::into_text`] puts the codes in their places.
#[derive(Debug, Clone, Copy)]
pub struct Style(usize);

/// What ids look like.
pub const ID: Style = Style(0);
/// What is new.
pub const NEW: Style = Style(1);
/// What is gone.
pub const GONE: Style = Style(2);
/// What deserves attention.
pub const STRONG: Style = Style(3);

/// Cells of a heat map, from warm to hot.
pub const HEAT: [Style; 5] = [Style(4), Style(5), Style(6), Style(7), Style(8)];

/// A mark has one digit for them, and for [`END`].
const CODES: [anstyle::Style; 9] = [
    AnsiColor::Yellow.on_default(),
    AnsiColor::Green.on_default(),
    AnsiColor::Red.on_default(),
    anstyle::Style::new().bold(),
    black_on(195),
    black_on(153),
    black_on(117),
    black_on(75),
    black_on(33),
];

/// Black on one of the terminal's 256 colours: readable whatever the terminal's own are.
const fn black_on(colour: u8) -> anstyle::Style {
    let (black, colour) = (anstyle::Ansi256Color(16), anstyle::Ansi256Color(colour));
    anstyle::Style::new()
        .fg_color(Some(anstyle::Color::Ansi256(black)))
        .bg_color(Some(anstyle::Color::Ansi256(colour)))
}

/// Stands before the number of a style, or before [`END`]. Each process draws its own.
static MARK: LazyLock<String> =
    LazyLock::new(|| format!("\u{fdd0}{:016x}", RandomState::new().hash_one(0)));
/// Behind a mark: the style ends.
const END: usize = CODES.len();

impl Display for Style {
    fn fmt(&self, f: &mut fmt::Formatter<'_>) -> fmt::Result {
        let number = if f.alternate() { END } else { self.0 };
        write!(f, "{}{number}", *MARK)
    }
}

impl Page {
    /// An empty page.
    #[must_use]
    pub const fn new(verbose: bool, quiet: bool) -> Self {
        Self { text: String::new(), verbose, quiet }
    }

    /// What was written, with ANSI escape codes.
    #[must_use]
    pub fn into_text(self) -> String {
        let mut parts = self.text.split(MARK.as_str());
        let mut text = parts.next().unwrap_or_default().to_owned();
        for part in parts {
            let (number, rest) = part.split_at_checked(1).unwrap_or_default();
            match number.parse().ok().and_then(|number: usize| CODES.get(number)) {
                Some(code) => text.push_str(&code.to_string()),
                None => text.push_str(&anstyle::Reset.to_string()),
            }
            text.push_str(rest);
        }
        text
    }

    /// The lines that were written, each to be written on another page.
    pub(super) fn lines(&self) -> impl Iterator<Item = &str> {
        self.text.lines()
    }

    /// Writes lines of kledger's own, such as help.
    pub(super) fn lines_of(&mut self, text: &str) {
        for line in text.lines() {
            self.put(line);
            self.text.push('\n');
        }
    }

    fn put(&mut self, text: &str) {
        self.text.push_str(&visible::line(text));
    }

    /// Rows in columns, each as wide as its widest cell, indented by two spaces.
    ///
    /// # Errors
    /// Never.
    pub fn table<R: AsRef<[String]>>(&mut self, rows: &[R]) -> fmt::Result {
        let columns = rows.first().map_or(0, |row| row.as_ref().len());
        let mut widths = vec![0; columns];
        for row in rows {
            for (widest, cell) in widths.iter_mut().zip(row.as_ref()) {
                *widest = width(cell).max(*widest);
            }
        }
        for row in rows {
            let cells = row.as_ref().iter().zip(&widths);
            let cells =
                cells.map(|(cell, widest)| format!("{cell}{:1$}", "", widest - width(cell)));
            let line = cells.collect::<Vec<_>>().join("  ");
            writeln!(self, "  {}", line.trim_end())?;
        }
        Ok(())
    }

    /// A remark beside the result, left out by `--quiet`.
    ///
    /// # Errors
    /// Never.
    pub fn note(&mut self, note: impl Display) -> fmt::Result {
        if self.quiet { Ok(()) } else { writeln!(self, "  {note}") }
    }

    /// One fact per line, `-` before what held and `+` before what holds.
    ///
    /// # Errors
    /// Never.
    pub fn changes<'a>(
        &mut self,
        changes: impl IntoIterator<Item = &'a FactChange>,
    ) -> fmt::Result {
        for change in changes {
            if let Some(fact) = change.before() {
                writeln!(self, "{GONE}- {}{GONE:#}", words(fact))?;
            }
            if let Some(fact) = change.after() {
                writeln!(self, "{NEW}+ {}{NEW:#}", words(fact))?;
            }
        }
        Ok(())
    }
}

impl Write for Page {
    fn write_str(&mut self, text: &str) -> fmt::Result {
        let line = text.strip_suffix('\n');
        self.put(line.unwrap_or(text));
        if line.is_some() {
            self.text.push('\n');
        }
        Ok(())
    }

    /// Not piece by piece: a newline in what is put into a format is no end of a line.
    fn write_fmt(&mut self, args: fmt::Arguments<'_>) -> fmt::Result {
        self.write_str(&args.to_string())
    }
}

/// How many columns a cell takes.
fn width(cell: &str) -> usize {
    let mut parts = cell.split(MARK.as_str());
    let count = |part: &str| visible::line(part).chars().count();
    parts.next().map_or(0, count) + parts.map(|part| count(part).saturating_sub(1)).sum::<usize>()
}

/// A fact in words.
#[must_use]
pub fn words(fact: &FactView) -> String {
    format!("{} / {} / {}", fact.subject, fact.predicate, fact.object)
}

/// The first 12 digits of an id, coloured.
#[must_use]
pub fn short<T>(id: Id<T>) -> String {
    format!("{ID}{id:.12}{ID:#}")
}

/// `main 3f9a1c72d0b4`, or `detached` in place of the branch.
#[must_use]
pub fn head(head: &HeadView) -> String {
    let branch = head.branch.as_deref().unwrap_or("detached");
    format!("{STRONG}{branch}{STRONG:#} {}", short(head.commit))
}

/// `[main 3f9a1c72d0b4] Landmarks moved`.
#[must_use]
pub fn committed(at: &HeadView, commit: &CommitView) -> String {
    format!("[{}] {}", head(at), summary(commit))
}

/// First line of a commit's message.
#[must_use]
pub fn summary(commit: &CommitView) -> &str {
    commit.message.lines().next().unwrap_or_default()
}

/// The refs that point at a commit: ` (HEAD, main, v1)`, or nothing.
#[must_use]
pub fn refs(commit: &CommitView) -> String {
    let head = commit.head.then_some("HEAD");
    let names: Vec<&str> = head.into_iter().chain(commit.refs.iter().map(String::as_str)).collect();
    if names.is_empty() { String::new() } else { format!(" ({})", names.join(", ")) }
}

/// `1 fact added`, `2 facts replaced`: what is not zero.
#[must_use]
pub fn counts(counts: &FactCounts) -> String {
    let parts =
        [(counts.added, "added"), (counts.replaced, "replaced"), (counts.removed, "removed")];
    let mut text = Vec::new();
    for (count, what) in parts {
        match count {
            0 => {}
            _ if text.is_empty() => text.push(format!("{} {what}", many(count, "fact"))),
            _ => text.push(format!("{count} {what}")),
        }
    }
    if text.is_empty() { "no fact changed".to_owned() } else { text.join(", ") }
}

/// `1 fact`, `2 facts`.
#[must_use]
pub fn many(count: u64, noun: &str) -> String {
    if count == 1 { format!("1 {noun}") } else { format!("{count} {noun}s") }
}

/// `85 %`. Rounded, and never to none or to all: below one and above 99 and a half percent there are two more
/// digits, as in `0.34 %` and `99.96 %`, then `<0.01 %` and `>99.99 %`. So only nothing is 0 % and only all is
/// 100 %.
#[must_use]
pub fn share(share: f64) -> String {
    let percent = share * 100.0;
    // What floating point leaves of a sum is nothing.
    let digits = match percent {
        ..1e-9 => 0,
        ..0.01 => return "<0.01 %".to_owned(),
        ..0.995 => 2,
        ..99.5 => 0,
        ..=99.99 => 2,
        ..99.999_999_999 => return ">99.99 %".to_owned(),
        _ => 0,
    };
    format!("{percent:.digits$} %")
}

/// `391 KiB`.
#[must_use]
pub fn bytes(count: u64) -> String {
    const UNITS: [&str; 4] = ["KiB", "MiB", "GiB", "TiB"];
    if count < 1024 {
        return format!("{count} B");
    }
    let power = (count.ilog2() / 10).min(4);
    let (whole, unit) = (1u64 << (10 * power), UNITS[power as usize - 1]);
    if count / whole >= 10 || count.is_multiple_of(whole) {
        return format!("{} {unit}", count / whole);
    }
    let tenths = count * 10 / whole;
    format!("{}.{} {unit}", tenths / 10, tenths % 10)
}

/// `46 ms`, `12.3 s`, `2 min 5 s`, `1 h 3 min`.
#[must_use]
pub fn duration(seconds: f64) -> String {
    let whole = std::time::Duration::from_secs_f64(seconds.max(0.0)).as_secs();
    match whole {
        0 => format!("{:.0} ms", seconds * 1e3),
        1..60 => format!("{seconds:.1} s"),
        60..3600 => format!("{} min {} s", whole / 60, whole % 60),
        _ => format!("{} h {} min", whole / 3600, whole / 60 % 60),
    }
}

/// `8.1/s`, `1520/s`.
#[must_use]
#[expect(clippy::cast_precision_loss, reason = "it is shown with two digits")]
pub fn rate(count: u64, seconds: f64) -> String {
    let rate = count as f64 / seconds;
    if rate < 100.0 { format!("{rate:.1}/s") } else { format!("{rate:.0}/s") }
}

/// A commit's time in the zone of the user.
#[must_use]
pub fn time(milliseconds: i64) -> String {
    moment(milliseconds, "%Y-%m-%d %H:%M:%S %:z")
}

/// Its day there.
#[must_use]
pub fn date(milliseconds: i64) -> String {
    moment(milliseconds, "%Y-%m-%d")
}

fn moment(milliseconds: i64, format: &str) -> String {
    Timestamp::from_millisecond(milliseconds).map_or_else(
        |_| format!("{milliseconds} ms after 1970"),
        |time| time.to_zoned(TimeZone::system()).strftime(format).to_string(),
    )
}

#[cfg(test)]
mod tests {
    use super::*;

    #[test]
    fn figures_read_well() {
        assert_eq!(bytes(1023), "1023 B");
        assert_eq!(bytes(1024), "1 KiB");
        assert_eq!(bytes(400_000), "390 KiB");
        assert_eq!(bytes(8_300_000), "7.9 MiB");
        for (of_one, text) in [
            (1.0, "100 %"),
            (0.846, "85 %"),
            (0.994, "99 %"),
            (0.9996, "99.96 %"),
            (0.999_99, ">99.99 %"),
            (0.5, "50 %"),
            (0.0099, "0.99 %"),
            (0.009_96, "1 %"),
            (0.0034, "0.34 %"),
            (1e-5, "<0.01 %"),
            (0.0, "0 %"),
        ] {
            assert_eq!(share(of_one), text);
        }
        let mixed = FactCounts { added: 1, removed: 2, replaced: 0 };
        assert_eq!(counts(&mixed), "1 fact added, 2 removed");
    }

    #[test]
    fn columns_are_aligned() {
        let mut page = Page::new(false, false);
        page.table(&[["a".to_owned(), "bc".to_owned()], ["def".to_owned(), "g".to_owned()]])
            .unwrap();
        assert_eq!(page.into_text(), "  a    bc\n  def  g\n");
        let mut page = Page::new(false, false);
        let cell = |text: &str| text.to_owned();
        page.table(&[[cell("\u{7}"), cell("b")], [format!("{ID}c{ID:#}"), cell("d")]]).unwrap();
        assert_eq!(page.into_text(), "  \\u0007  b\n  \u{1b}[33mc\u{1b}[0m       d\n");
    }

    #[test]
    fn cells_are_black_on_colours_of_their_own() {
        let mut page = Page::new(false, false);
        let cells: String = HEAT.iter().map(|style| format!("{style} 7{style:#}")).collect();
        page.table(&[[cells, "x".to_owned()], ["ten long  .".to_owned(), "y".to_owned()]]).unwrap();
        let text = page.into_text();
        for colour in [195, 153, 117, 75, 33] {
            assert!(text.contains(&format!("48;5;{colour}m 7\u{1b}[0m")), "{text:?}");
        }
        let plain = anstream::adapter::strip_str(&text).to_string();
        assert_eq!(
            plain, "   7 7 7 7 7   x\n  ten long  .  y\n",
            "cells take the room that is seen"
        );
    }

    #[test]
    fn only_styles_are_escape_codes() {
        let mut page = Page::new(false, false);
        let (code, lines) = ("\u{1b}[2J", "a\nb\n");
        writeln!(page, "{STRONG}{code}{STRONG:#} {lines}").unwrap();
        page.write_str("\u{fdd0}0").unwrap();
        page.note("\u{202e}").unwrap();
        assert_eq!(page.into_text(), "\u{1b}[1m\\u001B[2J\u{1b}[0m a\\nb\\n\n\u{fdd0}0  \\u202E\n");
    }
}
