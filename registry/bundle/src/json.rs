//! JSON of which there is one reading: no key twice, no depth without end, nothing after it, no unknown key.

use std::cell::RefCell;
use std::collections::HashSet;
use std::fmt;

use serde::de::{DeserializeOwned, DeserializeSeed, Deserializer, Error as _, MapAccess, SeqAccess, Visitor};

use crate::error::BundleError;
use crate::limits::Limits;

/// Reads one document of at most `limits.json` bytes and `limits.depth` levels. Which keys are admitted, the type says.
///
/// # Errors
/// `too-large`, `too-deep`, `duplicate-key`, `bad-json`.
pub fn parse<T: DeserializeOwned>(what: &str, bytes: &[u8], limits: &Limits) -> Result<T, BundleError> {
    let what = || what.to_owned();
    if bytes.len() as u64 > limits.json {
        return Err(BundleError::TooLarge { what: what(), limit: limits.json });
    }
    let found = RefCell::new(None);
    let walk = Walk { depth: limits.depth, found: &found };
    let mut reader = serde_json::Deserializer::from_slice(bytes);
    let walked = walk.deserialize(&mut reader).and_then(|()| reader.end());
    match (found.into_inner(), walked) {
        (Some(Found::Duplicate(key)), _) => return Err(BundleError::DuplicateKey { what: what(), key }),
        (Some(Found::Deep), _) => return Err(BundleError::TooDeep { what: what(), limit: limits.depth }),
        (None, Err(e)) => return Err(BundleError::BadJson { what: what(), why: e.to_string() }),
        (None, Ok(())) => {}
    }
    serde_json::from_slice(bytes).map_err(|e| BundleError::BadJson { what: what(), why: e.to_string() })
}

/// What serde's own error could not tell apart.
enum Found {
    Duplicate(String),
    Deep,
}

/// Walks through a document and keeps nothing of it.
#[derive(Clone, Copy)]
struct Walk<'a> {
    /// How many more levels there may be.
    depth: usize,
    found: &'a RefCell<Option<Found>>,
}

impl Walk<'_> {
    fn deeper<E: serde::de::Error>(self) -> Result<Self, E> {
        match self.depth.checked_sub(1) {
            Some(depth) => Ok(Self { depth, ..self }),
            None => {
                self.found.replace(Some(Found::Deep));
                Err(E::custom("nested too deep"))
            }
        }
    }
}

impl<'de> DeserializeSeed<'de> for Walk<'_> {
    type Value = ();

    fn deserialize<D: Deserializer<'de>>(self, deserializer: D) -> Result<(), D::Error> {
        deserializer.deserialize_any(self)
    }
}

impl<'de> Visitor<'de> for Walk<'_> {
    type Value = ();

    fn expecting(&self, f: &mut fmt::Formatter<'_>) -> fmt::Result {
        f.write_str("JSON")
    }

    fn visit_bool<E>(self, _: bool) -> Result<(), E> {
        Ok(())
    }

    fn visit_i64<E>(self, _: i64) -> Result<(), E> {
        Ok(())
    }

    fn visit_u64<E>(self, _: u64) -> Result<(), E> {
        Ok(())
    }

    fn visit_f64<E>(self, _: f64) -> Result<(), E> {
        Ok(())
    }

    fn visit_str<E>(self, _: &str) -> Result<(), E> {
        Ok(())
    }

    fn visit_unit<E>(self) -> Result<(), E> {
        Ok(())
    }

    fn visit_seq<A: SeqAccess<'de>>(self, mut list: A) -> Result<(), A::Error> {
        let inside = self.deeper()?;
        while list.next_element_seed(inside)?.is_some() {}
        Ok(())
    }

    fn visit_map<A: MapAccess<'de>>(self, mut map: A) -> Result<(), A::Error> {
        let inside = self.deeper()?;
        let mut keys = HashSet::new();
        while let Some(key) = map.next_key::<String>()? {
            if keys.contains(&key) {
                self.found.replace(Some(Found::Duplicate(key)));
                return Err(A::Error::custom("a key twice"));
            }
            keys.insert(key);
            map.next_value_seed(inside)?;
        }
        Ok(())
    }
}

#[cfg(test)]
mod tests {
    use std::collections::BTreeMap;

    use serde_json::Value;

    use super::*;

    fn read(text: &str) -> Result<Value, &'static str> {
        parse("it", text.as_bytes(), &Limits::DEFAULT).map_err(|e| e.code())
    }

    #[test]
    fn one_reading_or_none() {
        assert_eq!(read(r#"{"a":[1,-2,3.5,null,true,"x"],"b":{"a":{}}}"#).unwrap()["a"][5], "x");
        for (text, code) in [
            (r#"{"a":1,"a":1}"#, "duplicate-key"),
            (r#"{"a":{"b":1,"\u0062":2}}"#, "duplicate-key"),
            (r#"{"a":1} x"#, "bad-json"),
            (r#"{"a":1}{}"#, "bad-json"),
            (r#"{"a":1,}"#, "bad-json"),
            ("", "bad-json"),
            ("\u{feff}{}", "bad-json"),
        ] {
            assert_eq!(read(text), Err(code), "{text}");
        }
        let nested = |n: usize| format!("{}{}", "[".repeat(n), "]".repeat(n));
        assert!(read(&nested(16)).is_ok());
        assert_eq!(read(&nested(17)), Err("too-deep"));
        assert_eq!(read(&"[".repeat(100_000)), Err("too-deep"));
        let limits = Limits { json: 2, ..Limits::DEFAULT };
        assert!(parse::<BTreeMap<String, Value>>("it", b"{}", &limits).is_ok());
        let error = parse::<BTreeMap<String, Value>>("it", b"{ }", &limits).unwrap_err();
        assert_eq!(error.code(), "too-large");
    }
}
