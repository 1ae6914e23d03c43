//! Where a target may be sent: to a public place, and nowhere else unless the operator opened it.
//!
//! The host does not go there. A target does, on the word of a source, so that a source could have it ask the target's
//! own network. A name is resolved here, when it is registered, and must be by the target again when it goes there.

use std::net::IpAddr;
use std::time::Duration;

use url::Host;
use waystation_egress::addresses::screen;

/// How long a lookup may take.
const LOOKUP: Duration = Duration::from_secs(3);

/// Why a host is refused.
#[derive(Debug, Clone, Copy, PartialEq, Eq, thiserror::Error)]
pub(crate) enum Refused {
    /// No name and no address.
    #[error("Host must be a hostname or IP address")]
    Syntax,
    /// Not public, or a name of something that is not.
    #[error("Host must be a public hostname or IP address")]
    Closed,
    /// A name that means nothing.
    #[error("Host does not resolve to an address")]
    Unknown,
}

/// Names of this machine and of metadata services, whatever they resolve to here.
const CLOSED: [&str; 4] = ["localhost", "metadata", "metadata.google.internal", "instance-data"];

/// Looks at every address that a host can mean.
pub(super) async fn check(text: &str, private: bool) -> Result<(), Refused> {
    match parse(text)? {
        Host::Ipv4(v4) => open(v4.into(), private),
        Host::Ipv6(v6) => open(v6.into(), private),
        Host::Domain(name) => {
            named(&name)?;
            let lookup = tokio::time::timeout(LOOKUP, tokio::net::lookup_host((name.as_str(), 0)));
            let found: Vec<_> =
                lookup.await.map_err(|_| Refused::Unknown)?.map_err(|_| Refused::Unknown)?.collect();
            match found.is_empty() {
                true => Err(Refused::Unknown),
                false => found.into_iter().try_for_each(|address| open(address.ip(), private)),
            }
        }
    }
}

/// A host as a URL has it: every spelling of an address is that address.
fn parse(text: &str) -> Result<Host<String>, Refused> {
    let plain = |b: u8| b.is_ascii_alphanumeric() || b"-._:[]".contains(&b);
    if text.is_empty() || text.len() > 255 || !text.bytes().all(plain) {
        return Err(Refused::Syntax);
    }
    // An address of IPv6 may come without its brackets.
    let bare: Option<IpAddr> = text.parse().ok();
    match bare {
        Some(IpAddr::V6(v6)) => Ok(Host::Ipv6(v6)),
        _ => Host::parse(text).map_err(|_| Refused::Syntax),
    }
}

fn named(name: &str) -> Result<(), Refused> {
    // One dot ends a name. What ends in more is read in one way here and in another there: `127.0.0.1..`
    let name = name.strip_suffix('.').unwrap_or(name);
    let labels = name.split('.').all(|label| {
        (1..=63).contains(&label.len())
            && !label.starts_with('-')
            && !label.ends_with('-')
            && !label.contains('_')
    });
    if !labels {
        return Err(Refused::Syntax);
    }
    let closed =
        CLOSED.contains(&name) || [".localhost", ".internal", ".local"].iter().any(|end| name.ends_with(end));
    if closed { Err(Refused::Closed) } else { Ok(()) }
}

/// A public address; where the operator says so also one of a network of one's own, and never this machine or one of
/// the link.
fn open(address: IpAddr, private: bool) -> Result<(), Refused> {
    let own = |address: IpAddr| match address {
        IpAddr::V4(v4) => v4.is_private(),
        IpAddr::V6(v6) => v6.is_unique_local(),
    };
    match screen(address) {
        Ok(()) => Ok(()),
        Err(_) if private && own(address) => Ok(()),
        Err(_) => Err(Refused::Closed),
    }
}

