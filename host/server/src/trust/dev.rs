//! Folders in which plugins are made.

use std::os::unix::fs::MetadataExt as _;
use std::path::{Path, PathBuf};

use waystation_runtime::LoadError;

/// Others may write: whoever has an account on the machine decides what runs.
const WRITABLE_BY_ALL: u32 = 0o002;

/// Whether a file lies in one of the folders, wherever links lead: the folder, and the file as it is really called.
///
/// # Errors
/// `dev-folder-writable`, where the folder or the file is for everybody to change.
pub(super) fn covers(folders: &[PathBuf], file: &Path) -> Result<Option<(PathBuf, PathBuf)>, LoadError> {
    // What does not exist is for whoever reads it to tell.
    let Ok(file) = std::fs::canonicalize(file) else { return Ok(None) };
    let folder = folders.iter().filter_map(|folder| std::fs::canonicalize(folder).ok());
    let Some(folder) = folder.into_iter().find(|folder| file.starts_with(folder)) else { return Ok(None) };
    let between = file.ancestors().take_while(|part| part.starts_with(&folder));
    for part in between {
        let open = std::fs::metadata(part).is_ok_and(|found| found.mode() & WRITABLE_BY_ALL != 0);
        if open {
            return Err(LoadError::NotAdmitted {
                code: "dev-folder-writable",
                message: format!(
                    "{} is in the dev folder {}, but everybody on this machine can write to {}; take that right \
                     away (`chmod o-w`), or sign the plugin",
                    file.display(),
                    folder.display(),
                    part.display()
                ),
            });
        }
    }
    Ok(Some((folder, file)))
}

#[cfg(test)]
mod tests {
    use std::fs::{self, Permissions};
    use std::os::unix::fs::{PermissionsExt as _, symlink};

    use super::*;

    #[test]
    fn only_what_really_lies_in_the_folder_counts() {
        let place = tempfile::tempdir().unwrap();
        let path = |name: &str| place.path().join(name);
        for folder in ["dev", "dev/sub", "dev-not", "other"] {
            fs::create_dir(path(folder)).unwrap();
        }
        for file in ["dev/a.wasm", "dev/sub/b.wasm", "dev-not/c.wasm", "other/d.wasm"] {
            fs::write(path(file), "x").unwrap();
        }
        symlink(path("other/d.wasm"), path("dev/out.wasm")).unwrap();
        symlink(path("dev/a.wasm"), path("other/in.wasm")).unwrap();
        symlink(path("dev"), path("link")).unwrap();
        let folders = [path("link")];
        let covered = |name: &str| covers(&folders, &path(name)).unwrap().is_some();
        for (name, expected) in [
            ("dev/a.wasm", true),
            ("dev/sub/b.wasm", true),
            ("other/in.wasm", true),
            ("dev/../dev/a.wasm", true),
            ("dev-not/c.wasm", false),
            ("dev/out.wasm", false),
            ("dev/../other/d.wasm", false),
            ("dev/nowhere.wasm", false),
        ] {
            assert_eq!(covered(name), expected, "{name}");
        }
        assert_eq!(covers(&[], &path("dev/a.wasm")).unwrap(), None);
        assert_eq!(covers(&[path("nowhere")], &path("dev/a.wasm")).unwrap(), None);
    }

    #[test]
    fn what_everybody_can_change_is_nobodys_word() {
        let place = tempfile::tempdir().unwrap();
        let file = place.path().join("a.wasm");
        fs::write(&file, "x").unwrap();
        let folders = [place.path().to_owned()];
        assert!(covers(&folders, &file).unwrap().is_some());
        for (part, mode, back) in [(place.path(), 0o777, 0o700), (file.as_path(), 0o666, 0o644)] {
            fs::set_permissions(part, Permissions::from_mode(mode)).unwrap();
            assert_eq!(covers(&folders, &file).unwrap_err().code(), "dev-folder-writable");
            fs::set_permissions(part, Permissions::from_mode(back)).unwrap();
        }
    }
}
