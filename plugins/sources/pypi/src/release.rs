//! From files to releases.

use std::collections::BTreeMap;
use std::str::FromStr;

use pep440_rs::Version;
use waystation_update_source::plugin::Error;
use waystation_update_source::{Asset, Release, version};

use crate::file::{File, Project};
use crate::filename::{self, Kind};
use crate::name::ProjectName;
use crate::settings::{Files, Options};

/// What an index has of a project.
#[derive(Debug)]
pub(crate) struct Found {
    /// Newest first (PEP 440); versions that are none come last.
    pub(crate) releases: Vec<Release>,
    /// Files whose names tell no version.
    pub(crate) skipped: usize,
    /// Whether the index has more than it said.
    pub(crate) more: bool,
    /// See [`Project::status`].
    pub(crate) status: Option<String>,
}

/// One release in the making: a spelling and its files.
struct Group {
    spelled: String,
    files: Vec<File>,
}

/// Files and listed versions, sorted by what they mean: `1.0` and `1.0.0` are one release.
#[derive(Default)]
struct Groups {
    proper: BTreeMap<Version, Group>,
    legacy: BTreeMap<String, Group>,
}

impl Groups {
    fn of(&mut self, spelled: &str) -> &mut Group {
        let new = || Group { spelled: spelled.to_owned(), files: Vec::new() };
        match Version::from_str(spelled) {
            Ok(version) => self.proper.entry(version).or_insert_with(new),
            Err(_) => self.legacy.entry(spelled.to_owned()).or_insert_with(new),
        }
    }
}

/// All releases of a project.
///
/// A release is withdrawn when each of its files was yanked (PEP 592), when it has none, and when the
/// project is in quarantine (PEP 792). Yanked files beside others are left out.
pub(crate) fn all(
    project: Project,
    name: &ProjectName,
    options: &Options,
    web: Option<&str>,
) -> Result<Found, Error> {
    let mut groups = Groups::default();
    for version in &project.versions {
        groups.of(version);
    }
    let mut skipped = 0;
    for mut file in project.files {
        let version =
            file.version.take().or_else(|| filename::version(&file.filename, name).map(str::to_owned));
        match version {
            Some(version) => groups.of(&version).files.push(file),
            None => skipped += 1,
        }
    }
    let quarantined = project.status.as_deref() == Some("quarantined");
    let one = |group: Group, prerelease: bool| {
        let url = web.map(|web| format!("{web}/{}/{}/", name.normalized(), group.spelled));
        release(group, prerelease, quarantined, options.files, url)
    };
    let proper = groups.proper.into_iter().rev();
    let mut releases: Vec<Release> =
        proper.map(|(version, group)| one(group, version.any_prerelease())).collect();
    let mut legacy: Vec<Release> = groups
        .legacy
        .into_iter()
        .map(|(version, group)| one(group, version::is_prerelease(&version)))
        .collect();
    version::sort_newest_first(&mut legacy, |release| &release.version);
    releases.append(&mut legacy);
    if releases.is_empty() && skipped > 0 {
        return Err(Error::bad_response(format!(
            "none of the {skipped} files of `{}` tells a version in its name",
            name.normalized()
        )));
    }
    Ok(Found { releases, skipped, more: project.more, status: project.status })
}

fn release(group: Group, prerelease: bool, quarantined: bool, wanted: Files, url: Option<String>) -> Release {
    let Group { spelled, files } = group;
    let yanked = files.iter().all(|file| file.yanked.is_some());
    let reason = if quarantined {
        Some("the project is in quarantine".to_owned())
    } else if files.is_empty() {
        Some("it has no files".to_owned())
    } else if yanked {
        files.iter().filter_map(|file| file.yanked.clone()).find(|reason| !reason.is_empty())
    } else {
        None
    };
    let mut extra = Vec::new();
    let requires_python = files.iter().find_map(|file| file.requires_python.clone());
    extra.extend(requires_python.map(|text| ("requires-python".to_owned(), text)));
    extra.extend(reason.map(|text| ("withdrawn-reason".to_owned(), text.chars().take(500).collect())));
    Release {
        version: spelled,
        published_at: files.iter().filter_map(|file| file.uploaded_at).min(),
        prerelease,
        withdrawn: yanked || quarantined,
        channel: None,
        url,
        assets: files
            .into_iter()
            .filter(|file| yanked || file.yanked.is_none())
            .filter_map(|file| asset(file, wanted))
            .collect(),
        extra,
    }
}

fn asset(file: File, wanted: Files) -> Option<Asset> {
    let kind = filename::kind(&file.filename);
    let fits = match wanted {
        Files::All => true,
        Files::Sdist => kind == Kind::Sdist,
        Files::Wheel => kind == Kind::Wheel,
        Files::None => false,
    };
    let url = file.url.filter(|_| fits)?;
    let mut extra = Vec::new();
    extra.extend(filename::platform(&file.filename).map(|tag| ("platform".to_owned(), tag.to_owned())));
    extra.extend(file.provenance.map(|url| ("provenance-url".to_owned(), url)));
    let media_type = match file.filename.rsplit('.').next() {
        Some("whl" | "zip" | "egg") => Some("application/zip".to_owned()),
        Some("gz" | "tgz") => Some("application/gzip".to_owned()),
        _ => None,
    };
    Some(Asset { name: file.filename, url, size: file.size, digests: file.digests, media_type, extra })
}

#[cfg(test)]
mod tests {
    use proptest::prelude::*;

    use super::*;
    use crate::document;
    use crate::document::tests::{PROJECT, SIMPLE};

    fn name() -> ProjectName {
        ProjectName::parse("demo.tool").unwrap()
    }

