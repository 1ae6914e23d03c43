//! What to do with a redirect (RFC 9110, 15.4): a function of values, decided hop by hop.

use super::url::Url;
use super::{Headers, Method};
use crate::Error;

/// The request that follows a redirect.
#[derive(Clone, Debug, PartialEq, Eq)]
pub struct Next {
    /// Where to.
    pub url: Url,
    /// With which method.
    pub method: Method,
    /// Whether the request's content goes along.
    pub keep_body: bool,
    /// Whether credentials go along: only within one origin.
    pub keep_credentials: bool,
}

/// The next request after an answer, or nothing where the answer is the final one.
///
/// # Errors
/// `bad-response` for a location that is missing, unusable, or goes from https to http.
pub fn next(status: u16, headers: &Headers, from: &Url, method: &Method) -> Result<Option<Next>, Error> {
    let becomes_get = match status {
        301 | 302 => *method == Method::Post,
        303 => !matches!(method, Method::Get | Method::Head),
        307 | 308 => false,
        _ => return Ok(None),
    };
    let refuse = |why: &str| Error::bad_response(format!("{} redirects {why}", from.shown()));
    let location = headers.get("location").ok_or_else(|| refuse("without saying where to"))?;
    let url = from.resolve(location).map_err(|error| refuse(&format!("to nowhere: {}", error.message)))?;
    if from.is_https() && !url.is_https() {
        return Err(refuse(&format!("from https to http ({}), which is refused", url.shown())));
    }
    Ok(Some(Next {
        keep_credentials: from.same_origin(&url),
        url,
        method: if becomes_get { Method::Get } else { method.clone() },
        keep_body: !becomes_get,
    }))
}

/// Removes the fields that must not reach another origin.
pub fn drop_credentials(headers: &mut Headers) {
    for name in super::request::CREDENTIAL_FIELDS {
        headers.remove(name);
    }
}

/// Removes the fields that describe content which is no longer sent.
pub fn drop_content(headers: &mut Headers) {
    for name in ["content-type", "content-length", "content-encoding", "content-language", "content-location"]
    {
        headers.remove(name);
    }
}

#[cfg(test)]
mod tests {
    use super::*;

    fn at(status: u16, location: Option<&str>, method: &Method) -> Result<Option<Next>, Error> {
        let headers: Headers = location.map(|l| ("Location", l)).into_iter().collect();
        next(status, &headers, &Url::parse("https://a.example/x/y?q").unwrap(), method)
    }

    #[test]
    fn methods_change_as_the_status_says() {
        for (status, method, then, body) in [
            (301, Method::Get, Method::Get, true),
            (301, Method::Post, Method::Get, false),
            (302, Method::Post, Method::Get, false),
            (302, Method::Put, Method::Put, true),
            (303, Method::Post, Method::Get, false),
            (303, Method::Head, Method::Head, true),
            (307, Method::Post, Method::Post, true),
            (308, Method::Delete, Method::Delete, true),
        ] {
            let next = at(status, Some("z"), &method).unwrap().unwrap();
            assert_eq!((next.method, next.keep_body), (then, body), "{status} {method:?}");
            assert_eq!(next.url.to_string(), "https://a.example/x/z");
            assert!(next.keep_credentials);
        }
    }

    #[test]
    fn credentials_stay_within_the_origin() {
        for (location, keep) in [
            ("/other", true),
            ("https://A.example:443/", true),
            ("//b.example/", false),
            ("https://a.example:8443/", false),
            ("https://a.example.evil.example/", false),
        ] {
            assert_eq!(
                at(302, Some(location), &Method::Get).unwrap().unwrap().keep_credentials,
                keep,
                "{location}"
            );
        }
        let mut headers: Headers =
            [("Authorization", "x"), ("waystation-credential", "t"), ("cookie", "c"), ("accept", "*/*")]
                .into_iter()
                .collect();
        drop_credentials(&mut headers);
        assert_eq!(headers.iter().collect::<Vec<_>>(), [("accept", "*/*")]);
    }

    #[test]
    fn bad_locations_are_refused_and_other_answers_are_final() {
        for location in
            [None, Some("http://a.example/"), Some("file:///etc/passwd"), Some("https://u:p@a.example/")]
        {
            assert_eq!(at(302, location, &Method::Get).unwrap_err().code, "bad-response", "{location:?}");
        }
        for status in [200, 204, 300, 304, 305, 404, 500] {
            assert_eq!(at(status, Some("/z"), &Method::Get).unwrap(), None, "{status}");
        }
    }
}
