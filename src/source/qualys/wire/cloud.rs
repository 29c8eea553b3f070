//! `cloudProvider`: a flat object of dotted keys such as `aws.ecs.accountId`, most of them null.

use std::fmt;

use serde::de::{Deserialize, Deserializer, IgnoredAny, MapAccess, Visitor};

use crate::wire::Text;

/// What the keys tell of where a container runs. Keys count in sorted order, whichever way they are written.
#[derive(Clone, Debug, Default, PartialEq, Eq)]
pub struct Cloud<'a> {
    first: Option<Text<'a>>,
    account: Option<(Text<'a>, Text<'a>)>,
    region: Option<(Text<'a>, Text<'a>)>,
}

impl Cloud<'_> {
    /// The first segment of the first key; empty where there is no key.
    pub fn provider(&self) -> &str {
        let first = self.first.as_ref().map_or("", Text::get);
        first.split_once('.').map_or(first, |(provider, _)| provider)
    }

    /// The first `*.accountId` that has a value; empty where none has.
    pub fn account(&self) -> &str {
        self.account.as_ref().map_or("", |(_, value)| value.get())
    }

    /// The first `*.region` or `*.region.code` that has a value; empty where none has.
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

impl<'de: 'a, 'a> Deserialize<'de> for Cloud<'a> {
    fn deserialize<D: Deserializer<'de>>(deserializer: D) -> Result<Self, D::Error> {
        struct Keys;

        impl<'de> Visitor<'de> for Keys {
            type Value = Cloud<'de>;

            fn expecting(&self, f: &mut fmt::Formatter<'_>) -> fmt::Result {
                f.write_str("an object of dotted keys")
            }

            fn visit_unit<E>(self) -> Result<Self::Value, E> {
                Ok(Cloud::default())
            }

            fn visit_map<A: MapAccess<'de>>(self, mut map: A) -> Result<Self::Value, A::Error> {
                let mut cloud = Cloud::default();
                while let Some(key) = map.next_key::<Text<'de>>()? {
                    if key.get().ends_with(".accountId") {
                        keep(&mut cloud.account, &key, map.next_value()?);
                    } else if key.get().ends_with(".region") || key.get().ends_with(".region.code") {
                        keep(&mut cloud.region, &key, map.next_value()?);
                    } else {
                        map.next_value::<IgnoredAny>()?;
                    }
                    if cloud.first.as_ref().is_none_or(|first| key.get() < first.get()) {
                        cloud.first = Some(key);
                    }
                }
                Ok(cloud)
            }
        }

        deserializer.deserialize_any(Keys)
    }
}

#[cfg(test)]
mod tests {
    use super::*;

    fn read(json: &str) -> [String; 3] {
        let cloud: Cloud<'_> = serde_json::from_str(json).unwrap();
        [cloud.provider(), cloud.account(), cloud.region()].map(str::to_owned)
    }

    #[test]
    fn the_first_key_that_has_a_value_counts() {
        assert_eq!(
            read(
                r#"{"aws.eks.region":"us-east-1","aws.ecs.container.subnetId":null,"aws.eks.accountId":362440600222,
                    "aws.ecs.accountId":null,"aws.ecs.region.code":"","aws.other":{"nested":[1]}}"#
            ),
            ["aws", "362440600222", "us-east-1"]
        );
        assert_eq!(
            read(r#"{"gcp.region":"z","aws.ec2.region.code":"b","Azure\u002evm.accountId":"7"}"#),
            ["Azure", "7", "b"]
        );
        assert_eq!(read("{}"), ["", "", ""]);
        assert_eq!(read("null"), ["", "", ""]);
        assert_eq!(read(r#"{"aws":null,"region":"not dotted"}"#), ["aws", "", ""]);
    }

    #[test]
    fn another_shape_is_refused() {
        for wrong in [r#"{"aws.region":{"code":"x"}}"#, r#"["aws"]"#, r#""aws""#, "5"] {
            assert!(serde_json::from_str::<Cloud<'_>>(wrong).is_err(), "{wrong}");
        }
    }
}
