//! How long the parts of a command took.

use std::{cell::RefCell, rc::Rc, time::Instant};

use serde::Serialize;

use super::page::{duration, rate};
use crate::engine::{EngineError, Progress};

/// Time spent on a part of a command.
#[derive(Debug, Clone, PartialEq, Serialize)]
pub(super) struct Spent {
    /// Which part, such as `z` or `solve`.
    pub(super) part: String,
    /// Wall time in seconds, all its turns together.
    pub(super) seconds: f64,
    /// What was done in it, such as facts or tokens, where that is counted.
    #[serde(skip_serializing_if = "Option::is_none")]
    pub(super) done: Option<u64>,
}

/// Adds up the time of each part. Clones are of the same watch.
#[derive(Debug, Clone, Default)]
pub(super) struct Stopwatch(Rc<RefCell<Laps>>);

#[derive(Debug, Default)]
struct Laps {
    /// The part now running, and since when.
    running: Option<(usize, Instant)>,
    /// The part whose work is counted, and what was counted in its earlier turns.
    counted: Option<(usize, u64)>,
    spent: Vec<Spent>,
}

impl Stopwatch {
    /// From now on time is spent on `part`.
    fn turn_to(&self, part: &str) {
        let mut laps = self.0.borrow_mut();
        laps.stop();
        let known = laps.spent.iter().position(|spent| spent.part == part);
        let index = known.unwrap_or_else(|| {
            laps.spent.push(Spent { part: part.to_owned(), seconds: 0.0, done: None });
            laps.spent.len() - 1
        });
        laps.running = Some((index, Instant::now()));
        laps.counted = None;
    }

    /// From now on time is spent on `part`, and what is done in it is counted.
    fn count(&self, part: &str) {
        self.turn_to(part);
        let mut laps = self.0.borrow_mut();
        let running = laps.running.map(|(index, _)| index);
        laps.counted = running.map(|index| (index, laps.spent[index].done.unwrap_or_default()));
    }

    /// So much is done in this turn.
    fn done(&self, done: u64) {
        let mut laps = self.0.borrow_mut();
        if let Some((index, before)) = laps.counted {
            laps.spent[index].done = Some(before + done);
        }
    }

    /// What was spent, in the order in which parts began; nothing where no part followed the setup.
    pub(super) fn stop(&self) -> Vec<Spent> {
        let mut laps = self.0.borrow_mut();
        laps.stop();
        if laps.spent.len() > 1 { laps.spent.clone() } else { Vec::new() }
    }
}

impl Laps {
    fn stop(&mut self) {
        if let Some((index, since)) = self.running.take() {
            self.spent[index].seconds += since.elapsed().as_secs_f64();
        }
    }
}

/// `z 12.3 s (8.1/s), solve 46 ms`; parts that took no time are left out.
pub(super) fn line(spent: &[Spent]) -> String {
    let mut parts = Vec::new();
    for Spent { part, seconds, done } in spent.iter().filter(|spent| spent.seconds >= 0.0005) {
        let rate = done.map(|done| format!(" ({})", rate(done, *seconds))).unwrap_or_default();
        parts.push(format!("{part} {}{rate}", duration(*seconds)));
    }
    parts.join(", ")
}

/// Progress that is timed.
pub(super) struct Timed {
    watch: Stopwatch,
    shown: Box<dyn Progress>,
}

impl Timed {
    /// Passes everything on to `shown`. What comes before the first part is the setup.
    pub(super) fn new(watch: Stopwatch, shown: Box<dyn Progress>) -> Self {
        watch.turn_to("setup");
        Self { watch, shown }
    }
}

impl Progress for Timed {
    fn part(&mut self, what: &str) {
        self.watch.turn_to(what);
        self.shown.part(what);
    }

    fn start(&mut self, what: &str, total: Option<u64>) {
        self.watch.count(what);
        self.shown.start(what, total);
    }

    fn advance(&mut self, done: u64, note: &str) -> Result<(), EngineError> {
        self.watch.done(done);
        self.shown.advance(done, note)
    }

    fn finish(&mut self, note: &str) {
        self.shown.finish(note);
    }
}

#[cfg(test)]
mod tests {
    use super::*;
    use crate::engine::Silent;

    #[test]
    fn turns_of_one_part_are_added_up() {
        let watch = Stopwatch::default();
        let mut timed = Timed::new(watch.clone(), Box::new(Silent));
        timed.start("z", None);
        timed.advance(2, "").unwrap();
        timed.part("keys");
        timed.advance(7, "").unwrap();
        timed.start("z", None);
        timed.advance(1, "").unwrap();
        timed.advance(3, "").unwrap();
        let spent = watch.stop();
        let parts: Vec<&str> = spent.iter().map(|spent| spent.part.as_str()).collect();
        assert_eq!(parts, ["setup", "z", "keys"]);
        assert!(spent.iter().all(|spent| spent.seconds >= 0.0));
        let done: Vec<Option<u64>> = spent.iter().map(|spent| spent.done).collect();
        assert_eq!(done, [None, Some(5), None]);
        assert_eq!(watch.stop(), spent, "a watch that was stopped stands still");
    }

    #[test]
    fn a_line_leaves_out_what_took_no_time() {
        let spent = |part: &str, seconds, done| Spent { part: part.to_owned(), seconds, done };
        let parts = [
            spent("setup", 0.0001, None),
            spent("z", 12.345, Some(100)),
            spent("solve", 0.0456, None),
        ];
        assert_eq!(line(&parts), "z 12.3 s (8.1/s), solve 46 ms");
    }
}
