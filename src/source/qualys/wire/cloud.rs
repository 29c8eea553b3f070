//! `cloudProvider`: a flat object of dotted keys such as `aws.ecs.accountId`, most of them null.

use std::fmt;

use serde::de::{Deserializer, IgnoredAny, MapAccess, SeqAccess, Visitor};

use crate::wire::{Field, FieldState, Read, Text, other_scalars};

/// Where a container runs, according to the keys. Keys count in sorted order, in whichever order they are sent.
#[derive(Clone, Debug, Default, PartialEq, Eq)]
pub struct Cloud<'a> {
    first: Option<Text<'a>>,
    account: Option<(Text<'a>, Text<'a>)>,
    region: Option<(Text<'a>, Text<'a>)>,
}

impl Cloud<'_> {
    /// The first segment of the first key; empty without keys.
    pub fn provider(&self) -> &str {
        let first = self.first.as_ref().map_or("", Text::get);
        first.split_once('.').map_or(first, |(provider, _)| provider)
    }

    /// The first `*.accountId` that has a value; empty if none has.
    pub fn account(&self) -> &str {
        self.account.as_ref().map_or("", |(_, value)| value.get())
    }

    /// The first `*.region` or `*.region.code` that has a value; empty if none has.
    pub fn region(&self) -> &str {
        self.region.as_ref().map_or("", |(_, value)| value.get())
    }
}

/// Keeps `key` and `value` if the value is filled and no smaller key is kept.
fn keep<'a>(kept: &mut Option<(Text<'a>, Text<'a>)>, key: &Text<'a>, value: Text<'a>) {
    if value.filled().is_some() && kept.as_ref().is_none_or(|(known, _)| key.get() < known.get()) {
        *kept = Some((key.clone(), value));
    }
}

struct Keys;

impl<'de> Visitor<'de> for Keys {
    type Value = (Cloud<'de>, FieldState);

    fn expecting(&self, f: &mut fmt::Formatter<'_>) -> fmt::Result {
        f.write_str("an object of dotted keys")
    }

    fn visit_map<A: MapAccess<'de>>(self, mut map: A) -> Result<Self::Value, A::Error> {
        let (mut cloud, mut state) = (Cloud::default(), FieldState::Absent);
        while let Some(Read(key, _)) = map.next_key::<Read<Text<'de>>>()? {
            let kept = if key.get().ends_with(".accountId") {
                Some(&mut cloud.account)
            } else if key.get().ends_with(".region") || key.get().ends_with(".region.code") {
                Some(&mut cloud.region)
            } else {
                None
            };
            if let Some(kept) = kept {
                let Read(value, its) = map.next_value()?;
                keep(kept, &key, value);
                state = state.max(its);
            } else {
                map.next_value::<IgnoredAny>()?;
            }
            if cloud.first.as_ref().is_none_or(|first| key.get() < first.get()) {
                cloud.first = Some(key);
                state = state.max(FieldState::Present);
            }
        }
        Ok((cloud, state))
    }

    fn visit_seq<A: SeqAccess<'de>>(self, mut list: A) -> Result<Self::Value, A::Error> {
        while list.next_element::<IgnoredAny>()?.is_some() {}
        Ok((Cloud::default(), FieldState::Unreadable))
    }

    other_scalars!();
}

impl<'de> Field<'de> for Cloud<'de> {
    fn read<D: Deserializer<'de>>(deserializer: D) -> Result<(Self, FieldState), D::Error> {
        deserializer.deserialize_any(Keys)
    }
}
