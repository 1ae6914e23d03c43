//! What a machine is recognised by, so that one which comes back under another name is noticed.
//!
//! `muid_` and SHA-256 of what the system calls itself, over a prefix of our own: the identifiers of systems are not to
//! be given away as they are (machine-id(5)). It identifies and never authorizes: whoever claims one gets nothing by it.

use std::fmt;
use std::str::FromStr;

use jiff::Timestamp;
use sha2::{Digest as _, Sha256};
use uuid::{Builder, Uuid};

use crate::id::IdRandom;

const PREFIX: &str = "muid_";

/// A text that is no such identifier.
#[derive(Debug, Clone, PartialEq, Eq, thiserror::Error)]
#[error("a machine is recognised by `muid_` and 64 hex digits in lower case; `waystation enrol` makes it")]
pub struct InvalidMachineUid;

impl InvalidMachineUid {
    /// The stable word for programs.
    #[must_use]
    pub const fn code(&self) -> &'static str {
        "machine-uid"
    }
}

/// What a machine is recognised by.
#[derive(Debug, Clone, PartialEq, Eq, PartialOrd, Ord, Hash)]
pub struct MachineUid(String);

/// What a system says of itself.
#[derive(Debug, Clone, Copy, Default)]
pub struct MachineFacts<'a> {
    /// `/etc/machine-id` (machine-id(5)).
    pub machine_id: Option<&'a str>,
    /// `IOPlatformUUID` of macOS.
    pub platform_uuid: Option<&'a str>,
}

/// Where a [`MachineUid`] is from.
#[derive(Debug, Clone, Copy, PartialEq, Eq)]
pub enum MachineUidSource {
    /// `/etc/machine-id`.
    MachineId,
    /// `IOPlatformUUID`.
    PlatformUuid,
    /// Made up: the machine is recognised only for as long as it is kept. Worth a warning.
    Unknown,
}

impl MachineUid {
    /// Of what the system says, the first that can be used; made up where there is nothing.
    #[must_use]
    pub fn of(facts: MachineFacts<'_>, now: Timestamp, random: &IdRandom) -> (Self, MachineUidSource) {
        if let Some(id) = facts.machine_id.and_then(machine_id) {
            return (Self::hash(id), MachineUidSource::MachineId);
        }
        if let Some(uuid) = facts.platform_uuid.and_then(platform_uuid) {
            return (Self::hash(&uuid.to_string()), MachineUidSource::PlatformUuid);
        }
        let millis = u64::try_from(now.as_millisecond()).unwrap_or(0);
        let made_up = Builder::from_unix_timestamp_millis(millis, random).into_uuid();
        (Self::hash(&format!("unknown-{made_up}")), MachineUidSource::Unknown)
    }

    fn hash(text: &str) -> Self {
        let mut hasher = Sha256::new();
        hasher.update(b"waystation machine 1\0");
        hasher.update(text.as_bytes());
        Self(format!("{PREFIX}{}", hex::encode(hasher.finalize())))
    }

    /// As text.
    #[must_use]
    pub fn as_str(&self) -> &str {
        &self.0
    }
}

/// 32 hex digits in lower case, not all zeros: `uninitialized`, which images are shipped with, is none.
fn machine_id(text: &str) -> Option<&str> {
    let id = text.trim_end_matches(['\n', '\r', ' ']);
    let hex = id.bytes().all(|b| b.is_ascii_digit() || (b'a'..=b'f').contains(&b));
    (id.len() == 32 && hex && id.bytes().any(|b| b != b'0')).then_some(id)
}

fn platform_uuid(text: &str) -> Option<Uuid> {
    Uuid::parse_str(text.trim()).ok().filter(|uuid| !uuid.is_nil() && !uuid.is_max())
}

impl FromStr for MachineUid {
    type Err = InvalidMachineUid;

