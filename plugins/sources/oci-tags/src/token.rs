//! The token a registry asks for: where it comes from and what may be sent there.
//!
//! Docker Registry token authentication, which the OCI distribution specification leaves to registries.

use crate::challenge::Challenge;
use crate::image::Image;
use serde::Deserialize;
use waystation_listing::{short, web_url};
use waystation_update_source::plugin::Error;
use waystation_update_source::plugin::http::url::with_query;

/// The longest token that is passed on.
const LONGEST: usize = 16 * 1024;

/// The address to get a token from for reading `image`.
///
/// The registry names the place, so it is checked: `https`, or `http` if the registry itself is spoken to
/// without TLS. A scope for another repository is refused: with credentials, a registry could otherwise
/// have us fetch a token for somebody else's repository and hand it over.
pub(crate) fn address(challenge: &Challenge, image: &Image, plain: bool) -> Result<String, Error> {
    let realm = challenge.param("realm").unwrap_or_default();
    let scheme = realm.split_once("://").map(|(scheme, _)| scheme.to_ascii_lowercase());
    let secure = match scheme.as_deref() {
        Some("https") => true,
        Some("http") => plain,
        _ => false,
    };
    let Some(url) = web_url(realm).filter(|url| secure && !url.contains('#')) else {
        return Err(Error::bad_response(format!(
            "the registry {} sends us to `{}` for a token, which is not an https address",
            image.registry(),
            short(realm, 120)
        )));
    };
    let url = match challenge.param("service") {
        Some(service) => with_query(&url, "service", service),
        None => url,
    };
    Ok(with_query(&url, "scope", &scope(challenge.param("scope"), image)?))
}

/// What the token shall allow: to pull from this repository, or the registry's own word for that.
fn scope(asked: Option<&str>, image: &Image) -> Result<String, Error> {
    let pull = format!("repository:{}:pull", image.name());
    let Some(asked) = asked.filter(|asked| !asked.trim().is_empty()) else { return Ok(pull) };
    if asked.starts_with(&format!("repository:{}:", image.name())) && !asked.contains(' ') {
        return Ok(pull);
    }
    if asked.contains("repository:") || asked.contains("registry:") {
        return Err(Error::bad_response(format!(
            "the registry {} asks for a token for `{}` instead of `{pull}`; none was fetched",
            image.registry(),
            short(asked, 120)
        )));
    }
    Ok(asked.to_owned())
}

/// The token in a token server's answer.
pub(crate) fn read(body: &[u8]) -> Result<String, Error> {
    #[derive(Deserialize)]
    struct Answer {
        token: Option<String>,
        access_token: Option<String>,
    }
    let answer: Answer = serde_json::from_slice(body).map_err(|_| {
        Error::bad_response("the token server's answer is not the JSON document that holds a token")
    })?;
    let token = answer.token.or(answer.access_token).unwrap_or_default();
    let fits = !token.is_empty()
        && token.len() <= LONGEST
        && token.bytes().all(|b| b.is_ascii_alphanumeric() || b"-._~+/=".contains(&b));
    if fits { Ok(token) } else { Err(Error::bad_response("the token server's answer holds no usable token")) }
}

#[cfg(test)]
mod tests {
    use super::*;
    use crate::challenge::parse;

    fn ask(field: &str, plain: bool) -> Result<String, Error> {
        let challenge = parse(field).unwrap().remove(0);
        address(&challenge, &Image::parse("nginx", "docker.io").unwrap(), plain)
    }

    #[test]
    fn the_usual_way() {
        let url = ask(
            r#"Bearer realm="https://auth.docker.io/token",service="registry.docker.io",scope="repository:library/nginx:pull""#,
            false,
        );
        assert_eq!(
            url.unwrap(),
            "https://auth.docker.io/token?service=registry.docker.io&scope=repository%3Alibrary%2Fnginx%3Apull"
        );
    }

    #[test]
    fn scopes_are_ours() {
        let with =
            |scope: &str| ask(&format!(r#"Bearer realm="https://a.example/t?x=1",scope="{scope}""#), false);
        let ours = "https://a.example/t?x=1&scope=repository%3Alibrary%2Fnginx%3Apull";
        assert_eq!(with("").unwrap(), ours);
        assert_eq!(with("repository:library/nginx:pull,push,delete").unwrap(), ours);
        assert_eq!(with("aws").unwrap(), "https://a.example/t?x=1&scope=aws");
        assert_eq!(with("a b&c").unwrap(), "https://a.example/t?x=1&scope=a%20b%26c");
        for foreign in [
            "repository:victim/private:pull",
            "repository:library/nginx:pull repository:victim/private:pull",
            "registry:catalog:*",
            "repository(plugin) repository:victim/private:pull",
        ] {
            assert_eq!(with(foreign).unwrap_err().code, "bad-response", "{foreign}");
        }
    }

    #[test]
    fn realms_are_https_unless_the_registry_is_not() {
        assert!(ask(r#"Bearer realm="http://localhost:5001/token""#, true).is_ok());
        for realm in [
            "http://a.example/t",
            "",
            "/token",
            "ftp://a/t",
            "https://u:p@a.example/t",
            "https://a.example/#t",
            "javascript:x",
            "https://",
            "https://a.example/\tx",
        ] {
            let error = ask(&format!("Bearer realm=\"{realm}\""), false).unwrap_err();
            assert_eq!(error.code, "bad-response", "{realm}");
        }
        assert!(ask("Bearer service=x", true).is_err());
    }

    #[test]
    fn tokens_are_read_under_both_names() {
        assert_eq!(
            read(br#"{"token":"a.b-c","expires_in":300,"issued_at":"2026-01-01T00:00:00Z"}"#).unwrap(),
            "a.b-c"
        );
        assert_eq!(read(br#"{"access_token":"x="}"#).unwrap(), "x=");
        for bad in ["", "[]", "{}", r#"{"token":""}"#, r#"{"token":"a\r\nhost: evil"}"#, r#"{"token":7}"#] {
            assert_eq!(read(bad.as_bytes()).unwrap_err().code, "bad-response", "{bad}");
        }
        assert!(read(format!(r#"{{"token":"{}"}}"#, "a".repeat(LONGEST + 1)).as_bytes()).is_err());
    }

    proptest::proptest! {
        #[test]
        fn no_answer_makes_it_panic(body: Vec<u8>) {
            let _ = read(&body);
        }
    }
}
