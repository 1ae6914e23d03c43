//! From questions to answers, over all suites: what is read, and what need not be.

use crate::answer::{self, Origin};
use crate::fetch::{self, State};
use crate::index::Wanted;
use crate::seen::{self, Seen};
use crate::settings::{Settings, Suite, question};
use crate::unpack;
use crate::verify;
use waystation_update_source::plugin::{Error, log};
use waystation_update_source::{Answer, Context, Query, listing};

/// Answers all queries from one look at the archives: one Release document per suite and, if an index changed
/// since the last answers, one pass over each index.
pub(crate) fn ask(
    settings: &Settings,
    print: &str,
    queries: &[Query],
    now: u64,
) -> Result<Vec<Result<Answer, Error>>, Error> {
    let asked: Vec<Asked<'_>> = queries.iter().map(|query| Asked::new(query, print)).collect();
    // What cannot be asked is answered at once; only the others decide what is fetched.
    let fit: Vec<&Asked<'_>> = asked.iter().filter(|asked| asked.name.is_ok()).collect();
    if fit.is_empty() {
        return Ok(asked.into_iter().map(|asked| asked.name.map(|_| Answer::Unchanged)).collect());
    }
    let mut views = Vec::with_capacity(settings.suites.len());
    for (number, suite) in settings.suites.iter().enumerate() {
        let seen: Vec<Option<&Seen>> = fit.iter().map(|asked| asked.seen_of(number)).collect();
        views.push(look(suite, &settings.architecture, &seen, now)?);
    }
    let changed = |asked: &Asked<'_>| {
        let differs = |(number, view): (usize, &View)| view.differs_from(asked.seen_of(number));
        asked.seen.is_empty() || views.iter().enumerate().any(differs)
    };
    let changed_ones = fit.iter().filter(|asked| changed(asked));
    let mut wanted = Wanted::new(changed_ones.filter_map(|asked| asked.name.as_ref().ok().copied()));
    // A package's releases are those of all suites: if one suite changed, all are read.
    let (mut seen_now, mut left_out) = (Vec::with_capacity(views.len()), None);
    if !wanted.is_empty() {
        for (suite, view) in settings.suites.iter().zip(views.iter()) {
            match read(suite, &settings.architecture, view, &mut wanted, now)? {
                Ok(seen) => seen_now.push(Some(seen)),
                Err(error) => {
                    seen_now.push(None);
                    left_out = Some(error);
                }
            }
        }
    }
    let validator = seen::write(print, &seen_now);
    let answers = asked.iter().map(|asked| {
        let name = asked.name.clone()?;
        if !changed(asked) {
            return Ok(Answer::Unchanged);
        }
        let found = wanted.found(name);
        if found.is_empty()
            && let Some(error) = &left_out
        {
            // It may well be there.
            return Err(error.clone());
        }
        let releases = answer::releases(name, found, settings)?;
        Ok(Answer::Listing(listing::cut(releases, asked.context, validator.clone(), false)))
    });
    Ok(answers.collect())
}

/// One query, read.
struct Asked<'q> {
    name: Result<&'q str, Error>,
    context: &'q Context,
    seen: seen::Suites,
}

impl<'q> Asked<'q> {
    fn new(query: &'q Query, print: &str) -> Self {
        let validator = query.context.validator.as_deref();
        Self {
            name: question(&query.item),
            context: &query.context,
            seen: validator.and_then(|validator| seen::read(validator, print)).unwrap_or_default(),
        }
    }

    /// How the suite of that number was at the last answer.
    fn seen_of(&self, number: usize) -> Option<&Seen> {
        self.seen.get(number)?.as_ref()
    }
}

/// What is known of a suite before its indexes are read.
enum View {
    /// Its document, just read.
    Read(Box<State>),
    /// The archive says that it is as it was.
    Same,
    /// It cannot be read, for this reason, and may be left out.
    LeftOut(Error),
}

impl View {
    /// Whether an answer given then would be another one now. Of a suite that cannot be read now, what was
    /// read then still holds.
    fn differs_from(&self, seen: Option<&Seen>) -> bool {
        match self {
            Self::Read(state) => seen.is_none_or(|seen| seen.indexes != state.seen.indexes),
            Self::Same | Self::LeftOut(_) => false,
        }
    }
}

/// The suite's Release document, unless it is the one that all queries know.
fn look(suite: &Suite, architecture: &str, seen: &[Option<&Seen>], now: u64) -> Result<View, Error> {
    let looked =
        fetch::release_document(suite, architecture, verify::condition(seen, now), now).and_then(|state| {
            let Some(state) = state else { return Ok(View::Same) };
            verify::not_older(&state.seen, seen)?;
            Ok(View::Read(Box::new(state)))
        });
    looked.or_else(|error| leave_out(suite, error).map(View::LeftOut))
}

/// Finds the wanted packages in the suite's indexes; gives its state, or why it was left out.
fn read<'s>(
    suite: &'s Suite,
    architecture: &str,
    view: &View,
    wanted: &mut Wanted<'_, Origin<'s>>,
    now: u64,
) -> Result<Result<Seen, Error>, Error> {
    let read = match view {
        View::LeftOut(error) => return Ok(Err(error.clone())),
        View::Read(state) => scan(suite, state, wanted),
        // "Not modified" came without the document, which is needed now that another suite changed.
        View::Same => match fetch::release_document(suite, architecture, None, now) {
            Ok(Some(state)) => scan(suite, &state, wanted),
            Ok(None) => Err(Error::bad_response("\"not modified\" answers no condition")),
            Err(error) => Err(error),
        },
    };
    read.map_or_else(|error| leave_out(suite, error).map(Err), |seen| Ok(Ok(seen)))
}

/// Names the suite in the error; gives it as a reason, with a line in the log, where the suite may be left out.
fn leave_out(suite: &Suite, error: Error) -> Result<Error, Error> {
    let message = format!("suite `{}` of {}: {}", suite.name, suite.base_url.as_str(), error.message);
    let error = Error { message, ..error };
    if !suite.optional {
        return Err(error);
    }
    log::warn("answered without a suite", &[("code", &error.code), ("why", &error.message)]);
    Ok(error)
}

fn scan<'s>(suite: &'s Suite, state: &State, wanted: &mut Wanted<'_, Origin<'s>>) -> Result<Seen, Error> {
    for index in &state.indexes {
        let bytes = fetch::index(suite, &state.release, index)?;
        let component = suite.components.iter().find(|component| **component == index.component);
        let component = component.map(String::as_str).unwrap_or_default();
        let place = Origin { base_url: &suite.base_url, suite: &suite.name, component };
        let count = wanted.scan(unpack::open(index.packing, &bytes, unpack::allowance(index)), place)?;
        let fields =
            [("suite", suite.name.as_str()), ("path", &index.listed.path), ("packages", &count.to_string())];
        log::debug("read a package index", &fields);
    }
    Ok(state.seen.clone())
}
