//! Whom attempts are counted for.

use std::net::{IpAddr, Ipv6Addr};

/// From where somebody comes, as far as one who tries is told from another: an IPv4 address, or the 64 bits of an IPv6
/// network, of which one household has all the rest (RFC 6177). What is no address stays as it is.
#[must_use]
pub fn neighbourhood(address: &str) -> String {
    match address.parse::<IpAddr>().map(|address| address.to_canonical()) {
        Ok(IpAddr::V6(address)) => {
            format!("{}/64", Ipv6Addr::from(u128::from(address) >> 64 << 64))
        }
        Ok(address) => address.to_string(),
        Err(_) => address.to_owned(),
    }
}

#[cfg(test)]
mod tests {
    use super::*;

    #[test]
    fn who_asks_is_counted_by_address_or_network() {
        assert_eq!(neighbourhood("192.0.2.7"), "192.0.2.7");
        assert_eq!(neighbourhood("::ffff:192.0.2.7"), "192.0.2.7");
        assert_eq!(neighbourhood("2001:db8:1:2:3:4:5:6"), "2001:db8:1:2::/64");
        assert_eq!(neighbourhood("2001:db8:1:2::"), neighbourhood("2001:db8:1:2:ffff::1"));
        assert_eq!(neighbourhood("unix"), "unix");
    }
}
