//! Secrets: where they come from, and how they stay out of everything that is printed.

use std::{
    collections::BTreeMap,
    fmt, fs,
    io::Read,
    path::{Path, PathBuf},
};

use schemars::JsonSchema;
use secrecy::{ExposeSecret, SecretString};
use serde::{Deserialize, Serialize};
use subtle::ConstantTimeEq;
use url::Url;

use super::{
    problem::{Code, Problem},
    text::{Refusal, Text, VariableName, text},
};

/// The largest secret that is read, in bytes.
pub const MAX_SECRET: u64 = 64 << 10;

/// The variables of the process, passed around as a value. Its debug form shows names only.
#[derive(Clone, Default)]
pub struct Environment(BTreeMap<String, SecretString>);

impl Environment {
    /// The variables of this process. Those that are not UTF-8 cannot hold a setting and are left out.
    #[must_use]
    pub fn of_process() -> Self {
        let text = |(name, value): (std::ffi::OsString, std::ffi::OsString)| {
            Some((name.into_string().ok()?, value.into_string().ok()?))
        };
        std::env::vars_os().filter_map(text).collect()
    }

    /// A variable that is set and not empty.
    #[must_use]
    pub fn get(&self, name: &str) -> Option<&SecretString> {
        self.0.get(name).filter(|value| !value.expose_secret().is_empty())
    }

    /// The names, in order.
    pub fn names(&self) -> impl Iterator<Item = &str> {
        self.0.keys().map(String::as_str)
    }
}

impl FromIterator<(String, String)> for Environment {
    fn from_iter<I: IntoIterator<Item = (String, String)>>(variables: I) -> Self {
        Self(variables.into_iter().map(|(name, value)| (name, value.into())).collect())
    }
}

impl fmt::Debug for Environment {
    fn fmt(&self, f: &mut fmt::Formatter<'_>) -> fmt::Result {
        f.debug_set().entries(self.0.keys()).finish()
    }
}

/// Where a secret comes from: `{ env = "NAME" }` or `{ file = "/path" }`.
#[derive(Debug, Clone, PartialEq, Eq, Serialize, Deserialize, JsonSchema)]
#[serde(rename_all = "lowercase")]
pub enum SecretSource {
    /// The environment variable of this name.
    Env(VariableName),
    /// The content of this file, without the line break at its end.
    File(#[schemars(extend("format" = "path"))] PathBuf),
}

/// A secret as it was found.
#[derive(Debug, Clone)]
pub struct Secret {
    /// The secret.
    pub value: SecretString,
    /// What is not good about how it is kept; it works nevertheless.
    pub warning: Option<Problem>,
}

impl SecretSource {
    /// Reads the secret. Nothing else in this module touches a file that holds one.
    ///
    /// # Errors
    /// A problem without a key (see [`Problem::at`]) where the variable is not set or empty, or the file
    /// cannot be read, is empty, is not UTF-8 or is larger than [`MAX_SECRET`].
    pub fn resolve(&self, environment: &Environment) -> Result<Secret, Box<Problem>> {
        match self {
            Self::Env(name) => match environment.get(name.as_str()) {
                Some(value) => Ok(Secret { value: value.clone(), warning: None }),
                None => {
                    let message = format!("the environment variable {name} is not set, or empty");
                    let hint = "set it for the host's process, or read the secret from a file instead";
                    Err(Box::new(Problem::new(Code::SecretMissing, message).hint(hint)))
                }
            },
            Self::File(path) => read_secret_file(path),
        }
    }
}

/// Reads a secret from a file.
pub(super) fn read_secret_file(path: &Path) -> Result<Secret, Box<Problem>> {
    let shown = path.display();
    let missing = |why: &dyn fmt::Display, hint: &str| {
        Box::new(
            Problem::new(Code::SecretMissing, format!("cannot use the secret in {shown}: {why}")).hint(hint),
        )
    };
    let opened = fs::File::open(path).and_then(|file| Ok((file.metadata()?, file)));
    let (metadata, file) =
        opened.map_err(|error| missing(&error, "create the file, readable for the host's user alone"))?;
    if !metadata.is_file() {
        return Err(missing(&"it is not a regular file", "name the file that holds the secret"));
    }
    let mut bytes = Vec::new();
    let read = file.take(MAX_SECRET + 1).read_to_end(&mut bytes);
    read.map_err(|error| missing(&error, "make the file readable for the host's user"))?;
    if bytes.len() as u64 > MAX_SECRET {
        return Err(missing(
            &format!("it is larger than {MAX_SECRET} bytes"),
            "name the file that holds the secret",
        ));
    }
    let text = String::from_utf8(bytes).map_err(|_| {
        missing(&"it is not UTF-8 text", "store the secret as text, in hex or base64 for instance")
    })?;
    let secret =
        text.strip_suffix('\n').map_or(text.as_str(), |line| line.strip_suffix('\r').unwrap_or(line));
    if secret.is_empty() {
        return Err(missing(&"it is empty", "write the secret into it"));
    }
    Ok(Secret { value: secret.into(), warning: open_to_others(path) })
}

fn open_to_others(path: &Path) -> Option<Problem> {
    let mode = waystation_files::open_to_others(path).ok()??;
    let message = format!("the secret in {} is open to other users (mode {mode:04o})", path.display());
    Some(Problem::new(Code::SecretPermissions, message).warning().hint("run `chmod 600` on it"))
}

/// The URL of the database, password included. Prints without it.
#[derive(Clone)]
pub struct DatabaseUrl(SecretString);

/// Which database a [`DatabaseUrl`] is for.
#[derive(Debug, Clone, Copy, PartialEq, Eq)]
pub enum DatabaseKind {
    /// A file.
    Sqlite,
    /// A server.
    Postgres,
}

impl DatabaseUrl {
    /// A database in the file `path`.
    #[must_use]
    pub fn sqlite_file(path: &Path) -> Self {
        Self(format!("sqlite:{}", path.display()).into())
    }

