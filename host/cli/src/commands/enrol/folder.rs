//! What an agent keeps: one folder, for its user alone.
//!
//! ```text
//! key.pem        the private key (0600); it is there first, so that an interrupted enrolment goes on with it
//! machine-uid    what the machine is recognised by
//! ca.pem         the authorities of the host
//! agent.json     whose agent this is
//! agent-key      the key for requests (0600), where one was asked for
//! cert.pem       the certificate; with it the agent is enrolled
//! ```

use std::os::unix::fs::DirBuilderExt as _;
use std::path::{Path, PathBuf};

use jiff::Timestamp;
use serde::{Deserialize, Serialize};
use waystation_files::Access;
use waystation_pki::AgentKeyPair;

use super::{Given, crypto, machine, pem};
use crate::exit::{Failure, Outcome};
use crate::files;

/// The most bytes of a file that is read here.
const MAX_FILE: usize = 64 << 10;

/// `agent.json`.
#[derive(Debug, Serialize, Deserialize)]
pub(super) struct State {
    /// Where its host is.
    pub(super) host: String,
    /// What it is called.
    pub(super) label: String,
    /// The number of its certificate.
    pub(super) serial: Option<String>,
    /// When that ends.
    pub(super) expires_at: Option<Timestamp>,
    /// By what it knows the host: `system`, a pin, or a file.
    pub(super) trust: String,
}

/// See the module.
pub(super) struct Folder {
    path: PathBuf,
}

impl Folder {
    /// The folder, which is made where there is none.
    pub(super) fn open(path: &Path) -> Result<Self, Failure> {
        let made = std::fs::DirBuilder::new().recursive(true).mode(0o700).create(path);
        made.map_err(|e| files::io(path, &e))?;
        Ok(Self { path: path.to_owned() })
    }

    /// A file of it.
    pub(super) fn at(&self, name: &str) -> PathBuf {
        self.path.join(name)
    }

    pub(super) fn path(&self) -> &Path {
        &self.path
    }

    /// Whether there is an agent in it.
    pub(super) fn is_enrolled(&self) -> bool {
        self.at("cert.pem").exists() || self.at("agent-key").exists()
    }

    /// The text of a file.
    pub(super) fn text(&self, name: &str) -> Result<String, Failure> {
        files::text(&self.at(name), MAX_FILE)
    }

    /// Its key, which is made where there is none.
    pub(super) fn key(&self) -> Result<AgentKeyPair, Failure> {
        let path = self.at("key.pem");
        if path.exists() {
            return AgentKeyPair::from_pem(&self.text("key.pem")?.into()).map_err(crypto);
        }
        let pair = AgentKeyPair::generate().map_err(crypto)?;
        let mut new = files::New::default();
        new.write(&path, pem(&pair).as_bytes(), 0o600)?;
        new.keep();
        Ok(pair)
    }

    /// What the machine is recognised by, and whether that was made up.
    pub(super) fn machine_uid(&self) -> Result<(String, bool), Failure> {
        let path = self.at("machine-uid");
        if path.exists() {
            return Ok((self.text("machine-uid")?.trim().to_owned(), false));
        }
        let (uid, made_up) = machine::uid();
        self.write("machine-uid", uid.as_str(), Access::AsBefore)?;
        Ok((uid.to_string(), made_up))
    }

    /// Writes a file, whole or not at all.
    fn write(&self, name: &str, text: &str, access: Access) -> Outcome {
        let path = self.at(name);
        waystation_files::replace(&path, text.as_bytes(), access).map_err(|e| files::io(&path, &e))
    }

    /// Keeps what the host gave, the certificate last.
    pub(super) fn keep(&self, state: &State, given: &Given) -> Outcome {
        if let Some(authorities) = &given.authorities {
            self.write("ca.pem", authorities, Access::AsBefore)?;
        }
        let state = format!("{}\n", serde_json::to_string_pretty(state)?);
        self.write("agent.json", &state, Access::AsBefore)?;
        if let Some(key) = &given.key {
            self.write("agent-key", &format!("{key}\n"), Access::Private)?;
        }
        match &given.cert {
            Some(certificate) => self.write("cert.pem", certificate, Access::AsBefore),
            None => Ok(()),
        }
    }

    /// Whose agent this is.
    pub(super) fn state(&self) -> Result<State, Failure> {
        let text = self.text("agent.json").map_err(|failure| {
            failure
                .code("not-enrolled")
                .hint("enrol it first with `waystation enrol`, or name its folder with --out")
        })?;
        Ok(serde_json::from_str(&text)?)
    }
}
