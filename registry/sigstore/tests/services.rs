//! Signing with services of a Sigstore instance, good ones and bad ones, over real HTTP.
#![allow(clippy::unwrap_used, reason = "a test fails where it does not hold")]

use jiff::Timestamp;
use serde_json::Value;
use waystation_egress::Roots as Authorities;
use waystation_lab as lab;
use waystation_lab::stand_in::{Fault, PATIENCE, Service, StandIn, identity_token};
use waystation_sigstore::{
    Attested, Http, IdentityToken, Options, ServiceError, Services, SignIn, SigningConfig, Source,
};
use waystation_verify::{Policy, Request, Roots, Subject, TrustRoot, verify};

fn http() -> Http {
    let mut options = Options::new(Authorities::load(None).unwrap());
    options.timeout = PATIENCE;
    Http::new(options).unwrap()
}

fn root(value: &Value) -> TrustRoot {
    TrustRoot::parse(value.to_string().as_bytes()).unwrap()
}

async fn attest(stand_in: &StandIn, logs: &[Service]) -> Result<Attested, ServiceError> {
    let http = http();
    let config = SigningConfig::parse(stand_in.config(logs).to_string().as_bytes()).unwrap();
    let services = Services { http: &http, config: &config, now: Timestamp::now };
    let token = IdentityToken::parse(&identity_token().into()).unwrap();
    let statement = lab::statement(lab::SLSA, serde_json::json!({})).to_string();
    let subject = Subject::of_bytes(lab::ARTIFACT.to_vec());
    services.attest(statement.as_bytes(), &subject, &token, &root(&stand_in.root())).await
}

#[tokio::test]
async fn what_services_sign_is_admitted_by_a_policy() {
    for (logs, count) in [
        (&[Service::First][..], 1),
        (&[Service::Second], 1),
        (&[Service::First, Service::Second], 2),
        (&[], 0),
    ] {
        let stand_in = StandIn::start().await;
        let Attested { bundle, facts } = attest(&stand_in, logs).await.unwrap();
        assert_eq!(facts.identity.unwrap().value, lab::IDENTITY);
        assert_eq!(facts.logs.len(), count);
        let policy = format!(
            "version = 1\n[domains.default]\nsct = 1\ntlog = {count}\ntsa = 1\n\
             [signers.release]\nidentity = \"{}\"\nissuer = \"{}\"\n\
             [[rules]]\nany_of = [\"release\"]\npredicate_types = [\"{}\"]\n",
            lab::IDENTITY,
            lab::ISSUER,
            lab::SLSA
        );
        let policy = Policy::parse(policy.as_bytes()).unwrap();
        let subject = Subject::of_bytes(lab::ARTIFACT.to_vec());
        let request = Request { subject: &subject, bundles: &[&bundle] };
        let roots = Roots::from(root(&stand_in.root()));
        let verdict = verify(&request, &policy, &roots, Timestamp::now());
        assert!(verdict.admitted, "{verdict:?}");
        // No key is used twice.
        let again = attest(&stand_in, logs).await.unwrap();
        assert_ne!(again.facts.key, facts.key);
    }
}

/// The code with which a fault ends, and the sentence.
async fn refused(fault: Fault, logs: &[Service]) -> (&'static str, String) {
    let stand_in = StandIn::start().await;
    stand_in.fault(fault);
    let refused = attest(&stand_in, logs).await.unwrap_err();
    let said = format!("{refused} {refused:?}");
    assert!(!said.contains(&identity_token()[..40]), "a token in {said}");
    (refused.code(), said)
}

