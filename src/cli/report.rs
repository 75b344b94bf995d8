//! What a verb returns: plain data with two renderings.

use std::{
    fmt::{self, Debug},
    io,
};

use serde::Serialize;
use serde_json::{Serializer, ser::Formatter};

use super::{
    error::Exit,
    page::Page,
    stopwatch::{self, Spent},
};

/// How a report reads as text. A verb cannot print, so text and JSON cannot drift apart.
pub trait Render {
    /// Writes the report for people.
    ///
    /// # Errors
    /// When `page` cannot be written, which it always can.
    fn render(&self, page: &mut Page) -> fmt::Result;
}

/// What came of a verb.
#[derive(Debug)]
pub struct Report {
    /// The verb, `type` of the line under `--json`.
    pub kind: &'static str,
    /// How the process ends.
    pub exit: Exit,
    /// `None` where all of it is printed.
    body: Option<Box<dyn Body>>,
    spent: Vec<Spent>,
}

trait Body: Debug {
    fn text(&self, page: &mut Page) -> fmt::Result;
    fn json(&self, kind: &'static str, spent: &[Spent], out: &mut dyn io::Write) -> io::Result<()>;
}

/// A line of JSON Lines.
#[derive(Serialize)]
struct Line<'r, T> {
    r#type: &'static str,
    data: &'r T,
    #[serde(skip_serializing_if = "<[_]>::is_empty")]
    spent: &'r [Spent],
}

/// JSON without spaces, in which an `f32` has the digits of the `f64` that it is.
struct Exact;

impl Formatter for Exact {
    fn write_f32<W: ?Sized + io::Write>(&mut self, out: &mut W, value: f32) -> io::Result<()> {
        self.write_f64(out, value.into())
    }
}

impl<T: Render + Serialize + Debug> Body for T {
    fn text(&self, page: &mut Page) -> fmt::Result {
        self.render(page)
    }

    fn json(&self, kind: &'static str, spent: &[Spent], out: &mut dyn io::Write) -> io::Result<()> {
        let line = Line { r#type: kind, data: self, spent };
        Ok(line.serialize(&mut Serializer::with_formatter(out, Exact))?)
    }
}

impl Report {
    /// The report of a verb that did what was asked.
    #[must_use]
    pub fn done(kind: &'static str, body: impl Render + Serialize + Debug + 'static) -> Self {
        Self { kind, exit: Exit::Done, body: Some(Box::new(body)), spent: Vec::new() }
    }

    /// The report of a verb that waits for its user.
    #[must_use]
    pub fn refused(kind: &'static str, body: impl Render + Serialize + Debug + 'static) -> Self {
        Self { kind, exit: Exit::Refused, body: Some(Box::new(body)), spent: Vec::new() }
    }

    /// The report of a verb that found damage.
    #[must_use]
    pub fn damage(kind: &'static str, body: impl Render + Serialize + Debug + 'static) -> Self {
        Self { kind, exit: Exit::Damage, body: Some(Box::new(body)), spent: Vec::new() }
    }

    /// The report of a verb that has printed all it has to say.
    #[must_use]
    pub(super) const fn printed(kind: &'static str) -> Self {
        Self { kind, exit: Exit::Done, body: None, spent: Vec::new() }
    }

    /// Ends the process as a verb that says no.
    #[cfg(feature = "query")]
    #[must_use]
    pub(super) fn denied_if(self, no: bool) -> Self {
        Self { exit: if no { Exit::Refused } else { self.exit }, ..self }
    }

    /// Whether nothing is left to be printed.
    pub(super) const fn is_printed(&self) -> bool {
        self.body.is_none()
    }

    /// Says what the time was spent on.
    #[must_use]
    pub(super) fn after(self, spent: Vec<Spent>) -> Self {
        Self { spent, ..self }
    }

    /// Writes one line of JSON Lines, without the newline, as it comes: a list of a million facts is never there twice.
    ///
    /// # Errors
    /// When `out` cannot be written.
    pub fn json(&self, out: &mut dyn io::Write) -> io::Result<()> {
        match &self.body {
            Some(body) => body.json(self.kind, &self.spent, out),
            None => Ok(()),
        }
    }

    pub(super) fn text(&self, page: &mut Page) -> fmt::Result {
        if let Some(body) = &self.body {
            body.text(page)?;
        }
        if page.verbose && !self.spent.is_empty() {
            page.note(stopwatch::line(&self.spent))?;
        }
        Ok(())
    }
}
