//! Fields of a row: any JSON can be in one, and an unreadable value is counted instead of costing the row.
//!
//! Owns how a row counts the states of its fields ([`FieldState`]) ([`row!`](crate::wire::row!) declares rows).
//! A field inside an object or a list is named by its path, as in `host.hostname` and `repo[].registry`.

use std::fmt;
use std::marker::PhantomData;

use serde::de::{Deserialize, DeserializeSeed, Deserializer, MapAccess, Visitor};

use super::skip::is_nothing;
use crate::record::{FieldCounts, FieldState, StateCounts};

/// The maximum number of paths that a row counts.
const MOST_PATHS: usize = 48;

/// A type that a field can have.
pub trait Field<'de>: Default {
    /// The number of paths that it counts.
    const PATHS: usize = 1;

    /// Reads any value. Fails only if the text is not JSON.
    fn read<D: Deserializer<'de>>(deserializer: D) -> Result<(Self, FieldState), D::Error>;

    /// Adds its paths, below `path`.
    fn paths(path: &str, paths: &mut Vec<String>) {
        paths.push(path.to_owned());
    }

    /// Raises the states of its paths; its own is `state`.
    fn raise(&self, state: FieldState, states: &mut [FieldState]) {
        raise(states, state);
    }
}

/// Raises all states to at least `state`.
pub(super) fn raise(states: &mut [FieldState], state: FieldState) {
    for known in states {
        *known = state.max(*known);
    }
}

/// An object of named fields, as [`row!`](crate::wire::row!) declares it.
pub trait Row<'de>: Default {
    /// The number of paths that it counts.
    const PATHS: usize;

    /// Reads the fields that it names and skips all others; of several with one name the last counts.
    fn read<A: MapAccess<'de>>(map: A) -> Result<Self, A::Error>;

    /// Adds the paths of its fields, below `path`.
    fn paths(path: &str, paths: &mut Vec<String>);

    /// Raises the states of its paths.
    fn raise(&self, states: &mut [FieldState]);
}

/// The paths that rows of this kind count.
pub fn paths<'de, T: Row<'de>>() -> Vec<String> {
    let mut paths = Vec::with_capacity(T::PATHS);
    T::paths("", &mut paths);
    paths
}

/// Adds `row` to the counts of its paths, which are empty or in the order of [`paths`].
pub fn count<'de, T: Row<'de>>(row: &T, counts: &mut Vec<StateCounts>) {
    const { assert!(T::PATHS <= MOST_PATHS, "a row counts more paths than there is room for") };
    counts.resize(T::PATHS, StateCounts::default());
    let mut states = [FieldState::Absent; MOST_PATHS];
    let states = &mut states[..T::PATHS];
    row.raise(states);
    for (counts, state) in counts.iter_mut().zip(states) {
        counts[*state as usize] += 1;
    }
}

/// The counts of rows of this kind by field, if these are the counts of its paths; empty if no row was read.
pub fn fields<'de, T: Row<'de>>(counts: &[StateCounts]) -> FieldCounts {
    FieldCounts::of(paths::<T>(), counts)
}

/// The state of a field with this value; absent without one.
pub(super) fn state_of<T>(value: Option<&T>) -> FieldState {
    if value.is_some() { FieldState::Present } else { FieldState::Absent }
}

/// The state of a field with this text in place of a value.
pub(crate) fn state_of_text(text: &str) -> FieldState {
    if is_nothing(text) { FieldState::Absent } else { FieldState::Unreadable }
}

/// A path below another one.
pub fn below(path: &str, name: &str) -> String {
    if path.is_empty() { name.to_owned() } else { format!("{path}.{name}") }
}

/// The states of a row's own fields, two bits for each.
#[derive(Clone, Copy, Debug, Default, PartialEq, Eq)]
pub struct States(u64);

impl States {
    /// Sets the state of the field `at`.
    pub fn set(&mut self, at: u32, state: FieldState) {
        self.0 = self.0 & !(3 << (2 * at)) | (state as u64) << (2 * at);
    }

    /// The state of the field `at`.
    pub fn get(self, at: u32) -> FieldState {
        match self.0 >> (2 * at) & 3 {
            0 => FieldState::Absent,
            1 => FieldState::Present,
            _ => FieldState::Unreadable,
        }
    }
}

/// A field with its state, as serde reads it.
#[derive(Debug)]
pub struct Read<T>(pub T, pub FieldState);

