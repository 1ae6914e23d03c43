//! No randomness.
//!
//! The OpenPGP library can sign and encrypt too, and for that asks for a source of random bytes when it is
//! built. Verification needs none, and this plugin imports none: whoever asks is told so.

getrandom::register_custom_getrandom!(none);

fn none(_: &mut [u8]) -> Result<(), getrandom::Error> {
    Err(getrandom::Error::UNSUPPORTED)
}
