//! What was kept of the record elsewhere: a signed head, or an export that ends in one.

use std::fs::File;
use std::io::{BufRead as _, BufReader, Read as _};
use std::path::Path;

use waystation_core::audit::export::{ExportError, MAX_LINE, Reading};
use waystation_core::audit::{Head, RowHash};
use waystation_identity::{MAX_NOTE, NoteVerifier, open_note};

use crate::exit::{Exit, Failure};
use crate::files::io;

/// A file of which everything holds.
pub(super) struct Kept {
    /// What it ended with, as the host signed it.
    pub(super) head: Head,
    /// The row before the first of an export.
    pub(super) begins: Option<(u64, RowHash)>,
}

/// Reads a file, and refuses one that does not hold or that none of these keys signed.
pub(super) fn read(path: &Path, keys: &[NoteVerifier]) -> Result<Kept, Failure> {
    let of =
        |failure: Failure| Failure { message: format!("{}: {}", path.display(), failure.message), ..failure };
    let mut reader = BufReader::new(File::open(path).map_err(|e| io(path, &e))?);
    let mut next = || -> Result<Option<String>, Failure> {
        let mut line = Vec::new();
        let read = reader.by_ref().take(MAX_LINE as u64 + 1).read_until(b'\n', &mut line);
        if read.map_err(|e| io(path, &e))? == 0 {
            return Ok(None);
        }
        let whole = line.len() <= MAX_LINE;
        let text = String::from_utf8(line).ok().filter(|_| whole);
        text.map(Some).ok_or_else(|| of(neither()))
    };
    let first = next()?.unwrap_or_default();
    if !first.starts_with('{') {
        let mut note = first;
        while let Some(line) = next()? {
            note.push_str(&line);
            if note.len() > MAX_NOTE {
                return Err(of(neither()));
            }
        }
        return Ok(Kept { head: signed(&note, keys).map_err(of)?, begins: None });
    }
    let mut reading = Reading::begin(first.trim_end()).map_err(|e| of(refused(&e)))?;
    while let Some(line) = next()? {
        let Some(note) = reading.take(line.trim_end()).map_err(|e| of(refused(&e)))? else { continue };
        let head = signed(&note, keys).map_err(of)?;
        reading.ends_in(&head).map_err(|e| of(refused(&e)))?;
        return match next()? {
            None => Ok(Kept { head, begins: Some(reading.begins()) }),
            Some(_) => Err(of(neither())),
        };
    }
    Err(of(refused(&ExportError::Cut)))
}

fn signed(note: &str, keys: &[NoteVerifier]) -> Result<Head, Failure> {
    let text = open_note(note, keys).map_err(|e| {
        let failure = Failure::new(Exit::Failed, e.to_string()).code(e.code());
        match e.code() {
            "note-signer" => failure.hint("`waystation audit key` prints the keys of a host"),
            _ => failure,
        }
    })?;
    Head::parse(text).ok_or_else(neither)
}

fn refused(e: &ExportError) -> Failure {
    let failure = Failure::new(Exit::Failed, e.to_string()).code(e.code());
    match e {
        ExportError::Malformed(_) | ExportError::Cut => failure,
        ExportError::Broken(_) | ExportError::OtherHead => {
            failure.hint("this is not what the host wrote; look for another copy of the file")
        }
    }
}

fn neither() -> Failure {
    let message = "this is neither a head nor an export of the record";
    Failure::new(Exit::Failed, message).code("export-malformed")
}
