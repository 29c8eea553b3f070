//! The records that a request selects, and their order: filters, sort tokens, and the bulk list's cursor and link.

use std::collections::HashSet;

use super::super::answer::form_encoded;
use super::LinkForm;
use crate::random::Random;

/// The records that a query in the vendor's syntax selects.
#[derive(Debug, Default, PartialEq, Eq)]
pub(super) struct Filter {
    /// The least `updated`, in Unix milliseconds.
    pub(super) updated_from: i64,
    /// Excluded records.
    pub(super) not: HashSet<String>,
}

impl Filter {
    /// Parses `updated>=MS`, `updated>MS` and `not uuid:[a,b]`, joined by ` AND `.
    pub(super) fn parse(text: &str) -> Result<Self, String> {
        let mut filter = Self::default();
        for token in text.split(" AND ").map(str::trim).filter(|token| !token.is_empty()) {
            let next = Self::token(token).ok_or_else(|| format!("cannot parse filter '{token}'"))?;
            filter = filter.and(next);
        }
        Ok(filter)
    }

    fn token(token: &str) -> Option<Self> {
        if let Some(ms) = token.strip_prefix("updated>=") {
            return Some(Self { updated_from: ms.trim().parse().ok()?, not: HashSet::new() });
        }
        if let Some(ms) = token.strip_prefix("updated>") {
            let ms: i64 = ms.trim().parse().ok()?;
            return Some(Self { updated_from: ms + 1, not: HashSet::new() });
        }
        let uuids = token.strip_prefix("not uuid:")?.trim().strip_prefix('[')?.strip_suffix(']')?;
        let not = uuids.split(',').map(|uuid| uuid.trim().to_owned()).collect();
        Some(Self { updated_from: 0, not })
    }

    pub(super) fn and(mut self, other: Self) -> Self {
        self.updated_from = self.updated_from.max(other.updated_from);
        self.not.extend(other.not);
        self
    }
}

/// The order of a list.
#[derive(Clone, Copy, Debug, PartialEq, Eq)]
pub(super) enum Order {
    /// The vendor's own order.
    Listed,
    Updated {
        descending: bool,
    },
    Created {
        descending: bool,
    },
}

impl Order {
    /// Parses `key:asc` or `key:desc`. The last key stands for the creation time, the others for the last change.
    pub(super) fn parse(text: &str, keys: &[&str]) -> Result<Self, String> {
        let (key, direction) = text.split_once(':').unwrap_or((text, "asc"));
        let descending = match direction {
            "asc" => false,
            "desc" => true,
            _ => return Err(format!("cannot sort {direction}")),
        };
        match keys.iter().position(|known| *known == key) {
            Some(index) if index + 1 == keys.len() => Ok(Self::Created { descending }),
            Some(_) => Ok(Self::Updated { descending }),
            None => Err(format!("cannot sort by '{key}'")),
        }
    }
}

/// The `Link` header of a page of the bulk list of `things` (`containers`, `images`): after the given records
/// (`updated`, sorted uuids), or at the end.
pub(super) fn link(
    things: &str,
    next: Option<(i64, Vec<String>)>,
    limit: usize,
    form: LinkForm,
    seed: u64,
) -> Option<String> {
    let Some((updated, uuids)) = next else { return end_link(form, seed) };
    let query = format!("updated>={updated} AND not uuid: [{}]", uuids.join(","));
    let url = format!(
        "http://qualysapi.qualys.com/csapi/v1.3/{things}/list?limit={limit}&paginationQuery={}",
        form_encoded(&query)
    );
    let draw = match form {
        LinkForm::WellFormed => 0,
        LinkForm::Malformed => 1,
        LinkForm::Rotate => Random::of(seed, &query, "link").below(3),
    };
    Some(match draw {
        0 => format!("<{url}>;rel=next"),
        1 => format!("<{url}<;rel=next"),
        _ => format!("<{url}>; rel=\"next\""),
    })
}

fn end_link(form: LinkForm, seed: u64) -> Option<String> {
    let draw = match form {
        LinkForm::WellFormed => 3,
        LinkForm::Malformed => 0,
        LinkForm::Rotate => seed % 4,
    };
    match draw {
        0 => Some(String::from("null")),
        1 => Some(String::from("\"null\"")),
        2 => Some(String::new()),
        _ => None,
    }
}

#[cfg(test)]
mod tests {
    use super::{Filter, LinkForm, Order, link};

    #[test]
    fn vendor_filters_are_parsed() {
        let filter = Filter::parse("updated>5 AND not uuid: [a,b]").expect("a good filter");
        assert_eq!(filter.updated_from, 6);
        assert!(filter.not.contains("a") && filter.not.contains("b"));
        assert_eq!(Filter::parse(""), Ok(Filter::default()));
        assert!(Filter::parse("state:RUNNING").is_err());
        assert!(Filter::parse("updated>=yesterday").is_err());
    }

    #[test]
    fn vendor_orders_are_parsed() {
        assert_eq!(Order::parse("updated:asc", &["updated", "created"]), Ok(Order::Updated { descending: false }));
        assert_eq!(Order::parse("created:desc", &["updated", "created"]), Ok(Order::Created { descending: true }));
        assert!(Order::parse("name:asc", &["updated", "created"]).is_err());
    }

    #[test]
    fn vendor_links_are_written() {
        let next = Some((5, vec![String::from("a")]));
        let written = link("containers", next, 2, LinkForm::Malformed, 0).expect("there is more");
        assert_eq!(
            written,
            "<http://qualysapi.qualys.com/csapi/v1.3/containers/list?limit=2&paginationQuery=updated%3E%3D5+AND+not+uuid%3A+%5Ba%5D<;rel=next"
        );
        let next = Some((5, vec![String::from("a")]));
        let images = link("images", next, 2, LinkForm::WellFormed, 0).expect("there is more");
        assert!(images.starts_with("<http://qualysapi.qualys.com/csapi/v1.3/images/list?limit=2&"), "{images}");
        assert_eq!(link("containers", None, 2, LinkForm::Malformed, 0).as_deref(), Some("null"));
        assert_eq!(link("containers", None, 2, LinkForm::Rotate, 3), None);
    }
}
