//! The cryptography that the verification engine runs on: RustCrypto, for verification only.
//!
//! The engine asks for some signatures twice, and every bundle for those of the same authorities. What verified is
//! remembered by a digest of everything that went into it; what did not is computed anew.

use std::cell::RefCell;
use std::collections::VecDeque;

use p256::ecdsa::signature::hazmat::PrehashVerifier as _;
use rsa::pkcs1::DecodeRsaPublicKey as _;
use rsa::traits::SignatureScheme as _;
use rsa::{Pkcs1v15Sign, Pss, RsaPublicKey};
use sha2::{Digest, Sha256, Sha384, Sha512};
use sigstore_verify::crypto::{CryptoProvider, Error, HashContext, SigningScheme};
use sigstore_verify::types::HashAlgorithm;

/// Hashes with SHA-2; verifies ECDSA (P-256, P-384), Ed25519 and RSA.
#[derive(Debug)]
pub(crate) struct RustCrypto;

struct Context<D>(D);

impl<D: Digest + Send> HashContext for Context<D> {
    fn update(&mut self, data: &[u8]) {
        self.0.update(data);
    }

    fn finalize(self: Box<Self>) -> Vec<u8> {
        self.0.finalize().to_vec()
    }
}

/// How many signatures are remembered, for each thread.
const REMEMBERED: usize = 64;

thread_local! {
    static VERIFIED: RefCell<VecDeque<[u8; 32]>> = const { RefCell::new(VecDeque::new()) };
}

/// Verifies unless just this has verified before.
fn once(scheme: SigningScheme, parts: [&[u8]; 3], verify: impl FnOnce() -> Option<()>) -> Option<()> {
    let mut all = Sha256::new();
    all.update(scheme.name().as_bytes());
    for part in parts {
        all.update((part.len() as u64).to_be_bytes());
        all.update(part);
    }
    let all: [u8; 32] = all.finalize().into();
    if VERIFIED.with_borrow(|verified| verified.contains(&all)) {
        return Some(());
    }
    verify()?;
    VERIFIED.with_borrow_mut(|verified| {
        verified.truncate(REMEMBERED - 1);
        verified.push_front(all);
    });
    Some(())
}

fn wrong(scheme: SigningScheme) -> Error {
    Error::Verification(format!("the {} signature does not verify", scheme.name()))
}

fn hash(scheme: SigningScheme, data: &[u8]) -> Option<Vec<u8>> {
    match scheme.hash_algorithm()? {
        HashAlgorithm::Sha2256 => Some(Sha256::digest(data).to_vec()),
        HashAlgorithm::Sha2384 => Some(Sha384::digest(data).to_vec()),
        HashAlgorithm::Sha2512 => Some(Sha512::digest(data).to_vec()),
        _ => None,
    }
}

impl CryptoProvider for RustCrypto {
    fn hash(&self, algorithm: HashAlgorithm) -> Result<Box<dyn HashContext>, Error> {
        match algorithm {
            HashAlgorithm::Sha2256 => Ok(Box::new(Context(Sha256::new()))),
            HashAlgorithm::Sha2384 => Ok(Box::new(Context(Sha384::new()))),
            HashAlgorithm::Sha2512 => Ok(Box::new(Context(Sha512::new()))),
            _ => Err(Error::UnsupportedAlgorithm(format!("{algorithm} is not supported"))),
        }
    }

    fn sha256(&self, data: &[u8]) -> [u8; 32] {
        Sha256::digest(data).into()
    }

    fn sha384(&self, data: &[u8]) -> [u8; 48] {
        Sha384::digest(data).into()
    }

    fn sha512(&self, data: &[u8]) -> [u8; 64] {
        Sha512::digest(data).into()
    }

    fn verify_raw(
        &self,
        scheme: SigningScheme,
        key: &[u8],
        data: &[u8],
        signature: &[u8],
    ) -> Result<(), Error> {
        if scheme == SigningScheme::Ed25519 {
            let verified = once(scheme, [key, data, signature], || ed25519(key, data, signature));
            return verified.ok_or_else(|| wrong(scheme));
        }
        let digest = hash(scheme, data).ok_or_else(|| wrong(scheme))?;
        self.verify_prehashed(scheme, key, &digest, signature)
    }

