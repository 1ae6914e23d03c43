//! Between the columns of a row and the types of the domain.

use std::{fmt::Display, str::FromStr, time::Duration};

use jiff::Timestamp;
use serde::{Serialize, de::DeserializeOwned};
use waystation_core::time::later;

use crate::error::StoreError;

/// Microseconds since 1970.
pub(crate) fn micros(time: Timestamp) -> i64 {
    time.as_microsecond()
}

/// The end of a lease that begins now.
pub(crate) fn lease_end(now: Timestamp, lease: Duration) -> i64 {
    micros(later(now, lease))
}

pub(crate) fn time(micros: i64) -> Result<Timestamp, StoreError> {
    Timestamp::from_microsecond(micros).map_err(|_| StoreError::corrupt(format!("{micros} is not a time")))
}

pub(crate) fn parsed<T: FromStr<Err: Display>>(text: &str) -> Result<T, StoreError> {
    text.parse().map_err(|error: T::Err| StoreError::corrupt(format!("{text:?}: {error}")))
}

pub(crate) fn from_json<T: DeserializeOwned>(text: &str) -> Result<T, StoreError> {
    serde_json::from_str(text).map_err(StoreError::corrupt)
}

pub(crate) fn to_json<T: Serialize>(value: &T) -> Result<String, StoreError> {
    serde_json::to_string(value).map_err(|error| StoreError::Refused { why: error.to_string() })
}

/// Text from outside as both databases keep it: PostgreSQL takes no zero character.
pub(crate) fn clean(text: &str) -> String {
    text.replace('\0', "\u{fffd}")
}

/// A count as the databases keep it.
pub(crate) fn count(number: impl TryInto<i64>) -> i64 {
    number.try_into().unwrap_or(i64::MAX)
}

pub(crate) fn unsigned(number: i64) -> Result<u64, StoreError> {
    u64::try_from(number).map_err(|_| StoreError::corrupt(format!("{number} is not a count")))
}

/// A fresh set of random bits for an identifier.
pub(crate) fn random() -> waystation_core::id::IdRandom {
    rand::random()
}
