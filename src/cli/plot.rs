//! A history's figures against the number of its facts, as SVG.

use std::error::Error;

use plotters::prelude::*;

use crate::{
    eval::Metric,
    ledger::{Evaluation, verb::eval::Evaluated},
};

const SIZE: (u32, u32) = (800, 480);

/// Lines that are told apart by colour.
const LINES: usize = 4;

/// Draws the first figures of each evaluation in `history`, oldest first; `like` says which.
#[must_use]
pub(super) fn svg(like: &Evaluation, history: &[Evaluated]) -> String {
    let mut svg = String::new();
    draw(&mut svg, like, history).expect("because a string can always be written to");
    svg
}

fn draw(
    svg: &mut String,
    like: &Evaluation,
    history: &[Evaluated],
) -> Result<(), Box<dyn Error + Send + Sync>> {
    let lines: Vec<&Metric> = like.metrics.iter().take(LINES).collect();
    let values = history.iter().flat_map(|it| it.evaluation.metrics.iter().take(LINES));
    let highest = values.map(|metric| metric.mean).fold(0.0, f64::max);
    let top = if highest > 0.0 { highest * 1.05 } else { 1.0 };
    let right = history.iter().map(|it| it.facts).max().unwrap_or(0).max(1);

    let area = SVGBackend::with_string(svg, SIZE).into_drawing_area();
    area.fill(&WHITE)?;
    let title = format!("{} {} on {}", like.protocol, like.protocol_version, like.source.name);
    let mut chart = ChartBuilder::on(&area)
        .caption(title, ("sans-serif", 18))
        .margin(12)
        .x_label_area_size(40)
        .y_label_area_size(56)
        .build_cartesian_2d(0..right + right.div_ceil(20), 0.0..top)?;
    chart.configure_mesh().x_desc("facts").draw()?;
    for (number, line) in lines.into_iter().enumerate() {
        let colour = Palette99::pick(number).to_rgba();
        let points: Vec<(u64, f64)> = history
            .iter()
            .filter_map(|it| {
                let mut metrics = it.evaluation.metrics.iter();
                Some((it.facts, metrics.find(|metric| metric.name == line.name)?.mean))
            })
            .collect();
        chart
            .draw_series(LineSeries::new(points, colour.stroke_width(2)).point_size(3))?
            .label(&line.name)
            .legend(move |(x, y)| PathElement::new([(x, y), (x + 18, y)], colour));
    }
    chart.configure_series_labels().background_style(WHITE).border_style(BLACK).draw()?;
    area.present()?;
    Ok(())
}

#[cfg(test)]
mod tests {
    use super::*;
    use crate::{
        eval::{Source, Unit},
        id::Id,
    };

    fn evaluation(mean: f64) -> Evaluation {
        let metric = |name: &str, mean| Metric {
            name: name.to_owned(),
            about: String::new(),
            unit: Unit::Percent,
            mean,
            interval: None,
            cases: 1,
        };
        Evaluation {
            protocol: "counterfact".to_owned(),
            protocol_version: 1,
            source: Source::file("a<b&c.json", b"[]"),
            cases: 1,
            metrics: vec![metric("S", mean), metric("ES", 2.0 * mean)],
        }
    }

    #[test]
    fn each_figure_is_a_line_through_its_history() {
        let at = |facts: u64, mean| Evaluated {
            commit: Id::from_bytes([0; 32]),
            facts,
            evaluation: evaluation(mean),
        };
        let drawn = svg(&evaluation(0.0), &[at(10, 20.0), at(20, 30.0), at(40, 10.0)]);
        assert!(drawn.starts_with("<svg") && drawn.trim_end().ends_with("</svg>"), "{drawn}");
        for text in ["counterfact 1 on a&lt;b&amp;c.json", "facts", "S", "ES"] {
            assert!(drawn.contains(&format!("\n{text}\n")), "{text} is not in {drawn}");
        }
        assert_eq!(drawn.matches("<circle").count(), 6, "a point for each figure and version");
        assert!(svg(&evaluation(0.0), &[]).contains("</svg>"));
    }
}
