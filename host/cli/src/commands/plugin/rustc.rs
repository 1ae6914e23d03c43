//! The compiler, called so that a crate is the same wherever its folder is.
//!
//! `plugin build` puts this program between cargo and rustc (`RUSTC_WRAPPER`), because two things that cargo passes on
//! depend on the folder. Paths end up in messages of panics: they are replaced by the name and version of the crate.
//! And a crate from a folder, other than one from a registry, is told apart from others of its name by that folder
//! (`-C metadata`), which goes into every type id and symbol: it is told apart by its name, version and features
//! instead.

use std::ffi::OsString;
use std::os::unix::process::CommandExt as _;
use std::path::Path;
use std::process::{Command, ExitCode};

use sha2::{Digest as _, Sha256};

use super::rust::TARGET;
use crate::output;

/// The folders of the crates that come from no registry, one a line. Whoever sets it wants a compiler.
pub(crate) const LOCAL: &str = "WAYSTATION_LOCAL_CRATES";

/// Calls the compiler, if that is what this program was started for. It does not return, unless that fails.
pub(crate) fn stand_in() -> Option<ExitCode> {
    let local = std::env::var_os(LOCAL)?;
    let mut args = std::env::args_os().skip(1);
    let program = args.next()?;
    let krate = Crate::from_environment(&local);
    let mut command = Command::new(&program);
    command.env_remove(LOCAL).args(rewritten(args.collect(), krate.as_ref()));
    let e = command.exec();
    output::note(format!("cannot run {}: {e}", program.display()));
    Some(ExitCode::FAILURE)
}

/// What cargo says about the crate that is being compiled.
struct Crate {
    folder: String,
    name: String,
    version: String,
    /// Where it is compiled from.
    working: Option<String>,
    /// Where its build script wrote to.
    out: Option<String>,
    /// Whether it comes from no registry.
    local: bool,
}

impl Crate {
    fn from_environment(local: &OsString) -> Option<Self> {
        let variable = |name| std::env::var(name).ok();
        let folder = variable("CARGO_MANIFEST_DIR")?;
        let local =
            local.to_str().is_some_and(|all| all.lines().any(|one| Path::new(one) == Path::new(&folder)));
        Some(Self {
            name: variable("CARGO_PKG_NAME")?,
            version: variable("CARGO_PKG_VERSION")?,
            working: std::env::current_dir().ok().and_then(|dir| dir.to_str().map(str::to_owned)),
            out: variable("OUT_DIR"),
            folder,
            local,
        })
    }

    /// What stands for its folder, and for those beside it; where several match, rustc takes the last.
    fn remaps(&self) -> impl Iterator<Item = OsString> {
        let name = format!("{}-{}", self.name, self.version);
        let working = self.working.as_ref().map(|from| format!("{from}=workspace"));
        let folder = format!("{}={name}", self.folder);
        let out = self.out.as_ref().map(|from| format!("{from}={name}/out"));
        [working, Some(folder), out]
            .into_iter()
            .flatten()
            .map(|it| format!("--remap-path-prefix={it}").into())
    }

    /// What tells it apart: everything that makes it another crate but its folder.
    fn metadata(&self, args: &[OsString]) -> String {
        let mut said: Vec<&str> = args
            .windows(2)
            .filter_map(|pair| match pair {
                [key, value] if key == "--cfg" || key == "--crate-name" || key == "--crate-type" => {
                    value.to_str()
                }
                _ => None,
            })
            .collect();
        said.sort_unstable();
        let mut hash = Sha256::new();
        for part in [self.name.as_str(), &self.version].into_iter().chain(said) {
            hash.update(part);
            hash.update([0]);
        }
        let hash: [u8; 32] = hash.finalize().into();
        hex::encode(hash.first_chunk::<8>().unwrap_or(&[0; 8]))
    }
}

/// The arguments for the compiler. Those for this machine (macros, build scripts) stay as they are: nothing of them is
/// in the component.
fn rewritten(mut args: Vec<OsString>, krate: Option<&Crate>) -> Vec<OsString> {
    let for_guest =
        args.windows(2).any(|pair| matches!(pair, [key, value] if key == "--target" && value == TARGET));
    let Some(krate) = krate.filter(|_| for_guest) else { return args };
    if krate.local {
        let metadata = OsString::from(format!("metadata={}", krate.metadata(&args)));
        let told = |arg: &&mut OsString| arg.to_str().is_some_and(|arg| arg.starts_with("metadata="));
        args.iter_mut().filter(told).for_each(|arg| arg.clone_from(&metadata));
    }
    args.extend(krate.remaps());
    args
}

#[cfg(test)]
mod tests {
    use super::*;

    fn krate(folder: &str, local: bool) -> Crate {
        let (name, version) = ("a".to_owned(), "1.0.0".to_owned());
        let out = Some(format!("{folder}/target/out"));
        Crate { folder: folder.to_owned(), name, version, working: Some("/work".into()), out, local }
    }

    fn args(metadata: &str, target: &str) -> Vec<OsString> {
        let feature = "feature=\"x\"";
        let metadata = &format!("metadata={metadata}");
        ["--crate-name", "a", "--cfg", feature, "-C", metadata, "--target", target].map(OsString::from).into()
    }

    #[test]
    fn a_crate_of_a_folder_is_the_same_in_another() {
        let without_paths = |folder: &str, cargos: &str| {
            let all = rewritten(args(cargos, TARGET), Some(&krate(folder, true)));
            let (paths, rest): (Vec<_>, Vec<_>) =
                all.into_iter().partition(|arg| arg.to_string_lossy().starts_with("--remap-path-prefix="));
            assert_eq!(paths[1], OsString::from(format!("--remap-path-prefix={folder}=a-1.0.0")));
            assert_eq!(
                paths[2],
                OsString::from(format!("--remap-path-prefix={folder}/target/out=a-1.0.0/out"))
            );
            rest
        };
        assert_eq!(without_paths("/one", "aaaa"), without_paths("/two/three", "bbbb"));
        let other = args("aaaa", TARGET).into_iter().map(|arg| match arg.to_str() {
            Some("feature=\"x\"") => "feature=\"y\"".into(),
            _ => arg,
        });
        let other = rewritten(other.collect(), Some(&krate("/one", true)));
        assert_ne!(other[5], without_paths("/one", "aaaa")[5], "features make another crate");
    }

    #[test]
    fn crates_of_a_registry_and_for_this_machine_keep_their_identity() {
        let kept = rewritten(args("aaaa", TARGET), Some(&krate("/registry/a", false)));
        assert_eq!(kept[5], "metadata=aaaa");
        assert_eq!(kept.len(), 11);
        let here = args("aaaa", "x86_64-unknown-linux-gnu");
        assert_eq!(rewritten(here.clone(), Some(&krate("/one", true))), here);
        assert_eq!(rewritten(here.clone(), None), here);
    }
}
