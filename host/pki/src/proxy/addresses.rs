//! From where a proxy is believed.

use std::net::IpAddr;

use http::HeaderMap;
use ipnet::IpNet;

use crate::PkiError;

/// Where a connection comes from, as the system says, never as a header does.
#[derive(Debug, Clone, Copy, PartialEq, Eq)]
pub enum PeerAddress {
    /// An address.
    Ip(IpAddr),
    /// A socket in the file system, whose permissions say who may connect.
    Unix,
}

impl std::fmt::Display for PeerAddress {
    fn fmt(&self, f: &mut std::fmt::Formatter<'_>) -> std::fmt::Result {
        match self {
            Self::Ip(address) => address.fmt(f),
            Self::Unix => f.write_str("unix"),
        }
    }
}

/// The proxies that are believed: networks, and `unix` for those that come through a socket in the file system.
#[derive(Debug, Clone, Default, PartialEq, Eq)]
pub struct TrustedProxies {
    networks: Vec<IpNet>,
    unix: bool,
}

impl TrustedProxies {
    /// Reads entries such as `10.0.0.7`, `10.0.0.0/24`, `fd00::/8` and `unix`.
    ///
    /// # Errors
    /// `proxy-list`: an entry is none of these, has bits after its prefix, or means everybody.
    pub fn new<T: AsRef<str>>(entries: impl IntoIterator<Item = T>) -> Result<Self, PkiError> {
        let mut all = Self::default();
        for entry in entries {
            let entry = entry.as_ref();
            let wrong = |why| Err(PkiError::Proxies { entry: entry.chars().take(64).collect(), why });
            if entry == "unix" {
                all.unix = true;
                continue;
            }
            let network = match (entry.parse::<IpNet>(), entry.parse::<IpAddr>()) {
                (Ok(network), _) => network,
                (_, Ok(address)) => IpNet::from(address),
                _ => return wrong("write an address, a network such as `10.0.0.0/24`, or `unix`"),
            };
            if network.prefix_len() == 0 {
                return wrong("it means everybody, and everybody could then name any agent");
            }
            if network.trunc() != network {
                return wrong("its address has bits after the prefix; write the network's own address");
            }
            if matches!(network, IpNet::V6(v6) if v6.addr().to_ipv4_mapped().is_some()) {
                return wrong("write it as IPv4");
            }
            all.networks.push(network);
        }
        Ok(all)
    }

    /// Whether that peer is one of them. An IPv4 address is the same in its IPv6 form.
    #[must_use]
    pub fn contain(&self, peer: &PeerAddress) -> bool {
        match peer {
            PeerAddress::Unix => self.unix,
            PeerAddress::Ip(address) => {
                let address = address.to_canonical();
                self.networks.iter().any(|network| network.contains(&address))
            }
        }
    }

    /// Who a proxy speaks for that is believed: the last address of `X-Forwarded-For` that is not a proxy's. Whatever is
    /// before that was written by a stranger. Of somebody who is no proxy, and of what cannot be read, it is the peer itself:
    /// many are then counted as one, and nobody as somebody else.
    #[must_use]
    pub fn client(&self, peer: PeerAddress, headers: &HeaderMap) -> PeerAddress {
        if !self.contain(&peer) {
            return peer;
        }
        let mut client = peer;
        let lines = headers.get_all(FORWARDED_FOR).iter().rev();
        for entry in lines.flat_map(|line| line.as_bytes().rsplit(|b| *b == b',')).take(MAX_HOPS) {
            let address = std::str::from_utf8(entry).ok().and_then(|text| address(text.trim()));
            let Some(address) = address else { break };
            client = PeerAddress::Ip(address);
            if !self.contain(&client) {
                break;
            }
        }
        client
    }

    /// Whether there are none.
    #[must_use]
    pub fn is_empty(&self) -> bool {
        self.networks.is_empty() && !self.unix
    }

    /// Whether every process of this machine can name any agent: some of this machine's own addresses are among them.
    /// Worth a warning; a socket in the file system is better.
    #[must_use]
    pub fn trust_this_machine(&self) -> bool {
        self.networks.iter().any(|network| {
            network.addr().is_loopback()
                || network.contains(&IpAddr::from([127, 0, 0, 1]))
                || network.contains(&IpAddr::V6(std::net::Ipv6Addr::LOCALHOST))
        })
    }
}

/// The header that proxies add the address of their peer to. There is no standard; RFC 7239 has another.
const FORWARDED_FOR: &str = "x-forwarded-for";

/// How many proxies are looked through.
const MAX_HOPS: usize = 16;

/// An address, with or without brackets and a port.
fn address(text: &str) -> Option<IpAddr> {
    let bare = || text.strip_prefix('[')?.strip_suffix(']')?.parse().ok();
    let with_port = || text.parse::<std::net::SocketAddr>().ok().map(|address| address.ip());
    let found: IpAddr = text.parse().ok().or_else(bare).or_else(with_port)?;
    Some(found.to_canonical())
}

