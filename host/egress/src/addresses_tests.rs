use proptest::prelude::*;

use super::*;

fn ip(given: &str) -> IpAddr {
    given.parse().unwrap()
}

fn nets(given: &[&str]) -> Vec<IpNet> {
    given.iter().map(|net| net.parse().unwrap()).collect()
}

#[test]
fn each_range_is_closed_to_its_edges_and_open_beyond_them() {
    let table = [
        ("169.254.169.254", "cloud metadata"),
        ("169.254.169.253", "link-local"),
        ("169.254.0.0", "link-local"),
        ("169.254.255.255", "link-local"),
        ("168.63.129.16", "cloud metadata"),
        ("100.100.100.200", "cloud metadata"),
        ("0.0.0.0", "unspecified"),
        ("0.255.255.255", "this network"),
        ("10.0.0.0", "private"),
        ("10.255.255.255", "private"),
        ("100.64.0.0", "carrier-grade NAT"),
        ("100.127.255.255", "carrier-grade NAT"),
        ("127.0.0.1", "loopback"),
        ("127.255.255.255", "loopback"),
        ("172.16.0.0", "private"),
        ("172.31.255.255", "private"),
        ("192.0.0.1", "IETF protocol assignments"),
        ("192.0.2.1", "documentation"),
        ("192.88.99.1", "6to4 relay"),
        ("192.168.255.255", "private"),
        ("198.18.0.0", "benchmarking"),
        ("198.19.255.255", "benchmarking"),
        ("224.0.0.1", "multicast"),
        ("239.255.255.255", "multicast"),
        ("240.0.0.1", "reserved"),
        ("255.255.255.254", "reserved"),
        ("255.255.255.255", "broadcast"),
        ("fd00:ec2::254", "cloud metadata"),
        ("fd20:ce::254", "cloud metadata"),
        ("fd00:ec2::253", "unique local"),
        ("fc00::", "unique local"),
        ("fdff::1", "unique local"),
        ("::", "unspecified"),
        ("::1", "loopback"),
        ("::2", "IPv4-compatible"),
        ("::8.8.8.8", "IPv4-compatible"),
        ("::ffff:8.8.8.8", "IPv4-mapped"),
        ("::ffff:0:8.8.8.8", "IPv4-translated"),
        ("64:ff9b::8.8.8.8", "NAT64"),
        ("64:ff9b:1:ffff::1", "local NAT64"),
        ("100::1", "discard-only"),
        ("100:0:0:1::1", "dummy prefix"),
        ("2001::1", "Teredo"),
        ("2001:2::1", "benchmarking"),
        ("2001:20::1", "IETF protocol assignments"),
        ("2001:1ff:ffff::", "IETF protocol assignments"),
        ("2001:db8::1", "documentation"),
        ("2002:808:808::1", "6to4"),
        ("3ffe::1", "6bone, returned"),
        ("3fff:fff::1", "documentation"),
        ("5f00::1", "segment routing"),
        ("fe80::1", "link-local"),
        ("febf::1", "link-local"),
        ("fec0::1", "site-local"),
        ("ff02::1", "multicast"),
        ("1::1", "reserved, outside 2000::/3"),
        ("4000::1", "reserved, outside 2000::/3"),
        ("fe00::1", "reserved, outside 2000::/3"),
    ];
    for (address, name) in table {
        let refused = screen(ip(address)).expect_err(address);
        assert_eq!(refused.range.name, name, "{address}");
        assert_eq!(refused.address, ip(address));
        assert!(refused.range.net.contains(&ip(address)));
    }
    for public in [
        "1.0.0.0",
        "1.1.1.1",
        "8.8.8.8",
        "9.255.255.255",
        "11.0.0.0",
        "100.63.255.255",
        "100.128.0.0",
        "126.255.255.255",
        "128.0.0.0",
        "169.253.255.255",
        "169.255.0.0",
        "172.15.255.255",
        "172.32.0.0",
        "191.255.255.255",
        "192.0.1.0",
        "192.0.3.0",
        "192.167.255.255",
        "192.169.0.0",
        "198.17.255.255",
        "198.20.0.0",
        "223.255.255.255",
        "2001:200::1",
        "2001:4860:4860::8888",
        "2003::1",
        "2606:4700:4700::1111",
        "2a00:1450::1",
        "3ffd:ffff::1",
    ] {
        assert_eq!(screen(ip(public)), Ok(()), "{public}");
    }
}

#[test]
fn both_keys_must_turn() {
    let (on, off) = (Screening { allow_private: true }, Screening { allow_private: false });
    let ten = nets(&["10.0.0.0/8"]);
    let missing = |screening: Screening, address, opened: &[IpNet]| {
        screening.permit(ip(address), opened).map_err(|(_, missing)| missing)
    };
    assert_eq!(missing(on, "10.1.2.3", &ten), Ok(()));
    assert_eq!(missing(off, "10.1.2.3", &ten), Err(MissingKeys::HostFlag));
    assert_eq!(missing(on, "10.1.2.3", &[]), Err(MissingKeys::Grant));
    assert_eq!(missing(on, "192.168.0.1", &ten), Err(MissingKeys::Grant));
    assert_eq!(missing(off, "10.1.2.3", &[]), Err(MissingKeys::Both));
    assert_eq!(missing(off, "1.1.1.1", &[]), Ok(()));
}

