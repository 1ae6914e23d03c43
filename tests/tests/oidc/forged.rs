//! ID tokens that are not what was asked for.

use anyhow::Result;
use jiff::Timestamp;
use serde_json::{Value, json};
use waystation_tests::oidc::{CLIENT_SECRET, folder, secret, section};
use waystation_tests::{Host, Reply};

use super::crooked::{ACCESS, Asked, Crooked, KEY, Sign, hash_of, shown, token};
use super::{bound, last, owner};

fn es256() -> Value {
    json!({ "alg": "ES256", "kid": KEY.1 })
}

#[tokio::test]
async fn an_id_token_that_is_not_what_was_asked_for_lets_nobody_in() -> Result<()> {
    let crooked = Crooked::start().await?;
    let folder = folder(&section(&crooked.issuer(), "waystation", &secret()))?;
    let host = Host::start(&folder).await?;
    bound(&owner(&host).await?, "ann", "ann", &[]).await?;
    // The same, in order.
    let asked = Asked::leave(&host).await?;
    crooked.gives(&crooked.token(&asked, "ann"));
    let page = asked.come_back().await?;
    let entered = asked.browser.exchange(&json!({ "code": page.brought("login") })).await?;
    assert_eq!(entered.status, 200, "{page:?} {entered:?}");
    let seen = crooked.site.seen_at("/token").remove(0);
    let body = String::from_utf8(seen.body.clone())?;
    assert!(body.contains("code=any") && body.contains("code_verifier="), "{body}");
    assert!(seen.header("authorization").starts_with("Basic ") && !body.contains(CLIENT_SECRET), "{body}");

    let now = Timestamp::now().as_second();
    let claim = |name: &'static str, value: Value| move |claims: &mut Value| claims[name] = value.clone();
    let without =
        |name: &'static str| move |claims: &mut Value| drop(claims.as_object_mut().unwrap().remove(name));
    type Change = Box<dyn Fn(&mut Value)>;
    let same = || -> Change { Box::new(|_: &mut Value| {}) };
    let own = Sign::Key(KEY.0);
    let point = shown(KEY.0);
    let cases: Vec<(&str, Value, Change, Sign<'_>)> = vec![
        ("id-token-nonce", es256(), Box::new(claim("nonce", json!("another"))), own),
        ("id-token-nonce", es256(), Box::new(without("nonce")), own),
        ("id-token-audience", es256(), Box::new(claim("aud", json!("another"))), own),
        ("id-token-audience", es256(), Box::new(claim("aud", json!(["waystation", "another"]))), own),
        ("id-token-audience", es256(), Box::new(without("aud")), own),
        ("id-token-azp", es256(), Box::new(claim("azp", json!("another"))), own),
        ("id-token-issuer", es256(), Box::new(claim("iss", json!("https://id.example"))), own),
        ("id-token-issuer", es256(), Box::new(claim("iss", json!(format!("{}/", crooked.issuer())))), own),
        ("id-token-time", es256(), Box::new(claim("exp", json!(now - 120))), own),
        ("id-token-time", es256(), Box::new(claim("iat", json!(now + 600))), own),
        ("id-token-hash", es256(), Box::new(claim("at_hash", json!(hash_of("another")))), own),
        ("id-token-subject", es256(), Box::new(claim("sub", json!(""))), own),
        ("id-token-subject", es256(), Box::new(claim("sub", json!("x".repeat(256)))), own),
        ("id-token-algorithm", json!({ "alg": "none" }), same(), Sign::Not),
        ("id-token-algorithm", json!({ "alg": "none", "kid": KEY.1 }), same(), own),
        ("id-token-algorithm", json!({ "alg": "HS256" }), same(), Sign::Secret(CLIENT_SECRET.as_bytes())),
        ("id-token-algorithm", json!({ "alg": "HS256", "kid": KEY.1 }), same(), Sign::Secret(&point)),
        ("id-token-signature", es256(), same(), Sign::Key(KEY.0 + 1)),
        ("id-token-signature", es256(), same(), Sign::Not),
        ("id-token-key", json!({ "alg": "ES256", "kid": "another" }), same(), Sign::Key(KEY.0 + 1)),
        ("id-token-key", json!({ "alg": "RS256", "kid": KEY.1 }), same(), own),
        ("id-token", json!({ "alg": "ES256", "kid": KEY.1, "typ": "at+jwt" }), same(), own),
        ("id-token", json!({ "alg": "ES256", "kid": KEY.1, "crit": ["exp"] }), same(), own),
        ("provider-token", es256(), Box::new(without("sub")), own),
        ("provider-token", es256(), Box::new(without("exp")), own),
    ];
    for (n, (why, header, change, sign)) in cases.into_iter().enumerate() {
        let asked = Asked::leave(&host).await?;
        let mut claims = crooked.claims(&asked, "ann");
        change(&mut claims);
        crooked.gives(&token(&header, &claims, sign));
        let page = asked.come_back().await?;
        assert_eq!((page.answer.status, page.code()), (403, "login-refused"), "{n} {why} {claims}");
        assert_eq!(last(&host).await?, ("oidc:corp".into(), why.into()), "{n} {header} {claims}");
    }
    // Parts of another token.
    let asked = Asked::leave(&host).await?;
    let (good, other) = (crooked.token(&asked, "ann"), crooked.token(&asked, "olga"));
    let parts = |token: &str| token.split('.').map(str::to_owned).collect::<Vec<_>>();
    let (good, other) = (parts(&good), parts(&other));
    crooked.gives(&format!("{}.{}.{}", good[0], other[1], good[2]));
    asked.come_back().await?;
    assert_eq!(last(&host).await?.1, "id-token-signature");
    for (reply, why) in [
        (json!({ "access_token": ACCESS, "token_type": "Bearer" }), "no-id-token"),
        (json!({ "access_token": ACCESS, "token_type": "Bearer", "id_token": "a.b.c" }), "provider-token"),
        (json!({ "access_token": ACCESS, "token_type": "Bearer", "id_token": "" }), "provider-token"),
        (json!({ "id_token": good.join(".") }), "provider-token"),
        (json!([]), "provider-token"),
    ] {
        let asked = Asked::leave(&host).await?;
        crooked.site.on("/token", Reply::json(&reply));
        assert_eq!(asked.come_back().await?.code(), "login-refused", "{reply}");
        assert_eq!(last(&host).await?.1, why, "{reply}");
    }
    // Clocks may differ a little.
    let asked = Asked::leave(&host).await?;
    let mut claims = crooked.claims(&asked, "ann");
    (claims["exp"], claims["iat"]) = (json!(now - 20), json!(now + 20));
    crooked.gives(&token(&es256(), &claims, own));
    assert!(asked.come_back().await?.brought("login").is_some());
    let said = host.log()?;
    assert!(!said.contains(ACCESS) && !said.contains(CLIENT_SECRET));
    host.stop().await
}

