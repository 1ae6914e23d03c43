//! JSON read strictly: a bounded depth, no key twice, no field that is not known, nothing after the end.
//!
//! Two readers that disagree about a document are how a signature is made to cover something else, so
//! whatever leaves room for it is refused: duplicate keys above all.

use std::cell::Cell;
use std::fmt;

use base64::Engine as _;
use base64::engine::general_purpose::STANDARD;
use serde::de::{DeserializeSeed, Error as _, MapAccess, SeqAccess, Visitor};
use serde::ser::Error as _;
use serde::{Serialize, Serializer};

use crate::error::{Code, Refusal};

/// What is refused under which code: each document has codes of its own.
#[derive(Debug, Clone, Copy)]
pub(crate) struct Document {
    /// What it is called in a sentence.
    pub(crate) name: &'static str,
    pub(crate) depth: usize,
    pub(crate) malformed: Code,
    pub(crate) duplicate: Code,
    pub(crate) unknown: Code,
    pub(crate) deep: Code,
}

/// A value of a document.
#[derive(Debug, Clone, PartialEq)]
pub(crate) enum Value {
    Null,
    Bool,
    Int(i128),
    Float,
    Text(String),
    List(Vec<Value>),
    Map(Vec<(String, Value)>),
}

impl Value {
    /// A field of a map; nothing where it is absent or null.
    pub(crate) fn get(&self, name: &str) -> Option<&Self> {
        match self {
            Self::Map(fields) => fields
                .iter()
                .find(|(key, _)| key == name)
                .map(|(_, value)| value)
                .filter(|v| **v != Self::Null),
            _ => None,
        }
    }

    /// A field of a field, and so on.
    pub(crate) fn path(&self, names: &[&str]) -> Option<&Self> {
        names.iter().try_fold(self, |value, name| value.get(name))
    }

    pub(crate) fn as_text(&self) -> Option<&str> {
        match self {
            Self::Text(text) => Some(text),
            _ => None,
        }
    }

    pub(crate) fn as_list(&self) -> Option<&[Self]> {
        match self {
            Self::List(values) => Some(values),
            _ => None,
        }
    }
}

impl Serialize for Value {
    /// Without what is null, so that the next reader reads the same.
    fn serialize<S: Serializer>(&self, serializer: S) -> Result<S::Ok, S::Error> {
        match self {
            Self::Null => serializer.serialize_unit(),
            Self::Int(value) => serializer.serialize_i128(*value),
            Self::Text(text) => serializer.serialize_str(text),
            Self::List(values) => serializer.collect_seq(values),
            Self::Map(fields) => {
                serializer.collect_map(fields.iter().filter(|(_, v)| *v != Self::Null).map(|(k, v)| (k, v)))
            }
            // No field that is known holds one.
            Self::Bool | Self::Float => Err(S::Error::custom("a value of no use")),
        }
    }
}

#[derive(Debug)]
enum Fault {
    Deep,
    Duplicate(String),
}

/// Reads a whole document.
pub(crate) fn read(bytes: &[u8], document: Document) -> Result<Value, Refusal> {
    let fault = Cell::new(None);
    let mut source = serde_json::Deserializer::from_slice(bytes);
    let read = Seed { left: document.depth, fault: &fault }
        .deserialize(&mut source)
        .and_then(|value| source.end().map(|()| value));
    read.map_err(|e| match fault.take() {
        Some(Fault::Deep) => document
            .deep
            .because(format!("{} is nested deeper than {} levels", document.name, document.depth)),
        Some(Fault::Duplicate(key)) => {
            document.duplicate.because(format!("{}: the key {key:?} occurs twice", document.name))
        }
        None => document.malformed.because(format!("{} is not JSON: {e}", document.name)),
    })
}

#[derive(Clone, Copy)]
struct Seed<'a> {
    left: usize,
    fault: &'a Cell<Option<Fault>>,
}

impl<'de> DeserializeSeed<'de> for Seed<'_> {
    type Value = Value;

    fn deserialize<D: serde::Deserializer<'de>>(self, deserializer: D) -> Result<Value, D::Error> {
        deserializer.deserialize_any(self)
    }
}

impl Seed<'_> {
    fn below<E: serde::de::Error>(self) -> Result<Self, E> {
        let Some(left) = self.left.checked_sub(1) else {
            self.fault.set(Some(Fault::Deep));
            return Err(E::custom("too deep"));
        };
        Ok(Self { left, ..self })
    }
}