#[test]
fn the_address_inside_an_address_needs_its_own_key() {
    let on = Screening { allow_private: true };
    let table = [
        ("64:ff9b::10.0.0.1", "64:ff9b::/96", "10.0.0.1"),
        ("::ffff:127.0.0.1", "::ffff:0:0/96", "127.0.0.1"),
        ("::ffff:0:127.0.0.1", "::/16", "127.0.0.1"),
        ("::192.168.0.1", "::/96", "192.168.0.1"),
        ("2002:a9fe:a9fe::1", "2002::/16", "169.254.169.254"),
        // The server's address, then the client's behind it.
        ("2001:0:a00:1::", "2001::/32", "10.0.0.1"),
        ("2001:0:808:808:0:0:80ff:fffe", "2001::/32", "127.0.0.1"),
        // RFC 6052: prefixes of 48, 56, 64 and 96 bits.
        ("64:ff9b:1:a00:0:100::", "64:ff9b:1::/48", "10.0.0.1"),
        ("64:ff9b:1:007f:0:1::", "64:ff9b:1::/48", "127.0.0.1"),
        ("64:ff9b:1:0:7f:0:100:0", "64:ff9b:1::/48", "127.0.0.1"),
        ("64:ff9b:1::7f00:1", "64:ff9b:1::/48", "127.0.0.1"),
    ];
    for (address, outer, inner) in table {
        let (refused, missing) = on.permit(ip(address), &nets(&[outer])).expect_err(address);
        assert_eq!((refused.address, missing), (ip(inner), MissingKeys::Grant), "{address}");
    }
    let both = nets(&["64:ff9b::/96", "10.0.0.0/8"]);
    assert_eq!(on.permit(ip("64:ff9b::10.0.0.1"), &both), Ok(()));
    // What it carries is public: the spelling's own range is the only key that is needed.
    assert_eq!(on.permit(ip("64:ff9b::8.8.8.8"), &nets(&["64:ff9b::/96"])), Ok(()));
    assert_eq!(on.permit(ip("64:ff9b:1::8.8.8.8"), &nets(&["64:ff9b:1::/48"])), Ok(()));
    // And the inner address's key alone does not open the spelling.
    let (refused, _) = on.permit(ip("::ffff:127.0.0.1"), &nets(&["127.0.0.0/8"])).unwrap_err();
    assert_eq!(refused.range.name, "IPv4-mapped");
}

#[test]
fn the_documentation_lists_every_range() {
    let page = include_str!("../../../docs/src/reference/egress.md");
    for range in RANGES {
        let row = format!("| `{}` | {} |", range.net, range.name);
        assert!(page.contains(&row), "docs/src/reference/egress.md lacks: {row}");
    }
}

/// An address of `net` with the host bits of `noise`.
fn inside(net: IpNet, noise: u128) -> IpAddr {
    match net {
        IpNet::V4(net) => {
            let host = net.hostmask().to_bits();
            Ipv4Addr::from_bits(net.network().to_bits() | (noise as u32 & host)).into()
        }
        IpNet::V6(net) => {
            let host = net.hostmask().to_bits();
            Ipv6Addr::from_bits(net.network().to_bits() | (noise & host)).into()
        }
    }
}

proptest! {
    #[test]
    fn no_address_of_a_closed_range_passes(range in 0..RANGES.len(), noise: u128) {
        let address = inside(RANGES[range].net, noise);
        prop_assert!(screen(address).is_err());
        for closed in [Screening { allow_private: false }.permit(address, &nets(&["0.0.0.0/0", "::/0"])),
                       Screening { allow_private: true }.permit(address, &[])] {
            prop_assert!(closed.is_err());
        }
    }

    #[test]
    fn the_standard_library_agrees_on_what_is_not_public(bits: u32) {
        let address = Ipv4Addr::from_bits(bits);
        if address.is_private() || address.is_loopback() || address.is_link_local() || address.is_multicast()
            || address.is_broadcast() || address.is_documentation() || address.is_unspecified() {
            prop_assert!(screen(address.into()).is_err());
        }
    }

    #[test]
    fn a_closed_address_stays_closed_in_every_spelling(range in 0usize..25, noise: u32) {
        let IpAddr::V4(inner) = inside(RANGES[range].net, noise.into()) else { panic!("the first 25 are IPv4") };
        let bits = u128::from(inner.to_bits());
        let on = Screening { allow_private: true };
        let all6 = nets(&["::/0"]);
        for high in [0u128, 0xffff << 32, 0xffff << 48, 0x64_ff9b << 96] {
            let address = IpAddr::V6(Ipv6Addr::from_bits(high | bits));
            prop_assert!(screen(address).is_err());
            // `::/0` opens every IPv6 spelling; the IPv4 address inside is still closed.
            if !matches!(high | bits, 0 | 1) {
                prop_assert!(on.permit(address, &all6).is_err(), "{}", address);
            }
        }
        prop_assert!(on.permit(Ipv6Addr::from_bits((0x2002 << 112) | (bits << 80)).into(), &all6).is_err());
    }

    #[test]
    fn outside_2000_no_ipv6_passes(bits: u128) {
        let address = Ipv6Addr::from_bits(bits);
        prop_assert!(address.segments()[0] >> 13 == 1 || screen(address.into()).is_err());
    }
}
