//! A strict parser for `OpenMetrics` 1.0.0 and Prometheus text 0.0.4, written from the two specifications.
//!
//! It is stricter than a scraper: every sample needs a typed family, and timestamps and exemplars are errors.

mod difference;
mod histogram;
mod line;

use std::collections::{BTreeMap, HashSet};
use std::hash::{BuildHasher as _, BuildHasherDefault, DefaultHasher};

pub use difference::differences;
use line::Metadata;

use crate::oracle::{Families, Labels};

/// The format of an exposition.
#[derive(Clone, Copy, Debug, PartialEq, Eq)]
pub enum Format {
    /// `application/openmetrics-text; version=1.0.0`
    OpenMetrics,
    /// `text/plain; version=0.0.4`
    Text,
}

/// A metric family.
#[derive(Clone, Debug, Default, PartialEq, Eq)]
pub struct Family {
    /// The name in its metadata: without `_total` for an `OpenMetrics` counter.
    pub name: String,
    /// The type; empty if it is missing, which is an error once there are samples.
    pub kind: String,
    /// The unit, which only `OpenMetrics` has.
    pub unit: Option<String>,
    /// The help text.
    pub help: Option<String>,
}

/// A sample.
#[derive(Clone, Debug, PartialEq)]
pub struct Sample {
    /// The full name.
    pub name: String,
    /// The labels.
    pub labels: Labels,
    /// The value.
    pub value: f64,
}

/// A parsed exposition, in order.
#[derive(Clone, Debug, Default)]
pub struct Exposition {
    /// The families.
    pub families: Vec<Family>,
    /// The samples.
    pub samples: Vec<Sample>,
}

impl Exposition {
    /// The samples by name, for comparison with the oracle.
    pub fn families(&self) -> Families {
        let mut families = Families::new();
        for sample in &self.samples {
            families.entry(sample.name.clone()).or_default().insert(sample.labels.clone(), sample.value);
        }
        families
    }

    /// Like [`Exposition::families`], consuming the exposition.
    pub fn into_families(self) -> Families {
        let mut families = Families::new();
        for Sample { name, labels, value } in self.samples {
            if let Some(series) = families.get_mut(&name) {
                series.insert(labels, value);
            } else {
                families.insert(name, [(labels, value)].into());
            }
        }
        families
    }

    /// The family with this name.
    pub fn family(&self, name: &str) -> Option<&Family> {
        self.families.iter().find(|family| family.name == name)
    }
}

/// Parses an exposition. The error has the line number, from 1, and the reason.
pub fn parse(text: &str, format: Format) -> Result<Exposition, String> {
    let body = match format {
        Format::OpenMetrics => text.strip_suffix("# EOF\n").ok_or("the text does not end with '# EOF\\n'")?,
        Format::Text => text,
    };
    if !body.is_empty() && !body.ends_with('\n') {
        return Err(String::from("the last line is not terminated"));
    }
    let mut reader =
        Reader { format, exposition: Exposition::default(), seen: HashSet::new(), hasher: BuildHasherDefault::new() };
    // Lines end in a line feed only; `lines` would swallow carriage returns.
    for (index, line) in body.split_terminator('\n').enumerate() {
        reader.line(line).map_err(|reason| format!("line {}: {reason}: {line}", index + 1))?;
    }
    histogram::check(&reader.exposition)?;
    Ok(reader.exposition)
}

struct Reader {
    format: Format,
    exposition: Exposition,
    /// Hashes of the series. Copies of their labels would take most of the memory.
    seen: HashSet<u64>,
    hasher: BuildHasherDefault<DefaultHasher>,
}

impl Reader {
    fn line(&mut self, line: &str) -> Result<(), String> {
        if let Some(comment) = line.strip_prefix('#') {
            return match line::metadata(comment, self.format)? {
                Some((name, metadata)) => self.metadata(&name, metadata),
                None if self.format == Format::Text => Ok(()),
                None => Err(String::from("a comment, which OpenMetrics does not have")),
            };
        }
        if line.is_empty() {
            return if self.format == Format::Text { Ok(()) } else { Err(String::from("an empty line")) };
        }
        let sample = line::sample(line, self.format)?;
        self.check(&sample)?;
        if !self.seen.insert(self.hasher.hash_one((&sample.name, &sample.labels))) {
            return Err(String::from("a duplicate series"));
        }
        self.exposition.samples.push(sample);
        Ok(())
    }

