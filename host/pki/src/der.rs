//! What X.509 certificates, PKCS#10 requests and revocation lists have in common: something signed, how, and the
//! signature.

use rustls::crypto::ring;
use x509_cert::der::asn1::{BitStringRef, UintRef};
use x509_cert::der::{Decode as _, Reader as _, Result, SliceReader, Tag};

/// A signed document, cut into its parts; all of them are slices of what was read, so that the signature is checked
/// over the very bytes.
#[derive(Debug, Clone, Copy)]
pub(crate) struct Signed<'a> {
    pub(crate) content: &'a [u8],
    /// The AlgorithmIdentifier without its header.
    algorithm: &'a [u8],
    signature: &'a [u8],
}

/// A SubjectPublicKeyInfo, cut into its parts.
#[derive(Debug, Clone, Copy)]
pub(crate) struct PublicKey<'a> {
    /// The AlgorithmIdentifier without its header.
    pub(crate) algorithm: &'a [u8],
    pub(crate) key: &'a [u8],
}

/// The content of a SEQUENCE.
pub(crate) fn content(der: &[u8]) -> Result<&[u8]> {
    let mut reader = SliceReader::new(der)?;
    let any = reader.decode::<x509_cert::der::asn1::AnyRef<'_>>()?;
    x509_cert::der::Tagged::tag(&any).assert_eq(Tag::Sequence)?;
    reader.finish(any.value())
}

fn bits<'a>(reader: &mut SliceReader<'a>) -> Result<&'a [u8]> {
    let bits = BitStringRef::decode(reader)?;
    bits.as_bytes().ok_or_else(|| Tag::BitString.value_error())
}

impl<'a> Signed<'a> {
    pub(crate) fn parse(der: &'a [u8]) -> Result<Self> {
        let mut reader = SliceReader::new(content(der)?)?;
        let (signed, algorithm) = (reader.tlv_bytes()?, content(reader.tlv_bytes()?)?);
        let signature = bits(&mut reader)?;
        reader.finish(Self { content: signed, algorithm, signature })
    }

    /// Whether the key signed it, with an algorithm that this host takes: ECDSA on P-256 and P-384, Ed25519, and RSA of
    /// 2048 bits and more, with SHA-256, SHA-384 or SHA-512.
    pub(crate) fn is_signed_by(&self, key: &PublicKey<'_>) -> bool {
        let algorithms = ring::default_provider().signature_verification_algorithms;
        algorithms.all.iter().any(|algorithm| {
            algorithm.signature_alg_id().as_ref() == self.algorithm
                && algorithm.public_key_alg_id().as_ref() == key.algorithm
                && algorithm.verify_signature(key.key, self.content, self.signature).is_ok()
        })
    }
}

impl<'a> PublicKey<'a> {
    pub(crate) fn parse(der: &'a [u8]) -> Result<Self> {
        let mut reader = SliceReader::new(content(der)?)?;
        let algorithm = content(reader.tlv_bytes()?)?;
        let key = bits(&mut reader)?;
        reader.finish(Self { algorithm, key })
    }

    /// The bits of an RSA key's modulus.
    pub(crate) fn rsa_bits(&self) -> Result<usize> {
        let mut reader = SliceReader::new(content(self.key)?)?;
        let modulus = UintRef::decode(&mut reader)?;
        let _exponent = UintRef::decode(&mut reader)?;
        let unused = modulus.as_bytes().first().map_or(0, |first| first.leading_zeros() as usize);
        reader.finish(modulus.as_bytes().len() * 8 - unused)
    }
}

/// The fields of a PKCS#10 request up to its attributes (RFC 2986, section 4.1), of which only the key counts.
pub(crate) fn request_key(content_of_request: &[u8]) -> Result<&[u8]> {
    let mut reader = SliceReader::new(content(content_of_request)?)?;
    let version = u8::decode(&mut reader)?;
    if version != 0 {
        return Err(Tag::Integer.value_error());
    }
    let _subject = content(reader.tlv_bytes()?)?;
    let key = reader.tlv_bytes()?;
    if !reader.is_finished() {
        let attributes = reader.tlv_bytes()?;
        if attributes.first() != Some(&0xa0) {
            return Err(Tag::Sequence.value_error());
        }
    }
    reader.finish(key)
}
