//! How old a release must be.

use std::{fmt, str::FromStr};

use jiff::{SignedDuration, Span, SpanRelativeTo};
use serde::{Deserialize, Deserializer, Serialize, Serializer, de};

use super::error::{PolicyError, shorten};

/// The longest age: ten years of 365 days. A longer one is a slip of the pen.
const MAX_SECONDS: i64 = 10 * 365 * 86_400;

/// A span of time in whole seconds, at most ten years. Written as a number of seconds or as `3d`, `1w 12h`,
/// `PT36H`; a day has 24 hours. Months and years have no fixed length and are refused.
#[derive(Debug, Clone, Copy, PartialEq, Eq, PartialOrd, Ord, Hash, Default)]
pub struct Age(i64);

impl Age {
    /// An age of so many seconds.
    ///
    /// # Errors
    /// [`PolicyError::Age`] if it is negative or over ten years.
    pub fn from_seconds(seconds: i64) -> Result<Self, PolicyError> {
        if (0..=MAX_SECONDS).contains(&seconds) {
            return Ok(Self(seconds));
        }
        Err(PolicyError::Age { text: seconds.to_string(), why: "it must be from 0 to ten years".to_owned() })
    }

    /// In seconds.
    #[must_use]
    pub const fn seconds(self) -> i64 {
        self.0
    }

    /// Whether nothing has to wait.
    #[must_use]
    pub const fn is_zero(self) -> bool {
        self.0 == 0
    }

    /// For arithmetic with timestamps.
    #[must_use]
    pub const fn duration(self) -> SignedDuration {
        SignedDuration::from_secs(self.0)
    }
}

impl FromStr for Age {
    type Err = PolicyError;

    fn from_str(text: &str) -> Result<Self, Self::Err> {
        let wrong = |why: String| PolicyError::Age { text: shorten(text), why };
        if text.len() > 64 {
            return Err(wrong("it is longer than 64 characters".to_owned()));
        }
        if let Ok(seconds) = text.parse() {
            return Self::from_seconds(seconds);
        }
        let span: Span = text.parse().map_err(|error: jiff::Error| wrong(error.to_string()))?;
        if span.get_months() != 0 || span.get_years() != 0 {
            return Err(wrong("months and years have no fixed length, use days".to_owned()));
        }
        let duration = span
            .to_duration(SpanRelativeTo::days_are_24_hours())
            .map_err(|error| wrong(error.to_string()))?;
        if duration.subsec_nanos() != 0 {
            return Err(wrong("it is not a whole number of seconds".to_owned()));
        }
        Self::from_seconds(duration.as_secs()).map_err(|_| wrong("it must be from 0 to ten years".to_owned()))
    }
}

impl fmt::Display for Age {
    fn fmt(&self, f: &mut fmt::Formatter<'_>) -> fmt::Result {
        let seconds = self.0;
        match () {
            () if seconds == 0 => f.pad("0s"),
            () if seconds % 86_400 == 0 => write!(f, "{}d", seconds / 86_400),
            () if seconds % 3_600 == 0 => write!(f, "{}h", seconds / 3_600),
            () if seconds % 60 == 0 => write!(f, "{}m", seconds / 60),
            () => write!(f, "{seconds}s"),
        }
    }
}

impl Serialize for Age {
    fn serialize<S: Serializer>(&self, serializer: S) -> Result<S::Ok, S::Error> {
        serializer.collect_str(self)
    }
}

impl<'de> Deserialize<'de> for Age {
    fn deserialize<D: Deserializer<'de>>(deserializer: D) -> Result<Self, D::Error> {
        struct Visitor;

        impl de::Visitor<'_> for Visitor {
            type Value = Age;

            fn expecting(&self, f: &mut fmt::Formatter<'_>) -> fmt::Result {
                f.write_str("an age such as \"3d\", or a number of seconds")
            }

            fn visit_i64<E: de::Error>(self, seconds: i64) -> Result<Age, E> {
                Age::from_seconds(seconds).map_err(E::custom)
            }

            fn visit_u64<E: de::Error>(self, seconds: u64) -> Result<Age, E> {
                self.visit_i64(i64::try_from(seconds).unwrap_or(i64::MAX))
            }

            fn visit_str<E: de::Error>(self, text: &str) -> Result<Age, E> {
                text.parse().map_err(E::custom)
            }
        }

        deserializer.deserialize_any(Visitor)
    }
}

#[cfg(test)]
mod tests {
    use super::*;

    #[test]
    fn ages_are_read_in_every_documented_form() {
        for (text, seconds, shown) in [
            ("0", 0, "0s"),
            ("90", 90, "90s"),
            ("3d", 259_200, "3d"),
            ("1w 12h", 648_000, "180h"),
            ("PT36H", 129_600, "36h"),
            ("P1W", 604_800, "7d"),
            ("5 minutes", 300, "5m"),
            ("3650d", MAX_SECONDS, "3650d"),
        ] {
            let age: Age = text.parse().unwrap();
            assert_eq!((age.seconds(), age.to_string().as_str()), (seconds, shown), "{text}");
            assert_eq!(age.to_string().parse::<Age>().unwrap(), age);
        }
    }

    #[test]
    fn what_is_no_age_is_refused_with_a_reason() {
        let long = "1".repeat(65);
        for text in
            ["", "-1", "-3d", "1mo", "1y", "P1M", "3651d", "0.5s", "soon", "9223372036854775807", &long]
        {
            assert_eq!(text.parse::<Age>().unwrap_err().code(), "policy-age", "{text}");
        }
    }

    #[test]
    fn json_takes_numbers_and_texts() {
        assert_eq!(serde_json::from_str::<Age>("60").unwrap(), Age::from_seconds(60).unwrap());
        assert_eq!(serde_json::from_str::<Age>("\"1m\"").unwrap(), Age::from_seconds(60).unwrap());
        assert_eq!(serde_json::to_string(&Age::from_seconds(60).unwrap()).unwrap(), "\"1m\"");
        for wrong in ["-1", "18446744073709551615", "true", "1.5", "\"x\""] {
            assert!(serde_json::from_str::<Age>(wrong).is_err(), "{wrong}");
        }
    }
}
