//! Requests to an archive.

use crate::problem::Problem;
use crate::release_file::{IndexFile, ReleaseFile};
use crate::seen::{Seen, fingerprint};
use crate::settings::{Suite, Trust};
use crate::signature;
use crate::unpack;
use crate::verify;
use std::io::Read;
use waystation_update_source::plugin::Error;
use waystation_update_source::plugin::http::{Request, join};

/// The largest Release document that is read. Debian's have 150 to 250 KiB.
const MAX_RELEASE: usize = 4 * 1024 * 1024;

/// What the Release document of a suite says now.
pub(crate) struct State {
    /// The document.
    pub release: ReleaseFile,
    /// The indexes of the configured components.
    pub indexes: Vec<IndexFile>,
    /// What to remember of it.
    pub seen: Seen,
}

/// Fetches, verifies and reads the Release document; nothing if the archive says that it did not change.
pub(crate) fn release_document(
    suite: &Suite,
    architecture: &str,
    condition: Option<&str>,
    now: u64,
) -> Result<Option<State>, Error> {
    let answer =
        Request::get(&below(suite, &["InRelease"])).max_body(MAX_RELEASE).conditional(condition).send()?;
    if answer.not_modified() {
        return Ok(None);
    }
    let (text, verified, http) = if is_missing(answer.status) {
        let (text, verified) = detached(suite, now)?;
        (text, verified, None)
    } else {
        let answer = answer.success()?;
        let (text, verified) = verify::inline(&suite.trust, answer.text()?, now)?;
        (text, verified, answer.validator())
    };
    let release = ReleaseFile::parse(&text)?;
    let usable_until = release.check(&suite.expected, suite.age, now)?;
    let mut indexes = Vec::new();
    for component in &suite.components {
        indexes.extend(release.indexes(component, architecture)?);
    }
    let listed = indexes.iter().flat_map(|index| [index.listed.path.as_str(), index.listed.sha256.as_str()]);
    let seen = Seen {
        date: release.date,
        good_until: [usable_until, verified].into_iter().flatten().min(),
        indexes: fingerprint(listed),
        http,
    };
    Ok(Some(State { release, indexes, seen }))
}

/// The document of archives that sign beside it: `Release` and `Release.gpg`.
fn detached(suite: &Suite, now: u64) -> Result<(String, Option<u64>), Error> {
    let document = Request::get(&below(suite, &["Release"])).max_body(MAX_RELEASE).send()?;
    if is_missing(document.status) {
        return Err(Problem::NotFound(format!(
            "there is neither InRelease nor Release at `{}`; check `base_url` and `suite`",
            below(suite, &[])
        ))
        .into());
    }
    let document = document.success()?;
    let text = document.text()?.to_owned();
    let Trust::Keys(_) = *suite.trust else { return Ok((text, None)) };
    let answer = Request::get(&below(suite, &["Release.gpg"])).max_body(signature::MAX_BYTES).send()?;
    if is_missing(answer.status) {
        return Err(Problem::BadSignature(
            "it has no signature: there is neither InRelease nor Release.gpg".to_owned(),
        )
        .into());
    }
    let answer = answer.success()?;
    let until = verify::detached(&suite.trust, text.as_bytes(), &answer.body, now)?;
    Ok((text, until))
}

/// The packed index, which is the listed one: same size, same digest.
pub(crate) fn index(suite: &Suite, release: &ReleaseFile, index: &IndexFile) -> Result<Vec<u8>, Error> {
    let listed = &index.listed;
    if listed.size > unpack::MAX_PACKED {
        return Err(Problem::TooLarge(format!("`{}` has {} bytes", listed.path, listed.size)).into());
    }
    let path: Vec<&str> = listed.path.split('/').collect();
    let size = usize::try_from(listed.size).unwrap_or(usize::MAX);
    // Size and digest are those of the file as it is: no packing on the way.
    let request = |segments: &[&str]| {
        Request::get(&below(suite, segments)).header("accept-encoding", "identity").max_body(size)
    };
    let opened = match path.split_last() {
        // The file's own name may already belong to the next update; its digest does not.
        Some((_, folder)) if release.by_hash => {
            match request(&[folder, &["by-hash", "SHA256", &listed.sha256]].concat()).open() {
                Err(error) if error.code == "not-found" => request(&path).open(),
                opened => opened,
            }
        }
        _ => request(&path).open(),
    };
    let (_, mut body) = opened.map_err(|error| verify::not_listed(error, listed))?;
    let mut bytes = Vec::with_capacity(size);
    body.read_to_end(&mut bytes).map_err(|error| verify::not_listed(error.into(), listed))?;
    verify::same_file(&bytes, listed)?;
    Ok(bytes)
}

fn below(suite: &Suite, segments: &[&str]) -> String {
    let name: Vec<&str> = suite.name.split('/').collect();
    join(&suite.base_url.join(&["dists"]), &[name.as_slice(), segments].concat())
}

const fn is_missing(status: u16) -> bool {
    matches!(status, 404 | 410)
}