    fn metadata(&mut self, name: &str, metadata: Metadata) -> Result<(), String> {
        if self.exposition.families.last().is_none_or(|family| family.name != name) {
            if self.exposition.family(name).is_some() {
                return Err(String::from("a duplicate or interleaved family"));
            }
            self.exposition.families.push(Family { name: String::from(name), ..Family::default() });
        } else if self.has_samples(name) {
            return Err(String::from("metadata after samples"));
        }
        let family = self.exposition.families.last_mut().ok_or("no family")?;
        let is_repeated = match metadata {
            Metadata::Type(kind) => !std::mem::replace(&mut family.kind, kind).is_empty(),
            Metadata::Help(help) => family.help.replace(help).is_some(),
            Metadata::Unit(unit) if unit.is_empty() || name.ends_with(&format!("_{unit}")) => {
                family.unit.replace(unit).is_some()
            }
            Metadata::Unit(unit) => return Err(format!("the name does not end in the unit '{unit}'")),
        };
        if is_repeated { Err(String::from("metadata twice")) } else { Ok(()) }
    }

    fn has_samples(&self, family: &str) -> bool {
        // Families are not interleaved, so the last sample belongs to the current family, if that has any.
        self.exposition.samples.last().is_some_and(|sample| {
            let suffix = sample.name.strip_prefix(family);
            self.exposition
                .family(family)
                .zip(suffix)
                .is_some_and(|(family, suffix)| self.suffixes(&family.kind).contains(&suffix))
        })
    }

    /// The valid suffixes of sample names in a family of that type.
    fn suffixes(&self, kind: &str) -> &'static [&'static str] {
        match (kind, self.format) {
            ("counter", Format::OpenMetrics) => &["_total", "_created"],
            ("info", Format::OpenMetrics) => &["_info"],
            ("histogram", Format::OpenMetrics) => &["_bucket", "_sum", "_count", "_created"],
            ("histogram", Format::Text) => &["_bucket", "_sum", "_count"],
            ("gaugehistogram", Format::OpenMetrics) => &["_bucket", "_gsum", "_gcount"],
            ("summary", Format::OpenMetrics) => &["", "_sum", "_count", "_created"],
            ("summary", Format::Text) => &["", "_sum", "_count"],
            ("gauge" | "unknown" | "stateset", Format::OpenMetrics)
            | ("gauge" | "untyped" | "counter", Format::Text) => &[""],
            _ => &[],
        }
    }

    /// Checks whether the sample may be in the current family.
    fn check(&self, sample: &Sample) -> Result<(), String> {
        let family = self.exposition.families.last().ok_or("a sample before any family")?;
        if family.kind.is_empty() {
            return Err(String::from("a sample of a family without a type"));
        }
        let belongs =
            sample.name.strip_prefix(&family.name).is_some_and(|suffix| self.suffixes(&family.kind).contains(&suffix));
        if !belongs {
            return Err(format!("not a sample of the {} '{}'", family.kind, family.name));
        }
        if family.kind == "counter" {
            if !sample.name.ends_with("_total") && !sample.name.ends_with("_created") {
                return Err(String::from("a counter that does not end in _total"));
            }
            if !sample.value.is_finite() || sample.value < 0.0 {
                return Err(String::from("a counter that is negative or not finite"));
            }
        }
        let quantile = sample.labels.contains_key("quantile");
        let bucket = sample.labels.contains_key("le");
        let wants_bucket = sample.name.ends_with("_bucket") && family.kind.ends_with("histogram");
        let wants_quantile = family.kind == "summary" && sample.name == family.name;
        if bucket != wants_bucket || quantile != wants_quantile {
            return Err(String::from("the label le or quantile is missing or out of place"));
        }
        Ok(())
    }
}

/// The samples of one name, grouped by their labels except `without`, in order.
fn alike<'a>(samples: &'a [Sample], name: &str, without: &str) -> BTreeMap<Vec<(&'a str, &'a str)>, Vec<&'a Sample>> {
    let mut groups: BTreeMap<_, Vec<&Sample>> = BTreeMap::new();
    for sample in samples.iter().filter(|sample| sample.name == name) {
        let labels = sample.labels.iter().filter(|(label, _)| *label != without);
        groups.entry(labels.map(|(label, value)| (label.as_str(), value.as_str())).collect()).or_default().push(sample);
    }
    groups
}

#[cfg(test)]
mod tests;
