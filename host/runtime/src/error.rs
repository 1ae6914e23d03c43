//! Errors of the runtime itself and of loading a plugin.

use waystation_bundle::BundleError;
use waystation_schema::SchemaError;

use crate::manifest::ManifestError;

/// The runtime cannot work on this machine.
#[derive(Debug, thiserror::Error)]
pub enum RuntimeError {
    /// The engine could not be built.
    #[error("cannot build the plugin engine: {0}; it reserves address space, so look at `ulimit -v`")]
    Engine(String),
    /// The folder of compiled artifacts is not usable.
    #[error("cannot use the artifact cache {path}: {message}")]
    Cache {
        /// The folder or file.
        path: String,
        /// What the system said.
        message: String,
    },
}

impl RuntimeError {
    /// The stable code.
    pub fn code(&self) -> &'static str {
        match self {
            Self::Engine(_) => "engine",
            Self::Cache { .. } => "artifact-cache",
        }
    }
}

/// Why a plugin was not loaded. Nothing of it has run, unless the variant says so.
#[derive(Debug, Clone, thiserror::Error)]
pub enum LoadError {
    /// The file cannot be read.
    #[error("cannot read {path}: {message}")]
    Unreadable {
        /// The file.
        path: String,
        /// What the system said.
        message: String,
    },
    /// More bytes than a bundle may have.
    #[error("the component has {size} bytes; at most {limit} are accepted")]
    TooLarge {
        /// Its size.
        size: u64,
        /// The limit.
        limit: u64,
    },
    /// The package that should carry it.
    #[error("{0}")]
    Package(#[from] BundleError),
    /// Not WebAssembly at all.
    #[error("not a WebAssembly file; name the .plugin.tar or .wasm file that `waystation plugin` wrote")]
    NotWasm,
    /// A core module.
    #[error(
        "a core WebAssembly module, not a component; link with `wasm-component-ld`, as the template of docs/develop does"
    )]
    CoreModule,
    /// Damaged or truncated.
    #[error("the component is damaged or truncated: {0}; fetch or build it again")]
    Malformed(String),
    /// No manifest inside.
    #[error("the component carries no manifest; embed plugin.toml with `waystation plugin pack`")]
    NoManifest,
    /// Two manifests inside.
    #[error(
        "the component carries {0} manifests; exactly one is accepted: pack what the compiler wrote, not a packed file"
    )]
    SeveralManifests(usize),
    /// The manifest is not acceptable.
    #[error("plugin.toml: {0}")]
    Manifest(#[from] ManifestError),
    /// Neither world, generation, imports nor capabilities fit. All mismatches are listed.
    #[error("{}", mismatches(.0))]
    Mismatch(Vec<Mismatch>),
    /// Those who decide whose plugins run did not admit it.
    #[error("{message}")]
    NotAdmitted {
        /// The stable code of the reason.
        code: &'static str,
        /// Why, and what to do.
        message: String,
    },
    /// The digest is not the one that the operator pinned.
    #[error("digest is {actual}, but the configuration pins {pinned}")]
    DigestMismatch {
        /// What the configuration says.
        pinned: String,
        /// What the file has.
        actual: String,
    },
    /// The engine would not compile it.
    #[error("does not compile: {0}")]
    Compile(String),
    /// The imports cannot be satisfied.
    #[error("cannot be linked: {0}")]
    Link(String),
    /// It ran, to describe itself, and failed.
    #[error("`describe` failed: {0}")]
    Describe(String),
    /// It ran, to describe itself, and said something else than its manifest.
    #[error("the manifest says {field} `{manifest}`, but `describe` answers `{described}`")]
    Lies {
        /// `name` or `version`.
        field: &'static str,
        /// In the manifest.
        manifest: String,
        /// By the component.
        described: String,
    },
    /// What it requested is not granted yet.
    #[error("needs grants; add to waystation.toml:\n{0}")]
    NeedsGrants(String),
    /// The operator granted what the manifest does not request.
    #[error("`{capability}` is granted, but its manifest does not request it; remove the grant")]
    NotRequested {
        /// The capability.
        capability: String,
    },
    /// Its configuration is not acceptable.
    #[error("configuration: {0}")]
    Config(String),
    /// A schema that it gives is not one that a host applies.
    #[error("its {which} schema {error}; the plugin's author must change it")]
    Schema {
        /// `config` or `subject`.
        which: &'static str,
        /// What is wrong with it.
        error: SchemaError,
    },
    /// Its configuration does not fit its schema. All mismatches are listed, without values.
    #[error("{0}")]
    ConfigMismatch(String),
}

