//! Content packed with gzip (RFC 9110, 8.4.1.3; RFC 1952), unpacked while it is read.

use std::io::{self, BufRead, BufReader, Read};

use miniz_oxide::inflate::stream::{InflateState, inflate};
use miniz_oxide::{DataFormat, MZError, MZFlush, MZStatus};

use super::Headers;
use crate::Error;

/// What the unpacker sees at a time.
const BUFFER: usize = 16 << 10;

/// Whether the answer's content is packed so. Takes the fields out that speak of the packed content.
///
/// # Errors
/// `bad-response` for any other packing: none was asked for.
pub(super) fn packed(headers: &mut Headers, place: &str) -> Result<bool, Error> {
    let coding = headers.get("content-encoding").unwrap_or_default().trim().to_ascii_lowercase();
    match coding.as_str() {
        "" | "identity" => Ok(false),
        "gzip" | "x-gzip" => {
            headers.remove("content-encoding");
            headers.remove("content-length");
            Ok(true)
        }
        _ => Err(Error::bad_response(format!(
            "{place} packs its answer in a way that was not asked for (`Content-Encoding`)"
        ))),
    }
}

/// The unpacked content of a reader. How much comes out is for the caller to bound.
pub(super) struct Gunzip<R> {
    inner: BufReader<R>,
    state: State,
}

enum State {
    /// A member begins here, or, after the first one, the content ends.
    Between,
    /// Within a member.
    Member(Box<Member>),
    Ended,
}

struct Member {
    inflate: InflateState,
    crc: u32,
    length: u32,
}

impl<R: Read> Gunzip<R> {
    pub(super) fn new(inner: R) -> Self {
        Self { inner: BufReader::with_capacity(BUFFER, inner), state: State::Between }
    }

    /// Begins the next member. No content at all, as after 304, is packed content, too.
    fn begin(&mut self) -> io::Result<()> {
        self.state = match self.inner.fill_buf()?.is_empty() {
            true => State::Ended,
            false => {
                header(&mut self.inner)?;
                State::Member(Box::new(Member {
                    inflate: InflateState::new(DataFormat::Raw),
                    crc: !0,
                    length: 0,
                }))
            }
        };
        Ok(())
    }
}

impl<R: Read> Read for Gunzip<R> {
    fn read(&mut self, into: &mut [u8]) -> io::Result<usize> {
        while !into.is_empty() {
            let member = match &mut self.state {
                State::Ended => break,
                State::Between => {
                    self.begin()?;
                    continue;
                }
                State::Member(member) => member,
            };
            let input = self.inner.fill_buf()?;
            let given = input.len();
            let step = inflate(&mut member.inflate, input, into, MZFlush::None);
            self.inner.consume(step.bytes_consumed);
            member.took(into.get(..step.bytes_written).unwrap_or_default());
            match step.status {
                Ok(MZStatus::StreamEnd) => {
                    member.trailer(&mut self.inner)?;
                    self.state = State::Between;
                }
                Err(MZError::Buf) if given == 0 && step.bytes_written == 0 => return Err(cut()),
                Ok(_) | Err(MZError::Buf) if step.bytes_consumed + step.bytes_written > 0 => {}
                _ => return Err(damaged("the packing is damaged")),
            }
            if step.bytes_written > 0 {
                return Ok(step.bytes_written);
            }
        }
        Ok(0)
    }
}

impl Member {
    fn took(&mut self, bytes: &[u8]) {
        for byte in bytes {
            let low = usize::from((self.crc.to_le_bytes()[0]) ^ byte);
            self.crc = (self.crc >> 8) ^ CRC.get(low).copied().unwrap_or_default();
        }
        // Counted modulo 2^32, as the trailer has it.
        self.length = self.length.wrapping_add(u32::try_from(bytes.len()).unwrap_or(u32::MAX));
    }

    fn trailer(&self, inner: &mut impl Read) -> io::Result<()> {
        if number(inner)? == !self.crc && number(inner)? == self.length {
            return Ok(());
        }
        Err(damaged("it is not what was packed"))
    }
}

/// The head of a member: what is of no interest here is passed over.
fn header(inner: &mut impl BufRead) -> io::Result<()> {
    const HEADER_CRC: u8 = 2;
    const EXTRA: u8 = 4;
    const NAME: u8 = 8;
    const COMMENT: u8 = 16;
    let mut fixed = [0; 10];
    inner.read_exact(&mut fixed)?;
    let [0x1f, 0x8b, 8, flags, ..] = fixed else { return Err(damaged("it is not packed with gzip")) };
    let mut two = [0; 2];
    if flags & EXTRA != 0 {
        inner.read_exact(&mut two)?;
        skip(inner, u64::from(u16::from_le_bytes(two)))?;
    }
    for text in [NAME, COMMENT] {
        if flags & text != 0 {
            inner.skip_until(0)?;
        }
    }
    if flags & HEADER_CRC != 0 {
        inner.read_exact(&mut two)?;
    }
    Ok(())
}

fn skip(inner: &mut impl Read, count: u64) -> io::Result<()> {
    match io::copy(&mut inner.take(count), &mut io::sink())? == count {
        true => Ok(()),
        false => Err(cut()),
    }
}

