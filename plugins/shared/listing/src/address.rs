//! Addresses that a remote names: which are passed on, which are followed.

use waystation_update_source::plugin::http::url::Url;

/// An absolute `http` or `https` address without credentials, as a release may carry it; nothing for any
/// other text. Remotes are not trusted to give addresses: `javascript:`, white space, control characters
/// and `user:password@` are turned away here.
pub fn web_url(text: &str) -> Option<String> {
    let text = text.trim();
    (text.len() <= 4096 && Url::parse(text).is_ok()).then(|| text.to_owned())
}

/// Whether both are addresses with the same scheme, host and port (RFC 6454, section 5).
pub fn same_origin(one: &str, other: &str) -> bool {
    matches!((Url::parse(one), Url::parse(other)), (Ok(one), Ok(other)) if one.same_origin(&other))
}

#[cfg(test)]
mod tests {
    use super::*;

    #[test]
    fn addresses_of_other_kinds_are_not_passed_on() {
        for bad in
            ["", "javascript:alert(1)", "//a.example/x", "https://a.example/x y", "https://u:p@a.example/x"]
        {
            assert_eq!(web_url(bad), None, "{bad}");
        }
        assert_eq!(web_url(" https://a.example/x#y ").as_deref(), Some("https://a.example/x#y"));
        assert_eq!(web_url(&format!("https://a.example/{}", "x".repeat(4096))), None);
    }

    #[test]
    fn texts_that_are_no_addresses_have_no_origin_in_common() {
        assert!(same_origin("https://A.example/x", "https://a.example:443/y?z"));
        assert!(!same_origin("https://a.example", "https://a.example@evil.example"));
        assert!(!same_origin("nonsense", "nonsense"));
    }
}
