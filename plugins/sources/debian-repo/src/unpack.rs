//! Unpacking of an index, with bounds on memory and on what comes out.

use crate::release_file::{IndexFile, Packing};
use std::io::{self, Read};

/// The largest packed index that is read. Debian's largest has 11 MiB.
pub(crate) const MAX_PACKED: u64 = 32 * 1024 * 1024;
/// The largest index once unpacked. Debian's largest has 60 MiB.
pub(crate) const MAX_UNPACKED: u64 = 256 * 1024 * 1024;
/// How many times larger than packed an index may be whose unpacked size is not listed.
const MAX_RATIO: u64 = 50;
/// What the xz decoder may take, in KiB: its dictionary (8 MiB by default, `xz -9` wants 64) and tables.
const XZ_MEMORY_KIB: u32 = 20 * 1024;

/// How many bytes may come out of an index: as many as are listed, or a bounded multiple of its size.
pub(crate) fn allowance(index: &IndexFile) -> u64 {
    index
        .unpacked
        .unwrap_or_else(|| index.listed.size.saturating_mul(MAX_RATIO).max(64 * 1024))
        .min(MAX_UNPACKED)
}

/// A reader of the unpacked text, which fails once more than `allowance` bytes have come out.
pub(crate) fn open<'b>(packing: Packing, packed: &'b [u8], allowance: u64) -> Box<dyn Read + 'b> {
    let inner: Box<dyn Read + 'b> = match packing {
        Packing::Xz => Box::new(lzma_rust2::XzReader::new_mem_limit(packed, true, XZ_MEMORY_KIB)),
        Packing::Gzip => Box::new(flate2::bufread::MultiGzDecoder::new(packed)),
        Packing::Plain => Box::new(packed),
    };
    Box::new(Bounded { inner, left: allowance })
}

struct Bounded<R> {
    inner: R,
    left: u64,
}

impl<R: Read> Read for Bounded<R> {
    fn read(&mut self, buffer: &mut [u8]) -> io::Result<usize> {
        let read = self.inner.read(buffer)?;
        self.left = self.left.checked_sub(read as u64).ok_or_else(|| {
            io::Error::new(io::ErrorKind::FileTooLarge, "it unpacks to more than is listed")
        })?;
        Ok(read)
    }
}

#[cfg(test)]
mod tests {
    use super::*;
    use crate::release_file::Listed;
    use std::io::Write;

    fn gzip(text: &[u8]) -> Vec<u8> {
        let mut encoder = flate2::write::GzEncoder::new(Vec::new(), flate2::Compression::best());
        encoder.write_all(text).unwrap();
        encoder.finish().unwrap()
    }

    fn xz(text: &[u8], preset: u32) -> Vec<u8> {
        let options = lzma_rust2::XzOptions::with_preset(preset);
        let mut encoder = lzma_rust2::XzWriter::new(Vec::new(), options).unwrap();
        encoder.write_all(text).unwrap();
        encoder.finish().unwrap()
    }

    fn all(packing: Packing, packed: &[u8], allowance: u64) -> io::Result<Vec<u8>> {
        let mut out = Vec::new();
        open(packing, packed, allowance).read_to_end(&mut out)?;
        Ok(out)
    }

    #[test]
    fn every_packing_gives_back_its_text() {
        let text = b"Package: a\n\n".repeat(1000);
        let size = text.len() as u64;
        for (packing, packed) in
            [(Packing::Plain, text.clone()), (Packing::Gzip, gzip(&text)), (Packing::Xz, xz(&text, 6))]
        {
            assert_eq!(all(packing, &packed, size).unwrap(), text, "{packing:?}");
            let error = all(packing, &packed, size - 1).unwrap_err();
            assert_eq!(error.kind(), io::ErrorKind::FileTooLarge, "{packing:?}");
        }
        let twice = [gzip(&text), gzip(&text)].concat();
        assert_eq!(all(Packing::Gzip, &twice, 2 * size).unwrap().len() as u64, 2 * size);
    }

    #[test]
    fn a_bomb_stops_at_its_allowance() {
        let bomb = gzip(&vec![0; 8 << 20]);
        assert!(bomb.len() < 16 << 10);
        let listed = Listed { path: String::new(), size: bomb.len() as u64, sha256: String::new() };
        let index = IndexFile { listed, packing: Packing::Gzip, unpacked: None, component: String::new() };
        assert!(allowance(&index) < 1 << 20);
        assert!(all(Packing::Gzip, &bomb, allowance(&index)).is_err());
        let lying = IndexFile { unpacked: Some(u64::MAX), ..index };
        assert_eq!(allowance(&lying), MAX_UNPACKED);
    }

    #[test]
    fn a_dictionary_that_needs_too_much_memory_is_refused() {
        assert!(all(Packing::Xz, &xz(b"small", 9), 64).is_err());
    }

    #[test]
    fn cut_and_damaged_files_are_errors() {
        let text = b"Package: a\n\n".repeat(1000);
        for (packing, packed) in [(Packing::Gzip, gzip(&text)), (Packing::Xz, xz(&text, 6))] {
            assert!(all(packing, &packed[..packed.len() - 9], 1 << 20).is_err(), "{packing:?} cut");
            let mut damaged = packed.clone();
            let middle = damaged.len() / 2;
            damaged[middle] ^= 0x55;
            assert!(all(packing, &damaged, 1 << 20).is_err(), "{packing:?} damaged");
        }
    }

    proptest::proptest! {
        #[test]
        fn no_bytes_make_it_panic(bytes in proptest::collection::vec(proptest::prelude::any::<u8>(), 0..200)) {
            for packing in [Packing::Xz, Packing::Gzip, Packing::Plain] {
                let _ = all(packing, &bytes, 1 << 20);
            }
        }

        #[test]
        fn no_change_of_a_good_file_makes_it_panic(at in 0_usize..200, value in proptest::prelude::any::<u8>()) {
            for (packing, mut packed) in [(Packing::Xz, xz(b"Package: a\n", 0)), (Packing::Gzip, gzip(b"Package: a\n"))] {
                let length = packed.len();
                packed[at % length] = value;
                let _ = all(packing, &packed, 1 << 20);
            }
        }
    }
}