fn number(inner: &mut impl Read) -> io::Result<u32> {
    let mut bytes = [0; 4];
    inner.read_exact(&mut bytes)?;
    Ok(u32::from_le_bytes(bytes))
}

fn cut() -> io::Error {
    io::ErrorKind::UnexpectedEof.into()
}

fn damaged(why: &'static str) -> io::Error {
    io::Error::new(io::ErrorKind::InvalidData, why)
}

/// CRC-32 of each byte (RFC 1952, section 8).
const CRC: [u32; 256] = {
    let mut table = [0; 256];
    let mut byte = 0;
    while byte < 256 {
        let mut value = byte as u32;
        let mut bit = 0;
        while bit < 8 {
            value = if value & 1 == 1 { (value >> 1) ^ 0xedb8_8320 } else { value >> 1 };
            bit += 1;
        }
        table[byte] = value;
        byte += 1;
    }
    table
};

impl<R> std::fmt::Debug for Gunzip<R> {
    fn fmt(&self, f: &mut std::fmt::Formatter<'_>) -> std::fmt::Result {
        f.write_str("Gunzip")
    }
}

#[cfg(test)]
mod tests {
    use super::*;
    use std::io::Write as _;

    fn gzip(text: &[u8]) -> Vec<u8> {
        let mut encoder = flate2::write::GzEncoder::new(Vec::new(), flate2::Compression::best());
        encoder.write_all(text).unwrap();
        encoder.finish().unwrap()
    }

    fn all(packed: &[u8]) -> Result<Vec<u8>, Error> {
        let mut out = Vec::new();
        Gunzip::new(packed).read_to_end(&mut out)?;
        Ok(out)
    }

    #[test]
    fn what_was_packed_comes_out() {
        let text = b"{\"versions\": []}".repeat(5000);
        assert_eq!(all(&gzip(&text)).unwrap(), text);
        assert_eq!(all(&[gzip(b"one"), gzip(b"two")].concat()).unwrap(), b"onetwo");
        assert_eq!(all(b"").unwrap(), b"");
        // However little is taken at a time.
        let (packed, mut out, mut byte) = (gzip(&text), Vec::new(), [0; 1]);
        let mut unpacked = Gunzip::new(packed.as_slice());
        while unpacked.read(&mut byte).unwrap() == 1 {
            out.extend(byte);
        }
        assert_eq!(out, text);
    }

    #[test]
    fn every_kind_of_header_is_passed_over() {
        let builder =
            flate2::GzBuilder::new().filename("a.json").comment("c").extra("x".repeat(300)).mtime(7);
        let mut encoder = builder.write(Vec::new(), flate2::Compression::fast());
        encoder.write_all(b"text").unwrap();
        assert_eq!(all(&encoder.finish().unwrap()).unwrap(), b"text");
    }

    #[test]
    fn cut_and_damaged_content_is_an_error() {
        let packed = gzip(&b"Package: a\n".repeat(999));
        let mut flipped = packed.clone();
        let middle = flipped.len() / 2;
        flipped[middle] ^= 0x55;
        let mut checked = packed.clone();
        *checked.last_mut().unwrap() ^= 1;
        let cut = [&packed[..packed.len() - 9], &packed[..packed.len() - 1], &packed[..20], &packed[..5]];
        for bad in cut.into_iter().chain([&flipped[..], &checked, b"{\"plain\": 1}"]) {
            assert_eq!(all(bad).unwrap_err().code, "bad-response");
        }
    }

    #[test]
    fn a_broken_transfer_keeps_its_own_error() {
        struct Broken;
        impl Read for Broken {
            fn read(&mut self, _: &mut [u8]) -> io::Result<usize> {
                Err(io::Error::other(Error::timeout("nothing came in time")))
            }
        }
        let packed = gzip(b"a text that is long enough");
        let mut cut = Gunzip::new(packed[..14].chain(Broken));
        assert_eq!(Error::from(cut.read_to_end(&mut Vec::new()).unwrap_err()).code, "timeout");
        let mut none = Gunzip::new(Broken);
        assert_eq!(Error::from(none.read(&mut [0; 9]).unwrap_err()).code, "timeout");
    }

    #[test]
    fn fields_of_the_packed_content_are_gone() {
        let fields = |coding: &str| -> Headers {
            [("Content-Encoding", coding), ("content-length", "9"), ("etag", "x")].into_iter().collect()
        };
        for (coding, expected, left) in [("gzip", true, 1), ("X-GZIP ", true, 1), ("identity", false, 3)] {
            let mut headers = fields(coding);
            assert_eq!(packed(&mut headers, "it"), Ok(expected), "{coding}");
            assert_eq!(headers.iter().count(), left, "{coding}");
        }
        assert_eq!(packed(&mut fields("br"), "it").unwrap_err().code, "bad-response");
        assert_eq!(packed(&mut Headers::new(), "it"), Ok(false));
    }

    proptest::proptest! {
        #[test]
        fn no_bytes_make_it_panic(bytes: Vec<u8>, at in 0_usize..60, value: u8) {
            let _ = all(&bytes);
            let mut packed = gzip(b"some content that was packed, and more of it");
            let length = packed.len();
            packed[at % length] = value;
            let _ = all(&packed);
        }
    }
}
