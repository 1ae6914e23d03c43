//! Where the document is, and how it is asked for.

use serde::Deserialize;
use std::hash::{DefaultHasher, Hash, Hasher};
use waystation_listing::short;
use waystation_update_source::plugin::Error;
use waystation_update_source::plugin::http::url::{Url, decode};
use waystation_update_source::plugin::http::{BaseUrl, Request};
use waystation_update_source::{Context, Item, validator};

/// The configuration of a source that reads documents.
#[derive(Clone, Debug, Default, Deserialize)]
#[serde(deny_unknown_fields, default)]
pub struct Remote {
    /// Locators that are no addresses are paths below this one.
    pub base_url: Option<BaseUrl>,
    /// Whether requests to the origin of `base_url` carry the plugin's credential.
    pub credential: bool,
}

/// One document's address.
#[derive(Clone, Debug, PartialEq, Eq)]
pub struct Place {
    /// The address.
    pub url: Url,
    /// Whether the credential goes along.
    pub credential: bool,
}

/// A document that was fetched.
#[derive(Clone, Debug, PartialEq, Eq)]
pub struct Document {
    /// Its content.
    pub body: Vec<u8>,
    /// Its media type as the remote says, for messages and encodings.
    pub content_type: String,
    /// The address that answered, after redirects: what references in the document are relative to.
    pub url: Url,
    /// For the next call's `context.validator`.
    pub validator: Option<String>,
}

impl Remote {
    /// Reads a locator: an address, or a path below `base_url`.
    ///
    /// # Errors
    /// `bad-config` for a credential without a place to send it; `bad-input` that says what a locator is.
    pub fn place(&self, locator: &str) -> Result<Place, Error> {
        let base = self.base_url.as_ref().map(|base| Url::parse(base.as_str())).transpose()?;
        if self.credential && base.is_none() {
            return Err(Error::bad_config("`credential` needs a `base_url`: to which origin should it go?"));
        }
        let url = if locator.contains("://") {
            Url::parse(locator)?
        } else {
            let Some(base) = &self.base_url else {
                return Err(Error::bad_input(format!(
                    "the locator `{}` is not an address; give the whole address, or configure a `base_url`",
                    short(locator, 120)
                )));
            };
            Url::parse(&format!("{}/{}", base.as_str(), below(locator)?))?
        };
        let credential = self.credential && base.is_some_and(|base| base.same_origin(&url));
        Ok(Place { url, credential })
    }
}

/// A path that stays below the base, without slashes before it.
fn below(locator: &str) -> Result<&str, Error> {
    let refused = |why: &str| Error::bad_input(format!("the locator `{}` {why}", short(locator, 120)));
    let path = locator.trim_start_matches('/');
    let segments = path.split('?').next().unwrap_or_default().split('/');
    for segment in segments {
        match decode(segment) {
            Some(plain) if matches!(plain.as_str(), "." | "..") => {
                return Err(refused("leads out of `base_url`"));
            }
            Some(_) => {}
            None => return Err(refused("has a `%` that encodes nothing")),
        }
    }
    if path.is_empty() {
        return Err(refused("is empty; write the document's path below `base_url`"));
    }
    Ok(path)
}

impl Place {
    /// Fetches the document; nothing if it is the one that the last answer was made from.
    ///
    /// # Errors
    /// Those of the transfer, and of the status.
    pub fn fetch(
        &self,
        credential: &str,
        accept: &str,
        max_body: usize,
        item: &Item,
        context: &Context,
    ) -> Result<Option<Document>, Error> {
        // The answer depends on the whole address, which another configuration may change.
        let question = Item { locator: self.url.to_string(), ..item.clone() };
        let before = validator::open(&question, context);
        let mut request =
            Request::get(&question.locator).header("accept", accept).max_body(max_body).conditional(before);
        if self.credential {
            request = request.credential(credential);
        }
        let answer = request.send()?.success()?;
        if answer.not_modified() {
            return Ok(None);
        }
        let now = answer.validator().unwrap_or_else(|| fingerprint(&answer.body));
        if before == Some(now.as_str()) {
            return Ok(None);
        }
        Ok(Some(Document {
            content_type: answer.header("content-type").unwrap_or_default().to_owned(),
            url: Url::parse(&answer.url)?,
            validator: validator::seal(Some(now), &question, context),
            body: answer.body,
        }))
    }
}

/// Stands in for the validator of a remote that has none: saves no transfer, but tells that nothing changed.
fn fingerprint(body: &[u8]) -> String {
    let mut hasher = DefaultHasher::new();
    body.hash(&mut hasher);
    format!("content:{:016x}", hasher.finish())
}

#[cfg(test)]
mod tests {
    use super::*;

    fn remote(base_url: Option<&str>, credential: bool) -> Remote {
        Remote { base_url: base_url.map(|url| BaseUrl::parse(url).unwrap()), credential }
    }

    #[test]
    fn locators_are_addresses_or_paths() {
        let below = remote(Some("https://a.example/api/"), true);
        let cases = [
            ("v1/list?x=1", "https://a.example/api/v1/list?x=1", true),
            ("/v1/a%20b", "https://a.example/api/v1/a%20b", true),
            ("https://a.example/other", "https://a.example/other", true),
            ("https://b.example/other", "https://b.example/other", false),
            ("http://a.example/other", "http://a.example/other", false),
        ];
        for (locator, url, credential) in cases {
            let place = below.place(locator).unwrap();
            assert_eq!((place.url.to_string().as_str(), place.credential), (url, credential), "{locator}");
        }
        assert!(!remote(None, false).place("https://a.example/").unwrap().credential);
    }

    #[test]
    fn locators_that_lead_nowhere_are_refused() {
        let below = remote(Some("https://a.example/api"), false);
        for locator in [
            "",
            "/",
            "../x",
            "a/../../x",
            "a/%2e%2E/x",
            "a/.",
            "a b",
            "a%zz",
            "ftp://a.example/",
            "https://u:p@a.example/",
        ] {
            assert_eq!(below.place(locator).unwrap_err().code, "bad-input", "{locator}");
        }
        assert!(remote(None, false).place("x").unwrap_err().message.contains("base_url"));
        assert_eq!(remote(None, true).place("https://a.example/").unwrap_err().code, "bad-config");
    }

    #[test]
    fn contents_have_fingerprints() {
        assert_eq!(fingerprint(b"a"), fingerprint(b"a"));
        assert_ne!(fingerprint(b"a"), fingerprint(b"b"));
    }

    proptest::proptest! {
        #[test]
        fn paths_stay_below_the_base(locator in "[a-z./%2e?#@:-]{0,20}") {
            if let Ok(place) = remote(Some("https://a.example/api"), false).place(&locator) {
                let url = place.url.to_string();
                if !locator.contains("://") {
                    proptest::prop_assert!(url.starts_with("https://a.example/api/"), "{}", url);
                }
            }
        }
    }
}
