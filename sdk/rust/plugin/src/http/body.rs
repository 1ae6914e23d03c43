//! The content of an answer, read piece by piece under a limit.

use std::io::{self, Read};

use serde::de::DeserializeOwned;

use super::gunzip::Gunzip;
use super::pieces::Pieces;
use super::{Headers, Method};
use crate::Error;
use crate::bindings::wasi::http::types::IncomingResponse;

/// What a parser sees at a time.
const BUFFER: usize = 16 << 10;
/// What is unpacked at a time.
const UNPACK_AT_ONCE: usize = 64 << 10;

/// The content of an answer as a reader, unpacked; over the request's limit it fails with `too-large`.
///
/// Its errors hold an [`Error`]; `?` in a function that returns one takes it out again.
#[derive(Debug)]
pub struct BodyReader {
    source: Source,
    piece: io::Cursor<Vec<u8>>,
    budget: Budget,
    expected: Option<usize>,
}

#[derive(Debug)]
enum Source {
    Plain(Pieces),
    /// Of what is packed, no more is taken than may come out: packed content that unpacks to nothing ends, too.
    Gzip(Gunzip<io::Take<Pieces>>),
}

impl BodyReader {
    /// `gzip`: whether the content is packed so.
    pub(super) fn new(
        response: IncomingResponse,
        method: &Method,
        headers: &Headers,
        gzip: bool,
        max: usize,
        place: String,
    ) -> Result<Self, Error> {
        let pieces = Pieces::new(response, place.clone())?;
        let length = headers.get("content-length").and_then(|length| length.trim().parse::<usize>().ok());
        let most = u64::try_from(max).unwrap_or(u64::MAX);
        Ok(Self {
            source: if gzip { Source::Gzip(Gunzip::new(pieces.take(most))) } else { Source::Plain(pieces) },
            piece: io::Cursor::new(Vec::new()),
            budget: Budget { left: max, max, place },
            expected: length.filter(|_| *method != Method::Head),
        })
    }

    /// A lower limit from here on, in bytes of the whole content.
    #[must_use]
    pub fn max(mut self, bytes: usize) -> Self {
        let spent = self.budget.max.saturating_sub(self.budget.left);
        self.budget.max = bytes.min(self.budget.max);
        self.budget.left = self.budget.max.saturating_sub(spent);
        self
    }

    /// Parses the content as one JSON document while it arrives: only what `T` keeps stays in memory.
    ///
    /// # Errors
    /// `bad-response` with line and column; `too-large` and whatever breaks the transfer.
    pub fn json<T: DeserializeOwned>(self) -> Result<T, Error> {
        let place = self.budget.place.clone();
        let mut reader = serde_json::Deserializer::from_reader(io::BufReader::with_capacity(BUFFER, self));
        let value = T::deserialize(&mut reader).and_then(|value| reader.end().map(|()| value));
        value.map_err(|error| {
            if error.is_io() {
                return io::Error::from(error).into();
            }
            Error::bad_response(format!("{place} did not answer the JSON expected: {error}"))
        })
    }

    /// Everything up to the limit.
    ///
    /// # Errors
    /// `too-large` and whatever breaks the transfer.
    pub fn all(mut self) -> Result<Vec<u8>, Error> {
        // Known from the start to be over the limit: not one byte is fetched for nothing.
        let expected = self.expected.unwrap_or(0);
        if expected > self.budget.max {
            return Err(self.budget.exceeded());
        }
        let mut all = Vec::with_capacity(expected);
        while let Some(piece) = self.next_piece()? {
            all.extend_from_slice(&piece);
        }
        Ok(all)
    }

    /// The first bytes, at most `most` and the limit; what follows is not read.
    pub(super) fn first(mut self, most: usize) -> Result<Vec<u8>, Error> {
        let most = most.min(self.budget.max);
        self.budget.left = usize::MAX;
        let mut first = Vec::new();
        while first.len() < most {
            let Some(piece) = self.next_piece()? else { break };
            first.extend_from_slice(&piece);
        }
        first.truncate(most);
        Ok(first)
    }

    fn next_piece(&mut self) -> Result<Option<Vec<u8>>, Error> {
        let piece = match &mut self.source {
            Source::Plain(pieces) => pieces.next()?,
            Source::Gzip(unpacked) => {
                let mut piece = vec![0; UNPACK_AT_ONCE];
                let count = unpacked.read(&mut piece)?;
                piece.truncate(count);
                Some(piece).filter(|piece| !piece.is_empty())
            }
        };
        if let Some(piece) = &piece {
            self.budget.spend(piece.len())?;
        }
        Ok(piece)
    }
}

impl Read for BodyReader {
    fn read(&mut self, into: &mut [u8]) -> io::Result<usize> {
        loop {
            let count = self.piece.read(into)?;
            if count > 0 || into.is_empty() {
                return Ok(count);
            }
            match self.next_piece().map_err(io::Error::other)? {
                Some(piece) => self.piece = io::Cursor::new(piece),
                None => return Ok(0),
            }
        }
    }
}

#[derive(Debug)]
struct Budget {
    left: usize,
    max: usize,
    place: String,
}

impl Budget {
    fn spend(&mut self, bytes: usize) -> Result<(), Error> {
        self.left = self.left.checked_sub(bytes).ok_or_else(|| self.exceeded())?;
        Ok(())
    }

    fn exceeded(&self) -> Error {
        Error::too_large(format!("{}: the answer is larger than {} bytes", self.place, self.max))
    }
}

#[cfg(test)]
mod tests {
    use super::*;

    #[test]
    fn the_limit_is_exact() {
        let mut budget = Budget { left: 10, max: 10, place: "https://a.example/".into() };
        assert!(budget.spend(4).is_ok() && budget.spend(6).is_ok());
        let error = budget.spend(1).unwrap_err();
        assert_eq!(error.code, "too-large");
        assert!(error.message.contains("10 bytes"));
    }
}
