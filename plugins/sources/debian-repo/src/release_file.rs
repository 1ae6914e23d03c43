//! The Release document of a suite: what it lists, and whether it may be relied on today.
//!
//! <https://wiki.debian.org/DebianRepository/Format#A.22Release.22_files>

use crate::control;
use crate::day::day;
use crate::problem::Problem;
use crate::settings::{Age, ExpectedSuite};
use crate::signature::SKEW;
use waystation_listing::short;
use waystation_update_source::plugin::time;

/// A Release document, reduced to what is needed to find package indexes.
#[derive(Clone, Debug, Default, PartialEq, Eq)]
pub(crate) struct ReleaseFile {
    /// `Suite`, e.g. `stable`.
    pub suite: Option<String>,
    /// `Codename`, e.g. `trixie`.
    pub codename: Option<String>,
    /// When the document was made, in seconds since 1970.
    pub date: u64,
    /// After this time the document must not be used.
    pub valid_until: Option<u64>,
    /// Whether indexes can be fetched by their digest.
    pub by_hash: bool,
    /// Whether packages for all architectures stand in an index of their own only.
    pub separate_all: bool,
    /// `Components`, for messages.
    pub components: String,
    /// `Architectures`, for messages.
    pub architectures: String,
    /// The package indexes that the document lists.
    pub indexes: Vec<Listed>,
}

/// One index file as listed.
#[derive(Clone, Debug, PartialEq, Eq)]
pub(crate) struct Listed {
    /// Path below the suite's directory.
    pub path: String,
    /// In bytes.
    pub size: u64,
    /// SHA-256 of the file, lower-case hex.
    pub sha256: String,
}

/// How an index is packed.
#[derive(Clone, Copy, Debug, PartialEq, Eq)]
pub(crate) enum Packing {
    /// `.xz`
    Xz,
    /// `.gz`
    Gzip,
    /// Not at all.
    Plain,
}

/// An index to be fetched.
#[derive(Clone, Debug, PartialEq, Eq)]
pub(crate) struct IndexFile {
    /// The file.
    pub listed: Listed,
    /// How to unpack it.
    pub packing: Packing,
    /// Its size once unpacked, where the document says so.
    pub unpacked: Option<u64>,
    /// The component it belongs to.
    pub component: String,
}

/// In order of preference: the smaller download first.
const PACKINGS: [(Packing, &str); 3] = [(Packing::Xz, ".xz"), (Packing::Gzip, ".gz"), (Packing::Plain, "")];

impl ReleaseFile {
    /// Reads a document, whose signature has been dealt with before.
    pub(crate) fn parse(text: &str) -> Result<Self, Problem> {
        let mut release = Self::default();
        let (mut date, mut no_support, mut names_all, mut has_digests) = (None, false, false, false);
        for field in control::fields(text) {
            match field.name.to_ascii_lowercase().as_str() {
                "suite" => release.suite = Some(field.value.to_owned()),
                "codename" => release.codename = Some(field.value.to_owned()),
                "date" => date = Some(moment("Date", field.value)?),
                "valid-until" => release.valid_until = Some(moment("Valid-Until", field.value)?),
                "acquire-by-hash" => release.by_hash = field.value.eq_ignore_ascii_case("yes"),
                "no-support-for-architecture-all" => {
                    no_support = field.words().any(|word| word == "Packages");
                }
                "components" => release.components = short(field.value, 200),
                "architectures" => {
                    names_all = field.words().any(|word| word == "all");
                    release.architectures = short(field.value, 200);
                }
                "sha256" => {
                    has_digests = true;
                    release.indexes = field.value.lines().filter_map(listed).collect();
                }
                _ => {}
            }
        }
        if !has_digests {
            return Err(Problem::BadResponse(
                "the Release document has no `SHA256` list; ask the archive's operator for one, older digests are not accepted".to_owned(),
            ));
        }
        release.date =
            date.ok_or_else(|| Problem::BadResponse("the Release document has no `Date`".to_owned()))?;
        release.separate_all = names_all && !no_support;
        Ok(release)
    }

    /// Checks name and dates against what was asked for and the clock; gives the time until which the
    /// document may be used.
    pub(crate) fn check(&self, expected: &ExpectedSuite, age: Age, now: u64) -> Result<Option<u64>, Problem> {
        let names = [self.suite.as_deref(), self.codename.as_deref()];
        if !expected.accepts(&names) {
            let found: Vec<_> =
                names.into_iter().flatten().map(|name| format!("`{}`", short(name, 80))).collect();
            return Err(Problem::WrongSuite(format!(
                "it calls itself {}, not `{expected}`; if that is right, set `expected_suite`",
                if found.is_empty() { "nothing".to_owned() } else { found.join(" and ") }
            )));
        }
        if self.date > now.saturating_add(SKEW) {
            return Err(Problem::Stale(format!(
                "it is dated {}, in the future; check the clocks of this machine and of the archive",
                day(self.date)
            )));
        }
        let limits = [self.valid_until, age.limit(self.date)];
        match limits.into_iter().flatten().min() {
            Some(until) if until <= now => Err(Problem::Stale(format!(
                "it was made on {} and was to be used until {}; the mirror has not been updated since",
                day(self.date),
                day(until)
            ))),
            until => Ok(until),
        }
    }

    /// The indexes that hold the packages of `component` for `architecture`, each in its best packing.
    pub(crate) fn indexes(&self, component: &str, architecture: &str) -> Result<Vec<IndexFile>, Problem> {
        let own = self.index(component, architecture).ok_or_else(|| {
            Problem::NotFound(format!(
                "the archive lists no packages of component `{component}` for `{architecture}`; it has the components `{}` and the architectures `{}`",
                self.components, self.architectures
            ))
        })?;
        let all = self.separate_all.then(|| self.index(component, "all")).flatten();
        Ok(std::iter::once(own).chain(all).collect())
    }

    fn index(&self, component: &str, architecture: &str) -> Option<IndexFile> {
        let plain_path = format!("{component}/binary-{architecture}/Packages");
        let find = |path: &str| self.indexes.iter().find(|listed| listed.path == path);
        PACKINGS.iter().find_map(|(packing, ending)| {
            find(&format!("{plain_path}{ending}")).map(|listed| IndexFile {
                listed: listed.clone(),
                packing: *packing,
                unpacked: find(&plain_path).map(|plain| plain.size),
                component: component.to_owned(),
            })
        })
    }
}

/// A line of the list, if it is a package index: digest, size, path.
fn listed(line: &str) -> Option<Listed> {
    let mut words = line.split_ascii_whitespace();
    let (sha256, size, path) = (words.next()?, words.next()?, words.next()?);
    let name = path.rsplit('/').next()?;
    let index = PACKINGS.iter().any(|(_, ending)| name.strip_prefix("Packages") == Some(ending));
    let digest = sha256.len() == 64 && sha256.bytes().all(|byte| byte.is_ascii_hexdigit());
    if !index || !digest || words.next().is_some() {
        return None;
    }
    Some(Listed { path: path.to_owned(), size: size.parse().ok()?, sha256: sha256.to_ascii_lowercase() })
}

/// Dates are those of mail (RFC 2822), with `UTC` for a zone.
fn moment(field: &str, value: &str) -> Result<u64, Problem> {
    time::parse_rfc2822(value).ok_or_else(|| {
        Problem::BadResponse(format!(
            "`{field}` of the Release document is `{}`, not a date",
            short(value, 60)
        ))
    })
}

#[cfg(test)]
#[path = "release_file_tests.rs"]
mod tests;
