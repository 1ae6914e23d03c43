//! `Credentials`: secrets that the operator bound to a plugin, which the host puts into its requests.

use std::fmt;

use http::{HeaderMap, HeaderName, HeaderValue};
use secrecy::{ExposeSecret, SecretString};

use crate::{CredentialName, EgressError, Origin, OriginPattern, headers};

/// What a credential may be used for.
#[derive(Debug, Clone, Copy, PartialEq, Eq)]
pub enum Use {
    /// Set in a request header.
    Header,
    /// Key of an HMAC that the host computes.
    Hmac,
}

/// What a credential is bound to.
#[derive(Debug, Clone, PartialEq, Eq)]
pub enum Binding {
    /// The host sets `header` to `prefix` followed by the secret, in requests to `origin` only.
    Header {
        /// The origins it may be sent to.
        origin: OriginPattern,
        /// The field, `authorization` in most cases.
        header: HeaderName,
        /// What stands before the secret, `"Bearer "` for example.
        prefix: Option<String>,
    },
    /// The host computes HMACs with it. It is never sent.
    Hmac,
}

/// One secret and the one thing it may be used for. `Debug` redacts the secret.
///
/// A plugin may have several under the same name, for several origins or uses.
#[derive(Clone)]
pub struct Credential {
    name: CredentialName,
    secret: SecretString,
    binding: Binding,
}

impl Credential {
    /// Binds a secret.
    ///
    /// # Errors
    ///
    /// `bad-credential` when the secret is empty, when header and secret cannot be sent as a header field
    /// (a line break at the end of the file it was read from is the usual reason), or when the header is
    /// one that frames the message.
    pub fn new(name: CredentialName, secret: SecretString, binding: Binding) -> Result<Self, EgressError> {
        let refuse = |why| Err(EgressError::BadCredential { name: Some(name.clone()), why });
        if secret.expose_secret().is_empty() {
            return refuse("its value is empty");
        }
        if let Binding::Header { header, prefix, .. } = &binding {
            if headers::forbidden(header) || *header == http::header::CONTENT_LENGTH {
                return refuse(
                    "its header frames the message or names the host, so it cannot carry a credential",
                );
            }
            if field(&secret, prefix.as_deref()).is_none() {
                return refuse(
                    "its value cannot be sent in a header: it has a line break or control character, perhaps at \
                     the end of its file",
                );
            }
        }
        Ok(Self { name, secret, binding })
    }

    /// The name by which the plugin asks for it.
    #[must_use]
    pub const fn name(&self) -> &CredentialName {
        &self.name
    }

    /// What it is bound to.
    #[must_use]
    pub const fn binding(&self) -> &Binding {
        &self.binding
    }

    fn usable_as(&self, wanted: Use) -> bool {
        matches!((&self.binding, wanted), (Binding::Header { .. }, Use::Header) | (Binding::Hmac, Use::Hmac))
    }
}

impl fmt::Debug for Credential {
    fn fmt(&self, f: &mut fmt::Formatter<'_>) -> fmt::Result {
        f.debug_struct("Credential")
            .field("name", &self.name)
            .field("secret", &"[redacted]")
            .field("binding", &self.binding)
            .finish()
    }
}

/// The header's value, marked so that HTTP/2 never indexes it and `Debug` never prints it.
fn field(secret: &SecretString, prefix: Option<&str>) -> Option<HeaderValue> {
    let text = format!("{}{}", prefix.unwrap_or_default(), secret.expose_secret());
    let mut value = HeaderValue::try_from(text).ok()?;
    value.set_sensitive(true);
    Some(value)
}

/// The credentials of one plugin.
#[derive(Debug, Clone, Default)]
pub struct Credentials(Vec<Credential>);

impl Credentials {
    /// Takes them as they are; where two fit, the first is used.
    #[must_use]
    pub const fn new(credentials: Vec<Credential>) -> Self {
        Self(credentials)
    }

    /// The credentials, in order.
    pub fn iter(&self) -> impl Iterator<Item = &Credential> {
        self.0.iter()
    }

    /// Whether there is a credential of this name, for whatever use.
    #[must_use]
    pub fn bound(&self, name: &str) -> bool {
        self.0.iter().any(|credential| credential.name.as_str() == name)
    }

    /// The value of a credential, where its binding allows this use.
    #[must_use]
    pub fn secret_for(&self, name: &str, wanted: Use) -> Option<&SecretString> {
        let mut of_name = self.0.iter().filter(|credential| credential.name.as_str() == name);
        of_name.find(|credential| credential.usable_as(wanted)).map(|credential| &credential.secret)
    }

