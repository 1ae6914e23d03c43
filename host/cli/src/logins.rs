//! What the command line is logged in with: in a file of the user's own, by host.

use std::collections::BTreeMap;
use std::fs::{File, OpenOptions};
use std::io::ErrorKind;
use std::os::unix::fs::{DirBuilderExt as _, OpenOptionsExt as _};
use std::path::{Path, PathBuf};

use jiff::{SignedDuration, Timestamp};
use serde::{Deserialize, Serialize};
use url::Url;
use waystation_files::Access;
use waystation_server::api::login::Tokens;

use crate::exit::{Exit, Failure, Outcome};
use crate::files::{self, io};

/// The most bytes of the file.
const MAX_FILE: usize = 4 << 20;

/// How long a token must hold to be used: for a request that takes its time.
const SPARE: SignedDuration = SignedDuration::from_secs(30);

/// See the module.
pub(crate) struct Logins {
    folder: PathBuf,
    /// Which host: its address, or the folder of the one on this machine, which may have another address each time.
    host: String,
}

/// One login.
#[derive(Serialize, Deserialize)]
pub(crate) struct Known {
    pub(crate) access_token: String,
    pub(crate) refresh_token: String,
    access_expires_at: Timestamp,
}

impl Known {
    /// Whether the access token can be used.
    pub(crate) fn holds(&self, now: Timestamp) -> bool {
        now.checked_add(SPARE).is_ok_and(|then| then < self.access_expires_at)
    }
}

impl Logins {
    /// To the host at this address, or to that of a data folder.
    pub(crate) fn of(url: Option<&Url>, data: &Path) -> Result<Self, Failure> {
        let host = match url {
            Some(url) => url.as_str().trim_end_matches('/').to_owned(),
            None => {
                let whole = std::path::absolute(data).map_err(|e| io(data, &e))?;
                format!("data:{}", whole.canonicalize().unwrap_or(whole).display())
            }
        };
        Ok(Self { folder: folder()?, host })
    }

    fn file(&self) -> PathBuf {
        self.folder.join("logins.json")
    }

    fn all(&self) -> Result<BTreeMap<String, Known>, Failure> {
        let file = self.file();
        if !file.exists() {
            return Ok(BTreeMap::new());
        }
        serde_json::from_str(&files::text(&file, MAX_FILE)?).map_err(|e| {
            let message = format!("{} is not what this command wrote: {e}", file.display());
            Failure::new(Exit::Failed, message).code("bad-logins").hint("remove the file, and log in again")
        })
    }

    fn change(&self, change: impl FnOnce(&mut BTreeMap<String, Known>)) -> Outcome {
        std::fs::DirBuilder::new()
            .recursive(true)
            .mode(0o700)
            .create(&self.folder)
            .map_err(|e| io(&self.folder, &e))?;
        // Read and written as one, whoever else does; not the lock of those who refresh, which is held for longer.
        let _lock = self.locked("logins.change")?;
        let mut all = self.all()?;
        change(&mut all);
        let file = self.file();
        waystation_files::replace(&file, &serde_json::to_vec_pretty(&all)?, Access::Private)
            .map_err(|e| io(&file, &e))
    }

    /// The login to this host.
    pub(crate) fn read(&self) -> Result<Option<Known>, Failure> {
        Ok(self.all()?.remove(&self.host))
    }

    /// Keeps it.
    pub(crate) fn keep(&self, tokens: &Tokens) -> Result<Known, Failure> {
        let known = || Known {
            access_token: tokens.access_token.clone(),
            refresh_token: tokens.refresh_token.clone(),
            access_expires_at: Timestamp::now()
                .checked_add(SignedDuration::from_secs(tokens.expires_in))
                .unwrap_or(Timestamp::MAX),
        };
        self.change(|all| drop(all.insert(self.host.clone(), known())))?;
        Ok(known())
    }

    /// Forgets it.
    pub(crate) fn forget(&self) -> Outcome {
        self.change(|all| drop(all.remove(&self.host)))
    }

    /// Keeps other commands from refreshing until it is dropped.
    pub(crate) fn lock(&self) -> Result<File, Failure> {
        self.locked("logins.lock")
    }

    fn locked(&self, name: &str) -> Result<File, Failure> {
        let file = self.folder.join(name);
        let open = OpenOptions::new().write(true).create(true).truncate(false).mode(0o600).open(&file);
        let lock = open.and_then(|lock| lock.lock().map(|()| lock));
        lock.map_err(|e| io(&file, &e))
    }
}

/// `$XDG_CONFIG_HOME/waystation`, or below `~/.config` (XDG Base Directory Specification).
fn folder() -> Result<PathBuf, Failure> {
    let named = |name: &str| std::env::var_os(name).map(PathBuf::from).filter(|path| path.is_absolute());
    let base = named("XDG_CONFIG_HOME").or_else(|| named("HOME").map(|home| home.join(".config")));
    let missing = || {
        let error = std::io::Error::from(ErrorKind::NotFound);
        io(Path::new("$HOME"), &error).hint("set HOME, or name a file with an API token with --token-file")
    };
    base.map(|base| base.join("waystation")).ok_or_else(missing)
}
