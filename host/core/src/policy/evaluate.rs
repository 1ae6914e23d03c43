//! Judging a listing.

use std::{
    borrow::Borrow,
    cmp::Ordering,
    collections::{BTreeMap, btree_map::Entry},
    fmt,
};

use jiff::Timestamp;
use serde::Serialize;

use super::{MAX_RULES, Policy, PolicyError, Reason, Rule, pin::BoundPin, rule::BoundRule};
use crate::{
    release::Release,
    version::{Gap, MAX_VERSION, Scheme, Version, VersionError},
};

/// What a policy makes of a listing.
#[derive(Debug, Clone, PartialEq, Serialize)]
pub struct Evaluation {
    /// Where the item stands.
    pub status: Status,
    /// The newest release that the policy admits. It may be the installed one, or older.
    pub latest: Option<Release>,
    /// How far the installed version is behind `latest`, when it is.
    pub outdated: Option<Gap>,
    /// Whether the installed version is one that the remote withdrew.
    pub installed_withdrawn: bool,
    /// The releases that are newer than the installed one (all, if none is known) and not offered, newest
    /// first.
    pub skipped: Vec<Skipped>,
    /// The releases that are no versions of the item's scheme, by their text. They are never offered.
    pub unparsable: Vec<Unparsable>,
}

impl Evaluation {
    /// The release to move to: `latest`, unless the installed version is as new or cannot be compared.
    #[must_use]
    pub fn target(&self) -> Option<&Release> {
        matches!(self.status, Status::Outdated | Status::NotInstalled)
            .then_some(self.latest.as_ref())
            .flatten()
    }

    /// When the next release passes the minimum age, if age alone keeps one back.
    #[must_use]
    pub fn waiting_until(&self) -> Option<Timestamp> {
        let eligible = |skipped: &Skipped| match skipped.reasons.as_slice() {
            [Reason::TooYoung { eligible_at, .. }] => Some(*eligible_at),
            _ => None,
        };
        self.skipped.iter().filter_map(eligible).min()
    }
}

/// Where an item stands.
#[derive(Debug, Clone, PartialEq, Eq, Serialize)]
#[serde(tag = "state", rename_all = "kebab-case")]
pub enum Status {
    /// The policy admits nothing newer than what is installed.
    UpToDate,
    /// `latest` is newer than what is installed.
    Outdated,
    /// What is installed is newer than every release that the source knows.
    AheadOfSource,
    /// Nothing is installed.
    NotInstalled,
    /// It cannot be told.
    Unknown {
        /// Why.
        reason: Unknown,
    },
}

impl Status {
    /// The stable word for programs.
    #[must_use]
    pub const fn code(&self) -> &'static str {
        match self {
            Self::UpToDate => "up-to-date",
            Self::Outdated => "outdated",
            Self::AheadOfSource => "ahead-of-source",
            Self::NotInstalled => "not-installed",
            Self::Unknown { .. } => "unknown",
        }
    }
}

impl fmt::Display for Status {
    fn fmt(&self, f: &mut fmt::Formatter<'_>) -> fmt::Result {
        match self {
            Self::UpToDate => f.write_str("up to date"),
            Self::Outdated => f.write_str("an update is available"),
            Self::AheadOfSource => f.write_str("newer than every release of its source"),
            Self::NotInstalled => f.write_str("not installed"),
            Self::Unknown { reason } => write!(f, "unknown: {reason}"),
        }
    }
}

/// Why a status cannot be told.
#[derive(Debug, Clone, PartialEq, Eq, Serialize, thiserror::Error)]
#[serde(tag = "code", rename_all = "kebab-case")]
#[non_exhaustive]
pub enum Unknown {
    /// The installed version is none of the item's scheme.
    #[error("the installed version cannot be compared: {error}")]
    InstalledUnparsable {
        /// Why it is not.
        error: VersionError,
    },
    /// The source listed nothing.
    #[error("the source lists no releases; check the item's locator")]
    NoReleases,
    /// The source listed releases, and none is a version of the item's scheme.
    #[error("no release of the source is a version of the item's scheme; choose another scheme")]
    NothingParsed,
    /// There are versions, and none of the variant or precision that this item follows.
    #[error("the source has no tag of the variant and precision that this item follows; check `variant`")]
    NothingComparable,
}

/// A newer release that is not offered.
#[derive(Debug, Clone, PartialEq, Eq, Serialize)]
pub struct Skipped {
    /// As the remote spells it.
    pub version: String,
    /// Every reason, not only the first: taking one away shows what remains.
    pub reasons: Vec<Reason>,
}

impl fmt::Display for Skipped {
    fn fmt(&self, f: &mut fmt::Formatter<'_>) -> fmt::Result {
        write!(f, "{} is not offered: ", self.version)?;
        for (place, reason) in self.reasons.iter().enumerate() {
            write!(f, "{}{reason}", if place == 0 { "" } else { "; " })?;
        }
        f.write_str(".")
    }
}

