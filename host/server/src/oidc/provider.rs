//! One provider: what it says of itself, where somebody is sent, and who came back.

use std::sync::Arc;
use std::time::Duration;

use jiff::Timestamp;
use openidconnect::core::{
    CoreAuthDisplay, CoreAuthenticationFlow, CoreClaimName, CoreClaimType, CoreClient, CoreClientAuthMethod,
    CoreErrorResponseType, CoreGrantType, CoreJsonWebKey, CoreJsonWebKeySet,
    CoreJweContentEncryptionAlgorithm, CoreJweKeyManagementAlgorithm, CoreResponseMode, CoreResponseType,
    CoreSubjectIdentifierType,
};
use openidconnect::{
    AdditionalProviderMetadata, AuthType, AuthorizationCode, ClientId, ClientSecret, CsrfToken,
    DiscoveryError, IssuerUrl, Nonce, OAuth2TokenResponse as _, PkceCodeChallenge, PkceCodeVerifier,
    ProviderMetadata, RedirectUrl, RequestTokenError, Scope, StandardErrorResponse, TokenResponse as _,
};
use secrecy::{ExposeSecret as _, SecretString};
use serde::{Deserialize, Serialize};
use tokio::sync::Mutex;
use tokio::time::Instant;
use url::Url;
use waystation_core::name::ProviderName;
use waystation_egress::Roots;
use waystation_store::users::{Joining, NewIdentity};

use super::error::OidcError;
use super::http::{Http, HttpError};
use super::join::joining;
use super::verify::{Expected, Person, Refused, verify};
use crate::config::{Environment, Join, Oidc, SecondFactor};
use crate::error::StartError;

/// For how long what a provider says of itself is believed without asking again.
const LIFE: Duration = Duration::from_secs(3_600);

/// For how long a provider that failed is not asked again.
const REST: Duration = Duration::from_secs(5);

/// How seldom its keys are asked for because one is not known.
const KEYS_FLOOR: Duration = Duration::from_secs(60);

/// What is read of what a provider says of itself, beside what OpenID Connect Discovery 1.0 has.
#[derive(Debug, Clone, PartialEq, Eq, Serialize, Deserialize)]
struct Announced {
    /// RFC 9207, section 3.
    #[serde(default)]
    authorization_response_iss_parameter_supported: bool,
}

impl AdditionalProviderMetadata for Announced {}

type Metadata = ProviderMetadata<
    Announced,
    CoreAuthDisplay,
    CoreClientAuthMethod,
    CoreClaimName,
    CoreClaimType,
    CoreGrantType,
    CoreJweContentEncryptionAlgorithm,
    CoreJweKeyManagementAlgorithm,
    CoreJsonWebKey,
    CoreResponseMode,
    CoreResponseType,
    CoreSubjectIdentifierType,
>;

/// What is needed again when somebody comes back.
#[derive(Serialize, Deserialize)]
pub(crate) struct Secrets {
    issuer: String,
    nonce: String,
    verifier: String,
}

impl std::fmt::Debug for Secrets {
    fn fmt(&self, f: &mut std::fmt::Formatter<'_>) -> std::fmt::Result {
        f.write_str("Secrets(…)")
    }
}

/// What a provider sends back with somebody.
pub(crate) struct Answer<'a> {
    pub(crate) code: Option<&'a str>,
    pub(crate) error: Option<&'a str>,
    pub(crate) issuer: Option<&'a str>,
}

#[derive(Default)]
struct State {
    known: Option<(Arc<Metadata>, Instant)>,
    failed: Option<Instant>,
    keys: Option<Instant>,
}

/// See the module.
pub(crate) struct Provider {
    name: ProviderName,
    title: String,
    url: String,
    issuer: IssuerUrl,
    client: ClientId,
    secret: Option<SecretString>,
    scopes: Vec<Scope>,
    redirect: RedirectUrl,
    second_factor: SecondFactor,
    join: Option<Join>,
    http: Http,
    state: Mutex<State>,
}