    fn simple(files: Files) -> Found {
        let document: document::Simple = serde_json::from_str(SIMPLE).unwrap();
        let project = document.project("https://a.example/simple/demo-tool/").unwrap();
        all(project, &name(), &Options { files }, None).unwrap()
    }

    #[test]
    fn a_file_that_cannot_be_fetched_is_no_reason_to_withdraw() {
        let file = File { filename: "demo-tool-1.0.zip".into(), ..File::default() };
        let project = Project { files: vec![file], ..Project::default() };
        let found = all(project, &name(), &Options::default(), None).unwrap();
        assert_eq!((found.releases[0].withdrawn, found.releases[0].assets.len()), (false, 0));
    }

    fn value<'a>(release: &'a Release, key: &str) -> Option<&'a str> {
        release.extra.iter().find(|(name, _)| name == key).map(|(_, value)| value.as_str())
    }

    #[test]
    fn releases_come_newest_first_with_their_files() {
        let found = simple(Files::All);
        let shown: Vec<_> = found
            .releases
            .iter()
            .map(|r| (r.version.as_str(), r.prerelease, r.withdrawn, r.assets.len()))
            .collect();
        assert_eq!(
            shown,
            [
                ("3.0", false, false, 0),
                ("2.0rc1", true, true, 1),
                ("2.0.dev3", true, false, 1),
                ("1.1.post1", false, true, 1),
                ("1.0", false, false, 1),
                ("0.9", false, true, 0),
            ]
        );
        assert_eq!((found.skipped, found.status.as_deref()), (1, Some("archived")));
        assert_eq!(value(&found.releases[3], "withdrawn-reason"), Some("lost a module"));
        assert_eq!(value(&found.releases[5], "withdrawn-reason"), Some("it has no files"));
        assert_eq!(value(&found.releases[4], "requires-python"), Some(">=3.8"));
        // The first upload makes the release, yanked or not.
        assert_eq!(found.releases[4].published_at, Some(1_672_628_400));
        let wheel = &found.releases[4].assets[0];
        assert_eq!(wheel.extra[0], ("platform".to_owned(), "any".to_owned()));
        assert_eq!(wheel.extra[1].0, "provenance-url");
        assert_eq!(wheel.media_type.as_deref(), Some("application/zip"));
    }

    #[test]
    fn the_item_chooses_the_files() {
        let count = |files| simple(files).releases.iter().map(|release| release.assets.len()).sum::<usize>();
        assert_eq!([Files::All, Files::Sdist, Files::Wheel, Files::None].map(count), [4, 3, 1, 0]);
    }

    #[test]
    fn the_project_document_gives_the_same_kind() {
        let project = serde_json::from_str::<document::Project>(PROJECT)
            .unwrap()
            .project("https://pypi.example.org/pypi/x/json")
            .unwrap();
        let found =
            all(project, &name(), &Options::default(), Some("https://pypi.example.org/project")).unwrap();
        let shown: Vec<_> = found.releases.iter().map(|r| (r.version.as_str(), r.withdrawn)).collect();
        assert_eq!(shown, [("1.1", false), ("1.0", true), ("0.1", true)]);
        assert_eq!(found.releases[0].url.as_deref(), Some("https://pypi.example.org/project/demo-tool/1.1/"));
        assert_eq!(value(&found.releases[1], "withdrawn-reason"), Some("leaks"));
        assert_eq!(found.releases[1].assets.len(), 1);
    }

    #[test]
    fn spellings_of_one_version_are_one_release() {
        let file = |filename: &str| File {
            filename: filename.into(),
            url: Some("https://files.example/x".into()),
            ..File::default()
        };
        let project = Project {
            versions: vec!["1.0".into()],
            files: vec![
                file("demo_tool-1.0.0-py3-none-any.whl"),
                file("demo-tool-v1.0.tar.gz"),
                file("demo-tool-2004c.tar.gz"),
                file("demo-tool-not-a-version.zip"),
            ],
            ..Project::default()
        };
        let found = all(project, &name(), &Options::default(), None).unwrap();
        let shown: Vec<_> = found.releases.iter().map(|r| (r.version.as_str(), r.assets.len())).collect();
        assert_eq!(shown[0], ("2004c", 1));
        assert_eq!(shown[1], ("1.0", 2));
        assert_eq!(shown.len(), 3);
    }

    #[test]
    fn quarantine_withdraws_everything() {
        let file = File { filename: "demo-tool-1.0.zip".into(), ..File::default() };
        let project = Project { files: vec![file], status: Some("quarantined".into()), ..Project::default() };
        let found = all(project, &name(), &Options::default(), None).unwrap();
        assert!(found.releases[0].withdrawn);
        assert_eq!(value(&found.releases[0], "withdrawn-reason"), Some("the project is in quarantine"));
    }

    #[test]
    fn a_page_of_other_files_is_told() {
        let files = vec![File { filename: "readme.txt".into(), ..File::default() }];
        let error =
            all(Project { files, ..Project::default() }, &name(), &Options::default(), None).unwrap_err();
        assert_eq!(error.code, "bad-response");
        assert!(all(Project::default(), &name(), &Options::default(), None).unwrap().releases.is_empty());
    }

    proptest! {
        #[test]
        fn any_versions_are_survived(
            versions in proptest::collection::vec("[0-9!v.a-crdevpost+_-]{0,12}", 0..20), odd in any::<String>(),
        ) {
            let files = versions.iter().map(|version| File { filename: format!("demo-tool-{version}.zip"), ..File::default() });
            let project = Project { files: files.collect(), versions: vec![odd], ..Project::default() };
            let _ = all(project, &name(), &Options::default(), None);
        }
    }
}
