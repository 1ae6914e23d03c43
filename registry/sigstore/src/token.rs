//! Identity tokens (OpenID Connect): who is asking, as an issuer says that the certificate authority believes.

use std::fmt;

use base64::Engine as _;
use base64::engine::general_purpose::URL_SAFE_NO_PAD;
use jiff::Timestamp;
use secrecy::{ExposeSecret as _, SecretString};
use serde::Deserialize;

use crate::error::ServiceError;
use crate::http::{Ask, Http};

/// The longest token, and the longest answer with one, in bytes.
const MAX_TOKEN: usize = 64 << 10;

/// A token. It never prints. Nothing of it is believed here; what it says is needed to ask.
pub struct IdentityToken {
    raw: SecretString,
    subject: String,
    nonce: Option<String>,
    expires: Timestamp,
}

impl fmt::Debug for IdentityToken {
    fn fmt(&self, f: &mut fmt::Formatter<'_>) -> fmt::Result {
        f.debug_struct("IdentityToken").field("expires", &self.expires).finish_non_exhaustive()
    }
}

impl IdentityToken {
    /// Reads a JSON web token.
    ///
    /// # Errors
    /// `token-malformed`.
    pub fn parse(text: &SecretString) -> Result<Self, ServiceError> {
        #[derive(Deserialize)]
        struct Claims {
            sub: String,
            email: Option<String>,
            nonce: Option<String>,
            exp: i64,
        }
        let raw = text.expose_secret().trim();
        let parts: Vec<_> = raw.split('.').collect();
        let [_, claims, _] = parts.as_slice() else { return Err(ServiceError::TokenMalformed) };
        if raw.len() > MAX_TOKEN || !raw.bytes().all(|b| b.is_ascii_graphic()) {
            return Err(ServiceError::TokenMalformed);
        }
        let claims = URL_SAFE_NO_PAD.decode(claims.trim_end_matches('='));
        let claims = claims.ok().and_then(|claims| serde_json::from_slice::<Claims>(&claims).ok());
        let Claims { sub, email, nonce, exp } = claims.ok_or(ServiceError::TokenMalformed)?;
        let expires = Timestamp::from_second(exp).map_err(|_| ServiceError::TokenMalformed)?;
        Ok(Self { raw: raw.into(), subject: email.unwrap_or(sub), nonce, expires })
    }

    /// What proves that who asks has the key: a signature over this (Fulcio, `proof_of_possession`).
    pub(crate) fn subject(&self) -> &str {
        &self.subject
    }

    /// What ties it to a sign-in.
    pub(crate) fn nonce(&self) -> Option<&str> {
        self.nonce.as_deref()
    }

    pub(crate) const fn secret(&self) -> &SecretString {
        &self.raw
    }

    /// Whether there is time to use it.
    pub(crate) fn is_good(&self, now: Timestamp) -> Result<(), ServiceError> {
        match now < self.expires {
            true => Ok(()),
            false => Err(ServiceError::TokenExpired { at: self.expires }),
        }
    }
}

/// Where a token comes from.
pub enum Source {
    /// It is there: from a file, or from GitLab's `id_tokens`.
    Given(SecretString),
    /// GitHub Actions issues one to a job with `permissions: id-token: write`.
    GitHub {
        /// Who is asked.
        url: String,
        /// What lets this job ask.
        bearer: SecretString,
    },
}

impl fmt::Debug for Source {
    fn fmt(&self, f: &mut fmt::Formatter<'_>) -> fmt::Result {
        f.write_str(match self {
            Self::Given(_) => "Given",
            Self::GitHub { .. } => "GitHub",
        })
    }
}

impl Source {
    /// What the environment holds: `SIGSTORE_ID_TOKEN` first, then what GitHub Actions sets.
    ///
    /// # Errors
    /// `token-missing`.
    pub fn of_environment(variable: impl Fn(&str) -> Option<String>) -> Result<Self, ServiceError> {
        let variable = |name| variable(name).filter(|value| !value.is_empty());
        if let Some(token) = variable("SIGSTORE_ID_TOKEN") {
            return Ok(Self::Given(token.into()));
        }
        match (variable("ACTIONS_ID_TOKEN_REQUEST_URL"), variable("ACTIONS_ID_TOKEN_REQUEST_TOKEN")) {
            (Some(url), Some(bearer)) => Ok(Self::GitHub { url, bearer: bearer.into() }),
            _ => Err(ServiceError::TokenMissing),
        }
    }

