//! Why an index is refused, or not written.

use jiff::Timestamp;
use waystation_bundle::{BundleError, ContentDigest};
use waystation_oci::OciError;
use waystation_sign::SignError;

/// A failure, with a stable code. Whatever was trusted before, and whatever was in place, still is.
#[derive(Debug, thiserror::Error)]
#[non_exhaustive]
pub enum IndexError {
    /// An older state than one that was seen before.
    #[error(
        "the index was rolled back: {what} is offered in version {offered}, and {trusted} was seen before; ask whoever \
         keeps the index, and try another mirror"
    )]
    RolledBack {
        /// Which file.
        what: String,
        /// The version that was seen before.
        trusted: u64,
        /// The one that is offered now.
        offered: u64,
    },
    /// Metadata whose time is over: somebody holds newer back, or nobody renewed it.
    #[error(
        "the index is frozen: {what} was good until {expires}; either newer is held back, or whoever keeps the index has \
         to run `waystation registry index refresh`"
    )]
    Frozen {
        /// Which file.
        what: String,
        /// When it ended.
        expires: Timestamp,
    },
    /// The root's time is over.
    #[error(
        "the root of the index was good until {expires}; whoever keeps the index has to sign a new one \
         (`waystation registry index rotate`)"
    )]
    RootExpired {
        /// When it ended.
        expires: Timestamp,
    },
    /// Files that do not belong together.
    #[error("the index is mixed from several states: {why}; try again, or another mirror")]
    Mixed {
        /// What does not fit.
        why: String,
    },
    /// Too few good signatures.
    #[error("{what} is not signed by enough of its keys: {why}")]
    Signature {
        /// Which file.
        what: String,
        /// How many there are.
        why: String,
    },
    /// Keys that cannot be used, or that would count twice.
    #[error("the keys in {what} are refused: {why}")]
    Keys {
        /// Which file.
        what: String,
        /// What is wrong.
        why: String,
    },
    /// Roots that do not follow one another.
    #[error("the roots of the index do not follow one another: after {trusted} comes {offered}")]
    RootChain {
        /// The root that is trusted.
        trusted: u64,
        /// The one that is offered as the next.
        offered: u64,
    },
    /// More than is read.
    #[error("{what} has more than {limit} bytes, which is the most that is read")]
    TooLarge {
        /// What.
        what: String,
        /// The limit.
        limit: u64,
    },
    /// More of something than is read.
    #[error("there are more than {limit} {what}, which is the most that is accepted")]
    TooMany {
        /// What, in the plural.
        what: &'static str,
        /// The limit.
        limit: u64,
    },
    /// Not what it should be.
    #[error("{what} is no metadata of an index: {why}")]
    Malformed {
        /// Which file.
        what: String,
        /// What is wrong.
        why: String,
    },
    /// A delegation that is not to one namespace and no further.
    #[error("{what} gives away more or less than one namespace: {why}")]
    Delegation {
        /// Which file.
        what: String,
        /// What is wrong.
        why: String,
    },
    /// A plugin that is listed wrongly, or by who may not list it.
    #[error("{what} lists `{path}`, which is refused: {why}")]
    Entry {
        /// Which file.
        what: String,
        /// As it is listed.
        path: String,
        /// What is wrong.
        why: String,
    },
    /// A file that should be there is not.
    #[error("{source_name} has no {what}; is it an index, and whole?")]
    Missing {
        /// Where.
        source_name: String,
        /// Which file.
        what: String,
    },
    /// It cannot be asked.
    #[error("{source_name} cannot be read: {why}")]
    Unreachable {
        /// Where.
        source_name: String,
        /// What happened.
        why: String,
    },
    /// Nothing was ever read.
    #[error("nothing is known of this index yet; refresh it first")]
    NotRefreshed,
    /// No plugin of this name.
    #[error("the index has no plugin `{name}`{}", near.as_ref().map(|near| format!("; did you mean `{near}`?")).unwrap_or_default())]
    UnknownPlugin {
        /// The name.
        name: String,
        /// The nearest one.
        near: Option<String>,
    },
    /// No version that is asked for and runs here.
    #[error(
        "no version of {name} is {wanted}, not withdrawn, and made for this host ({host}); there is {there}"
    )]
    NoVersion {
        /// The plugin.
        name: String,
        /// What was asked for.
        wanted: String,
        /// The host's version.
        host: String,
        /// All there is, and why not.
        there: String,
    },
    /// Everything that was tried for the bytes of a plugin failed.
    #[error("{name} {version} ({digest}) is nowhere to be had: {why}")]
    NoBundle {
        /// The plugin.
        name: String,
        /// Its version.
        version: String,
        /// What was wanted.
        digest: ContentDigest,
        /// What each place said.
        why: String,
    },
    /// A plugin that is not what the index names.
    #[error("what {from} gives for {wanted} is {actual}")]
    OtherBundle {
        /// Where it came from.
        from: String,
        /// What was asked for.
        wanted: ContentDigest,
        /// What came.
        actual: ContentDigest,
    },
    /// What was trusted before does not verify any more, or is of another index.
    #[error(
        "what is kept of the index in {path} does not verify: {why}; if the root was changed on purpose, remove that \
         folder, and with it the memory of what was seen"
    )]
    State {
        /// The folder.
        path: String,
        /// What is wrong.
        why: String,
    },
    /// The system failed.
    #[error("{path}: {why}")]
    Io {
        /// Which file.
        path: String,
        /// What the system said.
        why: String,
    },
    /// A plugin's file is refused.
    #[error("{0}")]
    Bundle(#[from] BundleError),
    /// A registry failed.
    #[error("{0}")]
    Registry(#[from] OciError),
    /// A key failed.
    #[error("{0}")]
    Sign(#[from] SignError),
    /// There is an index already, or something else.
    #[error("{path} is not empty; an index is made in a folder of its own")]
    Exists {
        /// The folder.
        path: String,
    },
    /// There is no index.
    #[error("{path} holds no index; make one with `waystation registry index init`")]
    NoIndex {
        /// The folder.
        path: String,
    },
    /// This version names another plugin already.
    #[error("{name} {version} is {there} already; a version is given once: raise it")]
    VersionTaken {
        /// The plugin.
        name: String,
        /// Its version.
        version: String,
        /// What it names.
        there: ContentDigest,
    },
    /// Roles that nobody can ever sign for, or that one key could sign for alone though it should not.
    #[error("the role {role} cannot be set up like this: {why}")]
    Role {
        /// Which.
        role: String,
        /// What is wrong.
        why: String,
    },
    /// A file that does not belong into a site.
    #[error("`{path}` is no part of a site: {why}; nothing was put in place")]
    Stray {
        /// Which file.
        path: String,
        /// What is wrong.
        why: String,
    },
    /// A key that has no part in what waits for signatures.
    #[error("the key {key} signs for nothing that is to be signed")]
    IdleKey {
        /// Its fingerprint.
        key: String,
    },
    /// What was written does not read back as it was meant; it was not put in place.
    #[error("what was written does not read back ({why}); nothing was changed")]
    ReadBack {
        /// What the reader says.
        why: String,
    },
}

impl IndexError {
    /// The stable word for programs.
    #[must_use]
    pub fn code(&self) -> &'static str {
        match self {
            Self::RolledBack { .. } => "index-rolled-back",
            Self::Frozen { .. } => "index-frozen",
            Self::RootExpired { .. } => "index-root-expired",
            Self::Mixed { .. } => "index-mixed",
            Self::Signature { .. } => "index-signature",
            Self::Keys { .. } => "index-keys",
            Self::RootChain { .. } => "index-root-chain",
            Self::TooLarge { .. } => "index-too-large",
            Self::TooMany { .. } => "index-too-many",
            Self::Malformed { .. } => "index-malformed",
            Self::Delegation { .. } => "index-delegation",
            Self::Entry { .. } => "index-entry",
            Self::Missing { .. } => "index-missing",
            Self::Unreachable { .. } => "index-unreachable",
            Self::NotRefreshed => "index-not-refreshed",
            Self::UnknownPlugin { .. } => "index-unknown-plugin",
            Self::NoVersion { .. } => "index-no-version",
            Self::NoBundle { .. } => "index-no-bundle",
            Self::OtherBundle { .. } => "index-other-bundle",
            Self::State { .. } => "index-state",
            Self::Io { .. } => "io",
            Self::Bundle(e) => e.code(),
            Self::Registry(e) => e.code(),
            Self::Sign(e) => e.code(),
            Self::Exists { .. } => "index-exists",
            Self::NoIndex { .. } => "index-not-here",
            Self::VersionTaken { .. } => "index-version-taken",
            Self::Role { .. } => "index-role",
            Self::Stray { .. } => "index-stray",
            Self::IdleKey { .. } => "index-idle-key",
            Self::ReadBack { .. } => "index-read-back",
        }
    }

    pub(crate) fn io(path: &std::path::Path, e: &std::io::Error) -> Self {
        Self::Io { path: path.display().to_string(), why: e.to_string() }
    }

    pub(crate) fn malformed(what: &str, why: impl Into<String>) -> Self {
        Self::Malformed { what: what.to_owned(), why: why.into() }
    }
}
