//! Finds and reads the configuration.

use std::path::{Path, PathBuf};

use waystation_server::config::{Config, ConfigError, Environment, Problem};

use crate::args::Global;
use crate::exit::{Exit, Failure};

/// What `up` writes into its data folder.
pub(crate) const UP_FILE: &str = "up.toml";

/// The file that holds: the one named, else `waystation.toml` here, else what `up`
/// wrote here.
pub(crate) fn file(global: &Global) -> Option<PathBuf> {
    let default = [PathBuf::from("waystation.toml"), Path::new("waystation-data").join(UP_FILE)];
    global.config.clone().or_else(|| default.into_iter().find(|file| file.exists()))
}

/// The variables of this process that a host may read.
pub(crate) fn environment() -> Environment {
    Environment::of_process()
}

pub(crate) fn read(file: Option<&Path>) -> Result<Config, ConfigError> {
    let variables = std::env::vars_os()
        .filter_map(|(name, value)| Some((name.into_string().ok()?, value.into_string().ok()?)));
    Config::load(file, variables)
}

pub(crate) fn load(global: &Global) -> Result<Config, Failure> {
    read(file(global).as_deref()).map_err(|e| invalid(&e))
}

/// Why a configuration is not used.
pub(crate) fn invalid(e: &ConfigError) -> Failure {
    let failure = Failure::new(Exit::Config, e.to_string()).code(e.code());
    match e.problems.as_slice() {
        [Problem { hint: Some(hint), .. }] => failure.hint(hint),
        _ => failure,
    }
}
