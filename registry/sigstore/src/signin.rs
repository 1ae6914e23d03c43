//! Signing in with a browser: OpenID Connect, the authorization code with PKCE (RFC 7636), which comes back to this
//! machine (RFC 8252, 7.3).

use std::time::Duration;

use base64::Engine as _;
use base64::engine::general_purpose::URL_SAFE_NO_PAD;
use secrecy::{ExposeSecret as _, SecretString};
use serde::Deserialize;
use sha2::{Digest as _, Sha256};
use subtle::ConstantTimeEq as _;
use tokio::io::{AsyncReadExt as _, AsyncWriteExt as _};
use tokio::net::{TcpListener, TcpStream};
use tokio::time::timeout;
use url::Url;
use url::form_urlencoded::Serializer;

use crate::error::ServiceError;
use crate::http::{Ask, Http};
use crate::token::IdentityToken;

/// The longest answer of an issuer, in bytes.
const MAX_ANSWER: usize = 64 << 10;
/// The longest request that a browser brings back, in bytes.
const MAX_REQUEST: usize = 16 << 10;
/// For one request of a browser.
const REQUEST: Duration = Duration::from_secs(5);
/// Where the browser comes back to.
const PATH: &str = "/auth/callback";

/// A sign-in that has begun: somebody has to open [`SignIn::url`].
pub struct SignIn {
    url: String,
    redirect: String,
    token_endpoint: String,
    client: String,
    listener: TcpListener,
    /// Ties what comes back to this sign-in.
    state: SecretString,
    /// Ties the token to it.
    nonce: String,
    /// Ties the code to it.
    verifier: SecretString,
}

impl std::fmt::Debug for SignIn {
    fn fmt(&self, f: &mut std::fmt::Formatter<'_>) -> std::fmt::Result {
        f.debug_struct("SignIn").field("redirect", &self.redirect).finish_non_exhaustive()
    }
}

fn random() -> String {
    URL_SAFE_NO_PAD.encode(rand::random::<[u8; 32]>())
}

impl SignIn {
    /// Asks an issuer how one signs in there, and listens for whoever comes back.
    ///
    /// # Errors
    /// Those of services, and `sign-in-refused` for an issuer that says it is another.
    pub async fn begin(http: &Http, issuer: &str, client: &str) -> Result<Self, ServiceError> {
        #[derive(Deserialize)]
        struct Issuer {
            issuer: String,
            authorization_endpoint: String,
            token_endpoint: String,
        }
        let service = format!("the issuer {issuer}");
        let base = issuer.trim_end_matches('/');
        let answer = http
            .ask(Ask {
                service: &service,
                url: &format!("{base}/.well-known/openid-configuration"),
                body: None,
                accept: "application/json",
                bearer: None,
                limit: MAX_ANSWER,
            })
            .await?;
        let malformed = |why| ServiceError::Malformed { service: service.clone(), why };
        let found: Issuer =
            serde_json::from_slice(&answer).map_err(|_| malformed("it does not say where one signs in"))?;
        // Somebody else's word for where to sign in is worth nothing.
        if found.issuer.trim_end_matches('/') != base {
            return Err(ServiceError::SignInRefused { why: "the issuer says that it is another one" });
        }
        let unheard = |e: std::io::Error| ServiceError::Unreachable {
            service: "this machine".to_owned(),
            why: e.to_string(),
        };
        let listener = TcpListener::bind("127.0.0.1:0").await.map_err(unheard)?;
        let redirect = format!("http://localhost:{}{PATH}", listener.local_addr().map_err(unheard)?.port());
        let (state, nonce, verifier) = (random(), random(), random());
        let mut url = http.address(&found.authorization_endpoint)?;
        url.query_pairs_mut()
            .append_pair("response_type", "code")
            .append_pair("client_id", client)
            .append_pair("redirect_uri", &redirect)
            .append_pair("scope", "openid email")
            .append_pair("state", &state)
            .append_pair("nonce", &nonce)
            .append_pair("code_challenge", &URL_SAFE_NO_PAD.encode(Sha256::digest(&verifier)))
            .append_pair("code_challenge_method", "S256");
        Ok(Self {
            url: url.into(),
            redirect,
            token_endpoint: found.token_endpoint,
            client: client.to_owned(),
            listener,
            state: state.into(),
            nonce,
            verifier: verifier.into(),
        })
    }

