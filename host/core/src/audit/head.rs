//! The end of a chain as it is signed: five lines, the text of a signed note.

use jiff::Timestamp;

use super::RowHash;
use crate::name::TenantName;

/// The first line: what the text is.
const TITLE: &str = "waystation audit head 1";

/// Up to where a chain goes. Kept elsewhere, it shows later whether the chain is still the one it was.
#[derive(Debug, Clone, PartialEq, Eq)]
pub struct Head {
    /// Whose chain.
    pub tenant: TenantName,
    /// The number of its last row.
    pub seq: u64,
    /// The hash of that row.
    pub hash: RowHash,
    /// When that was so.
    pub at: Timestamp,
}

impl Head {
    /// The text that is signed, which [`Head::parse`] reads.
    #[must_use]
    pub fn text(&self) -> String {
        let Self { tenant, seq, hash, at } = self;
        format!("{TITLE}\n{tenant}\n{seq}\n{}\n{at}\n", hex::encode(hash))
    }

    /// Reads the text of a head: only in the one form that it is written in.
    #[must_use]
    pub fn parse(text: &str) -> Option<Self> {
        let mut lines = text.lines();
        let (title, tenant) = (lines.next()?, lines.next()?.parse().ok()?);
        let (seq, mut hash) = (lines.next()?.parse().ok()?, [0; 32]);
        hex::decode_to_slice(lines.next()?, &mut hash).ok()?;
        let head = Self { tenant, seq, hash, at: lines.next()?.parse().ok()? };
        (title == TITLE && head.text() == text).then_some(head)
    }
}

#[cfg(test)]
mod tests {
    use super::*;

    #[test]
    fn a_head_is_read_in_one_form_only() {
        let head = Head {
            tenant: "default".parse().unwrap(),
            seq: 12,
            hash: [0xab; 32],
            at: Timestamp::from_second(1_800_000_000).unwrap(),
        };
        let text = head.text();
        assert_eq!(Head::parse(&text), Some(head));
        for other in [
            text.trim_end().to_owned(),
            format!("{text}\n"),
            format!("{text}more\n"),
            text.replace("head 1", "head 2"),
            text.replace("\n12\n", "\n012\n"),
            text.replace("\n12\n", "\n+12\n"),
            text.replace("abab", "ABAB"),
            text.replace("ab\n", "\n"),
            text.replace("Z\n", "+00:00\n"),
            text.replace("default", "De fault"),
            text.replace('\n', "\r\n"),
        ] {
            assert_eq!(Head::parse(&other), None, "{other}");
        }
    }
}
