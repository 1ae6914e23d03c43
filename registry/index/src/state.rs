//! What was seen of an index, kept so that nothing older is believed later.
//!
//! One file holds all of it and is replaced as a whole. What is read of it is verified again each time.

use std::fs::File;
use std::path::{Path, PathBuf};

use serde::{Deserialize, Serialize};
use waystation_bundle::ContentDigest;

use crate::error::IndexError;
use crate::files;
use crate::limits::Limits;
use crate::material::Material;
use crate::source::read_file;

const FILE: &str = "trusted.json";
const LOCK: &str = "lock";

/// The folder of one index. Several processes may use it at once.
#[derive(Debug)]
pub(crate) struct State {
    folder: PathBuf,
    limits: Limits,
}

/// What was read, and which bytes it was.
#[derive(Debug, Default)]
pub(crate) struct Seen {
    pub(crate) material: Option<Material>,
    digest: Option<ContentDigest>,
}

#[derive(Serialize, Deserialize)]
#[serde(deny_unknown_fields)]
struct Kept {
    version: u32,
    material: Material,
}

impl State {
    pub(crate) fn open(folder: &Path, limits: &Limits) -> Result<Self, IndexError> {
        std::fs::create_dir_all(folder).map_err(|e| IndexError::io(folder, &e))?;
        Ok(Self { folder: folder.to_owned(), limits: *limits })
    }

    pub(crate) fn folder(&self) -> &Path {
        &self.folder
    }

    pub(crate) fn load(&self) -> Result<Seen, IndexError> {
        // Every file that is kept, as JSON inside JSON, which at worst doubles it.
        let files = self.limits.delegations as u64 + 1;
        let most = self.limits.targets.saturating_mul(files).saturating_mul(2);
        let Some(bytes) = read_file(&self.folder.join(FILE), most)? else { return Ok(Seen::default()) };
        let wrong = |why: String| IndexError::State { path: self.folder.display().to_string(), why };
        let kept: Kept = serde_json::from_slice(&bytes).map_err(|e| wrong(e.to_string()))?;
        if kept.version != 1 {
            return Err(wrong(format!("it is of version {}, and this program reads 1", kept.version)));
        }
        Ok(Seen { material: Some(kept.material), digest: Some(ContentDigest::of(&bytes)) })
    }

    /// Puts new material in the place of what was seen. False where somebody else did so meanwhile, and nothing was
    /// written: what is new has to be held against that first.
    pub(crate) fn replace(&self, seen: &Seen, material: &Material) -> Result<bool, IndexError> {
        let path = self.folder.join(FILE);
        let _lock = self.lock()?;
        if self.load()?.digest != seen.digest {
            return Ok(false);
        }
        let kept = Kept { version: 1, material: material.clone() };
        let bytes = serde_json::to_vec(&kept).map_err(|e| IndexError::malformed(FILE, e.to_string()))?;
        files::write(&path, &bytes)?;
        Ok(true)
    }

    /// Held as long as the file is open.
    fn lock(&self) -> Result<File, IndexError> {
        files::lock(&self.folder.join(LOCK))
    }
}