impl<'de, T: Field<'de>> Deserialize<'de> for Read<T> {
    fn deserialize<D: Deserializer<'de>>(deserializer: D) -> Result<Self, D::Error> {
        T::read(deserializer).map(|(value, state)| Self(value, state))
    }
}

/// Reads an object's key and returns what a function maps it to, without keeping it.
#[derive(Debug)]
pub struct Key<K, F>(F, PhantomData<K>);

impl<K, F: FnOnce(&str) -> K> Key<K, F> {
    /// A key that this function maps.
    pub fn new(known: F) -> Self {
        Self(known, PhantomData)
    }
}

impl<'de, K, F: FnOnce(&str) -> K> DeserializeSeed<'de> for Key<K, F> {
    type Value = K;

    fn deserialize<D: Deserializer<'de>>(self, deserializer: D) -> Result<K, D::Error> {
        deserializer.deserialize_str(self)
    }
}

impl<K, F: FnOnce(&str) -> K> Visitor<'_> for Key<K, F> {
    type Value = K;

    fn expecting(&self, f: &mut fmt::Formatter<'_>) -> fmt::Result {
        f.write_str("a key")
    }

    fn visit_str<E>(self, key: &str) -> Result<K, E> {
        Ok((self.0)(key))
    }
}

/// Declares rows: structs of fields, each with the vendor's name for it. The key of a row and fields that only order
/// rows are marked `as key` and `as order`; no family and no label shows them, so their states are not counted.
#[macro_export]
#[doc(hidden)]
macro_rules! row {
    ($(#[$meta:meta])* $vis:vis struct $row:ident<$de:lifetime> { $($fields:tt)* }) => {
        $crate::wire::row!(@declare [$(#[$meta])*] [$vis] [$row<$de>] $de { $($fields)* });
    };
    ($(#[$meta:meta])* $vis:vis struct $row:ident { $($fields:tt)* }) => {
        $crate::wire::row!(@declare [$(#[$meta])*] [$vis] [$row] 'de { $($fields)* });
    };
    (@declare [$(#[$meta:meta])*] [$vis:vis] [$row:ident $(<$life:lifetime>)?] $de:lifetime {
        $($(#[$doc:meta])* $field:ident: $type:ty = $name:literal $(as $role:ident)?,)*
    }) => {
        $(#[$meta])*
        #[derive(Debug, Default)]
        $vis struct $row $(<$life>)? {
            $($(#[$doc])* #[doc = concat!("`", $name, "`.")] $vis $field: $type,)*
            states: $crate::wire::States,
        }

        const _: () = {
            /// The fields, in the order of their declaration.
            #[expect(non_camel_case_types, reason = "named as the fields are")]
            #[derive(Clone, Copy)]
            enum At { $($field,)* }

            impl<$de> $crate::wire::Row<$de> for $row $(<$life>)? {
                const PATHS: usize = 0 $(+ $crate::wire::row!(@paths $de, $type $(, $role)?))*;

                fn read<A: serde::de::MapAccess<$de>>(mut map: A) -> Result<Self, A::Error> {
                    let mut row = Self::default();
                    let at = |key: &str| match key {
                        $($name => Some(At::$field),)*
                        _ => None,
                    };
                    while let Some(at) = map.next_key_seed($crate::wire::Key::new(at))? {
                        match at {
                            $(Some(At::$field) => {
                                let $crate::wire::Read(value, state) = map.next_value::<$crate::wire::Read<$type>>()?;
                                row.$field = value;
                                row.states.set(At::$field as u32, state);
                            })*
                            None => _ = map.next_value::<serde::de::IgnoredAny>()?,
                        }
                    }
                    Ok(row)
                }

                fn paths(path: &str, paths: &mut Vec<String>) {
                    $(if $crate::wire::row!(@paths $de, $type $(, $role)?) > 0 {
                        <$type as $crate::wire::Field<$de>>::paths(&$crate::wire::below(path, $name), paths);
                    })*
                }

                fn raise(&self, states: &mut [$crate::wire::FieldState]) {
                    let rest = states;
                    $(
                        let (own, rest) = rest.split_at_mut($crate::wire::row!(@paths $de, $type $(, $role)?));
                        if !own.is_empty() {
                            let state = self.states.get(At::$field as u32);
                            $crate::wire::Field::raise(&self.$field, state, own);
                        }
                    )*
                    _ = rest;
                }
            }
        };
    };
    (@paths $de:lifetime, $type:ty) => { <$type as $crate::wire::Field<$de>>::PATHS };
    (@paths $de:lifetime, $type:ty, $role:ident) => { 0 };
}
