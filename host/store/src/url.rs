//! Where the state is kept. Holds a password at times, so it prints itself without one.

use std::{fmt, path::PathBuf, str::FromStr};

use secrecy::{ExposeSecret, SecretString};

use crate::error::StoreError;

/// The address of a database: `sqlite:PATH`, `sqlite://PATH` or `postgres://…`.
///
/// `Debug` and `Display` leave out user, password and parameters of a PostgreSQL address.
#[derive(Clone)]
pub struct DatabaseUrl(pub(crate) Address);

#[derive(Clone)]
pub(crate) enum Address {
    Sqlite(PathBuf),
    Postgres(SecretString),
}

impl DatabaseUrl {
    /// A SQLite database in the file `path`.
    #[must_use]
    pub fn sqlite(path: impl Into<PathBuf>) -> Self {
        Self(Address::Sqlite(path.into()))
    }

    /// The file of a SQLite database.
    #[must_use]
    pub fn sqlite_path(&self) -> Option<&std::path::Path> {
        match &self.0 {
            Address::Sqlite(path) => Some(path),
            Address::Postgres(_) => None,
        }
    }
}

impl FromStr for DatabaseUrl {
    type Err = StoreError;

    fn from_str(text: &str) -> Result<Self, Self::Err> {
        if text.starts_with("postgres://") || text.starts_with("postgresql://") {
            return Ok(Self(Address::Postgres(text.to_owned().into())));
        }
        let path = text
            .strip_prefix("sqlite:")
            .ok_or(StoreError::BadUrl { why: "it starts with neither sqlite: nor postgres://" })?;
        let path = path.strip_prefix("//").unwrap_or(path);
        if path.is_empty() || path.contains(":memory:") || path.contains('?') {
            return Err(StoreError::BadUrl {
                why: "sqlite: must be followed by the path of a file, and nothing else",
            });
        }
        Ok(Self::sqlite(path))
    }
}

impl fmt::Display for DatabaseUrl {
    fn fmt(&self, f: &mut fmt::Formatter<'_>) -> fmt::Result {
        match &self.0 {
            Address::Sqlite(path) => write!(f, "sqlite:{}", path.display()),
            Address::Postgres(url) => {
                let rest = url.expose_secret().split_once("://").map_or("", |(_, rest)| rest);
                let rest = rest.split(['?', '#']).next().unwrap_or("");
                // The last `@`: a password that was not percent-encoded may hold one.
                let place = rest.rsplit_once('@').map_or(rest, |(_, place)| place);
                write!(f, "postgres://{place}")
            }
        }
    }
}

impl fmt::Debug for DatabaseUrl {
    fn fmt(&self, f: &mut fmt::Formatter<'_>) -> fmt::Result {
        write!(f, "DatabaseUrl({self})")
    }
}

#[cfg(test)]
mod tests {
    use super::*;

    #[test]
    fn a_password_is_never_printed() {
        for text in [
            "postgres://joe:s3cret@db.example.org:5432/way?sslmode=require",
            "postgresql://joe:s3cret@db.example.org:5432/way",
            "postgres://joe:x@s3cret@db.example.org:5432/way?password=s3cret",
        ] {
            let url: DatabaseUrl = text.parse().unwrap();
            assert_eq!(url.to_string(), "postgres://db.example.org:5432/way");
            assert!(!format!("{url:?}").contains("s3cret"));
        }
        assert_eq!(
            "postgres:///way?password=s3cret".parse::<DatabaseUrl>().unwrap().to_string(),
            "postgres:///way"
        );
    }

    #[test]
    fn a_file_is_named_in_two_ways() {
        for text in ["sqlite:/var/lib/waystation/state.db", "sqlite:///var/lib/waystation/state.db"] {
            let url: DatabaseUrl = text.parse().unwrap();
            assert_eq!(url.sqlite_path().unwrap().to_str(), Some("/var/lib/waystation/state.db"));
        }
    }

    #[test]
    fn what_is_no_address_is_refused_without_repeating_it() {
        for text in
            ["", "state.db", "mysql://joe:s3cret@db/x", "sqlite:", "sqlite::memory:", "sqlite:a?mode=ro"]
        {
            let error = text.parse::<DatabaseUrl>().unwrap_err();
            assert_eq!(error.code(), "database-url-invalid");
            assert!(!error.to_string().contains("s3cret"));
        }
    }
}
