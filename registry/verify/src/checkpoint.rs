//! Checkpoints: a log's signed statement of its size and root (C2SP signed notes, transparency-dev checkpoints),
//! and the signatures of witnesses under it (C2SP cosignature/v1).

use base64::Engine as _;
use base64::engine::general_purpose::STANDARD;
use serde::Deserialize;

use crate::error::{Code, Refusal};
use crate::provider;
use crate::root::Log;
use crate::{engine, subject};

/// A checkpoint of which every line is understood.
#[derive(Debug, PartialEq, Eq)]
pub(crate) struct Checkpoint<'a> {
    pub(crate) origin: &'a str,
    pub(crate) size: u64,
    pub(crate) root: [u8; 32],
    /// What is signed: the text with its last line break.
    body: &'a str,
    signatures: Vec<Signature<'a>>,
}

#[derive(Debug, PartialEq, Eq)]
struct Signature<'a> {
    name: &'a str,
    hint: [u8; 4],
    bytes: Vec<u8>,
}

impl<'a> Checkpoint<'a> {
    pub(crate) fn parse(text: &'a str) -> Result<Self, Refusal> {
        Self::read(text).ok_or_else(|| Code::CheckpointInvalid.because("a checkpoint is malformed"))
    }

    fn read(text: &'a str) -> Option<Self> {
        if text.chars().any(|c| c.is_control() && c != '\n') {
            return None;
        }
        let (body, signatures) = text.split_once("\n\n")?;
        let body = text.get(..body.len() + 1)?;
        let mut lines = body.lines();
        let origin = lines.next().filter(|origin| !origin.is_empty())?;
        let size = lines.next()?;
        let canonical = size == "0" || (!size.starts_with('0') && size.bytes().all(|b| b.is_ascii_digit()));
        let size = size.parse().ok().filter(|_| canonical)?;
        let root = STANDARD.decode(lines.next()?).ok()?.try_into().ok()?;
        let signatures: Vec<_> =
            signatures.strip_suffix('\n')?.split('\n').map(Signature::read).collect::<Option<_>>()?;
        (signatures.len() <= 64).then_some(Self { origin, size, root, body, signatures })
    }

    /// Whether this log, by its name and its key, signed it.
    pub(crate) fn is_of(&self, log: &Log) -> bool {
        let named = self.origin == log.name
            || self.origin.strip_prefix(log.name.as_str()).is_some_and(|rest| rest.starts_with(" - "));
        named
            && self.signatures.iter().any(|signature| {
                signature.name == log.name
                    && log.id.starts_with(&signature.hint)
                    && engine::signed(&log.key, self.body.as_bytes(), &signature.bytes)
            })
    }

    fn is_seen_by(&self, witness: &Witness) -> bool {
        self.signatures.iter().any(|signature| {
            let Some((time, bytes)) = signature.bytes.split_first_chunk::<8>() else { return false };
            let message = format!("cosignature/v1\ntime {}\n{}", u64::from_be_bytes(*time), self.body);
            signature.name == witness.name
                && signature.hint == witness.hint
                && provider::ed25519(&witness.key, message.as_bytes(), bytes).is_some()
        })
    }

    /// How many of these witnesses signed it. Two names of one key are one witness.
    pub(crate) fn witnesses(&self, known: &[Witness]) -> usize {
        let mut keys: Vec<_> =
            known.iter().filter(|witness| self.is_seen_by(witness)).map(|witness| witness.key).collect();
        keys.sort_unstable();
        keys.dedup();
        keys.len()
    }
}

impl<'a> Signature<'a> {
    fn read(line: &'a str) -> Option<Self> {
        let (name, bytes) = line.strip_prefix("— ")?.split_once(' ')?;
        let bytes = STANDARD.decode(bytes).ok()?;
        let (hint, bytes) = bytes.split_first_chunk::<4>()?;
        let plain = !name.is_empty() && !name.contains('+') && !bytes.is_empty();
        plain.then(|| Self { name, hint: *hint, bytes: bytes.to_vec() })
    }
}

/// A witness: `NAME+HASH+KEY`, as witnesses publish it, with a key for cosignature/v1 (Ed25519).
#[derive(Debug, Clone, PartialEq, Eq, Deserialize)]
#[serde(try_from = "String")]
pub struct Witness {
    name: String,
    hint: [u8; 4],
    key: [u8; 32],
}

impl TryFrom<String> for Witness {
    type Error = Refusal;

    fn try_from(text: String) -> Result<Self, Refusal> {
        Self::read(&text).ok_or_else(|| {
            Code::KeyUnusable
                .because(format!("{text:?} is not the key of a witness; it is NAME+HASH+KEY, Ed25519"))
        })
    }
}

impl Witness {
    fn read(text: &str) -> Option<Self> {
        let (name, rest) = text.split_once('+')?;
        let (hash, key) = rest.split_once('+')?;
        let key = STANDARD.decode(key).ok()?;
        let hint: [u8; 4] = hex::decode(hash).ok()?.try_into().ok()?;
        let right = subject::sha256(&[name.as_bytes(), b"\n", &key].concat()).starts_with(&hint);
        match key.split_first() {
            Some((4, key)) if right && !name.is_empty() => {
                Some(Self { name: name.to_owned(), hint, key: key.try_into().ok()? })
            }
            _ => None,
        }
    }
}

#[cfg(test)]
mod tests {
    use super::*;

    const ROOT: &str = "AAAAAAAAAAAAAAAAAAAAAAAAAAAAAAAAAAAAAAAAAAA=";

    #[test]
    fn every_line_counts() {
        let good = format!("log.example\n12\n{ROOT}\n\n— log.example AAAAAAA=\n");
        let checkpoint = Checkpoint::parse(&good).unwrap();
        assert_eq!((checkpoint.origin, checkpoint.size), ("log.example", 12));
        assert!(Checkpoint::parse(&good.replace("12\n", "12\nmore\n").replace(ROOT, "more")).is_err());
        for (from, to) in [
            ("log.example\n12", "\n12"),
            ("12", "012"),
            ("12", "-1"),
            ("12", ""),
            (ROOT, "AAAA"),
            ("— ", "- "),
            ("— ", "\u{2014}"),
            ("\n\n", "\n"),
            ("AAAAAAA=\n", "AAAAAAA="),
            ("AAAAAAA=", "AAAA"),
            ("12", "12\r"),
            ("AAAAAAA=\n", "AAAAAAA=\n\n"),
        ] {
            assert!(Checkpoint::parse(&good.replacen(from, to, 1)).is_err(), "{from:?} {to:?}");
        }
    }
}