impl LoadError {
    /// The stable code.
    pub fn code(&self) -> &'static str {
        match self {
            Self::Unreadable { .. } => "unreadable",
            Self::TooLarge { .. } => "too-large",
            Self::Package(e) => e.code(),
            Self::NotWasm => "not-wasm",
            Self::CoreModule => "core-module",
            Self::Malformed(_) => "malformed",
            Self::NoManifest => "no-manifest",
            Self::SeveralManifests(_) => "several-manifests",
            Self::Manifest(e) => e.code(),
            Self::Mismatch(list) => list.first().map_or("mismatch", Mismatch::code),
            Self::NotAdmitted { code, .. } => code,
            Self::DigestMismatch { .. } => "digest-mismatch",
            Self::Compile(_) => "compile",
            Self::Link(_) => "link",
            Self::Describe(_) => "describe",
            Self::Lies { .. } => "manifest-lies",
            Self::NeedsGrants(_) => "needs-grants",
            Self::NotRequested { .. } => "not-requested",
            Self::Config(_) => "bad-config",
            Self::Schema { error, .. } => error.code(),
            Self::ConfigMismatch(_) => "config-mismatch",
        }
    }
}

/// One way in which a component does not fit its manifest or this host.
#[derive(Debug, Clone, PartialEq, Eq, thiserror::Error)]
pub enum Mismatch {
    /// The component does not export the world that the manifest claims.
    #[error(
        "the manifest says kind `{claimed}`, the component exports {exported}: the plugin's author must correct plugin.toml or build for that world"
    )]
    WrongWorld {
        /// In the manifest.
        claimed: String,
        /// By the component.
        exported: String,
    },
    /// A kind or generation that this host does not know.
    #[error(
        "kind `{claimed}` is unknown to this host, which knows {known}: the operator must update Waystation, or the author build for one of these"
    )]
    UnknownKind {
        /// In the manifest.
        claimed: String,
        /// By this host.
        known: String,
    },
    /// Wants another host version.
    #[error(
        "it wants a host {wanted}, this is {actual}: the operator must install a matching Waystation or plugin"
    )]
    HostRange {
        /// The range in the manifest.
        wanted: String,
        /// This host's version.
        actual: String,
    },
    /// Imports something that no host offers.
    #[error(
        "it imports `{0}`, which this host does not offer: the plugin's author must build for the published WIT"
    )]
    UnknownImport(String),
    /// Imports something that its manifest does not request.
    #[error(
        "it imports `{import}` but its manifest does not request `{capability}`: the plugin's author must add the request"
    )]
    NotRequested {
        /// The import.
        import: String,
        /// The capability behind it.
        capability: String,
    },
}

impl Mismatch {
    fn code(&self) -> &'static str {
        match self {
            Self::WrongWorld { .. } => "wrong-world",
            Self::UnknownKind { .. } => "unknown-kind",
            Self::HostRange { .. } => "host-range",
            Self::UnknownImport(_) => "unknown-import",
            Self::NotRequested { .. } => "import-not-requested",
        }
    }
}

fn mismatches(list: &[Mismatch]) -> String {
    list.iter().map(ToString::to_string).collect::<Vec<_>>().join("; ")
}
