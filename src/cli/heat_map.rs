//! Heat maps of traces.

use plotters::{
    coord::Shift,
    prelude::*,
    style::text_anchor::{HPos, Pos, VPos},
};

use super::picture::{Drawn, GAP, LINE, Picture, count, titled};
use crate::ledger::Place;

/// Width and height of a cell.
const CELL: (i32, i32) = (30, 20);
/// With more blocks than these, cells are narrower and have no figures in them.
const WIDE: usize = 16;
const NARROW: i32 = 10;
/// Room for a character of a label, and between the labels and the cells.
const CHARACTER: i32 = 7;
const MARGIN: i32 = 6;
/// Room above and below a panel, and around it.
const HEADING: i32 = 24;
const AXIS: i32 = 22;

/// A grid of figures with labelled rows, one column for each block.
#[derive(Debug)]
pub(super) struct Panel {
    /// What it shows.
    pub(super) title: String,
    /// Labels, and a figure for each block.
    pub(super) rows: Vec<(String, Vec<f64>)>,
    /// The figure that is nothing.
    pub(super) from: f64,
    /// The figure that is all.
    pub(super) to: f64,
}

impl Panel {
    /// How far a figure is from nothing to all, from 0 to 1.
    pub(super) fn share(&self, figure: f64) -> f64 {
        if self.to <= self.from {
            return 0.0;
        }
        ((figure - self.from) / (self.to - self.from)).clamp(0.0, 1.0)
    }

    fn blocks(&self) -> usize {
        self.rows.iter().map(|(_, row)| row.len()).max().unwrap_or(0)
    }

    fn cell(&self) -> i32 {
        if self.blocks() > WIDE { NARROW } else { CELL.0 }
    }

    fn size(&self) -> (i32, i32) {
        let height = HEADING + count(self.rows.len()) * CELL.1 + AXIS;
        (self.labels() + count(self.blocks()) * self.cell(), height)
    }

    /// Room for the labels on the left.
    fn labels(&self) -> i32 {
        let longest = self.rows.iter().map(|(label, _)| label.chars().count()).max();
        count(longest.unwrap_or(0)) * CHARACTER + 2 * MARGIN
    }
}

/// Where tokens stand, in words.
pub(super) const fn place(place: Place) -> &'static str {
    match place {
        Place::SubjectFirst => "first of the subject",
        Place::SubjectMiddle => "middle of the subject",
        Place::SubjectLast => "last of the subject",
        Place::Next => "first after it",
        Place::Further => "further ones",
        Place::Last => "last of the prompt",
    }
}

/// Rows of panels, each row with a heading, below the lines of a title.
#[derive(Debug)]
pub(super) struct HeatMaps {
    /// Lines that say what it is of.
    pub(super) title: Vec<String>,
    /// The rows.
    pub(super) rows: Vec<(String, Vec<Panel>)>,
}

impl HeatMaps {
    /// Height of a row, its heading included.
    fn height(panels: &[Panel]) -> i32 {
        LINE + panels.iter().map(|panel| panel.size().1).max().unwrap_or(0) + GAP
    }
}

impl Picture for HeatMaps {
    fn size(&self) -> (u32, u32) {
        let heights = self.rows.iter().map(|(_, panels)| Self::height(panels));
        let height = GAP + count(self.title.len()) * LINE + heights.sum::<i32>();
        let widths = self
            .rows
            .iter()
            .map(|(_, panels)| panels.iter().map(|panel| panel.size().0 + GAP).sum::<i32>() + GAP);
        let lines = self.title.iter().chain(self.rows.iter().map(|(heading, _)| heading));
        let longest = lines.map(|line| count(line.chars().count()) * 8 + 2 * GAP);
        let width = widths.chain(longest).max().unwrap_or(0);
        (width.unsigned_abs().max(1), height.unsigned_abs().max(1))
    }

    fn draw<B: DrawingBackend>(&self, area: &DrawingArea<B, Shift>) -> Drawn<B> {
        let small = ("sans-serif", 12).into_font().color(&BLACK);
        let mut top = titled(area, &self.title)?;
        for (heading, panels) in &self.rows {
            area.draw(&Text::new(heading.clone(), (GAP, top), small.clone()))?;
            let mut left = GAP;
            for panel in panels {
                draw_panel(area, panel, (left, top + LINE), &small)?;
                left += panel.size().0 + GAP;
            }
            top += Self::height(panels);
        }
        area.present()
    }
}

