//! The conversation with an archive. What to believe and what it means is decided elsewhere.

use crate::answer::{self, Origin};
use crate::index::Wanted;
use crate::problem::Problem;
use crate::release_file::{IndexFile, ReleaseFile};
use crate::seen::{Seen, fingerprint};
use crate::settings::{Settings, Trust, question};
use crate::signature;
use crate::unpack;
use crate::verify;
use std::io::Read;
use waystation_update_source::plugin::http::{Request, join};
use waystation_update_source::plugin::{Error, log};
use waystation_update_source::{Answer, Context, Query, listing};

/// The largest Release document that is read. Debian's have 150 to 250 KiB.
const MAX_RELEASE: usize = 4 * 1024 * 1024;

/// Answers all queries from one look at the archive: one Release document and, if an index changed since
/// the last answers, one pass over each index.
pub(crate) fn ask(
    settings: &Settings,
    print: &str,
    queries: &[Query],
    now: u64,
) -> Result<Vec<Result<Answer, Error>>, Error> {
    let asked: Vec<Asked<'_>> = queries.iter().map(|query| Asked::new(query, print)).collect();
    // What cannot be asked is answered at once; only the others decide what is fetched.
    let (seen, fit): (Vec<Option<&Seen>>, Vec<&Asked<'_>>) =
        asked.iter().filter(|asked| asked.name.is_ok()).map(|asked| (asked.seen.as_ref(), asked)).unzip();
    let state = match fit.is_empty() {
        true => None,
        false => release_document(settings, print, verify::condition(&seen, now), now)?,
    };
    let Some(state) = state else {
        return Ok(asked.into_iter().map(|asked| asked.name.map(|_| Answer::Unchanged)).collect());
    };
    verify::not_older(&state.seen, &seen)?;
    let changed = |seen: Option<&Seen>| seen.is_none_or(|seen| seen.indexes != state.seen.indexes);
    let changed_ones = fit.iter().filter(|asked| changed(asked.seen.as_ref()));
    let mut wanted = Wanted::new(changed_ones.filter_map(|asked| asked.name.as_ref().ok().copied()));
    if !wanted.is_empty() {
        for index in &state.indexes {
            let bytes = fetch_index(settings, &state.release, index)?;
            let count = wanted
                .scan(unpack::open(index.packing, &bytes, unpack::allowance(index)), &index.component)?;
            log::debug(
                "read a package index",
                &[("path", &index.listed.path), ("packages", &count.to_string())],
            );
        }
    }
    let suite = settings.suite.join("/");
    let origin = Origin { base_url: &settings.base_url, suite: &suite, architecture: &settings.architecture };
    let validator = state.seen.to_string();
    let answers = asked.into_iter().map(|asked| {
        let name = asked.name?;
        if !changed(asked.seen.as_ref()) {
            return Ok(Answer::Unchanged);
        }
        let releases = answer::releases(name, wanted.found(name), origin)?;
        Ok(Answer::Listing(listing::cut(releases, asked.context, Some(validator.clone()), false)))
    });
    Ok(answers.collect())
}

/// One query, read.
struct Asked<'q> {
    name: Result<&'q str, Error>,
    context: &'q Context,
    seen: Option<Seen>,
}

impl<'q> Asked<'q> {
    fn new(query: &'q Query, print: &str) -> Self {
        let validator = query.context.validator.as_deref();
        Self {
            name: question(&query.item),
            context: &query.context,
            seen: validator.and_then(|validator| Seen::parse(validator, print)),
        }
    }
}

/// What the Release document says now.
struct State {
    release: ReleaseFile,
    indexes: Vec<IndexFile>,
    seen: Seen,
}

/// Fetches, verifies and reads the Release document; nothing if the archive says that it did not change.
fn release_document(
    settings: &Settings,
    print: &str,
    condition: Option<&str>,
    now: u64,
) -> Result<Option<State>, Error> {
    let answer =
        Request::get(&below(settings, &["InRelease"])).max_body(MAX_RELEASE).conditional(condition).send()?;
    if answer.not_modified() {
        return Ok(None);
    }
    let (text, verified, http) = if is_missing(answer.status) {
        let (text, verified) = detached(settings, now)?;
        (text, verified, None)
    } else {
        let answer = answer.success()?;
        let (text, verified) = verify::inline(&settings.trust, answer.text()?, now)?;
        (text, verified, answer.validator())
    };
    let release = ReleaseFile::parse(&text)?;
    let usable_until = release.check(&settings.expected_suite, settings.age, now)?;
    let mut indexes = Vec::new();
    for component in &settings.components {
        indexes.extend(release.indexes(component, &settings.architecture)?);
    }
    let listed = indexes.iter().flat_map(|index| [index.listed.path.as_str(), index.listed.sha256.as_str()]);
    let seen = Seen {
        settings: print.to_owned(),
        date: release.date,
        good_until: [usable_until, verified].into_iter().flatten().min(),
        indexes: fingerprint(listed),
        http,
    };
    Ok(Some(State { release, indexes, seen }))
}

/// The document of archives that sign beside it: `Release` and `Release.gpg`.
fn detached(settings: &Settings, now: u64) -> Result<(String, Option<u64>), Error> {
    let document = Request::get(&below(settings, &["Release"])).max_body(MAX_RELEASE).send()?;
    if is_missing(document.status) {
        return Err(Problem::NotFound(format!(
            "there is neither InRelease nor Release at `{}`; check `base_url` and `suite`",
            below(settings, &[])
        ))
        .into());
    }
    let document = document.success()?;
    let text = document.text()?.to_owned();
    let Trust::Keys(_) = &settings.trust else { return Ok((text, None)) };
    let answer = Request::get(&below(settings, &["Release.gpg"])).max_body(signature::MAX_BYTES).send()?;
    if is_missing(answer.status) {
        return Err(Problem::BadSignature(
            "it has no signature: there is neither InRelease nor Release.gpg".to_owned(),
        )
        .into());
    }
    let answer = answer.success()?;
    let until = verify::detached(&settings.trust, text.as_bytes(), &answer.body, now)?;
    Ok((text, until))
}

/// The packed index, which is the listed one: same size, same digest.
fn fetch_index(settings: &Settings, release: &ReleaseFile, index: &IndexFile) -> Result<Vec<u8>, Error> {
    let listed = &index.listed;
    if listed.size > unpack::MAX_PACKED {
        return Err(Problem::TooLarge(format!("`{}` has {} bytes", listed.path, listed.size)).into());
    }
    let path: Vec<&str> = listed.path.split('/').collect();
    let size = usize::try_from(listed.size).unwrap_or(usize::MAX);
    let request = |segments: &[&str]| Request::get(&below(settings, segments)).max_body(size);
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

fn below(settings: &Settings, segments: &[&str]) -> String {
    let suite: Vec<&str> = settings.suite.iter().map(String::as_str).collect();
    join(&settings.base_url.join(&["dists"]), &[suite.as_slice(), segments].concat())
}

const fn is_missing(status: u16) -> bool {
    matches!(status, 404 | 410)
}
