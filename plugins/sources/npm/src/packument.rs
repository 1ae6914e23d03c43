//! The package document ("packument"), full or abbreviated, parsed while it arrives.
//!
//! A full document holds a manifest for each version and a readme; what is of use is a hundredth of it.
//! So everything else is passed over without being built, and one odd version never spoils the rest.

use std::fmt;
use std::marker::PhantomData;

use serde::Deserialize;
use serde::de::{Deserializer, IgnoredAny, MapAccess, SeqAccess, Visitor};

/// What is kept of a package document.
#[derive(Debug, Default, PartialEq, Deserialize)]
pub(crate) struct Packument {
    #[serde(default, rename = "dist-tags")]
    pub(crate) tags: Pairs<Text>,
    #[serde(default)]
    pub(crate) versions: Option<Pairs<Manifest>>,
    #[serde(default)]
    pub(crate) time: Pairs<Text>,
}

/// What is kept of one version.
#[derive(Clone, Debug, Default, PartialEq)]
pub(crate) struct Manifest {
    pub(crate) deprecated: Text,
    pub(crate) dist: Dist,
}

/// What is kept of `dist`.
#[derive(Clone, Debug, Default, PartialEq)]
pub(crate) struct Dist {
    pub(crate) tarball: Text,
    pub(crate) integrity: Text,
    pub(crate) shasum: Text,
}

/// The members of an object in their order; anything that is no object has none.
#[derive(Debug, PartialEq)]
pub(crate) struct Pairs<T>(pub(crate) Vec<(String, T)>);

/// A string, or another kind of value where a string is usual.
#[derive(Clone, Debug, Default, PartialEq)]
pub(crate) enum Text {
    /// `null`, `false`, nothing there, or a value that means nothing here.
    #[default]
    Absent,
    /// `true`, as some registries write `deprecated`.
    True,
    /// A string.
    Is(String),
}

impl Text {
    pub(crate) fn as_str(&self) -> Option<&str> {
        match self {
            Self::Is(text) => Some(text),
            Self::Absent | Self::True => None,
        }
    }
}

impl<T> Default for Pairs<T> {
    fn default() -> Self {
        Self(Vec::new())
    }
}

/// Reads an object member by member; every other kind of value is passed over and means the default.
trait Members: Default {
    fn member<'de, A: MapAccess<'de>>(&mut self, name: &str, map: &mut A) -> Result<(), A::Error>;
}

struct Lenient<T>(PhantomData<T>);

impl<'de, T: Members> Visitor<'de> for Lenient<T> {
    type Value = T;

    fn expecting(&self, f: &mut fmt::Formatter<'_>) -> fmt::Result {
        f.write_str("an object")
    }

    fn visit_map<A: MapAccess<'de>>(self, mut map: A) -> Result<T, A::Error> {
        let mut value = T::default();
        while let Some(name) = map.next_key::<String>()? {
            value.member(&name, &mut map)?;
        }
        Ok(value)
    }

    fn visit_seq<A: SeqAccess<'de>>(self, mut list: A) -> Result<T, A::Error> {
        while list.next_element::<IgnoredAny>()?.is_some() {}
        Ok(T::default())
    }

    fn visit_str<E>(self, _: &str) -> Result<T, E> {
        Ok(T::default())
    }

    fn visit_bool<E>(self, _: bool) -> Result<T, E> {
        Ok(T::default())
    }

    fn visit_i64<E>(self, _: i64) -> Result<T, E> {
        Ok(T::default())
    }

    fn visit_u64<E>(self, _: u64) -> Result<T, E> {
        Ok(T::default())
    }

    fn visit_f64<E>(self, _: f64) -> Result<T, E> {
        Ok(T::default())
    }

    fn visit_unit<E>(self) -> Result<T, E> {
        Ok(T::default())
    }
}

impl<T: for<'any> Deserialize<'any>> Members for Pairs<T> {
    fn member<'de, A: MapAccess<'de>>(&mut self, name: &str, map: &mut A) -> Result<(), A::Error> {
        self.0.push((name.to_owned(), map.next_value()?));
        Ok(())
    }
}

impl Members for Manifest {
    fn member<'de, A: MapAccess<'de>>(&mut self, name: &str, map: &mut A) -> Result<(), A::Error> {
        match name {
            "deprecated" => self.deprecated = map.next_value()?,
            "dist" => self.dist = map.next_value()?,
            _ => drop(map.next_value::<IgnoredAny>()?),
        }
        Ok(())
    }
}

impl Members for Dist {
    fn member<'de, A: MapAccess<'de>>(&mut self, name: &str, map: &mut A) -> Result<(), A::Error> {
        match name {
            "tarball" => self.tarball = map.next_value()?,
            "integrity" => self.integrity = map.next_value()?,
            "shasum" => self.shasum = map.next_value()?,
            _ => drop(map.next_value::<IgnoredAny>()?),
        }
        Ok(())
    }
}

impl<'de, T: for<'any> Deserialize<'any>> Deserialize<'de> for Pairs<T> {
    fn deserialize<D: Deserializer<'de>>(deserializer: D) -> Result<Self, D::Error> {
        deserializer.deserialize_any(Lenient(PhantomData))
    }
}

impl<'de> Deserialize<'de> for Manifest {
    fn deserialize<D: Deserializer<'de>>(deserializer: D) -> Result<Self, D::Error> {
        deserializer.deserialize_any(Lenient(PhantomData))
    }
}

impl<'de> Deserialize<'de> for Dist {
    fn deserialize<D: Deserializer<'de>>(deserializer: D) -> Result<Self, D::Error> {
        deserializer.deserialize_any(Lenient(PhantomData))
    }
}

impl<'de> Deserialize<'de> for Text {
    fn deserialize<D: Deserializer<'de>>(deserializer: D) -> Result<Self, D::Error> {
        struct Visit;

        impl<'de> Visitor<'de> for Visit {
            type Value = Text;

            fn expecting(&self, f: &mut fmt::Formatter<'_>) -> fmt::Result {
                f.write_str("a string")
            }

            fn visit_str<E>(self, text: &str) -> Result<Text, E> {
                Ok(Text::Is(text.to_owned()))
            }

            fn visit_bool<E>(self, value: bool) -> Result<Text, E> {
                Ok(if value { Text::True } else { Text::Absent })
            }

            fn visit_i64<E>(self, _: i64) -> Result<Text, E> {
                Ok(Text::Absent)
            }

            fn visit_u64<E>(self, _: u64) -> Result<Text, E> {
                Ok(Text::Absent)
            }

            fn visit_f64<E>(self, _: f64) -> Result<Text, E> {
                Ok(Text::Absent)
            }

            fn visit_unit<E>(self) -> Result<Text, E> {
                Ok(Text::Absent)
            }

            fn visit_map<A: MapAccess<'de>>(self, mut map: A) -> Result<Text, A::Error> {
                while map.next_entry::<IgnoredAny, IgnoredAny>()?.is_some() {}
                Ok(Text::Absent)
            }

            fn visit_seq<A: SeqAccess<'de>>(self, mut list: A) -> Result<Text, A::Error> {
                while list.next_element::<IgnoredAny>()?.is_some() {}
                Ok(Text::Absent)
            }
        }

        deserializer.deserialize_any(Visit)
    }
}

#[cfg(test)]
#[path = "packument_tests.rs"]
pub(crate) mod tests;
