//! What fuzzing calls: each function takes any bytes and panics where a promise of this crate is broken. It is
//! part of tests and of `fuzz/` only.

use crate::http::url::{BaseUrl, Url, decode, encode, join, with_query};
use crate::http::{Headers, Method, error_for_status, link, redirect};
use crate::time;

/// A status and the fields of an answer, one a line, then its content after an empty line.
pub fn answer(data: &[u8]) {
    const NOW: u64 = 1_767_225_600;
    let text = String::from_utf8_lossy(data);
    let (head, body) = text.split_once("\n\n").unwrap_or((&text, ""));
    let mut lines = head.lines();
    let status = lines.next().and_then(|line| line.parse().ok()).unwrap_or(429);
    let headers: Headers = lines.take(32).filter_map(|line| line.split_once(": ")).collect();
    let error = error_for_status(status, &headers, body.as_bytes(), NOW);
    assert!(!error.code.is_empty() && error.message.len() < 2_000, "{}", error.message);
    let _ = link::target(headers.all("link"), "next");
    let Ok(from) = Url::parse("https://a.example/b/c?d#e") else { return };
    if let Ok(Some(next)) = redirect::next(status, &headers, &from, &Method::Get) {
        assert_eq!(next.keep_credentials, next.url.same_origin(&from), "{}", next.url);
    }
}

/// Addresses, one a line, the first one the base of the others: what is read is written so that it reads the
/// same.
pub fn url(data: &[u8]) {
    let text = String::from_utf8_lossy(data);
    let mut lines = text.lines();
    let first = lines.next().unwrap_or_default();
    assert_eq!(decode(&encode(first)).as_deref(), Some(first));
    if let Ok(base) = BaseUrl::parse(first) {
        assert!(Url::parse(&base.join(&["a", first])).is_ok(), "{base}");
    }
    let Ok(base) = Url::parse(first) else { return };
    for line in lines.take(8) {
        if let Ok(url) = base.resolve(line) {
            assert_eq!(
                Url::parse(&url.to_string()).map(|again| again.to_string()).ok(),
                Some(url.to_string())
            );
            assert!(!url.shown().contains('?'), "{}", url.shown());
        }
        let joined = Url::parse(&join(first.split(['?', '#']).next().unwrap_or_default(), &[line]));
        assert!(joined.as_ref().is_ok_and(|joined| joined.same_origin(&base)), "{line:?}");
        let _ = with_query(first, line, line);
        let _ = decode(line);
    }
}

/// A date in any of the ways that remotes write dates.
pub fn moment(data: &[u8]) {
    let text = String::from_utf8_lossy(data);
    // The end of the year 9999.
    const LAST: u64 = 253_402_300_800;
    for read in [time::parse_rfc3339, time::parse_http_date, time::parse_rfc2822] {
        assert!(read(&text).is_none_or(|seconds| seconds < LAST + 86_400), "{text:?}");
    }
}

#[cfg(test)]
mod tests {
    /// Seeds, and inputs on which something was found before.
    #[test]
    fn seeds_of_fuzzing_hold() {
        for (target, check) in
            [("answer", super::answer as fn(&[u8])), ("url", super::url), ("moment", super::moment)]
        {
            let folder =
                std::path::Path::new(env!("CARGO_MANIFEST_DIR")).join("../../../fuzz/seeds").join(target);
            let seeds: Vec<_> =
                std::fs::read_dir(folder).unwrap().map(|entry| entry.unwrap().path()).collect();
            assert!(!seeds.is_empty(), "{target}");
            for seed in seeds {
                check(&std::fs::read(seed).unwrap());
            }
        }
    }
}