fn draw_panel<B: DrawingBackend>(
    area: &DrawingArea<B, Shift>,
    panel: &Panel,
    (left, top): (i32, i32),
    text: &TextStyle<'_>,
) -> Drawn<B> {
    let (first, cell) = (left + panel.labels(), panel.cell());
    area.draw(&Text::new(panel.title.clone(), (first, top), text.clone()))?;
    let at_right = text.pos(Pos::new(HPos::Right, VPos::Center));
    let middle = Pos::new(HPos::Center, VPos::Center);
    let mut line = top + HEADING;
    for (label, row) in &panel.rows {
        let centre = line + CELL.1 / 2;
        area.draw(&Text::new(label.clone(), (first - MARGIN, centre), at_right.clone()))?;
        for (block, &figure) in (0..).zip(row) {
            let share = panel.share(figure);
            let corner = first + block * cell;
            let end = (corner + cell - 1, line + CELL.1 - 1);
            area.draw(&Rectangle::new([(corner, line), end], colour(share).filled()))?;
            if cell == CELL.0 {
                let ink = if share > 0.6 { &WHITE } else { &BLACK };
                let style = ("sans-serif", 10).into_font().color(ink).pos(middle);
                let percent = format!("{:.0}", 100.0 * figure);
                area.draw(&Text::new(percent, (corner + cell / 2, centre), style))?;
            }
        }
        line += CELL.1;
    }
    let step = if panel.blocks() > WIDE { 5 } else { 1 };
    let below = text.pos(Pos::new(HPos::Center, VPos::Top));
    for block in (0..count(panel.blocks())).step_by(step) {
        let at = (first + block * cell + cell / 2, line + 4);
        area.draw(&Text::new(block.to_string(), at, below.clone()))?;
    }
    Ok(())
}

/// From nearly white to dark blue.
#[expect(clippy::cast_possible_truncation, clippy::cast_sign_loss, reason = "it is from 0 to 255")]
fn colour(share: f64) -> RGBColor {
    let between = |light: f64, dark: f64| (light + (dark - light) * share).round() as u8;
    RGBColor(between(243.0, 8.0), between(246.0, 48.0), between(250.0, 107.0))
}

#[cfg(test)]
mod tests {
    use super::*;

    #[test]
    fn each_figure_is_a_cell_with_a_label() {
        let panel = |blocks: usize| Panel {
            title: "state".to_owned(),
            rows: vec![
                ("A<B*".to_owned(), vec![0.5; blocks]),
                ("is".to_owned(), vec![0.1; blocks]),
            ],
            from: 0.1,
            to: 0.5,
        };
        let picture = |blocks, panels: usize| HeatMaps {
            title: vec!["gpt2 & co".to_owned()],
            rows: vec![("HEAD".to_owned(), (0..panels).map(|_| panel(blocks)).collect())],
        };
        let drawn = picture(3, 2).svg();
        assert!(drawn.starts_with("<svg") && drawn.trim_end().ends_with("</svg>"), "{drawn}");
        for text in ["gpt2 &amp; co", "HEAD", "state", "A&lt;B*", "is", "50", "10", "2"] {
            assert!(drawn.contains(&format!("\n{text}\n")), "{text} is not in {drawn}");
        }
        // The ground is one too.
        assert_eq!(drawn.matches("<rect").count(), 1 + 2 * 6);
        let wide = picture(48, 1).svg();
        assert_eq!(wide.matches("<rect").count(), 1 + 96);
        assert!(!wide.contains("\n50\n"), "there is no room for figures");
        assert!(HeatMaps { title: Vec::new(), rows: Vec::new() }.svg().contains("</svg>"));
    }

    /// Its pixels are those of the picture: cells in their colours, and text that is neither ground nor cell.
    #[test]
    fn a_picture_has_the_same_in_pixels() {
        let rows = vec![("is".to_owned(), vec![0.0, 1.0])];
        let panel = Panel { title: "state".to_owned(), rows, from: 0.0, to: 1.0 };
        let picture = HeatMaps {
            title: vec!["é 東".to_owned()],
            rows: vec![("HEAD".to_owned(), vec![panel])],
        };
        let file = picture.png();
        let mut reader = png::Decoder::new(std::io::Cursor::new(&file)).read_info().unwrap();
        let mut pixels = vec![0; reader.output_buffer_size().unwrap()];
        let info = reader.next_frame(&mut pixels).unwrap();
        assert_eq!((info.width, info.height), picture.size());
        let at = |x: i32, y: i32| {
            let at = usize::try_from(y * i32::try_from(info.width).unwrap() + x).unwrap() * 3;
            [pixels[at], pixels[at + 1], pixels[at + 2]]
        };
        assert_eq!(at(0, 0), [255; 3]);
        let (left, top) = (GAP + 2 * CHARACTER + 2 * MARGIN + 2, GAP + 2 * LINE + HEADING + 2);
        let (light, dark) = (colour(0.0), colour(1.0));
        assert_eq!(at(left, top), [light.0, light.1, light.2]);
        assert_eq!(at(left + CELL.0, top), [dark.0, dark.1, dark.2]);
        let inked = |rows: std::ops::Range<i32>| {
            rows.flat_map(|y| (GAP..GAP + 30).map(move |x| (x, y)))
                .filter(|&(x, y)| at(x, y)[0] < 128)
                .count()
        };
        assert!(inked(GAP..GAP + 16) > 20 && inked(0..GAP) == 0, "the title is written");
    }

    #[test]
    fn nothing_lies_between_equal_ends() {
        let panel = Panel { title: String::new(), rows: Vec::new(), from: 0.5, to: 0.5 };
        assert_eq!(panel.share(0.7).to_bits(), 0f64.to_bits());
    }
}