    /// What a person opens in a browser on this machine.
    #[must_use]
    pub fn url(&self) -> &str {
        &self.url
    }

    /// Waits until they came back, and gets the token.
    ///
    /// # Errors
    /// `sign-in-timeout`, `sign-in-refused`, and those of services.
    pub async fn finish(self, http: &Http, patience: Duration) -> Result<IdentityToken, ServiceError> {
        #[derive(Deserialize)]
        struct Answer {
            id_token: String,
        }
        let code = timeout(patience, self.code()).await.map_err(|_| ServiceError::SignInTimeout)??;
        let form = Serializer::new(String::new())
            .append_pair("grant_type", "authorization_code")
            .append_pair("code", code.expose_secret())
            .append_pair("redirect_uri", &self.redirect)
            .append_pair("client_id", &self.client)
            .append_pair("code_verifier", self.verifier.expose_secret())
            .finish();
        let service = "the issuer's token service";
        let ask = Ask {
            service,
            url: &self.token_endpoint,
            body: Some(("application/x-www-form-urlencoded", form.into_bytes())),
            accept: "application/json",
            bearer: None,
            limit: MAX_ANSWER,
        };
        let answer = http.ask(ask).await?;
        let malformed = || ServiceError::Malformed { service: service.to_owned(), why: "it holds no token" };
        let answer: Answer = serde_json::from_slice(&answer).map_err(|_| malformed())?;
        let token = IdentityToken::parse(&answer.id_token.into())?;
        match token.nonce() == Some(self.nonce.as_str()) {
            true => Ok(token),
            false => Err(ServiceError::SignInRefused { why: "the token is one of another sign-in" }),
        }
    }

    /// What the browser brings.
    async fn code(&self) -> Result<SecretString, ServiceError> {
        loop {
            let Ok((mut stream, _)) = self.listener.accept().await else { continue };
            let target = match timeout(REQUEST, target(&mut stream)).await {
                Ok(Some(target)) => target,
                _ => continue,
            };
            let outcome = self.read(&target);
            let (status, text) = match &outcome {
                None => ("404 Not Found", "There is nothing here."),
                Some(Ok(_)) => ("200 OK", "You are signed in. This window can be closed."),
                Some(Err(_)) => ("400 Bad Request", "That did not work; what asked you to sign in says why."),
            };
            let answer = format!(
                "HTTP/1.1 {status}\r\ncontent-type: text/plain\r\ncontent-length: {}\r\nconnection: close\r\n\r\n{text}",
                text.len()
            );
            let _ = timeout(REQUEST, stream.write_all(answer.as_bytes())).await;
            let _ = stream.shutdown().await;
            if let Some(outcome) = outcome {
                return outcome;
            }
        }
    }

    /// The code of a request, if it is the one that is waited for. Whoever does not know the state is somebody else, and
    /// ends nothing.
    fn read(&self, target: &str) -> Option<Result<SecretString, ServiceError>> {
        let url = Url::parse("http://localhost").ok()?.join(target).ok()?;
        let value =
            |name| url.query_pairs().find(|(key, _)| key == name).map(|(_, value)| value.into_owned());
        let state = value("state")?;
        let ours = self.state.expose_secret();
        if url.path() != PATH || !bool::from(state.as_bytes().ct_eq(ours.as_bytes())) {
            return None;
        }
        let refused = ServiceError::SignInRefused { why: "the issuer did not let whoever it was in" };
        Some(value("code").map(SecretString::from).ok_or(refused))
    }
}

/// The target of the request, of which only the first line matters.
async fn target(stream: &mut TcpStream) -> Option<String> {
    let mut head = Vec::new();
    let mut piece = [0; 1_024];
    while !head.windows(4).any(|four| four == b"\r\n\r\n") {
        let read = stream.read(&mut piece).await.ok().filter(|read| *read > 0)?;
        head.extend_from_slice(piece.get(..read)?);
        if head.len() > MAX_REQUEST {
            return None;
        }
    }
    let text = String::from_utf8(head).ok()?;
    let target = text.lines().next()?.strip_prefix("GET ")?.split(' ').next()?;
    target.starts_with('/').then(|| target.to_owned())
}
