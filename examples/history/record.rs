//! Scrapes kept in memory, and written as one OpenMetrics file with their timestamps: what Prometheus would have stored.
//!
//! Two things differ from what it stores. A series that is gone has no mark of its end, so that it is seen for five
//! minutes more. And `process_start_time_seconds`, which is that of this process, is when the exporter started on the
//! clock that it went by.

use std::collections::HashMap;
use std::io::{self, Write};

/// What is scraped: the labels that Prometheus adds to each series.
pub(crate) const JOB: &str = "container-security";

const START: &str = "process_start_time_seconds";

/// All scrapes so far.
#[derive(Default)]
pub(crate) struct Record {
    families: Vec<Family>,
    /// Where a family is, by name, and a series within it, by what it is called on the page and of whom.
    places: HashMap<String, usize>,
}

#[derive(Default)]
struct Family {
    /// `# TYPE`, `# HELP` and `# UNIT`, as served.
    head: Vec<String>,
    series: Vec<Series>,
    places: HashMap<String, usize>,
}

struct Series {
    /// Name and labels, those that Prometheus adds included.
    name: String,
    /// When, in Unix milliseconds, and what, as served.
    samples: Vec<(i64, Box<str>)>,
}

impl Record {
    /// Keeps a page that `instance` served at that time, or that it served none. Returns how many samples it had.
    pub(crate) fn take(
        &mut self,
        instance: &str,
        at_ms: i64,
        started_ms: i64,
        page: Option<&str>,
    ) -> Result<usize, String> {
        let place = self.family("up", vec!["# TYPE up gauge".to_owned()]);
        self.families[place].add(instance, "up", at_ms, if page.is_some() { "1" } else { "0" });
        let Some(page) = page else { return Ok(0) };
        let body = page.strip_suffix("# EOF\n").ok_or("a page without an end")?;
        let (mut samples, mut head, mut place) = (0, Vec::new(), None);
        for line in body.lines() {
            if line.starts_with('#') {
                // The first such line ends the family before.
                place = None;
                head.push(line.to_owned());
                continue;
            }
            let family = if let Some(place) = place {
                place
            } else {
                let name = head.first().and_then(|line: &String| line.split(' ').nth(2));
                let name = name.ok_or("a sample of no family")?.to_owned();
                *place.insert(self.family(&name, std::mem::take(&mut head)))
            };
            let family = &mut self.families[family];
            let (series, value) = line.rsplit_once(' ').ok_or("a line without a value")?;
            if series == START {
                family.add(instance, series, at_ms, &seconds(started_ms));
            } else {
                family.add(instance, series, at_ms, value);
            }
            samples += 1;
        }
        Ok(samples)
    }

    /// Where that family is, from now on if it was not known.
    fn family(&mut self, name: &str, head: Vec<String>) -> usize {
        if let Some(place) = self.places.get(name) {
            return *place;
        }
        self.places.insert(name.to_owned(), self.families.len());
        self.families.push(Family { head, ..Family::default() });
        self.families.len() - 1
    }

    /// How many series there were.
    pub(crate) fn series(&self) -> usize {
        self.families.iter().map(|family| family.series.len()).sum()
    }

    /// Writes it all: each family in one piece, each series from its first sample to its last.
    pub(crate) fn write(&self, out: &mut impl Write) -> io::Result<()> {
        for family in &self.families {
            for line in &family.head {
                writeln!(out, "{line}")?;
            }
            for series in &family.series {
                for (at, value) in &series.samples {
                    writeln!(out, "{} {value} {}", series.name, seconds(*at))?;
                }
            }
        }
        writeln!(out, "# EOF")
    }
}

impl Family {
    fn add(&mut self, instance: &str, series: &str, at_ms: i64, value: &str) {
        // A space is in no instance, and in no name of a family.
        let key = format!("{instance} {series}");
        let place = *self.places.entry(key).or_insert_with(|| {
            self.series.push(Series { name: labelled(instance, series), samples: Vec::new() });
            self.series.len() - 1
        });
        self.series[place].samples.push((at_ms, value.into()));
    }
}

/// A series with the labels that Prometheus adds.
fn labelled(instance: &str, series: &str) -> String {
    let target = format!("instance=\"{instance}\",job=\"{JOB}\"");
    match series.split_once('{') {
        Some((name, labels)) => format!("{name}{{{target},{labels}"),
        None => format!("{series}{{{target}}}"),
    }
}

fn seconds(ms: i64) -> String {
    if ms % 1000 == 0 { (ms / 1000).to_string() } else { format!("{}.{:03}", ms / 1000, ms % 1000) }
}
