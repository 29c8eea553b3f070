//! `/csapi/v1.3/k8s_postures/count`: one row for each control and resource, or only how many of them there are.

use std::fmt;

use serde::de::{Deserializer, IgnoredAny, MapAccess, SeqAccess, Visitor};

use crate::record::Outcome;
use crate::telemetry::Rejection;
use crate::wire::{Count, Field, FieldState, Keyed, Nested, Read, Text, Time, other_scalars, row};

row! {
    /// A row of the listing; from release notes 1.38, "Show Control Postures Count".
    pub struct ResourceRow<'a> {
        cid: Text<'a> = "cid" as key,
        cluster_uid: Text<'a> = "clusterUid" as key,
        cluster_name: Text<'a> = "clusterName",
        control_criticality: Text<'a> = "controlCriticality",
        resource_uid: Text<'a> = "resourceUid" as key,
        resource_id: Text<'a> = "resourceId" as key,
        resource_type: Text<'a> = "resourceType",
        resource_name: Text<'a> = "resourceName" as key,
        last_evaluated: Time = "lastEvaluated",
        status: Status = "status" as key,
    }
}

impl ResourceRow<'_> {
    /// What distinguishes the resource from the others of its cluster: its uid, else its id, else its type and name.
    fn resource(&self) -> Option<[&str; 3]> {
        let uid = self.resource_uid.filled().map(|uid| ["uid", uid, ""]);
        let id = || self.resource_id.filled().map(|id| ["id", id, ""]);
        let name = || self.resource_name.filled().map(|name| ["name", self.resource_type.get(), name]);
        uid.or_else(id).or_else(name)
    }

    /// The row's key in a table, unique per control, cluster and resource. `None` if the row names no resource.
    pub fn place(&self) -> Option<String> {
        let [form, first, second] = self.resource()?;
        Some([self.cid.get(), self.cluster_uid.get(), form, first, second].join("\n"))
    }
}

impl Keyed for ResourceRow<'_> {
    fn key(&self) -> &str {
        self.cid.get()
    }

    fn rejection(&self) -> Option<Rejection> {
        match self.status {
            _ if self.cid.get().is_empty() => Some(Rejection::Unidentified),
            Status(None) => Some(Rejection::Unreadable),
            Status(Some(_)) => None,
        }
    }
}

/// `status`, which must be one of three words: anything else could not be counted.
#[derive(Clone, Copy, Debug, Default, PartialEq, Eq)]
pub struct Status(pub Option<Outcome>);

impl<'de> Field<'de> for Status {
    fn read<D: Deserializer<'de>>(deserializer: D) -> Result<(Self, FieldState), D::Error> {
        const WORDS: [(&str, Outcome); 6] = [
            ("pass", Outcome::Pass),
            ("passed", Outcome::Pass),
            ("fail", Outcome::Fail),
            ("failed", Outcome::Fail),
            ("skip", Outcome::Skip),
            ("skipped", Outcome::Skip),
        ];
        let (word, state) = Text::read(deserializer)?;
        let known = WORDS.iter().find(|(known, _)| known.eq_ignore_ascii_case(word.get()));
        Ok((Self(known.map(|(_, outcome)| *outcome)), state))
    }
}

row! {
    /// A response, as far as it shows whether it has rows.
    struct Shape {
        data: Elements = "data",
        groups: Elements = "groups",
        count: Count = "count",
    }
}

/// Whether a response of this listing has numbers without the rows behind them: a bare number, an object with nothing
/// but a number, or groups in place of rows.
pub fn is_only_numbers(text: &str) -> bool {
    match serde_json::from_str::<Read<Nested<Shape>>>(text) {
        Ok(Read(Nested(Some(Shape { data, groups, count, .. })), _)) => {
            // A count of zero is not a number without rows.
            let counts = data == Elements::Missing && count.0.is_some_and(|count| count > 0);
            !matches!(data, Elements::Some | Elements::Other) && (groups == Elements::Some || counts)
        }
        Ok(_) => serde_json::from_str::<Read<Count>>(text).is_ok_and(|Read(count, _)| count.0.is_some()),
        Err(_) => false,
    }
}

/// Whether a value has elements or fields.
#[derive(Clone, Copy, Debug, Default, PartialEq, Eq)]
enum Elements {
    /// It is missing or null.
    #[default]
    Missing,
    /// It is an empty list or object.
    Empty,
    /// It is a list or an object with contents.
    Some,
    /// It is neither a list nor an object.
    Other,
}

struct Any;

impl<'de> Visitor<'de> for Any {
    type Value = (Option<usize>, FieldState);

    fn expecting(&self, f: &mut fmt::Formatter<'_>) -> fmt::Result {
        f.write_str("a list or an object")
    }

    fn visit_map<A: MapAccess<'de>>(self, mut map: A) -> Result<Self::Value, A::Error> {
        let mut fields = 0;
        while map.next_entry::<IgnoredAny, IgnoredAny>()?.is_some() {
            fields += 1;
        }
        Ok((Some(fields), FieldState::Present))
    }

    fn visit_seq<A: SeqAccess<'de>>(self, mut list: A) -> Result<Self::Value, A::Error> {
        let mut elements = 0;
        while list.next_element::<IgnoredAny>()?.is_some() {
            elements += 1;
        }
        Ok((Some(elements), FieldState::Present))
    }

    other_scalars!();
}

impl<'de> Field<'de> for Elements {
    fn read<D: Deserializer<'de>>(deserializer: D) -> Result<(Self, FieldState), D::Error> {
        let (length, state) = deserializer.deserialize_any(Any)?;
        let elements = match (length, state) {
            (_, FieldState::Unreadable) => Self::Other,
            (None, _) => Self::Missing,
            (Some(0), _) => Self::Empty,
            (Some(_), _) => Self::Some,
        };
        Ok((elements, state))
    }
}