impl<'de> Visitor<'de> for Seed<'_> {
    type Value = Value;

    fn expecting(&self, f: &mut fmt::Formatter<'_>) -> fmt::Result {
        f.write_str("a JSON value")
    }

    fn visit_unit<E>(self) -> Result<Value, E> {
        Ok(Value::Null)
    }

    fn visit_bool<E>(self, _: bool) -> Result<Value, E> {
        Ok(Value::Bool)
    }

    fn visit_i64<E>(self, value: i64) -> Result<Value, E> {
        Ok(Value::Int(value.into()))
    }

    fn visit_u64<E>(self, value: u64) -> Result<Value, E> {
        Ok(Value::Int(value.into()))
    }

    fn visit_f64<E>(self, _: f64) -> Result<Value, E> {
        Ok(Value::Float)
    }

    fn visit_str<E>(self, value: &str) -> Result<Value, E> {
        Ok(Value::Text(value.to_owned()))
    }

    fn visit_string<E>(self, value: String) -> Result<Value, E> {
        Ok(Value::Text(value))
    }

    fn visit_seq<A: SeqAccess<'de>>(self, mut sequence: A) -> Result<Value, A::Error> {
        let mut values = Vec::new();
        let below = self.below()?;
        while let Some(value) = sequence.next_element_seed(below)? {
            values.push(value);
        }
        Ok(Value::List(values))
    }

    fn visit_map<A: MapAccess<'de>>(self, mut map: A) -> Result<Value, A::Error> {
        let mut fields: Vec<(String, Value)> = Vec::new();
        let mut names = std::collections::BTreeSet::new();
        let below = self.below()?;
        while let Some(key) = map.next_key::<String>()? {
            if !names.insert(key.clone()) {
                self.fault.set(Some(Fault::Duplicate(key)));
                return Err(A::Error::custom("a key twice"));
            }
            let value = map.next_value_seed(below)?;
            fields.push((key, value));
        }
        Ok(Value::Map(fields))
    }
}

/// An object of which every field is known. `null` is as good as absent, as the JSON form of protocol buffers
/// has it.
#[derive(Debug, Clone, Copy)]
pub(crate) struct Object<'a> {
    value: &'a Value,
    at: &'a str,
    document: Document,
}

impl<'a> Object<'a> {
    /// `at` is what it is called in a sentence.
    pub(crate) fn new(
        value: &'a Value,
        at: &'a str,
        document: Document,
        known: &[&str],
    ) -> Result<Self, Refusal> {
        let Value::Map(fields) = value else {
            return Err(document.malformed.because(format!("{at} is not an object")));
        };
        if let Some((field, _)) = fields.iter().find(|(field, _)| !known.contains(&field.as_str())) {
            return Err(document.unknown.because(format!("{at} has the unknown field {field:?}")));
        }
        Ok(Self { value, at, document })
    }

    pub(crate) fn get(&self, name: &str) -> Option<&'a Value> {
        self.value.get(name)
    }

    pub(crate) fn wrong(&self, name: &str, what: &str) -> Refusal {
        self.document.malformed.because(format!("{}.{name} {what}", self.at))
    }

    fn need(&self, name: &str) -> Result<&'a Value, Refusal> {
        self.get(name).ok_or_else(|| self.wrong(name, "is missing"))
    }

    pub(crate) fn object(&self, name: &'a str, known: &[&str]) -> Result<Object<'a>, Refusal> {
        Self::new(self.need(name)?, name, self.document, known)
    }

    pub(crate) fn optional(&self, name: &'a str, known: &[&str]) -> Result<Option<Object<'a>>, Refusal> {
        self.get(name).map(|value| Self::new(value, name, self.document, known)).transpose()
    }

    /// Each element of a list, as an object; nothing where the list is absent.
    pub(crate) fn objects(&self, name: &'a str, known: &[&str]) -> Result<Vec<Object<'a>>, Refusal> {
        self.list(name)?.iter().map(|value| Self::new(value, name, self.document, known)).collect()
    }

    pub(crate) fn list(&self, name: &str) -> Result<&'a [Value], Refusal> {
        match self.get(name) {
            None => Ok(&[]),
            Some(value) => value.as_list().ok_or_else(|| self.wrong(name, "is not a list")),
        }
    }

    pub(crate) fn text(&self, name: &str) -> Result<&'a str, Refusal> {
        self.need(name)?.as_text().ok_or_else(|| self.wrong(name, "is not a string"))
    }

    pub(crate) fn optional_text(&self, name: &str) -> Result<Option<&'a str>, Refusal> {
        self.get(name).map(|_| self.text(name)).transpose()
    }

    /// Base64 in its one canonical form, and not empty.
    pub(crate) fn bytes(&self, name: &str) -> Result<Vec<u8>, Refusal> {
        self.decode(name, self.need(name)?)
    }

    pub(crate) fn decode(&self, name: &str, value: &Value) -> Result<Vec<u8>, Refusal> {
        let text = value.as_text().ok_or_else(|| self.wrong(name, "is not a string"))?;
        let bytes = STANDARD.decode(text).map_err(|e| self.wrong(name, &format!("is not base64: {e}")))?;
        if bytes.is_empty() { Err(self.wrong(name, "is empty")) } else { Ok(bytes) }
    }

    pub(crate) fn hash(&self, name: &str) -> Result<[u8; 32], Refusal> {
        self.bytes(name)?.try_into().map_err(|_| self.wrong(name, "is not 32 bytes"))
    }

    /// A whole number, not negative, as a string of digits or as a number.
    pub(crate) fn number(&self, name: &str) -> Result<Option<u64>, Refusal> {
        let Some(value) = self.get(name) else { return Ok(None) };
        let number = match value {
            Value::Int(value) => u64::try_from(*value).ok(),
            Value::Text(text) => {
                let plain =
                    text == "0" || (!text.starts_with('0') && text.bytes().all(|b| b.is_ascii_digit()));
                text.parse().ok().filter(|_| plain)
            }
            _ => None,
        };
        // Beyond this a signed reader sees another number.
        match number.filter(|number| i64::try_from(*number).is_ok()) {
            Some(number) => Ok(Some(number)),
            None => Err(self.wrong(name, "is not a whole number")),
        }
    }
}

