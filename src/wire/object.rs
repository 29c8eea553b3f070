//! Objects and lists in a field: a value of another shape is skipped completely and counts as unreadable.

use std::borrow::Cow;
use std::fmt;
use std::marker::PhantomData;

use serde::de::{Deserialize, DeserializeSeed, Deserializer, MapAccess, SeqAccess, Visitor};

use super::elements::MOST_ELEMENTS;
use super::field::{Field, Read, Row, raise, state_of};
use super::scalar::Text;
use super::skip::{skip_list, skip_object};
use crate::record::FieldState;

/// How a reader treats values of another shape: an empty value is absent, anything else unreadable.
macro_rules! other_scalars {
    () => {
        fn visit_unit<E>(self) -> Result<Self::Value, E> {
            Ok(Default::default())
        }

        fn visit_bool<E>(self, _: bool) -> Result<Self::Value, E> {
            Ok((Default::default(), FieldState::Unreadable))
        }

        fn visit_i64<E>(self, _: i64) -> Result<Self::Value, E> {
            Ok((Default::default(), FieldState::Unreadable))
        }

        fn visit_u64<E>(self, _: u64) -> Result<Self::Value, E> {
            Ok((Default::default(), FieldState::Unreadable))
        }

        fn visit_f64<E>(self, _: f64) -> Result<Self::Value, E> {
            Ok((Default::default(), FieldState::Unreadable))
        }

        fn visit_str<E>(self, text: &str) -> Result<Self::Value, E> {
            Ok((Default::default(), $crate::wire::state_of_text(text)))
        }
    };
}
pub(crate) use other_scalars;

/// An object, or nothing. (What serde derives would take an array for an object, too.)
#[derive(Clone, Copy, Debug, PartialEq, Eq)]
pub struct Nested<T>(pub Option<T>);

impl<T> Default for Nested<T> {
    fn default() -> Self {
        Self(None)
    }
}

struct Object<T>(PhantomData<T>);

impl<'de, T: Row<'de>> Visitor<'de> for Object<T> {
    type Value = (Nested<T>, FieldState);

    fn expecting(&self, f: &mut fmt::Formatter<'_>) -> fmt::Result {
        f.write_str("an object")
    }

    fn visit_map<A: MapAccess<'de>>(self, map: A) -> Result<Self::Value, A::Error> {
        T::read(map).map(|object| (Nested(Some(object)), FieldState::Present))
    }

    fn visit_seq<A: SeqAccess<'de>>(self, list: A) -> Result<Self::Value, A::Error> {
        skip_list(list)?;
        Ok((Nested(None), FieldState::Unreadable))
    }

    other_scalars!();
}

impl<'de, T: Row<'de>> Field<'de> for Nested<T> {
    const PATHS: usize = T::PATHS;

    fn read<D: Deserializer<'de>>(deserializer: D) -> Result<(Self, FieldState), D::Error> {
        deserializer.deserialize_any(Object(PhantomData))
    }

    fn paths(path: &str, paths: &mut Vec<String>) {
        T::paths(path, paths);
    }

    fn raise(&self, state: FieldState, states: &mut [FieldState]) {
        match &self.0 {
            Some(object) => object.raise(states),
            None => raise(states, state),
        }
    }
}

impl<'de, T: Row<'de>> Deserialize<'de> for Nested<T> {
    fn deserialize<D: Deserializer<'de>>(deserializer: D) -> Result<Self, D::Error> {
        Self::read(deserializer).map(|(object, _)| object)
    }
}

/// A list of objects, or nothing. Nulls in it are left out; any other value that is not an object counts as an object
/// without fields.
#[derive(Clone, Debug, PartialEq, Eq)]
pub struct List<T>(pub Option<Vec<T>>);

impl<T> Default for List<T> {
    fn default() -> Self {
        Self(None)
    }
}

impl<T> List<T> {
    /// The objects; empty without a list.
    pub fn get(&self) -> &[T] {
        self.0.as_deref().unwrap_or_default()
    }
}

struct Objects<T>(PhantomData<T>);

impl<'de, T: Row<'de>> Visitor<'de> for Objects<T> {
    type Value = (List<T>, FieldState);

    fn expecting(&self, f: &mut fmt::Formatter<'_>) -> fmt::Result {
        f.write_str("a list of objects")
    }

    fn visit_seq<A: SeqAccess<'de>>(self, mut list: A) -> Result<Self::Value, A::Error> {
        let (mut objects, mut state) = (Vec::new(), FieldState::Present);
        while let Some(Read(object, its)) = list.next_element::<Read<Nested<T>>>()? {
            if objects.len() == MOST_ELEMENTS {
                skip_list(list)?;
                return Ok((List(None), FieldState::Unreadable));
            }
            // An unreadable element still counts.
            let unread = (its == FieldState::Unreadable).then(T::default);
            objects.extend(object.0.or(unread));
            state = state.max(its);
        }
        Ok((List(Some(objects)), state))
    }

    fn visit_map<A: MapAccess<'de>>(self, map: A) -> Result<Self::Value, A::Error> {
        skip_object(map)?;
        Ok((List(None), FieldState::Unreadable))
    }

    other_scalars!();
}

