//! What the name of a file says: version (PEP 427, PEP 625 and older customs) and platform.

use crate::name::ProjectName;

/// Kinds of files that are told apart.
#[derive(Clone, Copy, Debug, PartialEq, Eq)]
pub(crate) enum Kind {
    Wheel,
    Sdist,
    /// Eggs and installers of old.
    Other,
}

const ARCHIVES: [&str; 8] = [".tar.gz", ".zip", ".tar.bz2", ".tar.xz", ".tgz", ".tar.Z", ".tbz", ".tar"];

pub(crate) fn kind(filename: &str) -> Kind {
    if filename.ends_with(".whl") {
        Kind::Wheel
    } else if ARCHIVES.iter().any(|end| filename.ends_with(end)) {
        Kind::Sdist
    } else {
        Kind::Other
    }
}

/// The version in a file's name; nothing where it has none or belongs to another project.
pub(crate) fn version<'a>(filename: &'a str, project: &ProjectName) -> Option<&'a str> {
    if let Some(stem) = filename.strip_suffix(".whl").or(filename.strip_suffix(".egg")) {
        let (name, rest) = stem.split_once('-')?;
        let (version, _) = rest.split_once('-').unwrap_or((rest, ""));
        return (project.is(name) && !version.is_empty()).then_some(version);
    }
    let stem = ARCHIVES.iter().find_map(|end| filename.strip_suffix(end))?;
    // Old names have hyphens in both parts; the project's name tells where to cut.
    stem.match_indices('-')
        .filter_map(|(at, _)| Some((stem.get(..at)?, stem.get(at + 1..)?)))
        .find(|(name, version)| project.is(name) && !version.is_empty())
        .map(|(_, version)| version)
}

/// The platform tag of a wheel, e.g. `manylinux_2_17_x86_64` or `any`.
pub(crate) fn platform(filename: &str) -> Option<&str> {
    let stem = filename.strip_suffix(".whl")?;
    let (head, platform) = stem.rsplit_once('-')?;
    (head.matches('-').count() >= 3 && !platform.is_empty()).then_some(platform)
}

#[cfg(test)]
mod tests {
    use proptest::prelude::*;

    use super::*;

    #[test]
    fn versions_are_in_the_names() {
        for (project, filename, expected) in [
            ("requests", "requests-2.32.0-py3-none-any.whl", Some("2.32.0")),
            ("torch", "torch-2.0.0+cpu-cp310-cp310-linux_x86_64.whl", Some("2.0.0+cpu")),
            ("numpy", "numpy-1.0-1-cp39-cp39-win32.whl", Some("1.0")),
            ("requests", "requests-2.32.0.tar.gz", Some("2.32.0")),
            ("friendly-bard", "friendly-bard-1.0.zip", Some("1.0")),
            ("friendly-bard", "Friendly_Bard-1.0rc1.tar.bz2", Some("1.0rc1")),
            ("backports.ssl", "backports.ssl-0.1-beta.tar.gz", Some("0.1-beta")),
            ("old", "old-1.0-py2.7.egg", Some("1.0")),
            ("requests", "requests_oauth-1.0.tar.gz", None),
            ("requests", "other-2.32.0-py3-none-any.whl", None),
            ("requests", "requests-1.0.win32.exe", None),
            ("requests", "requests-.tar.gz", None),
            ("requests", "requests.tar.gz", None),
            ("requests", ".whl", None),
            ("requests", "", None),
        ] {
            let project = ProjectName::parse(project).unwrap();
            assert_eq!(version(filename, &project), expected, "{filename}");
        }
    }

    #[test]
    fn kinds_and_platforms() {
        for (filename, expected, tag) in [
            (
                "a-1-cp310-abi3-manylinux_2_17_x86_64.manylinux2014_x86_64.whl",
                Kind::Wheel,
                Some("manylinux_2_17_x86_64.manylinux2014_x86_64"),
            ),
            ("a-1-py3-none-any.whl", Kind::Wheel, Some("any")),
            ("a-1.whl", Kind::Wheel, None),
            ("a-1.tar.gz", Kind::Sdist, None),
            ("a-1-py2.7.egg", Kind::Other, None),
            ("a-1.exe", Kind::Other, None),
        ] {
            assert_eq!((kind(filename), platform(filename)), (expected, tag), "{filename}");
        }
    }

    proptest! {
        #[test]
        fn any_name_is_survived(text in any::<String>(), end in "[-a.0-9é]{0,20}(\\.whl|\\.tar\\.gz|\\.egg|\\.zip)") {
            let project = ProjectName::parse("a").unwrap();
            for text in [&text, &end] {
                let _ = (kind(text), version(text, &project), platform(text));
            }
        }
    }
}
