//! What fuzzing calls: each function takes any bytes and panics where a promise of this crate is broken. It is
//! part of tests and of `fuzz/` only.

use http::header::{HeaderName, HeaderValue};
use http::{HeaderMap, Method, Uri};

use crate::{
    CredentialName, Decision, Host, HttpGrant, Origin, OriginPattern, PluginName, Policy, Screening,
    addresses, decide, headers,
};

/// A pattern on the first line and addresses on the others: what is let through is what the pattern names, and
/// nothing that is read changes when it is written out.
pub fn origin(data: &[u8]) {
    let text = String::from_utf8_lossy(data);
    let mut lines = text.split('\n');
    let Ok(pattern) = lines.next().unwrap_or_default().parse::<OriginPattern>() else { return };
    assert_eq!(pattern.to_string().parse::<OriginPattern>().as_ref(), Ok(&pattern));
    let policy = Policy { grants: vec![HttpGrant::for_origin(pattern.clone())], ..Policy::default() };
    for line in lines.take(8) {
        let _ = line.parse::<CredentialName>();
        let read = line.parse::<Origin>();
        if let Ok(origin) = &read {
            assert_eq!(origin.to_string().parse::<Origin>().as_ref(), Ok(origin));
            assert!(OriginPattern::from(origin.clone()).matches(origin), "{origin}");
            if let Host::Ip(address) = origin.host() {
                // Both ask the same table.
                let closed = addresses::screen(*address).is_err();
                assert_eq!(
                    Screening { allow_private: true }.permit(*address, &[]).is_err(),
                    closed,
                    "{address}"
                );
            }
        }
        let Ok(uri) = line.parse::<Uri>() else { continue };
        let plugin = PluginName::new("fuzz");
        if let Decision::Allowed(admission) = decide(&plugin, &policy, &Method::GET, &uri, &HeaderMap::new())
        {
            assert!(pattern.matches(&admission.origin), "{pattern} let {uri} pass");
            assert!(!line.contains('@'), "{uri} has a user");
        }
    }
}

/// Fields, one a line: after what belongs to the connection was taken out none of it is left, the head is no
/// larger, and a length that is announced is a plain number.
pub fn head(data: &[u8]) {
    let mut fields = HeaderMap::new();
    for line in data.split(|byte| *byte == b'\n').take(64) {
        let mut parts = line.splitn(2, |byte| *byte == b':');
        let (name, value) = (parts.next().unwrap_or_default(), parts.next().unwrap_or_default());
        if let (Ok(name), Ok(value)) = (HeaderName::from_bytes(name), HeaderValue::from_bytes(value)) {
            fields.append(name, value);
        }
    }
    if let Ok(Some(length)) = headers::announced_length(&fields) {
        let written = fields.get(http::header::CONTENT_LENGTH).map(|value| value.as_bytes().to_vec());
        let digits = written.unwrap_or_default();
        assert!(!digits.is_empty() && digits.iter().all(u8::is_ascii_digit), "{length}");
    }
    let before = headers::size(&fields);
    headers::strip_hop_by_hop(&mut fields);
    let after = headers::size(&fields);
    assert!(after.0 <= before.0 && after.1 <= before.1);
    assert!(!fields.keys().any(headers::forbidden), "{fields:?}");
}

#[cfg(test)]
mod tests {
    /// Seeds, and inputs on which something was found before.
    #[test]
    fn seeds_of_fuzzing_hold() {
        waystation_seeds::hold(&[("origin", super::origin), ("head", super::head)]);
    }
}
