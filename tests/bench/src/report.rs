//! The table on the screen and in files.

use std::fmt::Write as _;
use std::fs;
use std::path::{Path, PathBuf};

use crate::plot;
use crate::row::{Place, Point, Promise, Row, Series};
use crate::samples::Samples;
use crate::text::number;

/// What was measured so far.
pub(crate) struct Report {
    folder: PathBuf,
    table: String,
    notes: String,
    broken: Vec<String>,
}

impl Report {
    /// An empty one, to be kept in `folder`.
    pub(crate) fn new(folder: &Path, quick: bool) -> Self {
        fs::create_dir_all(folder).expect("a folder for the figures");
        let rounds = if quick { ", quick: fewer rounds, smaller sizes" } else { "" };
        let mut table = String::new();
        let _ = write!(
            table,
            "ours beside keepalived, in turns in one run{rounds}; medians, [least .. most]\n\n\
             | row | size | ours | keepalived | ratio | the kernel alone | its ratio | reach | |\n\
             | --- | --- | --- | --- | --- | --- | --- | --- | --- |\n"
        );
        print!("\n{table}");
        Self { folder: folder.to_owned(), table, notes: String::new(), broken: Vec::new() }
    }

    /// Adds and prints a row.
    pub(crate) fn add(&mut self, row: &Row, series: Vec<Series>) {
        for one in &series {
            let title = title(row, one);
            for text in lines(row, one) {
                print!("{text}");
                self.table.push_str(&text);
            }
            for point in &one.points {
                for promise in point.promises.iter().filter(|promise| !point.keeps(**promise)) {
                    self.broken.push(format!(
                        "{title}, {}: {}",
                        point.label,
                        said(*promise, &one.unit)
                    ));
                }
            }
            if one.points.iter().filter(|point| point.size.is_some()).count() > 1 {
                let name = one.name.replace(|letter: char| !letter.is_alphanumeric(), "-");
                let file = format!("{}-{name}.svg", row.name).replace("-.svg", ".svg");
                plot::curve(&self.folder.join(file), &title, one);
            }
        }
        let place = match row.place {
            Place::Here => "",
            Place::Ipvs if lab::uml::has_ipvs() => "",
            Place::Ipvs => " Run in User-Mode Linux on one processor.",
        };
        let _ = writeln!(self.notes, "- `{}`: {}{place}", row.name, row.how);
        let json = serde_json::to_string_pretty(&series).expect("figures are plain values");
        self.write(&format!("{}.json", row.name), &json);
    }

    /// Writes the table and says what was not reached.
    pub(crate) fn finish(self) {
        let mut text = format!("{}\nHow it was measured:\n\n{}", self.table, self.notes);
        if !self.broken.is_empty() {
            let _ = write!(text, "\nNot reached:\n\n");
            for line in &self.broken {
                let _ = writeln!(text, "- {line}");
            }
        }
        self.write("table.md", &text);
        println!("{}", &text[self.table.len()..]);
        println!("kept in {}", self.folder.display());
    }

    fn write(&self, name: &str, text: &str) {
        fs::write(self.folder.join(name), text).expect("the figures can be written");
    }
}

fn title(row: &Row, series: &Series) -> String {
    match series.name.as_str() {
        "" => row.title.to_owned(),
        name => format!("{}: {name}", row.title),
    }
}

/// The lines of the table about one measure, then those about what could not be measured.
pub(crate) fn lines(row: &Row, series: &Series) -> Vec<String> {
    let title = title(row, series);
    let points = series.points.iter().map(|point| line(&title, &series.unit, point));
    let remarks =
        series.remarks.iter().map(|remark| format!("| {title} | {remark} | | | | | | | |\n"));
    points.chain(remarks).collect()
}

fn line(title: &str, unit: &str, point: &Point) -> String {
    let [ours, keepalived] = point.samples.each_ref().map(|samples| column(samples, unit));
    let reach: Vec<String> = point.promises.iter().map(|promise| said(*promise, unit)).collect();
    let verdict = match point.promises.iter().all(|promise| point.keeps(*promise)) {
        _ if point.promises.is_empty() => "",
        true => "yes",
        false => "**no**",
    };
    let floor = point.floor.as_ref().map(|samples| column(samples, unit)).unwrap_or_default();
    format!(
        "| {title} | {} | {ours} | {keepalived} | {} | {floor} | {} | {} | {verdict} |\n",
        point.label,
        number(point.ratio()),
        point.least_ratio().map(number).unwrap_or_default(),
        reach.join(", ")
    )
}

fn column(samples: &Samples, unit: &str) -> String {
    let median = number(samples.median());
    if samples.count() == 1 {
        return format!("{median} {unit}");
    }
    format!("{median} {unit} [{} .. {}]", number(samples.least()), number(samples.most()))
}

fn said(promise: Promise, unit: &str) -> String {
    match promise {
        Promise::Ratio(limit) => format!("ratio ≤ {limit}"),
        Promise::Median(limit) => format!("median ≤ {limit} {unit}"),
        Promise::Worst(limit) => format!("worst ≤ {limit} {unit}"),
        Promise::AtLeast(limit) => format!("≥ {limit} {unit}"),
    }
}