    fn verify_prehashed(
        &self,
        scheme: SigningScheme,
        key: &[u8],
        digest: &[u8],
        signature: &[u8],
    ) -> Result<(), Error> {
        let verified = once(scheme, [key, digest, signature], || match scheme {
            SigningScheme::EcdsaP256Sha256 | SigningScheme::EcdsaP256Sha384 => p256(key, digest, signature),
            SigningScheme::EcdsaP384Sha256 | SigningScheme::EcdsaP384Sha384 => p384(key, digest, signature),
            SigningScheme::RsaPkcs1Sha256 | SigningScheme::RsaPkcs1Sha384 | SigningScheme::RsaPkcs1Sha512 => {
                pkcs1(scheme, key, digest, signature)
            }
            SigningScheme::RsaPssSha256 | SigningScheme::RsaPssSha384 | SigningScheme::RsaPssSha512 => {
                pss(scheme, key, digest, signature)
            }
            _ => None,
        });
        verified.ok_or_else(|| wrong(scheme))
    }
}

/// Strict: keys and points of small order are refused.
pub(crate) fn ed25519(key: &[u8], data: &[u8], signature: &[u8]) -> Option<()> {
    let key = ed25519_dalek::VerifyingKey::from_bytes(key.try_into().ok()?).ok()?;
    let signature = ed25519_dalek::Signature::from_slice(signature).ok()?;
    key.verify_strict(data, &signature).ok()
}

fn p256(key: &[u8], digest: &[u8], signature: &[u8]) -> Option<()> {
    let key = p256::ecdsa::VerifyingKey::from_sec1_bytes(key).ok()?;
    let signature = p256::ecdsa::Signature::from_der(signature).ok()?;
    key.verify_prehash(digest, &signature).ok()
}

fn p384(key: &[u8], digest: &[u8], signature: &[u8]) -> Option<()> {
    let key = p384::ecdsa::VerifyingKey::from_sec1_bytes(key).ok()?;
    let signature = p384::ecdsa::Signature::from_der(signature).ok()?;
    key.verify_prehash(digest, &signature).ok()
}

fn pkcs1(scheme: SigningScheme, key: &[u8], digest: &[u8], signature: &[u8]) -> Option<()> {
    let key = RsaPublicKey::from_pkcs1_der(key).ok()?;
    let padding = match scheme.hash_algorithm()? {
        HashAlgorithm::Sha2256 => Pkcs1v15Sign::new::<rsa::sha2::Sha256>(),
        HashAlgorithm::Sha2384 => Pkcs1v15Sign::new::<rsa::sha2::Sha384>(),
        HashAlgorithm::Sha2512 => Pkcs1v15Sign::new::<rsa::sha2::Sha512>(),
        _ => return None,
    };
    padding.verify(&key, digest, signature).ok()
}

fn pss(scheme: SigningScheme, key: &[u8], digest: &[u8], signature: &[u8]) -> Option<()> {
    let key = RsaPublicKey::from_pkcs1_der(key).ok()?;
    let padding = match scheme.hash_algorithm()? {
        HashAlgorithm::Sha2256 => Pss::new::<rsa::sha2::Sha256>(),
        HashAlgorithm::Sha2384 => Pss::new::<rsa::sha2::Sha384>(),
        HashAlgorithm::Sha2512 => Pss::new::<rsa::sha2::Sha512>(),
        _ => return None,
    };
    padding.verify(&key, digest, signature).ok()
}

#[cfg(test)]
mod tests {
    use p256::ecdsa::signature::Signer as _;

    use super::*;

    #[test]
    fn only_what_verified_is_remembered_and_all_of_it() {
        let key = p256::ecdsa::SigningKey::from_slice(&[7; 32]).unwrap();
        let signature: p256::ecdsa::Signature = key.sign(b"message");
        let (signature, point) = (signature.to_der(), key.verifying_key().to_sec1_point(false));
        let other =
            p256::ecdsa::SigningKey::from_slice(&[8; 32]).unwrap().verifying_key().to_sec1_point(false);
        let scheme = SigningScheme::EcdsaP256Sha256;
        let verify = |key: &[u8], data: &[u8], signature: &[u8]| {
            RustCrypto.verify_raw(scheme, key, data, signature).is_ok()
        };
        for _ in 0..2 {
            assert!(verify(point.as_bytes(), b"message", signature.as_bytes()));
            assert!(!verify(point.as_bytes(), b"messagf", signature.as_bytes()));
            assert!(!verify(other.as_bytes(), b"message", signature.as_bytes()));
            assert!(!verify(point.as_bytes(), b"message", &signature.as_bytes()[1..]));
        }
        assert_eq!(VERIFIED.with_borrow(VecDeque::len), 1);
    }
}
