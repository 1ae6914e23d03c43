use super::*;
use crate::Screening;

fn wanted(method: Method, headers: Vec<HeaderName>) -> Wanted {
    let origin = "https://api.example.org:8443".parse().unwrap();
    Wanted { plugin: PluginName::new("acme/releases"), origin, method, headers }
}

#[test]
fn a_refusal_names_the_origin_and_what_to_add() {
    let error = EgressError::OriginNotGranted(Box::new(wanted(Method::GET, Vec::new())));
    assert_eq!(
        error.to_string(),
        "plugin `acme/releases` may not reach https://api.example.org:8443: no grant names this origin. To \
         allow it, add `[[plugins.\"acme/releases\".grants.http]] origin = \"https://api.example.org:8443\"`"
    );
    let error = EgressError::HeaderNotGranted(Box::new(wanted(Method::POST, vec![http::header::COOKIE])));
    let lines = error.grant().unwrap();
    assert!(lines.contains("methods = [\"POST\"]\nheaders = [\"cookie\"]\n"), "{lines}");
    // What it says can be pasted: it parses as a grant that allows the request.
    let grant: crate::HttpGrant = toml::from_str(lines.split_once('\n').unwrap().1).unwrap();
    assert!(grant.methods.allows(&Method::POST) && grant.headers.allows(&http::header::COOKIE));
}

#[test]
fn a_refused_address_names_its_range_and_the_missing_keys() {
    let sentence = |allow_private, opened: &[ipnet::IpNet]| {
        let address = "10.1.2.3".parse().unwrap();
        let (refused, missing) = Screening { allow_private }.permit(address, opened).unwrap_err();
        let refusal = AddressRefused { wanted: wanted(Method::GET, Vec::new()), refused, missing };
        EgressError::AddressRefused(Box::new(refusal)).to_string()
    };
    let both = sentence(false, &[]);
    assert!(both.contains("10.1.2.3 lies in 10.0.0.0/8 (private)") && both.contains("Both keys"), "{both}");
    assert!(both.contains("addresses = [\"10.1.2.3/32\"]") && both.contains("allow_private_addresses"));
    let grant = sentence(true, &[]);
    assert!(grant.contains("the grant is missing") && !grant.contains("allow_private_addresses"), "{grant}");
    let flag = sentence(false, &["10.0.0.0/8".parse().unwrap()]);
    assert!(
        flag.contains("allow_private_addresses = true` is missing") && !flag.contains("addresses = ["),
        "{flag}"
    );
}

#[test]
fn the_documentation_lists_every_code_once() {
    let page = include_str!("../../../docs/src/reference/egress.md");
    for code in EgressError::CODES {
        assert_eq!(page.matches(&format!("| `{code}` |")).count(), 1, "docs/src/reference/egress.md: {code}");
    }
}

#[test]
fn errors_are_small_enough_to_return() {
    assert!(size_of::<EgressError>() <= 64, "{}", size_of::<EgressError>());
}