/// What fuzzing asks of hosts: see [`crate::fuzz`]. Names are not looked up.
#[cfg(any(test, fuzzing))]
pub(crate) fn holds(text: &str) {
    use std::net::Ipv4Addr;

    /// One to four numbers, decimal, octal or hexadecimal, as C libraries read them.
    fn loose(text: &str) -> Option<Ipv4Addr> {
        let number = |part: &str| match (part.strip_prefix("0x").or(part.strip_prefix("0X")), part) {
            (Some(""), _) => Some(0),
            (Some(digits), _) => u64::from_str_radix(digits, 16).ok(),
            (None, "0") => Some(0),
            (None, part) if part.starts_with('0') => u64::from_str_radix(part, 8).ok(),
            (None, part) => part.parse().ok(),
        };
        let parts: Vec<u64> = text.split('.').map(number).collect::<Option<_>>()?;
        let (last, first) = parts.split_last()?;
        let room = 32_u32.checked_sub(8 * u32::try_from(first.len()).ok()?).filter(|room| *room > 0)?;
        if first.iter().any(|part| *part > 255) || *last >= 1 << room {
            return None;
        }
        let high = first.iter().fold(0, |high, part| high << 8 | part);
        u32::try_from(high << room | last).ok().map(Ipv4Addr::from)
    }

    for private in [false, true] {
        let admitted = match parse(text) {
            Ok(Host::Ipv4(v4)) => open(v4.into(), private),
            Ok(Host::Ipv6(v6)) => open(v6.into(), private),
            Ok(Host::Domain(name)) => named(&name),
            Err(e) => Err(e),
        };
        let Err(refused) = admitted else {
            // Whoever reads it in another way comes to no other place.
            let bare = text.trim_end_matches('.').trim_start_matches('[').trim_end_matches(']');
            let unzoned = bare.split('%').next().unwrap_or_default();
            let readings = [bare, unzoned]
                .map(|text| text.parse().ok())
                .into_iter()
                .chain([loose(bare).map(IpAddr::V4)]);
            for address in readings.flatten() {
                assert_eq!(open(address, private), Ok(()), "{text:?} is {address}");
            }
            let name = bare.to_ascii_lowercase();
            assert!(!CLOSED.contains(&name.as_str()) && !name.ends_with(".localhost"), "{text:?}");
            assert!(!text.contains(['%', '/', '@', '?', '#', '\\']) && text.is_ascii(), "{text:?}");
            continue;
        };
        assert!(!refused.to_string().is_empty());
    }
}

#[cfg(test)]
mod tests {
    use proptest::prelude::*;

    use super::*;

    proptest! {
        #[test]
        fn however_a_host_is_spelled_it_leads_to_no_closed_place(
            text in prop_oneof![
                r"(0[xX]?)?[0-9a-f]{0,4}(\.(0[xX]?)?[0-9a-f]{0,4}){0,4}\.{0,2}",
                r"\[?[0-9a-fA-F:.]{0,30}(%[a-z0-9]{1,4})?\]?",
                r"\[?(::|::ffff:|64:ff9b::|2002:)(0|127|10|169|192|1)\.[0-9.]{1,12}\]?",
                r"[a-zA-Z0-9.]{0,8}\.?(localhost|LocalHost|internal|local|metadata)\.{0,2}",
                ".{0,40}",
            ]
        ) {
            holds(&text);
        }
    }

    #[tokio::test]
    async fn no_spelling_of_a_closed_address_passes() {
        for closed in [
            "LOCALHOST",
            "localhost.",
            "a.localhost",
            "127.0.0.1",
            "127.0.0.2",
            "127.1",
            "2130706433",
            "0x7f000001",
            "0177.0.0.1",
            "012.0.0.1",
            "10.1",
            "192.168.257",
            "::ffff:127.0.0.1",
            "0:0:0:0:0:0:0:1",
            "[::1]",
            "::",
            "fc00::1",
            "fe80::1",
            "100.64.0.1",
            "192.0.2.1",
            "198.18.0.1",
            "224.0.0.1",
            "255.255.255.255",
            "Metadata.Google.Internal",
            "metadata.google.internal.",
            "169.254.169.254",
            "169.254.169.254.",
            "0.0.0.0",
            "64:ff9b::7f00:1",
            "2002:7f00:1::",
            "metadata",
            "db.internal",
            "printer.local",
        ] {
            assert!(matches!(check(closed, false).await, Err(Refused::Closed)), "{closed}");
            assert!(
                check(closed, true).await.is_err()
                    || ["012.0.0.1", "10.1", "192.168.257", "fc00::1"].contains(&closed),
                "{closed}"
            );
        }
        for none in [
            "",
            "999.1.1.1",
            "user@evil",
            "evil/path?x",
            "a b",
            "a\nb",
            "a..b",
            "example.org..",
            "127.0.0.1..",
            "-a.example",
            "a_b.example",
            "ä.example",
            "[::1",
            "1:2",
        ] {
            assert_eq!(check(none, true).await, Err(Refused::Syntax), "{none:?}");
        }
        for public in ["1.1.1.1", "2606:4700:4700::1111", "[2606:4700:4700::1111]"] {
            assert_eq!(check(public, false).await, Ok(()), "{public}");
        }
        assert_eq!(check("192.168.1.7", true).await, Ok(()), "where the operator opened it");
        assert_eq!(check("does-not-exist.invalid", false).await, Err(Refused::Unknown));
    }
}
