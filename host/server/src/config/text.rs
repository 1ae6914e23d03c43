//! Values that are written as text: what each accepts, and how it refuses.
//!
//! A type that implements [`Text`] reads from one string, prints as one that reads back equal, and says in a
//! [`Refusal`] what it would have accepted. Its [`Text::FORMAT`] is the JSON Schema `format` by which the
//! loader finds it again in [`FORMATS`], so every value is checked with its place in the file at hand.

mod address;
mod issuer;
mod naming;
mod peers;
mod quantity;

use std::fmt;

pub use address::{HttpUrl, Network, Origin};
pub use issuer::Issuer;
pub use naming::{
    BundleDigest, CredentialName, HeaderName, HeaderPrefix, ItemKey, LogFilter, Method, Name, OciReference,
    PluginId, RegistryName, Schedule, VariableName, VersionRange,
};
pub use peers::{Organization, ServerName, TrustDomain};
pub use quantity::{ByteSize, TimeSpan};

/// Why a text is not a value of some type.
#[derive(Debug, Clone, PartialEq, Eq, thiserror::Error)]
#[error("{must}")]
pub struct Refusal {
    /// What it has to be, to be read after the name of the key: `must be …`.
    pub must: String,
    /// What to write instead, where that can be guessed: a whole sentence.
    pub hint: Option<String>,
}

impl Refusal {
    /// A refusal without a guess.
    pub fn must(must: impl Into<String>) -> Self {
        Self { must: must.into(), hint: None }
    }

    /// The same with a guess of what was meant.
    #[must_use]
    pub fn did_you_mean(mut self, guess: impl fmt::Display) -> Self {
        self.hint = Some(format!("did you mean \"{guess}\"?"));
        self
    }
}

/// A value that is written as one string.
pub trait Text: Sized + fmt::Display {
    /// The JSON Schema `format`; unique.
    const FORMAT: &'static str;
    /// A regular expression for editors that do not know the format. May accept more than [`Text::read`].
    const PATTERN: Option<&'static str>;
    /// Whether a plain TOML integer is read as well, as its digits.
    const INTEGERS: bool = false;

    /// Reads.
    ///
    /// # Errors
    /// A [`Refusal`] that says what is accepted.
    fn read(text: &str) -> Result<Self, Refusal>;

    /// The value on the scale by which `x-min` and `x-max` compare, for types that have one.
    fn measure(&self) -> Option<u128> {
        None
    }
}

/// One row of [`FORMATS`]: a [`Text`] type without its type.
pub(super) struct Format {
    pub(super) name: &'static str,
    pub(super) pattern: Option<&'static str>,
    pub(super) check: fn(&str) -> Result<Option<u128>, Refusal>,
}

const fn format<T: Text>() -> Format {
    Format { name: T::FORMAT, pattern: T::PATTERN, check: |text| T::read(text).map(|value| value.measure()) }
}

/// Every format that the schema of the configuration may name.
pub(super) const FORMATS: &[Format] = &[
    format::<BundleDigest>(),
    format::<ByteSize>(),
    format::<CredentialName>(),
    format::<HeaderName>(),
    format::<HeaderPrefix>(),
    format::<HttpUrl>(),
    format::<Issuer>(),
    format::<ItemKey>(),
    format::<LogFilter>(),
    format::<Method>(),
    format::<Name>(),
    format::<Network>(),
    format::<OciReference>(),
    format::<Origin>(),
    format::<Organization>(),
    format::<PluginId>(),
    format::<RegistryName>(),
    format::<Schedule>(),
    format::<ServerName>(),
    format::<TimeSpan>(),
    format::<TrustDomain>(),
    format::<VariableName>(),
    format::<VersionRange>(),
    format::<super::secret::DatabaseUrl>(),
    Format { name: "locator", pattern: None, check: |text| naming::locator(text).map(|()| None) },
    Format { name: "path", pattern: None, check: |text| naming::path(text).map(|()| None) },
    Format { name: "socket-address", pattern: None, check: |text| address::listen(text).map(|()| None) },
];

impl Format {
    pub(super) fn named(name: &str) -> Option<&'static Self> {
        FORMATS.iter().find(|format| format.name == name)
    }

    pub(super) fn of_pattern(pattern: &str) -> Option<&'static Self> {
        FORMATS.iter().find(|format| format.pattern == Some(pattern))
    }
}

/// The serde, schema and parsing side of a [`Text`] type.
macro_rules! text {
    ($name:ty) => {
        text!($name, serialize: |value| value.to_string());
    };
    ($name:ty, serialize: |$value:ident| $text:expr) => {
        impl std::str::FromStr for $name {
            type Err = $crate::config::text::Refusal;

            fn from_str(text: &str) -> Result<Self, Self::Err> {
                <Self as $crate::config::text::Text>::read(text)
            }
        }

        impl serde::Serialize for $name {
            fn serialize<S: serde::Serializer>(&self, serializer: S) -> Result<S::Ok, S::Error> {
                let $value = self;
                serializer.serialize_str(&$text)
            }
        }

        impl<'de> serde::Deserialize<'de> for $name {
            fn deserialize<D: serde::Deserializer<'de>>(deserializer: D) -> Result<Self, D::Error> {
                let text = std::borrow::Cow::<'de, str>::deserialize(deserializer)?;
                text.parse().map_err(serde::de::Error::custom)
            }
        }

        impl schemars::JsonSchema for $name {
            fn schema_name() -> std::borrow::Cow<'static, str> {
                stringify!($name).into()
            }

            fn inline_schema() -> bool {
                true
            }

            fn json_schema(_: &mut schemars::SchemaGenerator) -> schemars::Schema {
                let kind = <Self as $crate::config::text::Text>::INTEGERS;
                let mut schema = match kind {
                    true => schemars::json_schema!({ "type": ["string", "integer"], "minimum": 0 }),
                    false => schemars::json_schema!({ "type": "string" }),
                };
                schema.insert("format".to_owned(), <Self as $crate::config::text::Text>::FORMAT.into());
                if let Some(pattern) = <Self as $crate::config::text::Text>::PATTERN {
                    schema.insert("pattern".to_owned(), pattern.into());
                }
                schema
            }
        }
    };
}
pub(super) use text;

#[cfg(test)]
mod tests;
