use http::header::{AUTHORIZATION, HeaderValue};
use proptest::prelude::*;
use secrecy::SecretString;

use super::*;
use crate::{Binding, Credential, HeaderNames};

fn grants(toml: &str) -> Vec<HttpGrant> {
    #[derive(serde::Deserialize)]
    struct File {
        http: Vec<HttpGrant>,
    }
    toml::from_str::<File>(toml).unwrap().http
}

fn policy(toml: &str) -> Policy {
    Policy { grants: grants(toml), ..Policy::default() }
}

fn ask(
    policy: &Policy,
    method: &str,
    uri: &str,
    fields: &[(&'static str, &str)],
) -> Result<Admission, EgressError> {
    let mut headers = HeaderMap::new();
    for (name, value) in fields {
        headers.append(*name, HeaderValue::from_str(value).unwrap());
    }
    let method = Method::from_bytes(method.as_bytes()).unwrap();
    decide(&PluginName::new("p"), policy, &method, &uri.parse().unwrap(), &headers).into_result()
}

fn code(policy: &Policy, method: &str, uri: &str, fields: &[(&'static str, &str)]) -> &'static str {
    ask(policy, method, uri, fields).map_or_else(|error| error.code(), |_| "allowed")
}

type Fields = [(&'static str, &'static str)];

const TWO: &str = r#"
    [[http]]
    origin = "https://api.example.org"
    [[http]]
    origin = "https://*.example.org"
    methods = ["POST"]
    headers = ["authorization"]
    addresses = ["10.0.0.0/8"]
"#;

#[test]
fn one_grant_must_allow_the_whole_request() {
    let policy = policy(TWO);
    let token = ("authorization", "Bearer x");
    let table: &[(&str, &str, &Fields, &str)] = &[
        ("GET", "https://api.example.org/v1?q=1", &[], "allowed"),
        ("HEAD", "https://API.example.org:443", &[("accept", "*/*")], "allowed"),
        ("POST", "https://api.example.org/v1", &[], "allowed"),
        ("POST", "https://api.example.org/v1", &[token], "allowed"),
        ("GET", "https://api.example.org/v1", &[token], "header-not-granted"),
        ("GET", "https://other.example.org/", &[], "method-not-granted"),
        ("PUT", "https://api.example.org/", &[], "method-not-granted"),
        ("POST", "https://other.example.org/", &[("cookie", "a=b")], "header-not-granted"),
        ("GET", "https://example.org/", &[], "origin-not-granted"),
        ("GET", "http://api.example.org/", &[], "origin-not-granted"),
        ("GET", "https://api.example.org:8443/", &[], "origin-not-granted"),
        ("GET", "https://127.1/", &[], "origin-not-granted"),
        ("CONNECT", "https://api.example.org/", &[], "method-forbidden"),
        ("TRACE", "https://api.example.org/", &[], "method-forbidden"),
        ("GET", "https://api.example.org/", &[("transfer-encoding", "chunked")], "header-forbidden"),
        ("GET", "https://api.example.org/", &[("host", "api.example.org")], "allowed"),
        ("GET", "https://api.example.org/", &[("host", "API.example.org:443")], "allowed"),
        ("GET", "https://api.example.org/", &[("host", "internal")], "header-forbidden"),
        (
            "GET",
            "https://api.example.org/",
            &[("host", "api.example.org"), ("host", "b")],
            "header-forbidden",
        ),
        ("GET", "/relative", &[], "bad-uri"),
        ("GET", "ftp://api.example.org/", &[], "bad-uri"),
        ("GET", "https://user:pw@api.example.org/", &[], "bad-uri"),
        ("GET", "https://api.example.org.:443/", &[], "bad-uri"),
    ];
    for (method, uri, fields, expected) in table {
        assert_eq!(code(&policy, method, uri, fields), *expected, "{method} {uri} {fields:?}");
    }
    assert_eq!(code(&Policy::default(), "GET", "https://api.example.org/", &[]), "origin-not-granted");
}

#[test]
fn only_the_grants_that_allow_it_open_their_addresses() {
    let policy = policy(TWO);
    let get = ask(&policy, "GET", "https://api.example.org/", &[]).unwrap();
    assert_eq!((get.rule, get.addresses.len()), (0, 0));
    let post = ask(&policy, "POST", "https://api.example.org/", &[]).unwrap();
    assert_eq!((post.rule, post.addresses), (1, vec!["10.0.0.0/8".parse().unwrap()]));
    assert_eq!(post.audited, None);
}

#[test]
fn an_audit_grant_lets_pass_and_says_what_a_grant_would_need() {
    let all = policy("[[http]]\nmode = \"audit\"\naddresses = [\"10.0.0.0/8\"]");
    let admission = ask(&all, "DELETE", "https://any.example/x", &[("cookie", "a")]).unwrap();
    assert_eq!(admission.audited.as_ref().map(EgressError::code), Some("origin-not-granted"));
    assert_eq!(admission.addresses, []);
    let suggestion = admission.audited.and_then(|error| error.grant()).unwrap();
    assert!(suggestion.contains("DELETE") && suggestion.contains("cookie"), "{suggestion}");

    let one =
        policy("[[http]]\norigin = \"https://a.example\"\nmode = \"audit\"\naddresses = [\"10.0.0.0/8\"]");
    let admission = ask(&one, "POST", "https://a.example/", &[]).unwrap();
    assert_eq!(admission.audited.map(|error| error.code()), Some("method-not-granted"));
    assert_eq!(admission.addresses, ["10.0.0.0/8".parse().unwrap()]);
    assert_eq!(ask(&one, "GET", "https://a.example/", &[]).unwrap().audited, None);
}

#[test]
fn audit_covers_neither_forbidden_things_nor_what_is_enforced_elsewhere() {
    let mixed = policy(
        "[[http]]\norigin = \"https://a.example\"\n[[http]]\norigin = \"https://b.example\"\nmode = \"audit\"",
    );
    assert_eq!(code(&mixed, "POST", "https://a.example/", &[]), "method-not-granted");
    assert_eq!(code(&mixed, "GET", "https://a.example/", &[("cookie", "a")]), "header-not-granted");
    assert_eq!(code(&mixed, "GET", "https://c.example/", &[]), "allowed");
    for method in ["CONNECT", "TRACE"] {
        assert_eq!(code(&mixed, method, "https://b.example/", &[]), "method-forbidden");
    }
    assert_eq!(code(&mixed, "GET", "https://b.example/", &[("te", "trailers")]), "header-forbidden");
    assert_eq!(
        code(&mixed, "GET", "https://b.example/", &[("waystation-credential", "x")]),
        "credential-not-bound"
    );
}

#[test]
fn a_credential_is_asked_for_by_name_and_bound_to_the_origin() {
    let bind = |name: &str, origin: &str, header: &'static str| {
        let header = HeaderName::from_static(header);
        let binding = Binding::Header { origin: origin.parse().unwrap(), header, prefix: None };
        Credential::new(name.parse().unwrap(), SecretString::from("s3cret"), binding).unwrap()
    };
    let policy = Policy {
        credentials: Credentials::new(vec![
            bind("api", "https://api.example.org", "authorization"),
            bind("app", "https://api.example.org", "x-app-key"),
            bind("again", "https://api.example.org", "authorization"),
            Credential::new("sign".parse().unwrap(), SecretString::from("key"), Binding::Hmac).unwrap(),
        ]),
        ..policy("[[http]]\norigins = [\"https://api.example.org\", \"https://b.example.org\"]")
    };
    let with = |uri: &str, names: &[&'static str]| {
        let fields: Vec<_> = names.iter().map(|name| ("waystation-credential", *name)).collect();
        ask(&policy, "GET", uri, &fields)
    };
    let here = "https://api.example.org/";
    let admission = with(here, &["api", "app"]).unwrap();
    assert_eq!(admission.credentials.iter().map(CredentialName::as_str).collect::<Vec<_>>(), ["api", "app"]);
    for (uri, names, expected) in [
        ("https://b.example.org/", &["api"][..], "credential-not-bound"),
        (here, &["unknown"], "credential-not-bound"),
        (here, &["sign"], "credential-not-bound"),
        (here, &["api", "again"], "bad-request"),
        (here, &["Not A Name"], "bad-request"),
        ("https://c.example.org/", &["api"], "origin-not-granted"),
    ] {
        assert_eq!(with(uri, names).unwrap_err().code(), expected, "{uri} {names:?}");
    }
}

#[test]
fn the_header_of_a_credential_is_not_the_plugins_to_set() {
    let policy = policy("[[http]]\norigin = \"https://a.example\"");
    assert_eq!(
        code(&policy, "GET", "https://a.example/", &[("authorization", "mine")]),
        "header-not-granted"
    );
    let granted = Policy {
        grants: vec![HttpGrant {
            headers: HeaderNames::try_from(vec![AUTHORIZATION.to_string()]).unwrap(),
            ..policy.grants[0].clone()
        }],
        ..Policy::default()
    };
    assert_eq!(code(&granted, "GET", "https://a.example/", &[("authorization", "mine")]), "allowed");
}

proptest! {
    #[test]
    fn no_request_passes_without_a_grant(method in "[A-Z]{1,7}", host in "[a-z0-9.-]{1,20}", port in 1u16..) {
        if let Ok(uri) = format!("https://{host}:{port}/").parse::<Uri>() {
            let method = Method::from_bytes(method.as_bytes()).unwrap();
            let decision = decide(&PluginName::new("p"), &Policy::default(), &method, &uri, &HeaderMap::new());
            prop_assert!(matches!(decision, Decision::Denied(_)));
        }
    }

    #[test]
    fn what_is_allowed_goes_to_a_granted_origin(
        host in "([a-z]{1,4}\\.){0,3}example\\.(org|com)", post: bool, tls: bool
    ) {
        let policy = policy(TWO);
        let uri = format!("http{}://{host}/", if tls { "s" } else { "" });
        if let Ok(admission) = ask(&policy, if post { "POST" } else { "GET" }, &uri, &[]) {
            prop_assert!(policy.grants[admission.rule].matches(&admission.origin));
            prop_assert!(tls && host.ends_with(".example.org"));
            prop_assert!(post || host == "api.example.org");
        }
    }
}