    /// Reads the one spelling that there is.
    fn from_str(text: &str) -> Result<Self, InvalidMachineUid> {
        let digits = text.strip_prefix(PREFIX).unwrap_or_default();
        let hex = digits.bytes().all(|b| b.is_ascii_digit() || (b'a'..=b'f').contains(&b));
        if digits.len() == 64 && hex { Ok(Self(text.to_owned())) } else { Err(InvalidMachineUid) }
    }
}

impl fmt::Display for MachineUid {
    fn fmt(&self, f: &mut fmt::Formatter<'_>) -> fmt::Result {
        f.write_str(&self.0)
    }
}

#[cfg(test)]
mod tests {
    use proptest::prelude::*;

    use super::*;

    const ID: &str = "0123456789abcdef0123456789abcdef";
    const UUID: &str = "564D1B3A-6E1F-4C6E-9B1C-0242AC120002";

    fn of(machine_id: Option<&str>, platform_uuid: Option<&str>) -> (MachineUid, MachineUidSource) {
        MachineUid::of(MachineFacts { machine_id, platform_uuid }, Timestamp::UNIX_EPOCH, &[7; 10])
    }

    #[test]
    fn the_first_that_can_be_used_counts() {
        use MachineUidSource::{MachineId, PlatformUuid, Unknown};
        let lower = UUID.to_lowercase();
        for (id, uuid, source) in [
            (Some(ID), None, MachineId),
            (Some(ID), Some(UUID), MachineId),
            (None, Some(UUID), PlatformUuid),
            (Some("uninitialized\n"), Some(UUID), PlatformUuid),
            (Some("00000000000000000000000000000000"), Some(UUID), PlatformUuid),
            (Some(""), Some(lower.as_str()), PlatformUuid),
            (Some(&ID[1..]), None, Unknown),
            (Some("0123456789ABCDEF0123456789ABCDEF"), None, Unknown),
            (Some("\n0123456789abcdef0123456789abcdef"), None, Unknown),
            (None, Some("00000000-0000-0000-0000-000000000000"), Unknown),
            (None, Some("none"), Unknown),
            (None, None, Unknown),
        ] {
            assert_eq!(of(id, uuid).1, source, "{id:?} {uuid:?}");
        }
        assert_eq!(of(Some(ID), None), of(Some(&format!("{ID}\n")), Some("x")));
        assert_eq!(of(None, Some(UUID)), of(None, Some(&lower)));
        // As computed by another program.
        let known = "muid_55cca4cf299da97c91996666c30070e8425c2050e04d05340fd9930119b2f666";
        assert_eq!(of(Some(ID), None).0.as_str(), known);
    }

    #[test]
    fn what_is_made_up_is_another_each_time() {
        let made = |random| MachineUid::of(MachineFacts::default(), Timestamp::UNIX_EPOCH, &random).0;
        assert_ne!(made([1; 10]), made([2; 10]));
        assert!(!made([1; 10]).as_str().contains("unknown"));
    }

    #[test]
    fn there_is_one_spelling() {
        let good = of(Some(ID), None).0;
        assert_eq!(good.to_string().parse(), Ok(good.clone()));
        let digits = &good.as_str()[5..];
        for bad in [
            "",
            "muid_",
            digits,
            &good.as_str().to_uppercase(),
            &format!("muid_{}", digits.to_uppercase()),
            &format!("{good}0"),
            &format!(" {good}"),
            &good.as_str()[..68],
            "unknown-0197f8a0-1c2d-7def-8123-456789abcdef",
        ] {
            assert_eq!(bad.parse::<MachineUid>().map_err(|e| e.code()), Err("machine-uid"), "{bad:?}");
        }
    }

    proptest! {
        #[test]
        fn no_identifier_of_a_system_is_given_away(id in "[1-9a-f]{32}", other in "[1-9a-f]{32}") {
            let one = of(Some(&id), None).0;
            prop_assert!(!one.as_str().contains(&id));
            prop_assert_eq!(one == of(Some(&other), None).0, id == other);
        }
    }
}