impl<'de, T: Row<'de>> Field<'de> for List<T> {
    const PATHS: usize = T::PATHS;

    fn read<D: Deserializer<'de>>(deserializer: D) -> Result<(Self, FieldState), D::Error> {
        deserializer.deserialize_any(Objects(PhantomData))
    }

    fn paths(path: &str, paths: &mut Vec<String>) {
        T::paths(&format!("{path}[]"), paths);
    }

    fn raise(&self, state: FieldState, states: &mut [FieldState]) {
        if state == FieldState::Unreadable {
            raise(states, state);
        }
        for object in self.get() {
            object.raise(states);
        }
    }
}

/// Texts: a list of them, a list of such lists, or one by itself; nulls are left out.
#[derive(Clone, Debug, Default, PartialEq, Eq)]
pub struct Words<'a>(pub Option<Vec<Cow<'a, str>>>);

impl Words<'_> {
    /// The texts.
    pub fn iter(&self) -> impl Iterator<Item = &str> {
        self.0.iter().flatten().map(|text| &**text)
    }

    /// The first text; empty if there is none.
    pub fn first(&self) -> &str {
        self.iter().next().unwrap_or_default()
    }
}

impl<'de> Field<'de> for Words<'de> {
    fn read<D: Deserializer<'de>>(deserializer: D) -> Result<(Self, FieldState), D::Error> {
        let mut words = Vec::new();
        let state = Word { words: &mut words, lists: LISTS }.deserialize(deserializer)?;
        Ok((Self((!words.is_empty()).then_some(words)), state))
    }
}

/// The maximum depth of lists around texts.
const LISTS: u8 = 2;

/// Reads a text, or lists of texts nested this deep, into a list of words.
struct Word<'w, 'de> {
    words: &'w mut Vec<Cow<'de, str>>,
    lists: u8,
}

impl<'de> DeserializeSeed<'de> for Word<'_, 'de> {
    type Value = FieldState;

    fn deserialize<D: Deserializer<'de>>(self, deserializer: D) -> Result<FieldState, D::Error> {
        deserializer.deserialize_any(self)
    }
}

impl<'de> Word<'_, 'de> {
    /// Keeps an empty text only in a list, where it is an entry like the others.
    fn keep(self, text: Text<'de>) -> FieldState {
        let word = text.0;
        let state = state_of(word.as_ref().filter(|word| !word.is_empty()));
        if self.words.len() == MOST_ELEMENTS {
            return FieldState::Unreadable;
        }
        self.words.extend(word.filter(|word| self.lists < LISTS || !word.is_empty()));
        state
    }
}

impl<'de> Visitor<'de> for Word<'_, 'de> {
    type Value = FieldState;

    fn expecting(&self, f: &mut fmt::Formatter<'_>) -> fmt::Result {
        f.write_str("a text or a list of texts")
    }

    fn visit_unit<E>(self) -> Result<FieldState, E> {
        Ok(FieldState::Absent)
    }

    fn visit_bool<E>(self, flag: bool) -> Result<FieldState, E> {
        Ok(self.keep(Text::from(flag)))
    }

    fn visit_i64<E>(self, number: i64) -> Result<FieldState, E> {
        Ok(self.keep(Text::from(number)))
    }

    fn visit_u64<E>(self, number: u64) -> Result<FieldState, E> {
        Ok(self.keep(Text::from(number)))
    }

    fn visit_f64<E>(self, number: f64) -> Result<FieldState, E> {
        Ok(self.keep(Text::from(number)))
    }

    fn visit_borrowed_str<E>(self, text: &'de str) -> Result<FieldState, E> {
        Ok(self.keep(Text::from(Cow::Borrowed(text))))
    }

    fn visit_str<E>(self, text: &str) -> Result<FieldState, E> {
        Ok(self.keep(Text::from(Cow::Owned(text.to_owned()))))
    }

    fn visit_seq<A: SeqAccess<'de>>(self, mut list: A) -> Result<FieldState, A::Error> {
        let Some(lists) = self.lists.checked_sub(1) else {
            skip_list(list)?;
            return Ok(FieldState::Unreadable);
        };
        let mut state = FieldState::Absent;
        while let Some(its) = list.next_element_seed(Word { words: self.words, lists })? {
            state = state.max(its);
        }
        Ok(state)
    }

    fn visit_map<A: MapAccess<'de>>(self, map: A) -> Result<FieldState, A::Error> {
        skip_object(map)?;
        Ok(FieldState::Unreadable)
    }
}

/// The number of elements of a list, whatever they are.
#[derive(Clone, Copy, Debug, Default, PartialEq, Eq)]
pub struct Length(pub Option<usize>);

struct Elements;

impl<'de> Visitor<'de> for Elements {
    type Value = (Length, FieldState);

    fn expecting(&self, f: &mut fmt::Formatter<'_>) -> fmt::Result {
        f.write_str("a list")
    }

    fn visit_seq<A: SeqAccess<'de>>(self, list: A) -> Result<Self::Value, A::Error> {
        Ok((Length(Some(skip_list(list)?)), FieldState::Present))
    }

    fn visit_map<A: MapAccess<'de>>(self, map: A) -> Result<Self::Value, A::Error> {
        skip_object(map)?;
        Ok((Length(None), FieldState::Unreadable))
    }

    other_scalars!();
}

impl<'de> Field<'de> for Length {
    fn read<D: Deserializer<'de>>(deserializer: D) -> Result<(Self, FieldState), D::Error> {
        deserializer.deserialize_any(Elements)
    }
}
