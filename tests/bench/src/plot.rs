//! A scaling curve as SVG.

use std::path::Path;

use plotters::prelude::*;

use crate::row::Series;
use crate::samples::Samples;
use crate::text::number;

const SIZE: (u32, u32) = (720, 440);

const NAMES: [&str; 2] = ["keepalived-rs", "keepalived"];

const COLOURS: [RGBColor; 2] = [RGBColor(30, 110, 200), RGBColor(210, 90, 40)];

/// Draws both medians over the size, with their ranges; both axes grow by factors.
pub(crate) fn curve(file: &Path, title: &str, series: &Series) {
    draw(file, title, series).unwrap_or_else(|error| panic!("{}: {error}", file.display()));
}

fn draw(
    file: &Path,
    title: &str,
    series: &Series,
) -> Result<(), DrawingAreaErrorKind<std::io::Error>> {
    let area = SVGBackend::new(file, SIZE).into_drawing_area();
    area.fill(&WHITE)?;
    let positive = |value: f64| value.max(1e-3);
    let sizes = || series.points.iter().filter_map(|point| point.size);
    let values = || {
        let both = series.points.iter().flat_map(|point| &point.samples);
        both.flat_map(|samples| [samples.least(), samples.most()])
    };
    let least = |all: &mut dyn Iterator<Item = f64>| positive(all.fold(f64::MAX, f64::min));
    let most = |all: &mut dyn Iterator<Item = f64>| positive(all.fold(0.0, f64::max));
    let across = (least(&mut sizes()) / 1.3)..(most(&mut sizes()) * 1.3);
    let upward = (least(&mut values()) / 1.6)..(most(&mut values()) * 1.6);
    let mut chart = ChartBuilder::on(&area)
        .caption(title, ("sans-serif", 18))
        .margin(12)
        .x_label_area_size(36)
        .y_label_area_size(64)
        .build_cartesian_2d(across.log_scale(), upward.log_scale())?;
    chart
        .configure_mesh()
        .x_label_formatter(&|value| number(*value))
        .y_label_formatter(&|value| number(*value))
        .y_desc(series.unit.as_str())
        .draw()?;
    for (index, name) in NAMES.iter().enumerate() {
        let colour = COLOURS[index];
        let of = |figure: fn(&Samples) -> f64| {
            let points = series.points.iter();
            points.filter_map(move |point| {
                Some((point.size?, figure(&point.samples[index]).max(1e-3)))
            })
        };
        chart
            .draw_series(
                LineSeries::new(of(Samples::median), colour.stroke_width(2)).point_size(4),
            )?
            .label(*name)
            .legend(move |(x, y)| PathElement::new([(x, y), (x + 18, y)], colour.stroke_width(2)));
        let ranges = of(Samples::least).zip(of(Samples::most));
        chart.draw_series(ranges.map(|(low, high)| PathElement::new([low, high], colour)))?;
    }
    chart
        .configure_series_labels()
        .position(SeriesLabelPosition::UpperLeft)
        .background_style(WHITE.mix(0.8))
        .border_style(BLACK.mix(0.3))
        .draw()?;
    area.present()
}
