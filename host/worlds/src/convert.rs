//! From what a guest answered to the domain. A guest may answer anything: every
//! text is bounded and checked, and an answer that breaks a rule is a failure of
//! the plugin, never half an answer.

use jiff::Timestamp;
use waystation_core::release::{Asset, Digest, Extras, Release};
use waystation_runtime::{Cause, Failure};

use crate::update_source::v0_1::exports::waystation::update_source::source as wit;
use crate::update_source::{Found, Listing};

const MAX_VERSION: usize = 256;
const MAX_TEXT: usize = 4096;
const MAX_ASSETS: usize = 1000;
const MAX_DIGESTS: usize = 16;
const MAX_EXTRAS: usize = 64;

/// Reads an answer; releases beyond `limit` are left out, and said to be more.
pub(crate) fn answer(answer: wit::Answer, limit: u32) -> Result<Found, Failure> {
    let listing = match answer {
        wit::Answer::Unchanged => return Ok(Found::Unchanged),
        wit::Answer::Listing(listing) => listing,
    };
    let limit = usize::try_from(limit).unwrap_or(usize::MAX);
    let more = listing.more || listing.releases.len() > limit;
    let releases = listing.releases.into_iter().take(limit).map(release).collect::<Result<_, _>>()?;
    Ok(Found::Listing(Listing { releases, validator: optional("validator", listing.validator)?, more }))
}

/// A batch must be answered question by question.
pub(crate) fn same_length(asked: usize, answered: usize) -> Result<(), Failure> {
    if asked == answered {
        return Ok(());
    }
    Err(decode(format!("{asked} items were asked for, {answered} answers came")))
}

fn release(release: wit::Release) -> Result<Release, Failure> {
    let version = text("version", release.version, MAX_VERSION)?;
    if version.is_empty() {
        return Err(decode("a release has an empty version".into()));
    }
    let published_at = match release.published_at {
        None => None,
        Some(seconds) => {
            let at = i64::try_from(seconds).ok().and_then(|s| Timestamp::from_second(s).ok());
            Some(at.ok_or_else(|| {
                decode(format!("{version} was published at second {seconds}, which is no time"))
            })?)
        }
    };
    if release.assets.len() > MAX_ASSETS {
        return Err(decode(format!(
            "{version} has {} assets; at most {MAX_ASSETS} are read",
            release.assets.len()
        )));
    }
    Ok(Release {
        published_at,
        prerelease: release.prerelease,
        withdrawn: release.withdrawn,
        channel: optional("channel", release.channel)?,
        url: release.url.map(|u| url("url", u)).transpose()?,
        assets: release.assets.into_iter().map(asset).collect::<Result<_, _>>()?,
        extra: extras(release.extra)?,
        version,
    })
}

fn asset(asset: wit::Asset) -> Result<Asset, Failure> {
    if asset.digests.len() > MAX_DIGESTS {
        return Err(decode(format!("an asset has more than {MAX_DIGESTS} digests")));
    }
    let digests = asset
        .digests
        .into_iter()
        .map(|d| Digest::new(&d.algorithm, &d.value).map_err(|e| decode(e.to_string())))
        .collect::<Result<_, _>>()?;
    Ok(Asset {
        name: text("asset name", asset.name, MAX_TEXT)?,
        url: url("asset url", asset.url)?,
        size: asset.size,
        digests,
        media_type: optional("media type", asset.media_type)?,
        extra: extras(asset.extra)?,
    })
}

fn extras(extras: Vec<(String, String)>) -> Result<Extras, Failure> {
    if extras.len() > MAX_EXTRAS {
        return Err(decode(format!("a record has more than {MAX_EXTRAS} extras")));
    }
    extras.into_iter().map(|(k, v)| Ok((text("extra", k, MAX_TEXT)?, text("extra", v, MAX_TEXT)?))).collect()
}

fn optional(what: &str, value: Option<String>) -> Result<Option<String>, Failure> {
    value.map(|value| text(what, value, MAX_TEXT)).transpose()
}

/// Bounded, and free of control characters: it is shown in terminals and pages.
fn text(what: &str, value: String, most: usize) -> Result<String, Failure> {
    if value.len() > most {
        return Err(decode(format!("a {what} has {} bytes; at most {most} are read", value.len())));
    }
    if value.chars().any(|c| c.is_control() && c != '\n' && c != '\t') {
        return Err(decode(format!("a {what} holds control characters")));
    }
    Ok(value)
}

/// Absolute, HTTP or HTTPS, without user or password.
fn url(what: &str, value: String) -> Result<String, Failure> {
    let value = text(what, value, MAX_TEXT)?;
    match url::Url::parse(&value) {
        Ok(url)
            if matches!(url.scheme(), "http" | "https")
                && url.username().is_empty()
                && url.password().is_none() =>
        {
            Ok(value)
        }
        _ => Err(decode(format!("the {what} is not an absolute http(s) URL without credentials"))),
    }
}

fn decode(message: String) -> Failure {
    Failure { cause: Cause::Decode, message, error: None, backtrace: Vec::new() }
}

#[cfg(test)]
mod tests {
    use super::*;

    fn wit_release(version: &str) -> wit::Release {
        wit::Release {
            version: version.into(),
            published_at: Some(1_700_000_000),
            prerelease: false,
            withdrawn: false,
            channel: None,
            url: None,
            assets: Vec::new(),
            extra: Vec::new(),
        }
    }

    fn listing(releases: Vec<wit::Release>) -> wit::Answer {
        wit::Answer::Listing(wit::Listing { releases, validator: None, more: false, extra: Vec::new() })
    }

    fn wit_asset(url: &str, digest: &str) -> wit::Asset {
        wit::Asset {
            name: "a.tar.gz".into(),
            url: url.into(),
            size: Some(1),
            digests: vec![wit::Digest { algorithm: "sha256".into(), value: digest.into() }],
            media_type: None,
            extra: Vec::new(),
        }
    }

    #[test]
    fn more_than_asked_is_cut_and_said() {
        let found = answer(listing(vec![wit_release("2"), wit_release("1")]), 1).unwrap();
        let Found::Listing(found) = found else { panic!("a listing") };
        assert_eq!(found.releases.len(), 1);
        assert!(found.more);
    }

    #[test]
    fn answers_that_break_a_rule_are_failures_of_the_plugin() {
        let good = "a".repeat(64);
        let with = |asset: wit::Asset| wit::Release { assets: vec![asset], ..wit_release("1") };
        for (release, part) in [
            (wit_release(""), "empty version"),
            (wit_release(&"9".repeat(257)), "257 bytes"),
            (wit_release("1\x1b[2J"), "control characters"),
            (wit::Release { published_at: Some(u64::MAX), ..wit_release("1") }, "no time"),
            (wit::Release { url: Some("javascript:alert(1)".into()), ..wit_release("1") }, "http(s)"),
            (with(wit_asset("https://user:pw@example.org/a", &good)), "without credentials"),
            (with(wit_asset("/relative", &good)), "absolute"),
            (with(wit_asset("https://example.org/a", "abc")), "digest"),
        ] {
            let failure = answer(listing(vec![release]), 10).unwrap_err();
            assert_eq!(failure.cause, Cause::Decode);
            assert!(failure.message.contains(part), "{part}: {failure}");
        }
        assert!(answer(listing(vec![with(wit_asset("https://example.org/a", &good))]), 10).is_ok());
    }

    #[test]
    fn a_batch_of_another_length_is_refused() {
        assert!(same_length(2, 2).is_ok());
        assert_eq!(same_length(2, 1).unwrap_err().cause, Cause::Decode);
    }
}
