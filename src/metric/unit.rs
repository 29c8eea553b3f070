//! What kind of series a family has, and what its values are measured in.

/// What kind of series a family has.
#[derive(Clone, Copy, Debug, PartialEq, Eq)]
pub enum Kind {
    /// A value that goes up and down.
    Gauge,
    /// A value that only goes up, counted by the exporter itself.
    Counter,
    /// A distribution, observed by the exporter itself.
    Histogram,
}

impl Kind {
    /// The word for it in expositions.
    pub const fn as_str(self) -> &'static str {
        match self {
            Self::Gauge => "gauge",
            Self::Counter => "counter",
            Self::Histogram => "histogram",
        }
    }
}

/// The unit of a value; decides the suffix of the family's name and the UCUM code.
#[derive(Clone, Copy, Debug, PartialEq, Eq)]
pub enum Unit {
    /// Seconds.
    Seconds,
    /// A point in time, in seconds since 1970.
    UnixSeconds,
    /// Bytes.
    Bytes,
    /// A count of things, named in the singular.
    Each(&'static str),
    /// A plain number: a score, a yes or no.
    Plain,
}

impl Unit {
    /// What the name ends in, before a counter's `_total`.
    pub const fn suffix(self) -> &'static str {
        match self {
            Self::Seconds => "_seconds",
            Self::UnixSeconds => "_timestamp_seconds",
            Self::Bytes => "_bytes",
            Self::Each(_) | Self::Plain => "",
        }
    }

    /// The base unit that an exposition names, which is the last word of the name.
    pub const fn base(self) -> Option<&'static str> {
        match self {
            Self::Seconds | Self::UnixSeconds => Some("seconds"),
            Self::Bytes => Some("bytes"),
            Self::Each(_) | Self::Plain => None,
        }
    }

    /// Its UCUM code, empty for a plain number.
    pub fn ucum(self) -> String {
        match self {
            Self::Seconds | Self::UnixSeconds => "s".to_owned(),
            Self::Bytes => "By".to_owned(),
            Self::Each(thing) => format!("{{{thing}}}"),
            Self::Plain => String::new(),
        }
    }
}