#[tokio::test]
async fn what_an_authority_does_wrong_is_found_out() {
    for (fault, code) in [
        (Fault::TokenRefused, "token-refused"),
        (Fault::OtherKey, "certificate-mismatch"),
        (Fault::NoSct, "sct-invalid"),
        (Fault::DetachedSct, "service-malformed"),
    ] {
        assert_eq!(refused(fault, &[Service::First]).await.0, code, "{fault:?}");
    }
    // Nothing was signed for it: nobody else was asked.
    for fault in [Fault::TokenRefused, Fault::OtherKey, Fault::DetachedSct] {
        let stand_in = StandIn::start().await;
        stand_in.fault(fault);
        attest(&stand_in, &[Service::First]).await.unwrap_err();
        assert_eq!(stand_in.asked(), [Service::Authority], "{fault:?}");
    }
}

#[tokio::test]
async fn what_a_log_or_a_clock_does_wrong_is_found_out() {
    for log in [Service::First, Service::Second] {
        assert_eq!(refused(Fault::OtherEntry, &[log]).await.0, "entry-mismatch", "{log:?}");
    }
    for (fault, code) in [
        (Fault::OtherImprint, "timestamp-mismatch"),
        (Fault::OtherNonce, "timestamp-mismatch"),
        (Fault::ForeignClock, "timestamp-invalid"),
    ] {
        assert_eq!(refused(fault, &[Service::Second]).await.0, code, "{fault:?}");
    }
}

#[tokio::test]
async fn a_service_that_is_ill_is_named() {
    for (service, log, word) in [
        (Service::Authority, Service::First, "certificate authority"),
        (Service::Clock, Service::First, "timestamp authority"),
        (Service::First, Service::First, "transparency log"),
        (Service::Second, Service::Second, "transparency log"),
    ] {
        let malformed = match service {
            Service::Clock => "timestamp-malformed",
            _ => "service-malformed",
        };
        for (fault, expected) in [
            (Fault::Silent(service), "service-timeout"),
            (Fault::Endless(service), "service-too-large"),
            (Fault::Status500(service), "service-refused"),
            (Fault::Redirect(service), "service-redirect"),
            (Fault::Garbage(service), malformed),
        ] {
            let (code, said) = refused(fault, &[log]).await;
            assert_eq!(code, expected, "{fault:?}: {said}");
            assert!(said.contains(word), "{fault:?}: {said}");
        }
    }
    let stand_in = StandIn::start().await;
    let mut config = stand_in.config(&[Service::First]);
    for (address, code) in [
        ("http://127.0.0.1:1", "service-unreachable"),
        ("http://ca.example", "service-address"),
        ("ftp://127.0.0.1", "service-address"),
        ("https://user:secret@ca.example", "service-address"),
        ("no address", "service-address"),
    ] {
        config["caUrls"][0]["url"] = address.into();
        let http = http();
        let config = SigningConfig::parse(config.to_string().as_bytes()).unwrap();
        let services = Services { http: &http, config: &config, now: Timestamp::now };
        let token = IdentityToken::parse(&identity_token().into()).unwrap();
        let subject = Subject::of_bytes(lab::ARTIFACT.to_vec());
        let refused = services.attest(b"{}", &subject, &token, &root(&stand_in.root())).await.unwrap_err();
        assert_eq!(refused.code(), code, "{address}: {refused}");
        assert!(!refused.to_string().contains("secret"), "{refused}");
    }
}

#[tokio::test]
async fn a_root_that_knows_none_of_it_admits_nothing() {
    let (stand_in, other) = (StandIn::start().await, StandIn::start().await);
    let http = http();
    let config = SigningConfig::parse(stand_in.config(&[Service::Second]).to_string().as_bytes()).unwrap();
    let services = Services { http: &http, config: &config, now: Timestamp::now };
    let token = IdentityToken::parse(&identity_token().into()).unwrap();
    let statement = lab::statement(lab::SLSA, serde_json::json!({})).to_string();
    let subject = Subject::of_bytes(lab::ARTIFACT.to_vec());
    let refused = services.attest(statement.as_bytes(), &subject, &token, &root(&other.root())).await;
    assert_eq!(refused.unwrap_err().code(), "timestamp-invalid");
    // And a statement about something else is not one about this.
    let elsewhere = Subject::of_bytes(b"something else".to_vec());
    let refused = services.attest(statement.as_bytes(), &elsewhere, &token, &root(&stand_in.root())).await;
    assert_eq!(refused.unwrap_err().code(), "digest-mismatch");
}

