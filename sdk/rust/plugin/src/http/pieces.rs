//! The bytes of an answer as the host hands them out.

use std::io::{self, Read};

use super::transport;
use crate::Error;
use crate::bindings::wasi::http::types::{self as wasi, IncomingBody, IncomingResponse};
use crate::bindings::wasi::io::streams::{InputStream, StreamError};

/// What one host call gives at most.
const READ_AT_ONCE: u64 = 64 << 10;

/// The bytes of an answer, none of them counted.
#[derive(Debug)]
pub(super) struct Pieces {
    // Children before their parents: that is the order in which the host wants them dropped.
    stream: Option<InputStream>,
    _body: IncomingBody,
    _response: IncomingResponse,
    piece: io::Cursor<Vec<u8>>,
    place: String,
}

impl Pieces {
    pub(super) fn new(response: IncomingResponse, place: String) -> Result<Self, Error> {
        let taken = |()| Error::internal("the answer's content was taken twice");
        let body = response.consume().map_err(taken)?;
        let stream = body.stream().map_err(taken)?;
        let piece = io::Cursor::new(Vec::new());
        Ok(Self { stream: Some(stream), _body: body, _response: response, piece, place })
    }

    /// The next bytes, at least one of them; nothing at the end.
    pub(super) fn next(&mut self) -> Result<Option<Vec<u8>>, Error> {
        loop {
            let Some(stream) = &self.stream else { return Ok(None) };
            match stream.blocking_read(READ_AT_ONCE) {
                Ok(piece) if piece.is_empty() => {}
                Ok(piece) => return Ok(Some(piece)),
                Err(StreamError::Closed) => self.stream = None,
                Err(StreamError::LastOperationFailed(error)) => {
                    self.stream = None;
                    let place = &self.place;
                    return Err(wasi::http_error_code(&error).map_or_else(
                        || Error::unreachable(format!("{place}: the answer broke off")),
                        |code| transport::error(code, place),
                    ));
                }
            }
        }
    }
}

impl Read for Pieces {
    fn read(&mut self, into: &mut [u8]) -> io::Result<usize> {
        loop {
            let count = self.piece.read(into)?;
            if count > 0 || into.is_empty() {
                return Ok(count);
            }
            match self.next().map_err(io::Error::other)? {
                Some(piece) => self.piece = io::Cursor::new(piece),
                None => return Ok(0),
            }
        }
    }
}
