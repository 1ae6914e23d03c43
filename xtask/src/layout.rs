//! Where things are: sources under the checkout, everything built under one target folder.

use std::env;
use std::path::{Path, PathBuf};

use anyhow::{Context as _, Result};

/// The folders that steps read and write.
///
/// The host and the guests never share a target folder: guests are built under
/// `guests/` of the host's, so that one cache folder holds all and a change of
/// the one does not rebuild the other.
#[derive(Debug, Clone)]
pub(crate) struct Layout {
    root: PathBuf,
    target: PathBuf,
}

impl Layout {
    /// The checkout that cargo runs this program for, and `CARGO_TARGET_DIR` or its `target/`. The one it was
    /// built from may be another: checkouts can share a target folder.
    pub(crate) fn find() -> Result<Self> {
        let package = env::var_os("CARGO_MANIFEST_DIR").unwrap_or_else(|| env!("CARGO_MANIFEST_DIR").into());
        let root = Path::new(&package)
            .parent()
            .context("xtask has no parent folder; run it from a checkout of Waystation")?
            .to_path_buf();
        let target = match env::var_os("CARGO_TARGET_DIR") {
            Some(dir) if !dir.is_empty() => std::path::absolute(PathBuf::from(dir))?,
            _ => root.join("target"),
        };
        Ok(Self { root, target })
    }

    /// The checkout.
    pub(crate) fn root(&self) -> &Path {
        &self.root
    }

    /// Cargo's target folder of the host workspace.
    pub(crate) fn target(&self) -> &Path {
        &self.target
    }

    /// Cargo's target folder of everything that runs in the sandbox.
    pub(crate) fn guests_target(&self) -> PathBuf {
        self.target.join("guests")
    }

    /// Sources of the plugins: a workspace of their own.
    pub(crate) fn plugins(&self) -> PathBuf {
        self.root.join("plugins")
    }

    /// Finished plugins: components with their manifest inside.
    pub(crate) fn plugins_out(&self) -> PathBuf {
        self.target.join("plugins")
    }

    /// The same as operators get them: signed, in an index, with the policy that trusts them.
    pub(crate) fn supply(&self) -> PathBuf {
        self.target.join("supply")
    }

    /// Sources of the tests' own plugins.
    pub(crate) fn fixtures(&self) -> PathBuf {
        self.root.join("tests/fixtures")
    }

    /// The template of a plugin, as a developer copies it: a workspace of its own.
    pub(crate) fn template(&self) -> PathBuf {
        self.root.join("sdk/rust/template/update-source")
    }

    /// The SDK of agents in Rust: a workspace of its own.
    pub(crate) fn tickets_sdk(&self) -> PathBuf {
        self.root.join("sdk/rust/tickets")
    }

    /// Cargo's target folder of it: what it stands on is built with other features than the host's.
    pub(crate) fn sdk_target(&self) -> PathBuf {
        self.target.join("sdk")
    }

    /// The same in TypeScript.
    pub(crate) fn js_sdk(&self) -> PathBuf {
        self.root.join("sdk/js")
    }

    /// That, compiled, packed, and unpacked as its users get it.
    pub(crate) fn js_sdk_out(&self) -> PathBuf {
        self.target.join("sdk-js")
    }

    /// Finished fixtures.
    pub(crate) fn fixtures_out(&self) -> PathBuf {
        self.target.join("fixtures")
    }

    /// Programs that steps installed for themselves.
    pub(crate) fn tools(&self) -> PathBuf {
        self.target.join("tools")
    }

    /// What the benchmarks call in the sandbox: a workspace of its own.
    pub(crate) fn bench_guests(&self) -> PathBuf {
        self.root.join("benches/guests")
    }

    /// The same, built.
    pub(crate) fn bench_guests_out(&self) -> PathBuf {
        self.target.join("bench-guests")
    }

    /// Fuzzing targets: a workspace of their own, for all they stand on is built for coverage.
    pub(crate) fn fuzz(&self) -> PathBuf {
        self.root.join("fuzz")
    }

    /// The benchmarks' peers: a workspace of their own, for it brings its own engine.
    pub(crate) fn peers(&self) -> PathBuf {
        self.root.join("benches/peers")
    }
}
