//! Which addresses a plugin may reach: everything public, and nothing else unless two keys turn.
//!
//! Pure. [`screen`] says whether one address is public; [`Screening::permit`] applies the two keys (the
//! host's flag and the grant's `addresses`) to one that is not, and to the IPv4 address it may carry
//! inside. Sources: the IANA IPv4 and IPv6 special-purpose address registries (RFC 6890), the IPv6 global
//! unicast allocation (only 2000::/3 is handed out), and the metadata addresses of cloud providers.

use std::fmt;
use std::net::{IpAddr, Ipv4Addr, Ipv6Addr};

use ipnet::{IpNet, Ipv4Net, Ipv6Net};

/// A range of addresses that is closed by default.
#[derive(Debug, Clone, Copy, PartialEq, Eq)]
pub struct Range {
    /// What the range is, in plain words.
    pub name: &'static str,
    /// Its addresses.
    pub net: IpNet,
}

const fn v4(name: &'static str, a: u8, b: u8, c: u8, d: u8, prefix: u8) -> Range {
    Range { name, net: IpNet::V4(Ipv4Net::new_assert(Ipv4Addr::new(a, b, c, d), prefix)) }
}

const fn v6(name: &'static str, segments: [u16; 8], prefix: u8) -> Range {
    let [a, b, c, d, e, f, g, h] = segments;
    Range { name, net: IpNet::V6(Ipv6Net::new_assert(Ipv6Addr::new(a, b, c, d, e, f, g, h), prefix)) }
}

const MAPPED: Range = v6("IPv4-mapped", [0, 0, 0, 0, 0, 0xffff, 0, 0], 96);
const TRANSLATED: Range = v6("IPv4-translated", [0, 0, 0, 0, 0xffff, 0, 0, 0], 96);
const COMPATIBLE: Range = v6("IPv4-compatible", [0; 8], 96);
const NAT64: Range = v6("NAT64", [0x64, 0xff9b, 0, 0, 0, 0, 0, 0], 96);
const NAT64_LOCAL: Range = v6("local NAT64", [0x64, 0xff9b, 1, 0, 0, 0, 0, 0], 48);
const TEREDO: Range = v6("Teredo", [0x2001, 0, 0, 0, 0, 0, 0, 0], 32);
const SIX_TO_FOUR: Range = v6("6to4", [0x2002, 0, 0, 0, 0, 0, 0, 0], 16);
const GLOBAL: Ipv6Net = Ipv6Net::new_assert(Ipv6Addr::new(0x2000, 0, 0, 0, 0, 0, 0, 0), 3);
const NOT_GLOBAL: Range = v6("reserved, outside 2000::/3", [0; 8], 0);

/// The closed ranges. An address gets the name of the first one it lies in, so a range inside another
/// stands before it. IPv6 outside 2000::/3 is closed as well, whether or not it has a name here.
pub const RANGES: &[Range] = &[
    v4("cloud metadata", 169, 254, 169, 254, 32),
    v4("cloud metadata", 169, 254, 170, 2, 32),
    v4("cloud metadata", 100, 100, 100, 200, 32),
    v4("cloud metadata", 192, 0, 0, 192, 32),
    v4("cloud metadata", 168, 63, 129, 16, 32),
    v4("unspecified", 0, 0, 0, 0, 32),
    v4("this network", 0, 0, 0, 0, 8),
    v4("private", 10, 0, 0, 0, 8),
    v4("carrier-grade NAT", 100, 64, 0, 0, 10),
    v4("loopback", 127, 0, 0, 0, 8),
    v4("link-local", 169, 254, 0, 0, 16),
    v4("private", 172, 16, 0, 0, 12),
    v4("IETF protocol assignments", 192, 0, 0, 0, 24),
    v4("documentation", 192, 0, 2, 0, 24),
    v4("AS112", 192, 31, 196, 0, 24),
    v4("AMT", 192, 52, 193, 0, 24),
    v4("6to4 relay", 192, 88, 99, 0, 24),
    v4("private", 192, 168, 0, 0, 16),
    v4("AS112", 192, 175, 48, 0, 24),
    v4("benchmarking", 198, 18, 0, 0, 15),
    v4("documentation", 198, 51, 100, 0, 24),
    v4("documentation", 203, 0, 113, 0, 24),
    v4("multicast", 224, 0, 0, 0, 4),
    v4("broadcast", 255, 255, 255, 255, 32),
    v4("reserved", 240, 0, 0, 0, 4),
    v6("cloud metadata", [0xfd00, 0xec2, 0, 0, 0, 0, 0, 0x254], 128),
    v6("cloud metadata", [0xfd20, 0xce, 0, 0, 0, 0, 0, 0x254], 128),
    v6("unspecified", [0; 8], 128),
    v6("loopback", [0, 0, 0, 0, 0, 0, 0, 1], 128),
    COMPATIBLE,
    MAPPED,
    TRANSLATED,
    NAT64,
    NAT64_LOCAL,
    v6("discard-only", [0x100, 0, 0, 0, 0, 0, 0, 0], 64),
    v6("dummy prefix", [0x100, 0, 0, 1, 0, 0, 0, 0], 64),
    TEREDO,
    v6("benchmarking", [0x2001, 2, 0, 0, 0, 0, 0, 0], 48),
    v6("IETF protocol assignments", [0x2001, 0, 0, 0, 0, 0, 0, 0], 23),
    v6("documentation", [0x2001, 0xdb8, 0, 0, 0, 0, 0, 0], 32),
    SIX_TO_FOUR,
    v6("AS112", [0x2620, 0x4f, 0x8000, 0, 0, 0, 0, 0], 48),
    v6("6bone, returned", [0x3ffe, 0, 0, 0, 0, 0, 0, 0], 16),
    v6("documentation", [0x3fff, 0, 0, 0, 0, 0, 0, 0], 20),
    v6("segment routing", [0x5f00, 0, 0, 0, 0, 0, 0, 0], 16),
    v6("unique local", [0xfc00, 0, 0, 0, 0, 0, 0, 0], 7),
    v6("link-local", [0xfe80, 0, 0, 0, 0, 0, 0, 0], 10),
    v6("site-local", [0xfec0, 0, 0, 0, 0, 0, 0, 0], 10),
    v6("multicast", [0xff00, 0, 0, 0, 0, 0, 0, 0], 8),
];