#[tokio::test]
async fn github_issues_a_token() {
    let stand_in = StandIn::start().await;
    let of = |bearer: &str| {
        let url = format!("{}/token?api-version=2", stand_in.address);
        let bearer = bearer.to_owned();
        Source::of_environment(move |name| match name {
            "ACTIONS_ID_TOKEN_REQUEST_URL" => Some(url.clone()),
            "ACTIONS_ID_TOKEN_REQUEST_TOKEN" => Some(bearer.clone()),
            _ => None,
        })
        .unwrap()
    };
    assert!(of("may-ask").token(&http(), "sigstore").await.is_ok());
    let refused = of("may-not-ask").token(&http(), "sigstore").await.unwrap_err();
    assert_eq!(refused.code(), "service-refused");
    assert!(!refused.to_string().contains("may-not-ask"), "{refused}");
    stand_in.fault(Fault::Garbage(Service::Token));
    assert_eq!(of("may-ask").token(&http(), "sigstore").await.unwrap_err().code(), "service-malformed");
}

/// Signs in as a browser does, at this address of a sign-in.
async fn browse(url: &str) -> reqwest::Response {
    reqwest::Client::builder().no_proxy().build().unwrap().get(url).send().await.unwrap()
}

#[tokio::test]
async fn a_person_signs_in_with_a_browser() {
    for (fault, code) in [
        (None, ""),
        (Some(Fault::NotLetIn), "sign-in-refused"),
        (Some(Fault::OtherNonce), "sign-in-refused"),
        // Whoever does not know the state ends nothing, and nobody else comes.
        (Some(Fault::OtherState), "sign-in-timeout"),
        (Some(Fault::OtherIssuer), "sign-in-refused"),
    ] {
        let stand_in = StandIn::start().await;
        if let Some(fault) = fault {
            stand_in.fault(fault);
        }
        let config = SigningConfig::parse(stand_in.config(&[]).to_string().as_bytes()).unwrap();
        let issuer = config.issuer(Timestamp::now()).unwrap();
        let http = http();
        let begun = match SignIn::begin(&http, issuer, "sigstore").await {
            Ok(begun) => begun,
            Err(e) => {
                assert_eq!(e.code(), code, "{fault:?}");
                continue;
            }
        };
        let url = begun.url().to_owned();
        assert!(!format!("{begun:?}").contains("state="), "{begun:?}");
        let (token, page) = tokio::join!(begun.finish(&http, PATIENCE * 3), browse(&url));
        assert_eq!(token.map_or_else(|e| e.code(), |_| ""), code, "{fault:?}");
        let status = page.status().as_u16();
        assert_eq!(
            status,
            match fault {
                Some(Fault::NotLetIn) => 400,
                Some(Fault::OtherState) => 404,
                _ => 200,
            }
        );
    }
}

#[tokio::test]
async fn somebody_else_at_the_door_does_not_end_a_sign_in() {
    let stand_in = StandIn::start().await;
    let http = http();
    let begun = SignIn::begin(&http, &format!("{}/issuer", stand_in.address), "sigstore").await.unwrap();
    let url = begun.url().to_owned();
    let back = reqwest::Url::parse(&url).unwrap();
    let back = back.query_pairs().find(|(name, _)| name == "redirect_uri").unwrap().1.into_owned();
    let visit = async {
        for path in ["", "?code=theirs", "?code=theirs&state=guess", "/favicon.ico"] {
            assert_eq!(browse(&format!("{back}{path}")).await.status(), 404);
        }
        browse(&url).await
    };
    let (token, page) = tokio::join!(begun.finish(&http, PATIENCE * 10), visit);
    assert_eq!((token.is_ok(), page.status().as_u16()), (true, 200));
}
