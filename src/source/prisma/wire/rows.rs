//! Rows of the small listings: defenders, vulnerabilities, licence.

use std::borrow::Cow;
use std::fmt;
use std::marker::PhantomData;

use serde::de::{Deserialize, Deserializer, IgnoredAny, MapAccess, SeqAccess, Visitor};

use crate::client::Unreadable;
use crate::clock::Timestamp;
use crate::wire::{Count, Envelope, Keyed, Nested, Presence, Read, RowList, Text, Time, row};

row! {
    /// A row of `/defenders/summary`.
    pub struct DefenderRow<'a> {
        category: Text<'a> = "category" as key,
        connected: Count = "connected",
        deployed: Count = "deployed",
    }
}

impl Keyed for DefenderRow<'_> {
    fn key(&self) -> &str {
        self.category.get()
    }
}

row! {
    /// A row of the images' vulnerabilities in `/stats/vulnerabilities`.
    pub struct CveRow<'a> {
        cve: Text<'a> = "cve" as key,
        impacted_resources_cnt: Count = "impactedResourcesCnt",
        status: Text<'a> = "status",
        risk_factors: Nested<RiskFactors> = "riskFactors",
    }
}

impl CveRow<'_> {
    /// Whether there is a fix: the status says `fixed in …`, or a risk factor says so.
    pub fn is_fixable(&self) -> bool {
        let status = self.status.get().as_bytes();
        let fixed = status.get(.."fixed".len()).is_some_and(|start| start.eq_ignore_ascii_case(b"fixed"));
        fixed || self.risk_factors.0.as_ref().is_some_and(|factors| factors.has_fix.0)
    }
}

impl Keyed for CveRow<'_> {
    fn key(&self) -> &str {
        self.cve.get()
    }
}

row! {
    /// `riskFactors`: only the presence of a key counts, whatever its value.
    pub struct RiskFactors {
        has_fix: Presence = "Has fix",
    }
}

/// The envelope of `/stats/vulnerabilities`: null, or an element for each day, of which the newest is read.
#[derive(Debug)]
pub enum Daily {}

/// One day. Of several fields with one name, the last counts.
#[derive(Debug)]
struct Day<T> {
    /// When it was computed.
    pub modified: Time,
    /// Vulnerabilities of images; those of hosts and functions are not read.
    pub images: OfImages<T>,
}

/// The `vulnerabilities` of a day's images, if there are any.
#[derive(Debug)]
struct OfImages<T>(Option<RowList<T>>);

struct DayFields<T>(PhantomData<T>);

struct ImagesFields<T>(PhantomData<T>);

impl<'de, T: Deserialize<'de>> Deserialize<'de> for Day<T> {
    fn deserialize<D: Deserializer<'de>>(deserializer: D) -> Result<Self, D::Error> {
        deserializer.deserialize_any(DayFields(PhantomData))
    }
}

impl<'de, T: Deserialize<'de>> Deserialize<'de> for OfImages<T> {
    fn deserialize<D: Deserializer<'de>>(deserializer: D) -> Result<Self, D::Error> {
        deserializer.deserialize_any(ImagesFields(PhantomData))
    }
}

impl<'de, T: Deserialize<'de>> Visitor<'de> for DayFields<T> {
    type Value = Day<T>;

    fn expecting(&self, f: &mut fmt::Formatter<'_>) -> fmt::Result {
        f.write_str("a day's statistics")
    }

    fn visit_map<A: MapAccess<'de>>(self, mut map: A) -> Result<Day<T>, A::Error> {
        let mut day = Day { modified: Time::default(), images: OfImages(None) };
        while let Some(name) = map.next_key::<Cow<'de, str>>()? {
            match &*name {
                "modified" => Read(day.modified, _) = map.next_value()?,
                "images" => day.images = map.next_value()?,
                _ => _ = map.next_value::<IgnoredAny>()?,
            }
        }
        Ok(day)
    }
}

impl<'de, T: Deserialize<'de>> Visitor<'de> for ImagesFields<T> {
    type Value = OfImages<T>;

    fn expecting(&self, f: &mut fmt::Formatter<'_>) -> fmt::Result {
        f.write_str("statistics of images")
    }

    fn visit_unit<E>(self) -> Result<OfImages<T>, E> {
        Ok(OfImages(None))
    }

    fn visit_map<A: MapAccess<'de>>(self, mut map: A) -> Result<OfImages<T>, A::Error> {
        let mut images = OfImages(None);
        while let Some(name) = map.next_key::<Cow<'de, str>>()? {
            match &*name {
                "vulnerabilities" => images = OfImages(map.next_value()?),
                _ => _ = map.next_value::<IgnoredAny>()?,
            }
        }
        Ok(images)
    }
}

/// The element that was computed last. The others are dropped as they are read.
#[derive(Debug)]
pub struct Newest<T>(Option<Day<T>>);

struct Days<T>(PhantomData<T>);

impl<'de, T: Deserialize<'de>> Visitor<'de> for Days<T> {
    type Value = Newest<T>;

    fn expecting(&self, f: &mut fmt::Formatter<'_>) -> fmt::Result {
        f.write_str("a list of days' statistics")
    }

    fn visit_seq<A: SeqAccess<'de>>(self, mut list: A) -> Result<Newest<T>, A::Error> {
        let mut newest: Option<Day<T>> = None;
        while let Some(day) = list.next_element::<Option<Day<T>>>()? {
            let is_newer = |day: &Day<T>| newest.as_ref().is_none_or(|newest| day.modified.0 >= newest.modified.0);
            if let Some(day) = day.filter(is_newer) {
                newest = Some(day);
            }
        }
        Ok(Newest(newest))
    }
}

impl<'de, T: Deserialize<'de>> Deserialize<'de> for Newest<T> {
    fn deserialize<D: Deserializer<'de>>(deserializer: D) -> Result<Self, D::Error> {
        deserializer.deserialize_seq(Days(PhantomData))
    }
}

impl Envelope for Daily {
    type Around<'a, T: Deserialize<'a> + 'a> = Option<Newest<T>>;

    fn open<'a, T: Deserialize<'a> + 'a>(newest: Option<Newest<T>>) -> Result<(Vec<T>, Option<u64>), Unreadable> {
        let newest = newest.and_then(|newest| newest.0);
        Ok((newest.and_then(|day| day.images.0).map_or(Ok(Vec::new()), RowList::rows)?, None))
    }
}

row! {
    /// The fields of an element besides its rows.
    struct Head {
        modified: Time = "modified",
    }
}

/// When the element of a `/stats/vulnerabilities` response that is read was computed.
pub fn computed(text: &str) -> Option<Timestamp> {
    let days: Option<RowList<Nested<Head>>> = serde_json::from_str(text).ok()?;
    days?.rows().ok()?.into_iter().filter_map(|day| day.0?.modified.0).max()
}

row! {
    /// The answer of `/settings/license`.
    pub struct License {
        expiration_date: Time = "expiration_date",
    }
}
