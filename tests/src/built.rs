//! Where the build put what the tests run.

use std::path::{Path, PathBuf};

use anyhow::{Context as _, Result, bail};

/// The folder of the plugins of this repository.
///
/// # Errors
/// When it is not known.
pub fn plugins() -> Result<PathBuf> {
    from_environment("WAYSTATION_PLUGINS_DIR").map(PathBuf::from)
}

/// The folder of the plugins as operators get them: signed, in an index, with the policy that trusts them.
///
/// # Errors
/// When it is not known.
pub fn supply() -> Result<PathBuf> {
    from_environment("WAYSTATION_SUPPLY_DIR").map(PathBuf::from)
}

/// The folder of the plugins that only the tests use.
///
/// # Errors
/// When it is not known.
pub fn fixtures() -> Result<PathBuf> {
    from_environment("WAYSTATION_FIXTURES_DIR").map(PathBuf::from)
}

/// The program as it is built with the feature `data-reset`.
///
/// # Errors
/// When it is not known.
pub fn resetting() -> Result<PathBuf> {
    from_environment("WAYSTATION_RESET_BIN").map(PathBuf::from)
}

/// The folder with the JavaScript client of Sigstore.
///
/// # Errors
/// When it is not known.
pub fn javascript() -> Result<PathBuf> {
    from_environment("WAYSTATION_SIGSTORE_JS").map(PathBuf::from)
}

/// The folder with the provider of logins.
///
/// # Errors
/// When it is not known.
pub fn oidc() -> Result<PathBuf> {
    from_environment("WAYSTATION_OIDC_JS").map(PathBuf::from)
}

/// The Python interpreter that has the clients of Sigstore and of ORAS.
///
/// # Errors
/// When it is not known.
pub fn python() -> Result<PathBuf> {
    from_environment("WAYSTATION_READERS_PYTHON").map(PathBuf::from)
}

/// The folder of the SDK in TypeScript, as its users have it.
///
/// # Errors
/// When it is not known.
pub fn sdk_js() -> Result<PathBuf> {
    from_environment("WAYSTATION_SDK_JS").map(PathBuf::from)
}

/// A plugin of this repository, by the last part of its name.
///
/// # Errors
/// When it was not built.
pub fn plugin(name: &str) -> Result<PathBuf> {
    component(&plugins()?, name)
}

/// A plugin that only the tests use.
///
/// # Errors
/// When it was not built.
pub fn fixture(name: &str) -> Result<PathBuf> {
    component(&fixtures()?, name)
}

fn component(folder: &Path, name: &str) -> Result<PathBuf> {
    let file = folder.join(format!("{name}.wasm"));
    if !file.is_file() {
        bail!("{} was not built; run `cargo xtask test`, which builds it", file.display());
    }
    Ok(file)
}

/// The address of a PostgreSQL in which the tests may make databases.
///
/// # Errors
/// When there is none.
pub fn postgres() -> Result<String> {
    from_environment("WAYSTATION_TEST_POSTGRES")
}

fn from_environment(variable: &str) -> Result<String> {
    std::env::var(variable)
        .with_context(|| format!("{variable} is not set; run `cargo xtask test`, which sets it"))
}

/// The `waystation` binary: the one that `WAYSTATION_BIN` names, else the one that
/// was built beside this test.
///
/// # Errors
/// When there is neither.
pub fn binary() -> Result<PathBuf> {
    if let Some(named) = std::env::var_os("WAYSTATION_BIN") {
        return Ok(named.into());
    }
    let test = std::env::current_exe()?;
    let beside = test.ancestors().nth(2).map(|folder| folder.join("waystation"));
    match beside.filter(|binary| binary.is_file()) {
        Some(binary) => Ok(binary),
        None => {
            bail!("there is no `waystation` binary beside this test; run `cargo xtask test`, which builds it")
        }
    }
}

/// A folder of compiled plugins that all tests share, so that each is compiled once.
///
/// # Errors
/// When it cannot be made.
pub fn artifacts() -> Result<PathBuf> {
    let test = std::env::current_exe()?;
    let target = test.ancestors().nth(3).context("the test runs outside of a target folder")?;
    let folder = target.join("tmp/waystation-artifacts");
    std::fs::create_dir_all(&folder)?;
    // Hosts make their key when there is none. Here many start at once, so the key has to be there before.
    let key = tempfile::NamedTempFile::new_in(&folder)?;
    std::fs::write(key.path(), rand::random::<[u8; 32]>())?;
    match key.persist_noclobber(folder.join("key")) {
        Err(e) if e.error.kind() != std::io::ErrorKind::AlreadyExists => Err(e.error.into()),
        _ => Ok(folder),
    }
}