    /// The token, for an audience where the issuer asks for whom it is.
    ///
    /// # Errors
    /// `token-malformed`, and those of the service that issues it.
    pub async fn token(&self, http: &Http, audience: &str) -> Result<IdentityToken, ServiceError> {
        let (url, bearer) = match self {
            Self::Given(token) => return IdentityToken::parse(token),
            Self::GitHub { url, bearer } => (url, bearer),
        };
        #[derive(Deserialize)]
        struct Answer {
            value: String,
        }
        let service = "GitHub's token service";
        let mut url = url::Url::parse(url)
            .map_err(|_| ServiceError::Address { url: url.clone(), why: "it is no address" })?;
        url.query_pairs_mut().append_pair("audience", audience);
        let answer = http
            .ask(Ask {
                service,
                url: url.as_str(),
                body: None,
                accept: "application/json",
                bearer: Some(bearer),
                limit: MAX_TOKEN,
            })
            .await?;
        let malformed = || ServiceError::Malformed { service: service.to_owned(), why: "it holds no token" };
        let answer: Answer = serde_json::from_slice(&answer).map_err(|_| malformed())?;
        IdentityToken::parse(&answer.value.into())
    }
}

#[cfg(test)]
mod tests {
    use super::*;

    fn token(claims: &str) -> SecretString {
        format!("e30.{}.c2ln", URL_SAFE_NO_PAD.encode(claims)).into()
    }

    #[test]
    fn who_is_asking() {
        let read = IdentityToken::parse(&token(r#"{"sub":"repo:a/b","exp":1760000000}"#)).unwrap();
        assert_eq!(read.subject(), "repo:a/b");
        let email = IdentityToken::parse(&token(r#"{"sub":"1","email":"a@b","exp":1760000000}"#)).unwrap();
        assert_eq!(email.subject(), "a@b");
        let at = |second| Timestamp::from_second(second).unwrap();
        assert!(read.is_good(at(1_759_999_999)).is_ok());
        assert_eq!(read.is_good(at(1_760_000_000)).unwrap_err().code(), "token-expired");
        let shown = format!("{read:?}{:?}", Source::Given(token("{}")));
        assert!(!shown.contains("e30") && !shown.contains("repo"), "{shown}");
    }

    #[test]
    fn what_is_no_token_is_refused_without_being_shown() {
        let long = "a".repeat(MAX_TOKEN);
        for bad in
            ["", "secret", "a.b", "a.b.c", "a.b.c.d", "e30.e30.e30", &format!("a.{long}.c"), "a\n.e30.c"]
        {
            let refused = IdentityToken::parse(&bad.into()).unwrap_err();
            assert_eq!(refused.code(), "token-malformed", "{bad}");
            assert!(!refused.to_string().contains("secret"));
        }
    }

    #[test]
    fn where_a_token_comes_from() {
        let of = |set: &[(&str, &str)]| {
            Source::of_environment(|name| {
                set.iter().find(|(known, _)| *known == name).map(|(_, value)| (*value).to_owned())
            })
        };
        let github = [("ACTIONS_ID_TOKEN_REQUEST_URL", "https://a"), ("ACTIONS_ID_TOKEN_REQUEST_TOKEN", "t")];
        assert!(matches!(of(&github), Ok(Source::GitHub { .. })));
        let both = [github[0], github[1], ("SIGSTORE_ID_TOKEN", "x")];
        assert!(matches!(of(&both), Ok(Source::Given(_))));
        for missing in [&[][..], &[("SIGSTORE_ID_TOKEN", "")], &github[..1]] {
            assert_eq!(of(missing).unwrap_err().code(), "token-missing");
        }
    }
}
