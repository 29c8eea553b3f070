//! Keeps scrapes in memory and writes them as one OpenMetrics file with timestamps, as Prometheus would store them.
//!
//! There are two differences. A series that ends does not have a stale marker, so it is visible for five minutes more.
//! And `process_start_time_seconds`, which would be that of this process, is the start time of the exporter on the
//! simulated clock.

use std::collections::HashMap;
use std::io::{self, Write};

/// The labels that Prometheus adds to each scraped series.
pub(crate) const JOB: &str = "container-security";

const START: &str = "process_start_time_seconds";

/// All scrapes so far.
#[derive(Default)]
pub(crate) struct Record {
    families: Vec<Family>,
    /// The index of each family by name, and of each series in it by instance and series text.
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
    /// Name and labels, including those that Prometheus adds.
    name: String,
    /// Times in Unix milliseconds, and values as served.
    samples: Vec<(i64, Box<str>)>,
}

impl Record {
    /// Records a page that `instance` served at that time, or that it did not serve one. Returns the number of samples.
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
        let body = page.strip_suffix("# EOF\n").ok_or("a page without its end")?;
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
                let name = name.ok_or("a sample without a family")?.to_owned();
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

    /// The index of a family, which is added if it is new.
    fn family(&mut self, name: &str, head: Vec<String>) -> usize {
        if let Some(place) = self.places.get(name) {
            return *place;
        }
        self.places.insert(name.to_owned(), self.families.len());
        self.families.push(Family { head, ..Family::default() });
        self.families.len() - 1
    }

    /// The number of series.
    pub(crate) fn series(&self) -> usize {
        self.families.iter().map(|family| family.series.len()).sum()
    }

    /// Writes everything: each family in one piece, each series from its first sample to its last.
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
        // Neither instances nor family names contain spaces.
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