/// An address that is not public, and the range that says so.
#[derive(Debug, Clone, Copy, PartialEq, Eq)]
pub struct Refused {
    /// The address. For an IPv6 address that carries an IPv4 address inside, the one of both that is
    /// closed.
    pub address: IpAddr,
    /// The closed range it lies in.
    pub range: Range,
}

impl fmt::Display for Refused {
    fn fmt(&self, f: &mut fmt::Formatter<'_>) -> fmt::Result {
        write!(f, "{} lies in {} ({})", self.address, self.range.net, self.range.name)
    }
}

/// Passes an address that is public and names the closed range of one that is not.
///
/// Spellings that carry an IPv4 address inside (mapped, NAT64, 6to4, Teredo …) are closed as such,
/// whatever they carry.
///
/// # Errors
///
/// The first of [`RANGES`] that the address lies in; for IPv6 outside 2000::/3, a range of that name.
pub fn screen(address: IpAddr) -> Result<(), Refused> {
    let range = RANGES.iter().find(|range| range.net.contains(&address)).copied();
    match (range, address) {
        (Some(range), _) => Err(Refused { address, range }),
        (None, IpAddr::V6(v6)) if !GLOBAL.contains(&v6) => Err(Refused { address, range: NOT_GLOBAL }),
        (None, _) => Ok(()),
    }
}

/// The host's key, and the place where both keys are tried.
#[derive(Debug, Clone, Copy, Default, PartialEq, Eq)]
pub struct Screening {
    /// The host's flag: whether any grant at all may open addresses that are not public.
    pub allow_private: bool,
}

/// Which of the two keys is missing.
#[derive(Debug, Clone, Copy, PartialEq, Eq)]
pub enum MissingKeys {
    /// The grant opens the address; the host's flag is off.
    HostFlag,
    /// The host's flag is on; no CIDR of the grant holds the address.
    Grant,
    /// Neither is there.
    Both,
}

impl Screening {
    /// Passes a public address, and any other where the host's flag is on **and** one of `opened` (the
    /// grant's `addresses`) holds it. Where an IPv6 address carries an IPv4 address inside, both must
    /// pass on their own.
    ///
    /// # Errors
    ///
    /// The address that is closed, its range, and which key is missing.
    pub fn permit(self, address: IpAddr, opened: &[IpNet]) -> Result<(), (Refused, MissingKeys)> {
        let inside = match address {
            IpAddr::V4(_) => Vec::new(),
            IpAddr::V6(v6) => embedded(v6),
        };
        for layer in std::iter::once(address).chain(inside.into_iter().map(IpAddr::V4)) {
            let Err(refused) = screen(layer) else { continue };
            let granted = opened.iter().any(|net| net.contains(&layer));
            match (self.allow_private, granted) {
                (true, true) => {}
                (false, true) => return Err((refused, MissingKeys::HostFlag)),
                (true, false) => return Err((refused, MissingKeys::Grant)),
                (false, false) => return Err((refused, MissingKeys::Both)),
            }
        }
        Ok(())
    }
}

/// The IPv4 addresses that packets to `address` may end up at.
fn embedded(address: Ipv6Addr) -> Vec<Ipv4Addr> {
    let is = |range: Range| range.net.contains(&IpAddr::V6(address));
    let [_, _, b2, b3, b4, b5, b6, b7, _, b9, b10, b11, b12, b13, b14, b15] = address.octets();
    let last = Ipv4Addr::new(b12, b13, b14, b15);
    if address.is_unspecified() || address.is_loopback() {
        Vec::new()
    } else if is(MAPPED) || is(TRANSLATED) || is(COMPATIBLE) || is(NAT64) {
        vec![last]
    } else if is(NAT64_LOCAL) {
        // RFC 6052 2.2: where the address sits depends on a prefix length that only the network knows,
        // so each place is read. Zeros mean that it does not sit there.
        let places = [
            Ipv4Addr::new(b6, b7, b9, b10),
            Ipv4Addr::new(b7, b9, b10, b11),
            Ipv4Addr::new(b9, b10, b11, b12),
            last,
        ];
        places.into_iter().filter(|place| place.octets().first() != Some(&0)).collect()
    } else if is(SIX_TO_FOUR) {
        vec![Ipv4Addr::new(b2, b3, b4, b5)]
    } else if is(TEREDO) {
        // RFC 4380 4: the server, and the client's address with its bits turned.
        vec![Ipv4Addr::new(b4, b5, b6, b7), Ipv4Addr::from_bits(!last.to_bits())]
    } else {
        Vec::new()
    }
}

#[cfg(test)]
#[path = "addresses_tests.rs"]
mod tests;
