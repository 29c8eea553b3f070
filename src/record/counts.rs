//! Several counts of one record.

use std::fmt;

use serde::de::{Deserialize, Deserializer, Error, SeqAccess, Visitor};
use serde::ser::{Serialize, SerializeTuple, Serializer};

/// Counts, each exact up to 2^53. They take four bytes each, as long as none of them needs more.
#[derive(Clone, Debug, PartialEq, Eq)]
pub enum Counts<const N: usize> {
    /// What nearly all records have.
    Small([u32; N]),
    /// Where one of them is larger.
    Large(Box<[u64; N]>),
}

impl<const N: usize> Counts<N> {
    /// The counts.
    pub fn get(&self) -> [u64; N] {
        match self {
            Self::Small(counts) => counts.map(u64::from),
            Self::Large(counts) => **counts,
        }
    }
}

impl<const N: usize> From<[u64; N]> for Counts<N> {
    fn from(counts: [u64; N]) -> Self {
        let mut small = [0; N];
        for (small, count) in small.iter_mut().zip(counts) {
            match u32::try_from(count) {
                Ok(count) => *small = count,
                Err(_) => return Self::Large(Box::new(counts)),
            }
        }
        Self::Small(small)
    }
}

impl<const N: usize> Serialize for Counts<N> {
    fn serialize<S: Serializer>(&self, serializer: S) -> Result<S::Ok, S::Error> {
        let mut tuple = serializer.serialize_tuple(N)?;
        for count in self.get() {
            tuple.serialize_element(&count)?;
        }
        tuple.end()
    }
}

struct CountsVisitor<const N: usize>;

impl<'de, const N: usize> Visitor<'de> for CountsVisitor<N> {
    type Value = Counts<N>;

    fn expecting(&self, f: &mut fmt::Formatter<'_>) -> fmt::Result {
        write!(f, "{N} counts")
    }

    fn visit_seq<A: SeqAccess<'de>>(self, mut list: A) -> Result<Counts<N>, A::Error> {
        let mut counts = [0_u64; N];
        for (number, count) in counts.iter_mut().enumerate() {
            *count = list.next_element()?.ok_or_else(|| A::Error::invalid_length(number, &self))?;
        }
        Ok(counts.into())
    }
}

impl<'de, const N: usize> Deserialize<'de> for Counts<N> {
    fn deserialize<D: Deserializer<'de>>(deserializer: D) -> Result<Self, D::Error> {
        deserializer.deserialize_tuple(N, CountsVisitor)
    }
}

#[cfg(test)]
mod tests {
    use super::*;

    const LARGE: u64 = 1 << 53;

    #[test]
    fn counts_are_exact_and_keep_their_stored_form() {
        assert_eq!(size_of::<Option<Counts<5>>>(), 24);
        for counts in [[0, 1, 2], [u32::MAX.into(), 0, 9], [4_294_967_296, 1, 0], [LARGE, LARGE, 7]] {
            let kept = Counts::from(counts);
            assert_eq!(kept.get(), counts);
            let stored = postcard::to_stdvec(&kept).unwrap();
            assert_eq!(stored, postcard::to_stdvec(&counts).unwrap());
            assert_eq!(postcard::from_bytes::<Counts<3>>(&stored).unwrap(), kept);
        }
        assert!(postcard::from_bytes::<Counts<3>>(&[1, 2]).is_err());
    }
}