impl Provider {
    pub(super) fn open(
        name: ProviderName,
        settings: &Oidc,
        public: &Url,
        environment: &Environment,
    ) -> Result<Self, StartError> {
        let secret = match &settings.client_secret {
            Some(source) => Some(source.resolve(environment)?.value),
            None => None,
        };
        // Both were looked at when the configuration was read.
        let unusable =
            |e: url::ParseError| StartError::Provider { name: name.to_string(), why: e.to_string() };
        let issuer = IssuerUrl::new(settings.issuer.to_string()).map_err(unusable)?;
        let url = format!("{}/login/oidc/{name}", public.as_str().trim_end_matches('/'));
        let redirect = RedirectUrl::new(format!("{url}/callback")).map_err(unusable)?;
        let roots = Roots::load(settings.ca_file.as_deref())?;
        let http = Http::new(&roots, issuer.url().scheme() == "http")?;
        Ok(Self {
            title: settings.title.clone().unwrap_or_else(|| format!("Log in with {name}")),
            name,
            url,
            issuer,
            client: ClientId::new(settings.client_id.clone()),
            secret,
            // That one is always asked for.
            scopes: settings.scopes.iter().filter(|one| *one != "openid").cloned().map(Scope::new).collect(),
            redirect,
            second_factor: settings.second_factor,
            join: settings.join.clone(),
            http,
            state: Mutex::default(),
        })
    }

    pub(crate) const fn name(&self) -> &ProviderName {
        &self.name
    }

    /// The text of the button.
    pub(crate) fn title(&self) -> &str {
        &self.title
    }

    /// What leads people to it: at this host, where they come back to.
    pub(crate) fn url(&self) -> &str {
        &self.url
    }

    /// What it calls itself.
    pub(crate) fn issuer(&self) -> &str {
        self.issuer.as_str()
    }

    /// Whether a second factor of this host is asked for.
    pub(crate) fn asks(&self) -> bool {
        self.second_factor == SecondFactor::Here
    }

    /// What it says of itself: kept for an hour.
    async fn known(&self) -> Result<Arc<Metadata>, OidcError> {
        let mut state = self.state.lock().await;
        if let Some((known, at)) = &state.known
            && at.elapsed() < LIFE
        {
            return Ok(Arc::clone(known));
        }
        // Those who came meanwhile do not each wait for as long as the first.
        if state.failed.is_some_and(|at| at.elapsed() < REST) {
            return Err(OidcError::Resting);
        }
        match Metadata::discover_async(self.issuer.clone(), &self.http).await {
            Ok(found) => {
                let found = Arc::new(found);
                *state = State { known: Some((Arc::clone(&found), Instant::now())), ..State::default() };
                Ok(found)
            }
            Err(e) => {
                (state.known, state.failed) = (None, Some(Instant::now()));
                Err(discovery(e))
            }
        }
    }

    /// The same with the keys of now, unless they were asked for a moment ago.
    async fn with_new_keys(&self, before: &Arc<Metadata>) -> Result<Option<Arc<Metadata>>, OidcError> {
        let mut state = self.state.lock().await;
        match &state.known {
            // Somebody else got them.
            Some((known, _)) if !Arc::ptr_eq(known, before) => return Ok(Some(Arc::clone(known))),
            _ if state.keys.is_some_and(|at| at.elapsed() < KEYS_FLOOR) => return Ok(None),
            _ => {}
        }
        state.keys = Some(Instant::now());
        let keys = CoreJsonWebKeySet::fetch_async(before.jwks_uri(), &self.http).await.map_err(discovery)?;
        let found = Arc::new((**before).clone().set_jwks(keys));
        let at = state.known.as_ref().map_or_else(Instant::now, |(_, at)| *at);
        state.known = Some((Arc::clone(&found), at));
        Ok(Some(found))
    }

    /// What is needed when somebody comes back; new each time.
    pub(crate) fn secrets(&self) -> Secrets {
        let random = || hex::encode(rand::random::<[u8; 32]>());
        Secrets { issuer: self.issuer().to_owned(), nonce: random(), verifier: random() }
    }

    /// Where somebody is sent.
    pub(crate) async fn begin(&self, state: &str, secrets: &Secrets) -> Result<Url, OidcError> {
        let known = self.known().await?;
        let verifier = PkceCodeVerifier::new(secrets.verifier.clone());
        let challenge = PkceCodeChallenge::from_code_verifier_sha256(&verifier);
        let client = CoreClient::from_provider_metadata((*known).clone(), self.client.clone(), None)
            .set_redirect_uri(self.redirect.clone());
        let (state, nonce) = (CsrfToken::new(state.to_owned()), Nonce::new(secrets.nonce.clone()));
        let (url, ..) = client
            .authorize_url(CoreAuthenticationFlow::AuthorizationCode, move || state, move || nonce)
            .add_scopes(self.scopes.iter().cloned())
            .set_pkce_challenge(challenge)
            .url();
        match url.scheme() {
            "https" => Ok(url),
            "http" if self.issuer.url().scheme() == "http" => Ok(url),
            _ => Err(HttpError::Unsafe.into()),
        }
    }

