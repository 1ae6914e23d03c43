//! A part of the record in a file, to keep elsewhere: lines of JSON, of which the first says where the part begins, the
//! last holds the signed [head](super::Head), and those between are the rows, none left out.
//!
//! Read line by line, so that a file may be larger than memory. That the signature holds is for the reader to ask; that
//! the rows end in what was signed is [`Reading::ends_in`].

use jiff::Timestamp;
use serde::{Deserialize, Serialize};

use super::{BEGINNING, Broken, Head, Row, RowHash, Walk};
use crate::name::TenantName;

/// What the first line says the file is.
pub const FORMAT: &str = "waystation-audit/1";

/// The most bytes of a line.
pub const MAX_LINE: usize = 1 << 20;

/// The first line.
#[derive(Debug, Clone, Serialize, Deserialize)]
#[serde(deny_unknown_fields)]
pub struct Opening {
    /// [`FORMAT`].
    pub format: String,
    /// Whose record.
    pub tenant: TenantName,
    /// The number of the row before the first, 0 where the record begins.
    pub after: u64,
    /// The hash of that row, in hex.
    pub hash: String,
}

/// The last line.
#[derive(Debug, Clone, Serialize, Deserialize)]
#[serde(deny_unknown_fields)]
pub struct Closing {
    /// The signed note over the head of the record up to the last row.
    pub head: String,
}

/// A line between.
#[derive(Deserialize)]
#[serde(deny_unknown_fields)]
struct Entry {
    seq: u64,
    at: Timestamp,
    actor: String,
    plane: String,
    action: String,
    target: String,
    outcome: String,
    request: String,
    address: String,
    hash: String,
}

/// Why a file is no export, or its chain does not hold.
#[derive(Debug, Clone, PartialEq, Eq, thiserror::Error)]
pub enum ExportError {
    /// A line that is none of an export.
    #[error("line {0} is none of an export of the record")]
    Malformed(u64),
    /// The last line is not the signed head.
    #[error("the file ends without a signed head; it was cut off")]
    Cut,
    /// The chain does not hold.
    #[error("the record does not hold: {0}")]
    Broken(#[from] Broken),
    /// The rows do not end in the head that was signed.
    #[error("the head that was signed is not that of the rows before it")]
    OtherHead,
}

impl ExportError {
    /// The stable word for programs.
    #[must_use]
    pub const fn code(&self) -> &'static str {
        match self {
            Self::Malformed(_) => "export-malformed",
            Self::Cut => "export-cut",
            Self::Broken(_) => "audit-broken",
            Self::OtherHead => "audit-head-differs",
        }
    }
}

/// A file that is being read.
#[derive(Debug)]
pub struct Reading {
    tenant: TenantName,
    begins: (u64, RowHash),
    walk: Walk,
    lines: u64,
}

impl Reading {
    /// Begins with the first line.
    ///
    /// # Errors
    /// When it is not that of an export.
    pub fn begin(line: &str) -> Result<Self, ExportError> {
        let opening: Opening = serde_json::from_str(line).map_err(|_| ExportError::Malformed(1))?;
        let hash = hash(&opening.hash).ok_or(ExportError::Malformed(1))?;
        let first = opening.after == 0 && hash != BEGINNING;
        if opening.format != FORMAT || first || i64::try_from(opening.after).is_err() {
            return Err(ExportError::Malformed(1));
        }
        let begins = (opening.after, hash);
        Ok(Self { tenant: opening.tenant, begins, walk: Walk::from(begins.0, begins.1), lines: 1 })
    }

    /// Takes the next line: nothing comes back for a row, the signed note for the last.
    ///
    /// # Errors
    /// When it is no line of an export, or a row is not the one that follows.
    pub fn take(&mut self, line: &str) -> Result<Option<String>, ExportError> {
        self.lines += 1;
        let malformed = ExportError::Malformed(self.lines);
        if line.starts_with(r#"{"head":"#) {
            let closing: Closing = serde_json::from_str(line).map_err(|_| malformed)?;
            return Ok(Some(closing.head));
        }
        let entry: Entry = serde_json::from_str(line).map_err(|_| malformed.clone())?;
        let at = entry.at.as_microsecond();
        let kept = hash(&entry.hash).filter(|_| i64::try_from(entry.seq).is_ok()).ok_or(malformed)?;
        let Entry { actor, plane, action, target, outcome, request, address, .. } = entry;
        let fields = [actor, plane, action, target, outcome, request, address];
        self.walk.step(&Row { seq: entry.seq, at, fields, hash: kept })?;
        Ok(None)
    }

    /// Whose record.
    #[must_use]
    pub const fn tenant(&self) -> &TenantName {
        &self.tenant
    }

    /// The number and hash of the row before the first of this file.
    #[must_use]
    pub const fn begins(&self) -> (u64, RowHash) {
        self.begins
    }

    /// The number and hash of the last row so far.
    #[must_use]
    pub const fn reached(&self) -> (u64, RowHash) {
        self.walk.head()
    }

