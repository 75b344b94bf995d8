//! Progress on standard error: bars where it is a terminal, else a line for each piece of work.

use std::time::Duration;

use indicatif::{ProgressBar, ProgressFinish, ProgressStyle};

use super::ui;
use crate::ledger::{EngineError, Progress};

/// One bar for each piece of work; what is done stays as a line.
#[derive(Debug, Default)]
pub(super) struct Bars {
    bar: Option<ProgressBar>,
}

impl Progress for Bars {
    fn part(&mut self, what: &str) {
        if let Some(bar) = &self.bar {
            bar.set_message(what.to_owned());
        }
    }

    fn start(&mut self, what: &str, total: Option<u64>) {
        let template = if total.is_some() {
            "  {prefix:<12} {bar:24} {human_pos}/{human_len}  {msg}  {per_sec}  {eta} left"
        } else {
            "  {prefix:<12} {spinner} {human_pos}  {msg}  {per_sec}  {elapsed}"
        };
        let style = ProgressStyle::with_template(template)
            .expect("because the template is a constant that parses")
            .progress_chars("=> ");
        let bar = total.map_or_else(ProgressBar::new_spinner, ProgressBar::new);
        let bar = bar.with_style(style).with_prefix(what.to_owned());
        // An error leaves no half bar behind it.
        let bar = bar.with_finish(ProgressFinish::AndClear);
        bar.enable_steady_tick(Duration::from_millis(200));
        self.bar = Some(bar);
    }

    fn advance(&mut self, done: u64, note: &str) -> Result<(), EngineError> {
        if let Some(bar) = &self.bar {
            bar.set_position(done);
            bar.set_message(note.to_owned());
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
            bar.finish_with_message(note.to_owned());
        }
    }
}

/// A line at the end of each piece of work.
#[derive(Debug, Default)]
pub(super) struct Phases {
    what: String,
    done: u64,
}

impl Progress for Phases {
    fn start(&mut self, what: &str, _total: Option<u64>) {
        what.clone_into(&mut self.what);
        self.done = 0;
    }

    fn advance(&mut self, done: u64, _note: &str) -> Result<(), EngineError> {
        self.done = done;
        Ok(())
    }

    fn finish(&mut self, note: &str) {
        let Self { what, done } = self;
        ui::aside(format!("  {what:<12} {done}  {note}").trim_end());
    }
}
