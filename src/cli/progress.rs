//! Progress on standard error: bars where it is a terminal, else a line a minute, and one for each piece of
//! work that ends where more is to be said.

use std::{
    fmt::Write,
    time::{Duration, Instant},
};

use indicatif::{HumanDuration, ProgressBar, ProgressFinish, ProgressState, ProgressStyle};

use super::{
    page::{duration, rate},
    ui, visible,
};
use crate::engine::{EngineError, Progress};

/// How often a line says how far work is.
const MINUTE: Duration = Duration::from_secs(60);

/// A piece of work as people know it: what is sought for each fact are its z vectors.
fn name(what: &str) -> String {
    visible::line(if what == "z" { "facts" } else { what }).into_owned()
}

/// One bar for each piece of work; what is done stays as a line.
#[derive(Debug, Default)]
pub(super) struct Bars {
    bar: Option<ProgressBar>,
}

impl Progress for Bars {
    fn part(&mut self, what: &str) {
        if let Some(bar) = &self.bar {
            bar.set_message(name(what));
        }
    }

    fn start(&mut self, what: &str, total: Option<u64>) {
        let template = if total.is_some() {
            "  {prefix:<12} {bar:24} {human_pos}/{human_len}  {msg}  {per_sec}{left}"
        } else {
            "  {prefix:<12} {spinner} {human_pos}  {msg}  {per_sec}  {elapsed}"
        };
        let style = ProgressStyle::with_template(template)
            .expect("because the template is a constant that parses")
            .with_key("left", |state: &ProgressState, text: &mut dyn Write| {
                // Nobody is served by an error here: the bar lacks a word.
                let _unseen = text.write_str(&left(state.pos(), state.eta()));
            })
            .progress_chars("=> ");
        let bar = total.map_or_else(ProgressBar::new_spinner, ProgressBar::new);
        let bar = bar.with_style(style).with_prefix(name(what));
        // An error leaves no half bar behind it.
        let bar = bar.with_finish(ProgressFinish::AndClear);
        bar.enable_steady_tick(Duration::from_millis(200));
        self.bar = Some(bar);
    }

    fn advance(&mut self, done: u64, note: &str) -> Result<(), EngineError> {
        if let Some(bar) = &self.bar {
            bar.set_position(done);
            bar.set_message(visible::line(note).into_owned());
        }
        Ok(())
    }

    fn finish(&mut self, note: &str) {
        if let Some(bar) = self.bar.take() {
            let style = ProgressStyle::with_template(
                "  {prefix:<12} {human_pos}  {msg}  {elapsed}  {per_sec}",
            )
            .expect("because the template is a constant that parses");
            bar.set_style(style);
            bar.finish_with_message(visible::line(note).into_owned());
        }
    }
}

/// `  12s left`; nothing before anything is done, when nobody can tell.
fn left(done: u64, eta: Duration) -> String {
    match (done, eta.as_secs()) {
        (0, _) | (_, 0) => String::new(),
        _ => format!("  {:#} left", HumanDuration(eta)),
    }
}

/// A line a minute.
pub(super) struct Lines {
    every: Duration,
    /// Whether what has ended has a line of its own.
    ends: bool,
    say: fn(&str),
    work: Option<Work>,
}

/// A piece of work of which lines tell.
struct Work {
    what: String,
    total: Option<u64>,
    done: u64,
    began: Instant,
    said: Instant,
}

impl Lines {
    /// With `ends`, a line besides for each piece of work that ends.
    pub(super) fn new(ends: bool) -> Self {
        Self { every: MINUTE, ends, say: ui::aside, work: None }
    }
}

impl Progress for Lines {
    fn start(&mut self, what: &str, total: Option<u64>) {
        let now = Instant::now();
        self.work = Some(Work { what: name(what), total, done: 0, began: now, said: now });
    }

    fn advance(&mut self, done: u64, note: &str) -> Result<(), EngineError> {
        if let Some(work) = &mut self.work {
            work.done = done;
            if work.said.elapsed() >= self.every {
                work.said = Instant::now();
                (self.say)(&line(work, note, work.began.elapsed()));
            }
        }
        Ok(())
    }

    fn finish(&mut self, note: &str) {
        if let Some(Work { what, done, .. }) = self.work.take().filter(|_| self.ends) {
            (self.say)(format!("  {what:<12} {done}  {note}").trim_end());
        }
    }
}

/// `  facts        12/100  loss 0.3  8.1/s  11s left`.
fn line(work: &Work, note: &str, took: Duration) -> String {
    let Work { what, total, done, .. } = work;
    let mut parts = vec![total.map_or_else(|| done.to_string(), |total| format!("{done}/{total}"))];
    parts.extend((!note.is_empty()).then(|| note.to_owned()));
    if *done > 0 {
        parts.push(rate(*done, took.as_secs_f64()));
    }
    match total.and_then(|total| u32::try_from(total.saturating_sub(*done)).ok()) {
        Some(rest) if *done > 0 => {
            let each = took.div_f64((*done).to_string().parse().unwrap_or(1.0));
            let rest = left(*done, each.saturating_mul(rest));
            parts.extend((!rest.is_empty()).then(|| rest.trim().to_owned()));
        }
        _ => parts.push(format!("for {}", duration(took.as_secs_f64()))),
    }
    format!("  {what:<12} {}", parts.join("  "))
}

#[cfg(test)]
mod tests {
    use std::cell::RefCell;

    use super::*;

    thread_local!(static SAID: RefCell<Vec<String>> = const { RefCell::new(Vec::new()) });

    fn lines(every: Duration, ends: bool) -> Vec<String> {
        let say = |line: &str| SAID.with_borrow_mut(|said| said.push(line.to_owned()));
        let mut lines = Lines { every, say, ..Lines::new(ends) };
        lines.start("z", Some(3));
        for done in 0..=3 {
            lines.advance(done, "loss 0.5").unwrap();
        }
        lines.finish("3 found");
        SAID.take()
    }

    #[test]
    fn a_line_every_so_often_and_no_other() {
        assert_eq!(lines(Duration::MAX, false), [""; 0]);
        assert_eq!(lines(Duration::MAX, true), ["  facts        3  3 found"]);
        let all = lines(Duration::ZERO, false);
        assert_eq!(all.len(), 4, "{all:?}");
        assert!(all[0].starts_with("  facts        0/3  loss 0.5  for "), "{all:?}");
        assert!(all.iter().all(|line| !line.contains("left")), "{all:?}");
    }

    #[test]
    fn what_is_left_is_told_once_something_is_done() {
        let now = Instant::now();
        let of = |total, done| Work { what: name("z"), total, done, began: now, said: now };
        let took = Duration::from_secs(20);
        assert_eq!(line(&of(Some(300), 100), "", took), "  facts        100/300  5.0/s  40s left");
        assert_eq!(line(&of(Some(300), 0), "", took), "  facts        0/300  for 20.0 s");
        assert_eq!(line(&of(None, 100), "", took), "  facts        100  5.0/s  for 20.0 s");
        assert_eq!(left(0, Duration::ZERO) + &left(0, took) + &left(3, Duration::ZERO), "");
    }
}