    /// Whether the rows end in what was signed.
    ///
    /// # Errors
    /// [`ExportError::OtherHead`].
    pub fn ends_in(&self, head: &Head) -> Result<(), ExportError> {
        let same = self.walk.head() == (head.seq, head.hash) && self.tenant == head.tenant;
        if same { Ok(()) } else { Err(ExportError::OtherHead) }
    }
}

fn hash(text: &str) -> Option<RowHash> {
    let mut hash = [0; 32];
    hex::decode_to_slice(text, &mut hash).ok()?;
    (hex::encode(hash) == text).then_some(hash)
}

#[cfg(test)]
mod tests {
    use super::*;
    use crate::audit::Deed;

    fn rows(count: usize) -> Vec<Row> {
        let mut rows: Vec<Row> = Vec::new();
        for n in 0..count {
            let (seq, hash) = rows.last().map_or((0, BEGINNING), |row| (row.seq, row.hash));
            let deed = Deed {
                at: Timestamp::from_second(n as i64).unwrap(),
                actor: format!("agent:{n}"),
                plane: "agent",
                action: "ticket.issue",
                target: "\"\u{1f}\n\u{2028}é".into(),
                outcome: "ok".into(),
                request: None,
                address: Some("192.0.2.1".into()),
            };
            rows.push(Row::after((seq, &hash), deed));
        }
        rows
    }

    fn line(row: &Row) -> String {
        let [actor, plane, action, target, outcome, request, address] = &row.fields;
        serde_json::json!({
            "seq": row.seq, "at": Timestamp::from_microsecond(row.at).unwrap(), "actor": actor, "plane": plane,
            "action": action, "target": target, "outcome": outcome, "request": request, "address": address,
            "hash": hex::encode(row.hash),
        })
        .to_string()
    }

    fn opening(after: u64, hash: &RowHash) -> String {
        let opening = Opening {
            format: FORMAT.into(),
            tenant: "default".parse().unwrap(),
            after,
            hash: hex::encode(hash),
        };
        serde_json::to_string(&opening).unwrap()
    }

    fn head(row: &Row) -> Head {
        let tenant = "default".parse().unwrap();
        Head { tenant, seq: row.seq, hash: row.hash, at: Timestamp::UNIX_EPOCH }
    }

    #[test]
    fn a_file_is_read_and_joined_to_the_next() {
        let rows = rows(5);
        let mut reading = Reading::begin(&opening(0, &BEGINNING)).unwrap();
        for row in &rows[..3] {
            assert_eq!(reading.take(&line(row)), Ok(None));
        }
        assert_eq!(reading.ends_in(&head(&rows[2])), Ok(()));
        assert_eq!(reading.ends_in(&head(&rows[1])), Err(ExportError::OtherHead));
        let other = Head { tenant: "other".parse().unwrap(), ..head(&rows[2]) };
        assert_eq!(reading.ends_in(&other), Err(ExportError::OtherHead));
        let closing = serde_json::to_string(&Closing { head: "note\n".into() }).unwrap();
        assert_eq!(reading.take(&closing), Ok(Some("note\n".into())));
        let (seq, hash) = reading.reached();
        let mut next = Reading::begin(&opening(seq, &hash)).unwrap();
        assert_eq!((next.begins(), next.tenant()), (reading.reached(), reading.tenant()));
        assert_eq!(next.take(&line(&rows[3])), Ok(None));
        assert_eq!(next.take(&line(&rows[3])), Err(Broken::Moved(4).into()));
    }

    #[test]
    fn what_is_not_as_it_is_written_is_refused() {
        let (rows, first) = (rows(3), opening(0, &BEGINNING));
        for bad in [
            String::new(),
            "{}".into(),
            first.replace("/1", "/2"),
            first.replace("\"after\":0", "\"after\":-1"),
            opening(0, &[1; 32]),
            opening(u64::MAX, &[1; 32]),
            first.replace("00\"", "0\""),
            first.replace('}', ",\"more\":1}"),
            line(&rows[0]),
        ] {
            assert_eq!(Reading::begin(&bad).unwrap_err(), ExportError::Malformed(1), "{bad}");
        }
        let good = line(&rows[0]);
        for bad in [
            String::new(),
            "[]".into(),
            first.clone(),
            good.replace("\"seq\":1", "\"seq\":18446744073709551615"),
            good.replace("\"seq\":1", "\"seq\":1.0"),
            good.replace("\"actor\":\"agent:0\",", ""),
            good.replace('}', ",\"more\":1}"),
            good.replace(&hex::encode(rows[0].hash), &hex::encode(rows[0].hash).to_uppercase()),
            "{\"head\":1}".into(),
            "{\"head\":\"a\",\"head\":\"b\"}".into(),
        ] {
            let mut reading = Reading::begin(&first).unwrap();
            assert_eq!(reading.take(&bad).unwrap_err(), ExportError::Malformed(2), "{bad}");
        }
        let mut reading = Reading::begin(&first).unwrap();
        assert_eq!(reading.take(&line(&rows[1])), Err(Broken::Missing(1).into()));
        assert_eq!(reading.take(&good.replace("agent:0", "agent:1")), Err(Broken::Changed(1).into()));
        assert_eq!(reading.take(&good), Ok(None), "a row that is refused moves nothing");
    }
}