    /// The header that credential `name` sets in requests to `origin`; none where it is not bound there.
    pub(crate) fn header_for(&self, name: &CredentialName, origin: &Origin) -> Option<&HeaderName> {
        self.find(name, origin).map(|(_, header, _)| header)
    }

    /// Sets the headers of the credentials `names` that are bound to `origin`, in place of what stands
    /// there.
    pub(crate) fn apply(&self, names: &[CredentialName], origin: &Origin, headers: &mut HeaderMap) {
        for name in names {
            if let Some((secret, header, prefix)) = self.find(name, origin)
                && let Some(value) = field(secret, prefix)
            {
                headers.insert(header.clone(), value);
            }
        }
    }

    fn find(
        &self,
        name: &CredentialName,
        origin: &Origin,
    ) -> Option<(&SecretString, &HeaderName, Option<&str>)> {
        self.0.iter().filter(|credential| credential.name == *name).find_map(|credential| {
            match &credential.binding {
                Binding::Header { origin: bound, header, prefix } if bound.matches(origin) => {
                    Some((&credential.secret, header, prefix.as_deref()))
                }
                Binding::Header { .. } | Binding::Hmac => None,
            }
        })
    }
}

#[cfg(test)]
mod tests {
    use super::*;

    fn header(origin: &str, header: &'static str, prefix: Option<&str>) -> Binding {
        let header = HeaderName::from_static(header);
        Binding::Header { origin: origin.parse().unwrap(), header, prefix: prefix.map(str::to_owned) }
    }

    fn credential(name: &str, secret: &str, binding: Binding) -> Result<Credential, EgressError> {
        Credential::new(name.parse().unwrap(), SecretString::from(secret), binding)
    }

    #[test]
    fn a_credential_goes_to_its_origin_and_no_other() {
        let api = header("https://api.example.org", "authorization", Some("Bearer "));
        let uploads = header("https://*.uploads.example.org", "x-upload-key", None);
        let credentials = Credentials::new(vec![
            credential("main", "s3cret", api).unwrap(),
            credential("main", "other", uploads).unwrap(),
        ]);
        let sent = |origin: &str| {
            let mut headers = HeaderMap::new();
            credentials.apply(&["main".parse().unwrap()], &origin.parse().unwrap(), &mut headers);
            headers
        };
        let headers = sent("https://api.example.org");
        assert_eq!(headers["authorization"], "Bearer s3cret");
        assert!(headers["authorization"].is_sensitive());
        assert_eq!(sent("https://a.uploads.example.org")["x-upload-key"], "other");
        for elsewhere in ["http://api.example.org", "https://api.example.org:444", "https://example.org"] {
            assert!(sent(elsewhere).is_empty(), "{elsewhere}");
        }
    }

    #[test]
    fn a_use_that_is_not_bound_has_no_secret() {
        let credentials = Credentials::new(vec![
            credential("sign", "key", Binding::Hmac).unwrap(),
            credential("api", "token", header("https://a.example", "authorization", None)).unwrap(),
        ]);
        assert_eq!(credentials.secret_for("sign", Use::Hmac).unwrap().expose_secret(), "key");
        assert!(credentials.secret_for("sign", Use::Header).is_none());
        assert!(credentials.secret_for("api", Use::Hmac).is_none());
        assert!(credentials.secret_for("none", Use::Hmac).is_none());
        assert!(credentials.bound("sign") && credentials.bound("api") && !credentials.bound("none"));
        assert!(
            credentials.header_for(&"sign".parse().unwrap(), &"https://a.example".parse().unwrap()).is_none()
        );
    }

    #[test]
    fn values_that_cannot_be_sent_are_refused_without_being_repeated() {
        let to = |name| header("https://a.example", name, None);
        for (secret, binding, reason) in [
            ("HUNTER2\n", to("authorization"), "line break"),
            ("HUNTER2\u{7f}", to("authorization"), "line break"),
            ("", to("authorization"), "empty"),
            ("", Binding::Hmac, "empty"),
            ("HUNTER2", to("host"), "frames"),
            ("HUNTER2", to("content-length"), "frames"),
            ("HUNTER2", to("waystation-credential"), "frames"),
        ] {
            let error = credential("main", secret, binding).unwrap_err();
            let shown = format!("{error} {error:?}");
            assert!(
                shown.contains(reason) && shown.contains("main") && !shown.contains("HUNTER2"),
                "{shown}"
            );
        }
        // An HMAC key never becomes a header, so it may hold anything.
        assert!(credential("sign", "HUNTER2\n", Binding::Hmac).is_ok());
    }

    #[test]
    fn debug_redacts() {
        let credentials = Credentials::new(vec![credential("sign", "HUNTER2", Binding::Hmac).unwrap()]);
        assert!(!format!("{credentials:?}").contains("HUNTER2"));
    }
}