/// A release that is no version of the item's scheme.
#[derive(Debug, Clone, PartialEq, Eq, Serialize)]
pub struct Unparsable {
    /// As the remote spells it, cut after 256 characters.
    pub version: String,
    /// Why it is not.
    pub error: VersionError,
}

/// A policy whose versions, ranges and pin were read by one scheme.
#[derive(Debug, Clone)]
pub struct BoundPolicy<'p> {
    policy: &'p Policy,
    scheme: Scheme,
    pin: Option<BoundPin>,
    rules: Vec<BoundRule>,
}

impl Policy {
    /// Reads the policy's versions by `scheme`. Checks a policy when it is saved, too.
    ///
    /// # Errors
    /// [`PolicyError`] if a version, range or pin does not fit the scheme, or there are more than
    /// [`MAX_RULES`] rules.
    pub fn bind(&self, scheme: Scheme) -> Result<BoundPolicy<'_>, PolicyError> {
        if self.ignore.len() > MAX_RULES {
            return Err(PolicyError::TooManyRules { count: self.ignore.len(), limit: MAX_RULES });
        }
        let bind_rule = |(place, rule): (usize, &Rule)| {
            rule.bind(scheme).map_err(|source| PolicyError::Version {
                place: format!("ignore rule {}", place + 1),
                source,
            })
        };
        Ok(BoundPolicy {
            policy: self,
            scheme,
            pin: self.pin.as_ref().map(|pin| pin.bind(scheme)).transpose()?,
            rules: self.ignore.iter().enumerate().map(bind_rule).collect::<Result<_, _>>()?,
        })
    }

    /// Whether time alone will change what speaks against a release.
    #[must_use]
    pub fn ripens(&self, release: &Release, now: Timestamp) -> bool {
        matches!(self.too_young(release, now), Some(Reason::TooYoung { .. }))
    }

    /// A minimum age fails closed: a release without a date never passes.
    fn too_young(&self, release: &Release, now: Timestamp) -> Option<Reason> {
        let minimum_age = self.minimum_age.filter(|age| !age.is_zero())?;
        let Some(published_at) = release.published_at else {
            return Some(Reason::UnknownAge { minimum_age });
        };
        let eligible_at = published_at.checked_add(minimum_age.duration()).unwrap_or(Timestamp::MAX);
        (now < eligible_at).then_some(Reason::TooYoung { minimum_age, eligible_at })
    }
}

/// Judges a listing: see [`BoundPolicy::evaluate`].
///
/// # Errors
/// As [`Policy::bind`]: a policy that does not fit the scheme judges nothing.
pub fn evaluate<R: Borrow<Release>>(
    scheme: Scheme,
    policy: &Policy,
    installed: Option<&str>,
    releases: &[R],
    now: Timestamp,
) -> Result<Evaluation, PolicyError> {
    Ok(policy.bind(scheme)?.evaluate(installed, releases, now))
}

/// All entries of a listing that have one version text.
struct Candidate<'r> {
    version: Version,
    release: &'r Release,
    reasons: Vec<Reason>,
    withdrawn: bool,
}

/// Which tags are choices for one another.
struct Track {
    variant: Option<String>,
    precision: Option<usize>,
}

