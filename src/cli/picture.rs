//! Pictures as files, SVG and PNG, in one style: they bring their own ground, so that they read the same on a dark page,
//! and lines on top say what they are of.

use std::path::{Path, PathBuf};

use plotters::{coord::Shift, drawing::DrawingAreaErrorKind, prelude::*};

use super::{
    context::Context,
    error::CliError,
    raster::{self, Raster},
};
use crate::{durable, ledger::LedgerError};

/// Room around what is drawn.
pub(super) const GAP: i32 = 16;
/// Height of a line of text.
pub(super) const LINE: i32 = 22;

/// What drawing on a backend comes to.
pub(super) type Drawn<B, T = ()> =
    Result<T, DrawingAreaErrorKind<<B as DrawingBackend>::ErrorType>>;

/// What can be drawn.
pub(super) trait Picture {
    /// Its width and height.
    fn size(&self) -> (u32, u32);

    /// Draws it on an area of that size.
    fn draw<B: DrawingBackend>(&self, area: &DrawingArea<B, Shift>) -> Drawn<B>;

    /// As SVG.
    fn svg(&self) -> String {
        let mut svg = String::new();
        let area = SVGBackend::with_string(&mut svg, self.size()).into_drawing_area();
        self.draw(&area).expect("because a string can always be written to");
        drop(area);
        svg
    }

    /// As PNG.
    fn png(&self) -> Vec<u8> {
        let mut pixels = Vec::new();
        let area = Raster::new(&mut pixels, self.size()).into_drawing_area();
        self.draw(&area).expect("because pixels can always be drawn");
        drop(area);
        raster::png(&pixels, self.size())
    }
}

/// Draws the ground and the lines of a title; says what is below them.
pub(super) fn titled<B: DrawingBackend>(
    area: &DrawingArea<B, Shift>,
    title: &[String],
) -> Drawn<B, i32> {
    area.fill(&WHITE)?;
    let mut top = GAP;
    for line in title {
        let large = ("sans-serif", 15).into_font().color(&BLACK);
        area.draw(&Text::new(line.clone(), (GAP, top), large))?;
        top += LINE;
    }
    Ok(top)
}

/// A number of things that are drawn.
pub(super) fn count(things: usize) -> i32 {
    i32::try_from(things).unwrap_or(i32::MAX)
}

/// A file that a picture can be written to.
pub(super) fn file(name: &str) -> Result<PathBuf, String> {
    let path = PathBuf::from(name);
    let known = is(&path, "svg") || is(&path, "png");
    known.then_some(path).ok_or_else(|| "expected a name that ends in .svg or .png".to_owned())
}

fn is(path: &Path, kind: &str) -> bool {
    path.extension().is_some_and(|extension| extension.eq_ignore_ascii_case(kind))
}

/// Writes it to a [`file`].
pub(super) fn write(cx: &Context, path: &Path, picture: &impl Picture) -> Result<(), CliError> {
    let file = if is(path, "png") { picture.png() } else { picture.svg().into_bytes() };
    Ok(durable::write(&cx.path(path), &file).map_err(LedgerError::from)?)
}
