//! Rows of the small listings: defenders, vulnerabilities, licence.

use serde::de::{Deserialize, Deserializer, IgnoredAny};

use crate::client::Unreadable;
use crate::clock::Timestamp;
use crate::wire::{Count, Envelope, Keyed, Nested, Text, Time};

/// A row of `/defenders/summary`.
#[derive(Debug, Default, serde::Deserialize)]
#[serde(default)]
#[expect(missing_docs, reason = "the vendor's own field names")]
pub struct DefenderRow<'a> {
    #[serde(borrow)]
    pub category: Text<'a>,
    pub connected: Count,
    pub deployed: Count,
}

impl Keyed for DefenderRow<'_> {
    fn key(&self) -> &str {
        self.category.get()
    }
}

/// A row of the images' vulnerabilities in `/stats/vulnerabilities`.
#[derive(Debug, Default, serde::Deserialize)]
#[serde(default, rename_all = "camelCase")]
#[expect(missing_docs, reason = "the vendor's own field names")]
pub struct CveRow<'a> {
    #[serde(borrow)]
    pub cve: Text<'a>,
    pub impacted_resources_cnt: Count,
    pub status: Text<'a>,
    pub risk_factors: Nested<RiskFactors>,
}

impl CveRow<'_> {
    /// Whether there is a fix: the status says `fixed in …`, or it is a risk factor that there is.
    pub fn is_fixable(&self) -> bool {
        let status = self.status.get().as_bytes();
        let fixed = status.get(.."fixed".len()).is_some_and(|start| start.eq_ignore_ascii_case(b"fixed"));
        fixed || self.risk_factors.0.is_some_and(|factors| factors.has_fix)
    }
}

impl Keyed for CveRow<'_> {
    fn key(&self) -> &str {
        self.cve.get()
    }
}

/// `riskFactors`: that a key is there is what counts, whatever is under it.
#[derive(Clone, Copy, Debug, Default, serde::Deserialize)]
#[serde(default)]
pub struct RiskFactors {
    /// Whether `Has fix` is there.
    #[serde(rename = "Has fix", deserialize_with = "is_there")]
    pub has_fix: bool,
}

fn is_there<'de, D: Deserializer<'de>>(deserializer: D) -> Result<bool, D::Error> {
    IgnoredAny::deserialize(deserializer).map(|_| true)
}

/// The envelope of `/stats/vulnerabilities`: null, or an element for each day, of which the newest is read.
#[derive(Debug)]
pub enum Daily {}

/// One day.
#[derive(Debug, serde::Deserialize)]
pub struct Day<T> {
    /// When it was reckoned.
    #[serde(default)]
    pub modified: Time,
    /// Images; hosts and functions are not read.
    #[serde(default = "Nested::default")]
    pub images: Nested<OfImages<T>>,
}

/// What there is in images.
#[derive(Debug, serde::Deserialize)]
pub struct OfImages<T> {
    /// Vulnerabilities.
    pub vulnerabilities: Option<Vec<T>>,
}

impl Envelope for Daily {
    type Around<'a, T: Deserialize<'a> + 'a> = Option<Vec<Nested<Day<T>>>>;

    fn open<'a, T: Deserialize<'a> + 'a>(
        days: Option<Vec<Nested<Day<T>>>>,
    ) -> Result<(Vec<T>, Option<u64>), Unreadable> {
        let days = days.into_iter().flatten().filter_map(|day| day.0);
        let newest = days.max_by_key(|day| day.modified.0);
        Ok((newest.and_then(|day| day.images.0?.vulnerabilities).unwrap_or_default(), None))
    }
}

/// When the element that is read of an answer of `/stats/vulnerabilities` was computed.
pub fn computed(text: &str) -> Option<Timestamp> {
    #[derive(serde::Deserialize)]
    struct Head {
        #[serde(default)]
        modified: Time,
    }
    let days: Option<Vec<Nested<Head>>> = serde_json::from_str(text).ok()?;
    days.into_iter().flatten().filter_map(|day| day.0?.modified.0).max()
}

/// The answer of `/settings/license`.
#[derive(Debug, Default, serde::Deserialize)]
#[serde(default)]
#[expect(missing_docs, reason = "the vendor's own field names")]
pub struct License {
    pub expiration_date: Time,
}