#[tokio::test]
async fn new_keys_are_asked_for_when_one_is_not_known_and_not_all_the_time() -> Result<()> {
    let crooked = Crooked::start().await?;
    let folder = folder(&section(&crooked.issuer(), "waystation", ""))?;
    let host = Host::start(&folder).await?;
    bound(&owner(&host).await?, "ann", "ann", &[]).await?;
    assert!(crooked.site.seen().is_empty(), "nobody is asked before somebody logs in");
    let come = async |key: (u8, &str)| {
        let asked = Asked::leave(&host).await?;
        let header = json!({ "alg": "ES256", "kid": key.1 });
        crooked.gives(&token(&header, &crooked.claims(&asked, "ann"), Sign::Key(key.0)));
        anyhow::Ok(asked.come_back().await?.brought("login").is_some())
    };
    let fetched = || {
        (crooked.site.seen_at("/.well-known/openid-configuration").len(), crooked.site.seen_at("/jwks").len())
    };
    assert!(come(KEY).await? && come(KEY).await?);
    assert_eq!(fetched(), (1, 1), "what it says is kept");
    // It has new keys, and the old one counts no more.
    crooked.keys(&[(7, "new")]);
    assert!(come((7, "new")).await?);
    assert_eq!(fetched(), (1, 2));
    assert!(!come(KEY).await?);
    for n in 0..3 {
        assert!(!come((9, &format!("unknown-{n}"))).await?);
    }
    assert_eq!(fetched(), (1, 2), "whoever makes names of keys up does not have it asked each time");
    assert!(come((7, "new")).await?);
    // A client without a secret shows none.
    let seen = crooked.site.seen_at("/token").remove(0);
    assert!(
        seen.header("authorization").is_empty()
            && String::from_utf8(seen.body)?.contains("client_id=waystation")
    );
    host.stop().await
}
