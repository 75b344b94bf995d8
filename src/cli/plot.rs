//! Figures along a history.

use plotters::{coord::Shift, prelude::*};

use super::picture::{Drawn, GAP, LINE, Picture, count, titled};

const WIDTH: i32 = 800;
/// Height of a chart, and of one that is alone.
const HEIGHT: i32 = 220;
const ALONE: i32 = 440;
/// So many places can have their names below them.
const NAMES: usize = 8;

/// Charts above each other, with the same places from left to right.
#[derive(Debug)]
pub(super) struct Plot {
    /// Lines that say what it is of.
    pub(super) title: Vec<String>,
    /// What the places are.
    pub(super) places: Places,
    /// The charts.
    pub(super) charts: Vec<Chart>,
}

/// What figures are drawn against.
#[derive(Debug)]
pub(super) enum Places {
    /// A number of these.
    Numbers(String),
    /// Names, in their order.
    Names(Vec<String>),
}

/// Figures of one unit.
#[derive(Debug)]
pub(super) struct Chart {
    /// What they are.
    pub(super) heading: String,
    /// The lines, told apart by colour.
    pub(super) lines: Vec<Line>,
}

/// A figure at places.
#[derive(Debug)]
pub(super) struct Line {
    /// What it is called.
    pub(super) name: String,
    /// The places, and what it is there.
    pub(super) points: Vec<(u64, f64)>,
}

impl Plot {
    fn height(&self) -> i32 {
        if self.charts.len() == 1 { ALONE } else { HEIGHT }
    }

    /// One beyond the last place.
    fn end(&self) -> u64 {
        if let Places::Names(names) = &self.places {
            return names.len().max(1) as u64;
        }
        let lines = self.charts.iter().flat_map(|chart| &chart.lines);
        let last = lines.flat_map(|line| &line.points).map(|(place, _)| *place).max();
        let last = last.unwrap_or(0).max(1);
        last + last.div_ceil(20)
    }

    fn name(&self, place: u64) -> String {
        let Places::Names(names) = &self.places else { return place.to_string() };
        let name = usize::try_from(place).ok().and_then(|place| names.get(place));
        name.cloned().unwrap_or_default()
    }

    fn chart<B: DrawingBackend>(&self, area: &DrawingArea<B, Shift>, chart: &Chart) -> Drawn<B> {
        let values = chart.lines.iter().flat_map(|line| &line.points).map(|(_, value)| *value);
        let highest = values.filter(|value| value.is_finite()).fold(0.0, f64::max);
        let top = if highest > 0.0 { highest * 1.05 } else { 1.0 };
        let mut drawn = ChartBuilder::on(area);
        if !chart.heading.is_empty() {
            drawn.caption(&chart.heading, ("sans-serif", 13));
        }
        let mut drawn = drawn
            .margin(12)
            .x_label_area_size(36)
            .y_label_area_size(56)
            .build_cartesian_2d(0..self.end(), 0.0..top)?;
        let name = |place: &u64| self.name(*place);
        let mut mesh = drawn.configure_mesh();
        mesh.x_label_formatter(&name).max_light_lines(1);
        if self.charts.len() > 1 {
            mesh.y_labels(5);
        }
        match &self.places {
            Places::Numbers(of) => mesh.x_desc(of.clone()),
            Places::Names(names) => mesh.x_labels(names.len().clamp(1, NAMES)),
        };
        mesh.draw()?;
        for (number, line) in chart.lines.iter().enumerate() {
            let colour = Palette99::pick(number).to_rgba();
            let points = line.points.iter().copied().filter(|(_, value)| value.is_finite());
            let series = LineSeries::new(points, colour.stroke_width(2)).point_size(3);
            drawn
                .draw_series(series)?
                .label(&line.name)
                .legend(move |(x, y)| PathElement::new([(x, y), (x + 18, y)], colour));
        }
        if chart.lines.len() > 1 {
            drawn.configure_series_labels().background_style(WHITE).border_style(BLACK).draw()?;
        }
        Ok(())
    }
}

impl Picture for Plot {
    fn size(&self) -> (u32, u32) {
        let height = 2 * GAP + count(self.title.len()) * LINE;
        let height = height + count(self.charts.len()) * self.height();
        let longest = self.title.iter().map(|line| count(line.chars().count()) * 8 + 2 * GAP).max();
        let width = longest.unwrap_or(0).max(WIDTH);
        (width.unsigned_abs(), height.unsigned_abs())
    }

    fn draw<B: DrawingBackend>(&self, area: &DrawingArea<B, Shift>) -> Drawn<B> {
        let mut top = titled(area, &self.title)?;
        for chart in &self.charts {
            let part = area.clone().shrink((0, top), (WIDTH, self.height()));
            self.chart(&part, chart)?;
            top += self.height();
        }
        area.present()
    }
}

#[cfg(test)]
mod tests {
    use super::*;

    fn plot(places: Places, charts: usize) -> Plot {
        let line = |name: &str, points: &[f64]| Line {
            name: name.to_owned(),
            points: (0..).zip(points.iter().copied()).collect(),
        };
        let chart = |number| Chart {
            heading: format!("chart {number}"),
            lines: vec![line("S", &[20.0, 30.0, 10.0]), line("ES", &[40.0, f64::NAN, 5.0])],
        };
        let title = vec!["counterfact 1 on a<b&c.json".to_owned()];
        Plot { title, places, charts: (0..charts).map(chart).collect() }
    }

    #[test]
    fn each_figure_is_a_line_through_its_history() {
        let drawn = plot(Places::Numbers("facts".to_owned()), 1).svg();
        assert!(drawn.starts_with("<svg") && drawn.trim_end().ends_with("</svg>"), "{drawn}");
        for text in ["counterfact 1 on a&lt;b&amp;c.json", "facts", "S", "ES", "chart 0"] {
            assert!(drawn.contains(&format!("\n{text}\n")), "{text} is not in {drawn}");
        }
        assert_eq!(drawn.matches("<circle").count(), 5, "a point for each figure that is one");
        assert!(plot(Places::Numbers(String::new()), 0).svg().contains("</svg>"));
    }

    #[test]
    fn charts_stand_above_each_other_and_places_have_names() {
        let names = ["one", "two", "three"].map(str::to_owned).to_vec();
        let drawn = plot(Places::Names(names), 2);
        let svg = drawn.svg();
        for name in ["one", "two", "three"] {
            assert_eq!(svg.matches(&format!("\n{name}\n")).count(), 2, "{name}: {svg}");
        }
        assert_eq!(svg.matches("<circle").count(), 10);
        // The same in pixels: lines are neither ground nor text.
        let png = drawn.png();
        let mut reader = png::Decoder::new(std::io::Cursor::new(&png)).read_info().unwrap();
        let mut pixels = vec![0; reader.output_buffer_size().unwrap()];
        let info = reader.next_frame(&mut pixels).unwrap();
        assert_eq!((info.width, info.height), drawn.size());
        let colour = Palette99::pick(0).to_rgba();
        let lines = [colour.0, colour.1, colour.2];
        let half = pixels.len() / 2;
        for part in [&pixels[..half], &pixels[half..]] {
            let drawn = part.chunks(3).filter(|pixel| *pixel == lines).count();
            assert!(drawn > 50, "{drawn} pixels");
        }
    }
}
