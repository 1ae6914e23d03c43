//! The keys that apt trusts for an entry of its sources.

use std::path::{Path, PathBuf};

use base64::Engine as _;
use base64::engine::general_purpose::STANDARD;

use super::entry::Entry;

/// Whom apt believes.
#[derive(Debug, Clone, PartialEq, Eq)]
pub(super) enum Trust {
    /// As the plugin takes them: armored text as it is, a binary keyring in base64.
    Keys(Vec<String>),
    /// The entry says that no signature is needed.
    Anybody,
}

impl Trust {
    /// The entry's own keys, or those that apt trusts for every entry without.
    pub(super) fn of(entry: &Entry) -> Result<Self, String> {
        let files = match entry.signed_by.as_deref() {
            _ if entry.trusted => return Ok(Self::Anybody),
            Some(armored) if armored.contains("BEGIN PGP") => {
                return Ok(Self::Keys(vec![armored.trim().to_owned()]));
            }
            Some(named) => named_files(named)?,
            None => global(Path::new("/etc/apt")),
        };
        let keys: Vec<String> = files.iter().map(|file| read(file)).collect::<Result<_, _>>()?;
        let keys: Vec<String> = keys.into_iter().filter(|key| !key.is_empty()).collect();
        if keys.is_empty() {
            return Err("apt has no key for it".to_owned());
        }
        Ok(Self::Keys(keys))
    }
}

fn named_files(named: &str) -> Result<Vec<PathBuf>, String> {
    let names = named.split(|c: char| c == ',' || c.is_whitespace()).filter(|name| !name.is_empty());
    names
        .map(|name| match name.starts_with('/') {
            true => Ok(PathBuf::from(name)),
            false => {
                Err(format!("`Signed-By` names the fingerprint {name}; name the file of the key instead"))
            }
        })
        .collect()
}

/// `trusted.gpg` and `trusted.gpg.d`, as apt-secure(8) says.
fn global(folder: &Path) -> Vec<PathBuf> {
    let keyring = |path: &PathBuf| path.extension().is_some_and(|ending| ending == "gpg" || ending == "asc");
    let mut files: Vec<PathBuf> = std::fs::read_dir(folder.join("trusted.gpg.d"))
        .map(|entries| entries.filter_map(|entry| Some(entry.ok()?.path())).filter(keyring).collect())
        .unwrap_or_default();
    files.sort();
    files.extend(Some(folder.join("trusted.gpg")).filter(|file| file.is_file()));
    files
}

fn read(file: &Path) -> Result<String, String> {
    let bytes = std::fs::read(file).map_err(|e| format!("its key {} cannot be read: {e}", file.display()))?;
    Ok(String::from_utf8(bytes).unwrap_or_else(|e| STANDARD.encode(e.into_bytes())))
}

#[cfg(test)]
mod tests {
    use super::*;

    fn entry(signed_by: &str) -> Entry {
        Entry { signed_by: Some(signed_by.to_owned()), trusted: false }
    }

    #[test]
    fn keys_of_an_entry() {
        let dir = tempfile::tempdir().unwrap();
        let (text, binary) = (dir.path().join("a.asc"), dir.path().join("b.gpg"));
        std::fs::write(&text, "-----BEGIN PGP").unwrap();
        std::fs::write(&binary, [0x99, 0xff]).unwrap();
        let named = format!("{},{}", text.display(), binary.display());
        let keys = Trust::of(&entry(&named)).unwrap();
        assert_eq!(keys, Trust::Keys(vec!["-----BEGIN PGP".to_owned(), "mf8=".to_owned()]));
        let armored = "-----BEGIN PGP PUBLIC KEY BLOCK-----\n\nabc";
        assert_eq!(Trust::of(&entry(armored)), Ok(Trust::Keys(vec![armored.to_owned()])));
        assert_eq!(Trust::of(&Entry { trusted: true, ..entry("/none") }), Ok(Trust::Anybody));
        assert!(Trust::of(&entry("0123456789ABCDEF")).unwrap_err().contains("fingerprint"));
        assert!(Trust::of(&entry("/none/here")).unwrap_err().contains("/none/here"));
    }

    #[test]
    fn keys_for_every_entry() {
        let dir = tempfile::tempdir().unwrap();
        std::fs::create_dir(dir.path().join("trusted.gpg.d")).unwrap();
        for name in ["trusted.gpg.d/b.gpg", "trusted.gpg.d/a.asc", "trusted.gpg.d/a.asc~", "trusted.gpg"] {
            std::fs::write(dir.path().join(name), "x").unwrap();
        }
        let files = global(dir.path());
        let names: Vec<_> = files.iter().filter_map(|file| file.file_name()?.to_str()).collect();
        assert_eq!(names, ["a.asc", "b.gpg", "trusted.gpg"]);
    }
}