    /// Who came back, and whether they become a user by that.
    pub(crate) async fn finish(
        &self,
        answer: &Answer<'_>,
        secrets: Secrets,
        now: Timestamp,
    ) -> Result<(NewIdentity, Joining), OidcError> {
        if secrets.issuer != self.issuer() {
            return Err(OidcError::MixedUp);
        }
        let known = self.known().await?;
        // RFC 9207, section 2.4.
        let announced = known.additional_metadata().authorization_response_iss_parameter_supported;
        match answer.issuer {
            Some(issuer) if issuer != self.issuer() => return Err(OidcError::MixedUp),
            None if announced => return Err(OidcError::MixedUp),
            _ => {}
        }
        if let Some(error) = answer.error {
            return Err(OidcError::Said(plain(error)));
        }
        let Some(code) = answer.code else { return Err(OidcError::Said("no code".to_owned())) };
        let Person { subject, claims } = self.exchange(known, code, secrets, now).await?;
        let issuer = self.issuer().to_owned();
        let identity = NewIdentity { provider: self.name.clone(), issuer, subject };
        Ok((identity, joining(self.join.as_ref(), &claims)))
    }

    async fn exchange(
        &self,
        known: Arc<Metadata>,
        code: &str,
        secrets: Secrets,
        now: Timestamp,
    ) -> Result<Person, OidcError> {
        let secret = self.secret.as_ref().map(|secret| ClientSecret::new(secret.expose_secret().to_owned()));
        let client = CoreClient::from_provider_metadata((*known).clone(), self.client.clone(), secret)
            .set_redirect_uri(self.redirect.clone())
            .set_auth_type(how(&known));
        let request = client
            .exchange_code(AuthorizationCode::new(code.to_owned()))
            .map_err(|e| OidcError::Discovery(e.to_string()))?
            .set_pkce_verifier(PkceCodeVerifier::new(secrets.verifier));
        let tokens = request.request_async(&self.http).await.map_err(token)?;
        let id_token = tokens.id_token().ok_or(OidcError::NoIdToken)?;
        let nonce = Nonce::new(secrets.nonce);
        let verified = |metadata: &Metadata| {
            let (issuer, client, keys) = (&self.issuer, &self.client, metadata.jwks());
            verify(id_token, tokens.access_token(), &Expected { issuer, client, keys, nonce: &nonce, now })
        };
        let unknown = match verified(&known) {
            Ok(person) => return Ok(person),
            Err(Refused::For(e)) => return Err(e),
            Err(Refused::UnknownKey(e)) => e,
        };
        match self.with_new_keys(&known).await? {
            Some(newer) => verified(&newer).map_err(|refused| match refused {
                Refused::For(e) | Refused::UnknownKey(e) => e,
            }),
            None => Err(unknown),
        }
    }
}

/// How the host proves who it is: by HTTP Basic, unless the provider takes it in the body only.
fn how(metadata: &Metadata) -> AuthType {
    let methods = metadata.token_endpoint_auth_methods_supported();
    let takes = |method| methods.is_none_or(|all| all.contains(&method));
    match takes(CoreClientAuthMethod::ClientSecretBasic) || !takes(CoreClientAuthMethod::ClientSecretPost) {
        true => AuthType::BasicAuth,
        false => AuthType::RequestBody,
    }
}

/// A word of a provider for the log: nothing that was not meant as one.
fn plain(word: &str) -> String {
    word.chars().filter(char::is_ascii_graphic).take(64).collect()
}

/// Without what was in the answer.
fn discovery(error: DiscoveryError<HttpError>) -> OidcError {
    match error {
        DiscoveryError::Request(e) => e.into(),
        DiscoveryError::Response(status, ..) => {
            OidcError::Discovery(format!("it answers {status}, or no JSON"))
        }
        DiscoveryError::Parse(e) => {
            OidcError::Discovery(format!("it is not such a document at `{}`", plain(&e.path().to_string())))
        }
        DiscoveryError::Validation(why) => OidcError::Discovery(why),
        other => OidcError::Discovery(other.to_string()),
    }
}

/// Without what was in the answer: there could be tokens in it.
fn token(error: RequestTokenError<HttpError, StandardErrorResponse<CoreErrorResponseType>>) -> OidcError {
    match error {
        RequestTokenError::Request(e) => e.into(),
        RequestTokenError::ServerResponse(told) => {
            OidcError::Token(format!("it says `{}`", plain(told.error().as_ref())))
        }
        RequestTokenError::Parse(e, _) => OidcError::Token(format!(
            "the answer is not what it should be at `{}`",
            plain(&e.path().to_string())
        )),
        RequestTokenError::Other(_) => OidcError::Token("the answer is not JSON".to_owned()),
    }
}
