//! Curves as an SVG: a panel for the country, and one for each norm.

use std::path::Path;

use plotters::prelude::*;

use super::curve::{Point, Scored};

const COLUMNS: usize = 4;
const PANEL: (u32, u32) = (280, 220);
const HEAD: u32 = 46;

/// One panel.
pub(super) struct Panel {
    pub(super) title: String,
    pub(super) scored: Scored,
    /// The threshold in force.
    pub(super) now: f32,
    /// The one that is suggested.
    pub(super) suggested: Option<f32>,
}

/// Draws the panels into a file.
///
/// # Errors
/// What keeps the file from being written.
pub(super) fn draw(path: &Path, title: &str, panels: &[Panel]) -> anyhow::Result<()> {
    let rows = panels.len().div_ceil(COLUMNS).max(1);
    let size = (PANEL.0 * u32::try_from(COLUMNS)?, PANEL.1 * u32::try_from(rows)? + HEAD);
    let root = SVGBackend::new(path, size).into_drawing_area();
    let wrong = |error: &dyn std::fmt::Display| anyhow::anyhow!("{} cannot be drawn: {error}", path.display());
    root.fill(&WHITE).map_err(|error| wrong(&error))?;
    let (head, body) = root.split_vertically(HEAD);
    let legend = format!("{title}: recall (blue) and false alarms (red) by threshold; grey in force, green suggested");
    let font = ("sans-serif", 15).into_font();
    head.draw(&Text::new(legend, (12, 16), font)).map_err(|error| wrong(&error))?;
    for (area, panel) in body.split_evenly((rows, COLUMNS)).iter().zip(panels) {
        draw_one(area, panel).map_err(|error| wrong(&error))?;
    }
    root.present().map_err(|error| wrong(&error))
}

type Area<'a> = DrawingArea<SVGBackend<'a>, plotters::coord::Shift>;

fn draw_one(area: &Area<'_>, panel: &Panel) -> Result<(), Box<dyn std::error::Error>> {
    let mut chart = ChartBuilder::on(area)
        .caption(&panel.title, ("sans-serif", 13))
        .margin(8)
        .x_label_area_size(20)
        .y_label_area_size(30)
        .build_cartesian_2d(0.0_f64..1.0, 0.0_f64..1.0)?;
    chart.configure_mesh().x_labels(5).y_labels(5).light_line_style(WHITE).draw()?;
    let curve = panel.scored.curve();
    let line = |of: fn(&Point) -> Option<f64>| -> Vec<(f64, f64)> {
        curve.iter().filter_map(|point| Some((f64::from(point.threshold), of(point)?))).collect()
    };
    chart.draw_series(LineSeries::new(line(|point| point.recall), BLUE.stroke_width(2)))?;
    chart.draw_series(LineSeries::new(line(|point| point.alarms), RED.stroke_width(2)))?;
    let upright = |at: f32| [(f64::from(at), 0.0), (f64::from(at), 1.0)];
    chart.draw_series(LineSeries::new(upright(panel.now), RGBColor(130, 130, 130).stroke_width(1)))?;
    if let Some(suggested) = panel.suggested {
        chart.draw_series(LineSeries::new(upright(suggested), RGBColor(0, 140, 60).stroke_width(2)))?;
    }
    Ok(())
}

#[cfg(test)]
mod tests {
    use super::*;

    #[test]
    fn a_plot_has_a_panel_for_each_curve() {
        let folder = tempfile::tempdir().unwrap();
        let path = folder.path().join("tune.svg");
        let scored = Scored { at_stake: vec![0.8, 0.4], harmless: vec![0.1, 0.2] };
        let panel =
            |title: &str| Panel { title: title.to_owned(), scored: scored.clone(), now: 0.5, suggested: Some(0.3) };
        draw(&path, "CN", &[panel("all norms"), panel("clock-as-gift"), panel("<green & hat>")]).unwrap();
        let svg = std::fs::read_to_string(&path).unwrap();
        assert!(svg.contains("clock-as-gift") && svg.contains("&lt;green &amp; hat&gt;"), "{svg}");
        assert!(draw(&folder.path().join("no/such.svg"), "CN", &[]).is_err());
    }
}
