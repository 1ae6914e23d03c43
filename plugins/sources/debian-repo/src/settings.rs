//! What to watch and whom to believe.

use crate::keyring::Keyring;
use crate::problem::Problem;
use serde::Deserialize;
use std::rc::Rc;
use waystation_listing::short;
use waystation_update_source::Item;
use waystation_update_source::plugin::Error;
use waystation_update_source::plugin::config::options;
use waystation_update_source::plugin::http::BaseUrl;

/// Whom this plugin believes. There is no third way: either keys vouch for the archive, or the operator said
/// that nobody has to.
#[derive(Debug)]
pub(crate) enum Trust {
    /// Documents must be signed by one of these keys.
    Keys(Keyring),
    /// Documents are taken as they come.
    Anybody,
}

/// What is watched: suites, of one archive or of many, for one architecture.
#[derive(Debug)]
pub(crate) struct Settings {
    /// At least one.
    pub suites: Vec<Suite>,
    /// As dpkg names it, e.g. `amd64`.
    pub architecture: String,
}

/// One suite of one archive.
#[derive(Debug)]
pub(crate) struct Suite {
    /// Where the archive's `dists` and `pool` are.
    pub base_url: BaseUrl,
    /// The directory below `dists`, as configured.
    pub name: String,
    /// At least one.
    pub components: Vec<String>,
    /// See [`Trust`].
    pub trust: Rc<Trust>,
    /// See [`ExpectedSuite`].
    pub expected: ExpectedSuite,
    /// See [`Age`].
    pub age: Age,
    /// Whether the other suites answer when this one cannot.
    pub optional: bool,
}

/// What the Release document must call itself, as suite or as code name; `None`: it may be nameless.
#[derive(Clone, Debug, PartialEq, Eq)]
pub(crate) struct ExpectedSuite(Option<String>);

impl ExpectedSuite {
    /// An expectation; the empty text stands for documents that have no name.
    pub(crate) fn new(name: &str) -> Self {
        Self(Some(name.to_owned()).filter(|name| !name.is_empty()))
    }

    /// Whether one of the names is the expected one.
    pub(crate) fn accepts(&self, names: &[Option<&str>]) -> bool {
        match &self.0 {
            Some(expected) => names.contains(&Some(expected.as_str())),
            None => names.iter().all(Option::is_none),
        }
    }
}

impl std::fmt::Display for ExpectedSuite {
    fn fmt(&self, f: &mut std::fmt::Formatter<'_>) -> std::fmt::Result {
        f.write_str(self.0.as_deref().unwrap_or("(no name)"))
    }
}

/// How old a Release document may be, for archives that set no `Valid-Until`.
#[derive(Clone, Copy, Debug, Default, PartialEq, Eq)]
pub(crate) struct Age(Option<u32>);

impl Age {
    /// In days; none: any age.
    pub(crate) const fn days(days: Option<u32>) -> Self {
        Self(days)
    }

    /// The time at which a document of that date is too old.
    pub(crate) fn limit(self, date: u64) -> Option<u64> {
        self.0.map(|days| date.saturating_add(u64::from(days) * 86_400))
    }
}

/// Items have no options of their own: what is asked is decided by the locator alone.
#[derive(Debug, Deserialize)]
#[serde(deny_unknown_fields)]
struct Options {}

/// The package that an item asks for.
pub(crate) fn question(item: &Item) -> Result<&str, Error> {
    let Options {} = options(&item.options)?;
    Ok(package(&item.locator)?)
}

/// A package's name (Debian Policy 5.6.1), with the larger alphabet that other archives use.
fn package(locator: &str) -> Result<&str, Problem> {
    let good = locator.chars().all(|c| c.is_ascii_alphanumeric() || matches!(c, '.' | '-' | '_' | '+'))
        && locator.starts_with(|c: char| c.is_ascii_alphanumeric())
        && locator.len() <= 255;
    if good {
        return Ok(locator);
    }
    Err(Problem::BadInput(format!(
        "the locator `{}` is not the name of a package, such as `nginx` or `libstdc++6`",
        short(locator, 120)
    )))
}

#[cfg(test)]
mod tests {
    use super::*;

    #[test]
    fn package_names() {
        for good in ["nginx", "libstdc++6", "0ad", "a.b_c"] {
            assert_eq!(package(good).unwrap(), good);
        }
        for bad in ["", "+a", "a b", "a/b", "a:amd64", "ä", &"a".repeat(256)] {
            assert_eq!(package(bad).unwrap_err().code(), "bad-input", "{bad}");
        }
    }
}