#[cfg(test)]
mod tests {
    use proptest::prelude::*;

    use super::*;

    fn ip(text: &str) -> PeerAddress {
        PeerAddress::Ip(text.parse().unwrap())
    }

    #[test]
    fn who_is_believed() {
        let proxies = TrustedProxies::new(["10.0.0.0/24", "192.0.2.7", "fd00::/8", "2001:db8::1"]).unwrap();
        for trusted in ["10.0.0.0", "10.0.0.255", "192.0.2.7", "::ffff:10.0.0.9", "fd12::3", "2001:db8::1"] {
            assert!(proxies.contain(&ip(trusted)), "{trusted}");
        }
        for stranger in
            ["10.0.1.0", "192.0.2.8", "127.0.0.1", "::1", "::ffff:10.0.1.1", "fe80::1", "2001:db8::2"]
        {
            assert!(!proxies.contain(&ip(stranger)), "{stranger}");
        }
        assert!(!proxies.contain(&PeerAddress::Unix));
        assert!(TrustedProxies::new(["unix"]).unwrap().contain(&PeerAddress::Unix));
        let none = TrustedProxies::default();
        assert!(none.is_empty() && !none.contain(&ip("127.0.0.1")) && !none.contain(&PeerAddress::Unix));
    }

    #[test]
    fn a_client_is_the_last_that_is_no_proxy() {
        let proxies = TrustedProxies::new(["10.0.0.0/24", "unix"]).unwrap();
        let client = |peer: PeerAddress, lines: &[&str]| {
            let mut headers = HeaderMap::new();
            for line in lines {
                headers.append(FORWARDED_FOR, line.parse().unwrap());
            }
            proxies.client(peer, &headers).to_string()
        };
        let proxy = ip("10.0.0.1");
        for (lines, found) in [
            (&["192.0.2.1"][..], "192.0.2.1"),
            (&["203.0.113.9, 192.0.2.1"], "192.0.2.1"),
            (&["203.0.113.9", "192.0.2.1 , 10.0.0.7"], "192.0.2.1"),
            (&["10.0.0.8,10.0.0.7"], "10.0.0.8"),
            (&["::ffff:192.0.2.1"], "192.0.2.1"),
            (&["[2001:db8::1]:443"], "2001:db8::1"),
            (&["[2001:db8::1]"], "2001:db8::1"),
            (&["192.0.2.1:9"], "192.0.2.1"),
            (&[], "10.0.0.1"),
            (&[""], "10.0.0.1"),
            (&["192.0.2.1, unknown"], "10.0.0.1"),
            (&["192.0.2.1, nonsense, 10.0.0.7"], "10.0.0.7"),
        ] {
            assert_eq!(client(proxy, lines), found, "{lines:?}");
        }
        assert_eq!(client(PeerAddress::Unix, &["192.0.2.1"]), "192.0.2.1");
        assert_eq!(client(ip("192.0.2.5"), &["192.0.2.1"]), "192.0.2.5", "a stranger names nobody");
        let many = vec!["10.0.0.9"; 40].join(",");
        assert_eq!(client(proxy, &[&format!("192.0.2.1,{many}")]), "10.0.0.9");
    }

    #[test]
    fn what_says_nobody_or_everybody_is_refused() {
        for bad in [
            "",
            "*",
            "localhost",
            "10.0.0",
            "10.0.0.0/33",
            "10.0.0.1/24",
            "0.0.0.0/0",
            "::/0",
            "10.0.0.1:80",
            "Unix",
            "::ffff:10.0.0.1",
            "::ffff:10.0.0.0/104",
            "10.0.0.0/24 ",
            "010.0.0.1",
        ] {
            assert_eq!(TrustedProxies::new([bad]).unwrap_err().code(), "proxy-list", "{bad:?}");
        }
    }

    #[test]
    fn the_machine_itself_is_noticed() {
        for own in ["127.0.0.1", "127.0.0.0/8", "::1", "0.0.0.0/1", "127.0.0.53"] {
            assert!(TrustedProxies::new([own]).unwrap().trust_this_machine(), "{own}");
        }
        for other in ["10.0.0.0/8", "unix", "fd00::/8"] {
            assert!(!TrustedProxies::new([other]).unwrap().trust_this_machine(), "{other}");
        }
    }

    proptest! {
        #[test]
        fn one_address_means_one(listed in any::<[u8; 4]>(), asked in any::<[u8; 4]>()) {
            let proxies = TrustedProxies::new([IpAddr::from(listed).to_string()]).unwrap();
            prop_assert_eq!(proxies.contain(&PeerAddress::Ip(asked.into())), listed == asked);
            prop_assert!(proxies.contain(&PeerAddress::Ip(listed.into())));
        }
    }
}
