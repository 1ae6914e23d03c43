//! A provider that says and signs what it is told: what an attacker would, who has got hold of a part of it.

use anyhow::{Context as _, Result, ensure};
use base64::Engine as _;
use base64::engine::general_purpose::URL_SAFE_NO_PAD;
use hmac::{Hmac, KeyInit as _, Mac as _};
use jiff::Timestamp;
use p256::ecdsa::signature::Signer as _;
use reqwest::{Method, Url};
use serde_json::{Value, json};
use sha2::{Digest as _, Sha256};
use waystation_tests::oidc::{Browser, Page};
use waystation_tests::{Host, Reply, StandIn};

use super::{BACK, START};

/// The key that it shows to be its own, and what that is called.
pub(crate) const KEY: (u8, &str) = (3, "mine");

/// The access token that goes with its ID tokens.
pub(crate) const ACCESS: &str = "an access token of the provider";

/// See the module.
pub(crate) struct Crooked {
    pub(crate) site: StandIn,
}

/// How a token is signed.
#[derive(Clone, Copy)]
pub(crate) enum Sign<'a> {
    /// ES256 with the key of this seed.
    Key(u8),
    /// HS256 with this.
    Secret(&'a [u8]),
    /// Not at all.
    Not,
}

impl Crooked {
    /// One that has done nothing wrong yet.
    pub(crate) async fn start() -> Result<Self> {
        let crooked = Self { site: StandIn::start().await? };
        crooked.announce(&crooked.metadata());
        crooked.keys(&[KEY]);
        Ok(crooked)
    }

    pub(crate) fn issuer(&self) -> String {
        self.site.origin()
    }

    /// What a provider says of itself.
    pub(crate) fn metadata(&self) -> Value {
        json!({
            "issuer": self.issuer(),
            "authorization_endpoint": self.site.url("/auth"),
            "token_endpoint": self.site.url("/token"),
            "jwks_uri": self.site.url("/jwks"),
            "response_types_supported": ["code"],
            "subject_types_supported": ["public"],
            "id_token_signing_alg_values_supported": ["ES256", "none", "HS256"],
        })
    }

    pub(crate) fn announce(&self, metadata: &Value) {
        self.site.on("/.well-known/openid-configuration", Reply::json(metadata));
    }

    pub(crate) fn keys(&self, keys: &[(u8, &str)]) {
        let keys: Vec<Value> = keys.iter().map(|(seed, name)| jwk(*seed, name)).collect();
        self.site.on("/jwks", Reply::json(&json!({ "keys": keys })));
    }

    /// What it gives for any code.
    pub(crate) fn gives(&self, id_token: &str) {
        let tokens =
            json!({ "access_token": ACCESS, "token_type": "Bearer", "expires_in": 60, "id_token": id_token });
        self.site.on("/token", Reply::json(&tokens));
    }

    /// What a good ID token says about `subject`.
    pub(crate) fn claims(&self, asked: &Asked, subject: &str) -> Value {
        let now = Timestamp::now().as_second();
        json!({
            "iss": self.issuer(), "aud": "waystation", "sub": subject, "nonce": asked.nonce,
            "iat": now, "exp": now + 300, "at_hash": hash_of(ACCESS),
        })
    }

    /// A good one.
    pub(crate) fn token(&self, asked: &Asked, subject: &str) -> String {
        token(&json!({ "alg": "ES256", "kid": KEY.1 }), &self.claims(asked, subject), Sign::Key(KEY.0))
    }
}

/// Half of the hash (OpenID Connect Core 1.0, section 3.1.3.6).
pub(crate) fn hash_of(token: &str) -> String {
    URL_SAFE_NO_PAD.encode(&Sha256::digest(token.as_bytes())[..16])
}

fn jwk(seed: u8, name: &str) -> Value {
    let point = waystation_lab::key(seed).verifying_key().to_sec1_point(false);
    let part = |range: std::ops::Range<usize>| URL_SAFE_NO_PAD.encode(&point.as_bytes()[range]);
    json!({ "kty": "EC", "crv": "P-256", "use": "sig", "alg": "ES256", "kid": name, "x": part(1..33), "y": part(33..65) })
}

/// The public key as it is shown, for those who would sign with it.
pub(crate) fn shown(seed: u8) -> Vec<u8> {
    waystation_lab::key(seed).verifying_key().to_sec1_point(false).as_bytes().to_vec()
}

pub(crate) fn token(header: &Value, claims: &Value, sign: Sign<'_>) -> String {
    let part = |value: &Value| URL_SAFE_NO_PAD.encode(value.to_string());
    let signed = format!("{}.{}", part(header), part(claims));
    let signature = match sign {
        Sign::Key(seed) => {
            let signature: p256::ecdsa::Signature = waystation_lab::key(seed).sign(signed.as_bytes());
            signature.to_bytes().to_vec()
        }
        Sign::Secret(secret) => {
            let mut mac = Hmac::<Sha256>::new_from_slice(secret).unwrap();
            mac.update(signed.as_bytes());
            mac.finalize().into_bytes().to_vec()
        }
        Sign::Not => Vec::new(),
    };
    format!("{signed}.{}", URL_SAFE_NO_PAD.encode(signature))
}

/// Somebody who was sent to the provider, and is there.
pub(crate) struct Asked {
    pub(crate) browser: Browser,
    pub(crate) state: String,
    pub(crate) nonce: String,
}

impl Asked {
    /// Sends a browser there.
    pub(crate) async fn leave(host: &Host) -> Result<Self> {
        Self::leave_by(Browser::new(host.api.base())?, START).await
    }

    pub(crate) async fn leave_by(browser: Browser, start: &str) -> Result<Self> {
        let told = browser.send(Method::GET, &Url::parse(start)?, None).await?;
        ensure!(told.status == 303, "{told:?}");
        let to = Url::parse(told.header("location"))?;
        let of = |name: &str| -> Result<String> {
            let found = to.query_pairs().find(|(key, _)| key == name).map(|(_, value)| value.into_owned());
            found.with_context(|| format!("no {name} in {to}"))
        };
        let (state, nonce) = (of("state")?, of("nonce")?);
        ensure!(of("code_challenge_method")? == "S256" && of("code_challenge")?.len() == 43, "{to}");
        ensure!(of("response_type")? == "code" && of("redirect_uri")? == BACK, "{to}");
        Ok(Self { browser, state, nonce })
    }

    /// Comes back with a code.
    pub(crate) async fn come_back(&self) -> Result<Page> {
        self.come_back_with(&[("code", "any"), ("state", &self.state)]).await
    }

    /// Comes back with this.
    pub(crate) async fn come_back_with(&self, query: &[(&str, &str)]) -> Result<Page> {
        self.browser.open(back(query)?.as_str()).await
    }
}

/// Where a provider sends somebody back with this.
pub(crate) fn back(query: &[(&str, &str)]) -> Result<Url> {
    let mut url = Url::parse(BACK)?;
    url.query_pairs_mut().extend_pairs(query);
    Ok(url)
}