    /// From the content of a file.
    pub(super) fn of_secret(secret: &SecretString) -> Result<Self, Refusal> {
        Self::read(secret.expose_secret())
    }

    /// Which database.
    #[must_use]
    pub fn kind(&self) -> DatabaseKind {
        if self.expose().starts_with("sqlite:") { DatabaseKind::Sqlite } else { DatabaseKind::Postgres }
    }

    /// The whole URL, for the one who connects.
    #[must_use]
    pub fn expose(&self) -> &str {
        self.0.expose_secret()
    }

    /// The same with a relative SQLite path taken from `base`.
    pub(super) fn rebased(&self, base: &Path) -> Self {
        let Some(path) = self.expose().strip_prefix("sqlite:") else { return self.clone() };
        Self::sqlite_file(&base.join(path.strip_prefix("//").unwrap_or(path)))
    }

    /// Where it leads, without user, password and parameters.
    fn redacted(&self) -> String {
        if self.kind() == DatabaseKind::Sqlite {
            return self.expose().to_owned();
        }
        let Ok(url) = Url::parse(self.expose()) else { return "postgres://…".to_owned() };
        let port = url.port().map(|port| format!(":{port}")).unwrap_or_default();
        format!("postgres://…@{}{port}{}", url.host_str().unwrap_or_default(), url.path())
    }
}

impl Text for DatabaseUrl {
    const FORMAT: &'static str = "database-url";
    const PATTERN: Option<&'static str> = Some("^(sqlite:|postgres://|postgresql://)");

    fn read(text: &str) -> Result<Self, Refusal> {
        let server = text.starts_with("postgres://") || text.starts_with("postgresql://");
        if server && Url::parse(text).is_err() {
            let mut refusal =
                Refusal::must("must be a URL such as \"postgres://user:password@host/database\"");
            refusal.hint = Some("write special characters of the password as %XX".to_owned());
            return Err(refusal);
        }
        let path = text.strip_prefix("sqlite:").map(|path| path.strip_prefix("//").unwrap_or(path));
        if path.is_some_and(|path| path.is_empty() || path.contains('?') || path.contains(":memory:")) {
            return Err(Refusal::must("must be \"sqlite:\" and the path of a file, and nothing else"));
        }
        if !(server || path.is_some()) || text.chars().any(char::is_control) {
            return Err(Refusal::must("must start with \"sqlite:\" or \"postgres://\""));
        }
        Ok(Self(text.into()))
    }
}

impl PartialEq for DatabaseUrl {
    fn eq(&self, other: &Self) -> bool {
        self.expose().as_bytes().ct_eq(other.expose().as_bytes()).into()
    }
}

impl Eq for DatabaseUrl {}

impl fmt::Display for DatabaseUrl {
    fn fmt(&self, f: &mut fmt::Formatter<'_>) -> fmt::Result {
        f.write_str(&self.redacted())
    }
}

impl fmt::Debug for DatabaseUrl {
    fn fmt(&self, f: &mut fmt::Formatter<'_>) -> fmt::Result {
        write!(f, "DatabaseUrl({:?})", self.redacted())
    }
}

text!(DatabaseUrl, serialize: |url| url.redacted());

#[cfg(test)]
mod tests;