impl BoundPolicy<'_> {
    /// Judges a listing as of `now`. Never fails: what cannot be read is reported in the result.
    ///
    /// Where a listing has a version twice, what speaks against one entry speaks against both.
    #[must_use]
    pub fn evaluate<R: Borrow<Release>>(
        &self,
        installed: Option<&str>,
        releases: &[R],
        now: Timestamp,
    ) -> Evaluation {
        let installed = installed.map(|text| Version::parse(self.scheme, text));
        let known = installed.as_ref().and_then(|version| version.as_ref().ok());
        let track = self.track(known);
        let (candidates, unparsable) = self.judge(releases, known, &track, now);

        let newer = |version: &Version| known.is_none_or(|known| precedence(version, known).is_gt());
        let latest = candidates.iter().find(|candidate| candidate.reasons.is_empty());
        let status = match &installed {
            None => Status::NotInstalled,
            Some(Err(error)) => {
                Status::Unknown { reason: Unknown::InstalledUnparsable { error: error.clone() } }
            }
            Some(Ok(known)) => {
                let mut comparable = candidates.iter().filter(|c| track.has(&c.version)).peekable();
                if releases.is_empty() {
                    Status::Unknown { reason: Unknown::NoReleases }
                } else if candidates.is_empty() {
                    Status::Unknown { reason: Unknown::NothingParsed }
                } else if comparable.peek().is_none() {
                    Status::Unknown { reason: Unknown::NothingComparable }
                } else if latest.is_some_and(|latest| newer(&latest.version)) {
                    Status::Outdated
                } else if comparable.all(|candidate| precedence(&candidate.version, known).is_lt()) {
                    Status::AheadOfSource
                } else {
                    Status::UpToDate
                }
            }
        };
        let withdrawn = |known| candidates.iter().any(|c| c.withdrawn && &c.version == known);
        Evaluation {
            outdated: known.zip(latest).and_then(|(known, latest)| known.gap(&latest.version)),
            latest: latest.map(|latest| latest.release.clone()),
            installed_withdrawn: known.is_some_and(withdrawn),
            skipped: candidates
                .iter()
                .filter(|candidate| !candidate.reasons.is_empty() && newer(&candidate.version))
                .map(|c| Skipped { version: c.release.version.clone(), reasons: c.reasons.clone() })
                .collect(),
            unparsable,
            status,
        }
    }

    /// The policy's variant (an empty one means none), else that of what is installed.
    fn track(&self, installed: Option<&Version>) -> Track {
        let variant = match self.policy.variant.as_deref() {
            Some(wanted) => Some(wanted).filter(|wanted| !wanted.is_empty()),
            None => installed.and_then(Version::variant),
        };
        Track { variant: variant.map(ToOwned::to_owned), precision: installed.and_then(Version::precision) }
    }

    /// One candidate for each version text, newest first, and what is no version.
    fn judge<'r, R: Borrow<Release>>(
        &self,
        releases: &'r [R],
        installed: Option<&Version>,
        track: &Track,
        now: Timestamp,
    ) -> (Vec<Candidate<'r>>, Vec<Unparsable>) {
        let mut candidates: BTreeMap<&str, Candidate<'r>> = BTreeMap::new();
        let mut unparsable = Vec::new();
        for release in releases.iter().map(Borrow::borrow) {
            let mut entry = match candidates.entry(&release.version) {
                Entry::Occupied(entry) => entry,
                Entry::Vacant(entry) => match Version::parse(self.scheme, &release.version) {
                    Ok(version) => entry.insert_entry(Candidate {
                        version,
                        release,
                        reasons: Vec::new(),
                        withdrawn: false,
                    }),
                    Err(error) => {
                        let version = release.version.chars().take(MAX_VERSION).collect();
                        unparsable.push(Unparsable { version, error });
                        continue;
                    }
                },
            };
            let candidate = entry.get_mut();
            candidate.reasons.extend(self.reasons(&candidate.version, release, installed, track, now));
            candidate.withdrawn |= release.withdrawn;
            candidate.release = candidate.release.min(release);
        }

        let mut candidates: Vec<_> = candidates.into_values().collect();
        for candidate in &mut candidates {
            candidate.reasons.sort();
            candidate.reasons.dedup();
        }
        // Newest first; of equals, the tag that says most, then by text, so that the order is one.
        candidates.sort_by(|a, b| {
            precedence(&b.version, &a.version)
                .then_with(|| b.version.precision().cmp(&a.version.precision()))
                .then_with(|| b.release.version.cmp(&a.release.version))
        });
        unparsable.sort_by(|a, b| a.version.cmp(&b.version));
        unparsable.dedup();
        (candidates, unparsable)
    }

    /// Everything that speaks against a release.
    fn reasons(
        &self,
        version: &Version,
        release: &Release,
        installed: Option<&Version>,
        track: &Track,
        now: Timestamp,
    ) -> Vec<Reason> {
        let mut reasons = Vec::new();
        if release.withdrawn {
            reasons.push(Reason::Withdrawn { why: release.withdrawn_reason().map(ToOwned::to_owned) });
        }
        track.reasons(version, &mut reasons);
        if !self.policy.prereleases && (release.prerelease || version.is_prerelease()) {
            reasons.push(Reason::Prerelease);
        }
        if let Some(channel) = &self.policy.channel
            && release.channel.as_deref() != Some(channel.as_str())
        {
            reasons
                .push(Reason::OtherChannel { wanted: channel.to_string(), found: release.channel.clone() });
        }
        if let Some((pin, bound)) = self.policy.pin.as_ref().zip(self.pin.as_ref())
            && !bound.admits(version, installed)
        {
            reasons.push(Reason::Pinned { to: pin.to_string() });
        }
        let matching = self.policy.ignore.iter().zip(&self.rules).filter(|(_, bound)| bound.matches(version));
        reasons.extend(
            matching.map(|(rule, _)| Reason::Ignored { rule: rule.to_string(), why: rule.reason.clone() }),
        );
        reasons.extend(self.policy.too_young(release, now));
        reasons
    }
}

impl Track {
    fn has(&self, version: &Version) -> bool {
        let mut reasons = Vec::new();
        self.reasons(version, &mut reasons);
        reasons.is_empty()
    }

    fn reasons(&self, version: &Version, reasons: &mut Vec<Reason>) {
        // Only tags have a precision, and only tags have variants.
        let Some(found) = version.precision() else { return };
        if version.variant() != self.variant.as_deref() {
            reasons.push(Reason::OtherVariant {
                wanted: self.variant.clone(),
                found: version.variant().map(ToOwned::to_owned),
            });
        }
        if let Some(wanted) = self.precision.filter(|wanted| *wanted != found) {
            reasons.push(Reason::OtherPrecision { wanted, found });
        }
    }
}

/// The order of two versions that one policy read, so of one scheme.
fn precedence(left: &Version, right: &Version) -> Ordering {
    left.precedence(right).unwrap_or(Ordering::Equal)
}