#[cfg(test)]
mod tests {
    use super::*;

    const DOCUMENT: Document = Document {
        name: "the document",
        depth: 3,
        malformed: Code::BundleMalformed,
        duplicate: Code::BundleDuplicateKey,
        unknown: Code::BundleUnknownField,
        deep: Code::BundleTooDeep,
    };

    #[test]
    fn what_two_readers_could_read_differently_is_refused() {
        for (text, code) in [
            (r#"{"a":1,"a":1}"#, Code::BundleDuplicateKey),
            (r#"{"a":1,"\u0061":2}"#, Code::BundleDuplicateKey),
            (r#"{"a":{"b":1,"b":2}}"#, Code::BundleDuplicateKey),
            ("[[[[1]]]]", Code::BundleTooDeep),
            (r#"{"a":{"a":{"a":{}}}}"#, Code::BundleTooDeep),
            ("{} {}", Code::BundleMalformed),
            ("{}x", Code::BundleMalformed),
            ("{", Code::BundleMalformed),
            ("", Code::BundleMalformed),
            ("\u{feff}{}", Code::BundleMalformed),
            (r#"{"a":NaN}"#, Code::BundleMalformed),
            (r#"{"a":1,}"#, Code::BundleMalformed),
            ("{} // so", Code::BundleMalformed),
        ] {
            assert_eq!(read(text.as_bytes(), DOCUMENT).unwrap_err().code(), code, "{text}");
        }
        assert!(read(b" [[[1]]]\n", DOCUMENT).is_ok());
        assert_eq!(read(b"\"\xff\"", DOCUMENT).unwrap_err().code(), Code::BundleMalformed);
    }

    #[test]
    fn numbers_have_one_form() {
        for (text, number) in [("\"12\"", Some(12)), ("12", Some(12)), ("\"0\"", Some(0))] {
            let value = read(format!("{{\"n\":{text}}}").as_bytes(), DOCUMENT).unwrap();
            let object = Object::new(&value, "it", DOCUMENT, &["n"]).unwrap();
            assert_eq!(object.number("n").unwrap(), number);
        }
        for text in [
            "\"-1\"",
            "-1",
            "\"01\"",
            "\"+1\"",
            "\" 1\"",
            "1.5",
            "\"1e3\"",
            "\"\"",
            "18446744073709551615",
            "true",
        ] {
            let value = read(format!("{{\"n\":{text}}}").as_bytes(), DOCUMENT).unwrap();
            let object = Object::new(&value, "it", DOCUMENT, &["n"]).unwrap();
            assert!(object.number("n").is_err(), "{text}");
        }
    }

    #[test]
    fn base64_has_one_form() {
        let value =
            read(br#"{"a":"AA==","b":"AA","c":"AB==","d":"","e":"-_==","f":"A A="}"#, DOCUMENT).unwrap();
        let object = Object::new(&value, "it", DOCUMENT, &["a", "b", "c", "d", "e", "f"]).unwrap();
        assert_eq!(object.bytes("a").unwrap(), [0]);
        for name in ["b", "c", "d", "e", "f", "g"] {
            assert!(object.bytes(name).is_err(), "{name}");
        }
    }
}
