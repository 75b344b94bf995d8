//! Ctrl-C in the middle of an edit.

use std::{
    process,
    sync::{
        Once,
        atomic::{AtomicBool, Ordering},
    },
};

use super::error::Exit;
use crate::engine::{EngineError, Progress};

static ASKED: AtomicBool = AtomicBool::new(false);
static LISTEN: Once = Once::new();

/// Progress that ends the work after the step in which Ctrl-C was pressed.
pub(super) struct Stoppable(Box<dyn Progress>);

impl Stoppable {
    /// Listens for Ctrl-C from now on, and passes everything on to `shown`.
    pub(super) fn new(shown: Box<dyn Progress>) -> Self {
        // Where no handler can be set, Ctrl-C ends the process, which loses the edit and no more.
        LISTEN.call_once(|| drop(ctrlc::set_handler(pressed)));
        Self(shown)
    }
}

#[expect(clippy::exit, reason = "pressing twice means not waiting for the step's end")]
fn pressed() {
    if ASKED.swap(true, Ordering::SeqCst) {
        process::exit(Exit::Interrupted as i32);
    }
}

impl Progress for Stoppable {
    fn part(&mut self, what: &str) {
        self.0.part(what);
    }

    fn start(&mut self, what: &str, total: Option<u64>) {
        self.0.start(what, total);
    }

    fn advance(&mut self, done: u64, note: &str) -> Result<(), EngineError> {
        if ASKED.load(Ordering::SeqCst) {
            return Err(EngineError::Interrupted);
        }
        self.0.advance(done, note)
    }

    fn finish(&mut self, note: &str) {
        self.0.finish(note);
    }
}
