//! What apt reads: the answers of `apt-get indextargets`, `apt-cache policy` and
//! `apt-cache madison`.

use std::collections::{BTreeMap, BTreeSet};

use super::entry::Place;

/// One suite that apt reads packages of.
#[derive(Debug, Clone, PartialEq, Eq)]
pub(super) struct Suite {
    /// The root of its repository.
    pub(super) repository: String,
    /// The folder below `dists`.
    pub(super) name: String,
    pub(super) components: Vec<String>,
    /// What it calls itself, if apt knows and that is not its folder.
    pub(super) expected: Option<String>,
    /// Whether it belongs to somebody else than the distribution.
    pub(super) optional: bool,
    /// Where it is configured.
    pub(super) entry: Option<Place>,
    /// How apt names its indexes.
    descriptions: Vec<String>,
}

/// What can be watched, and a sentence for whatever apt reads beside it.
#[derive(Debug, Default, PartialEq, Eq)]
pub(super) struct Watched {
    pub(super) suites: Vec<Suite>,
    pub(super) notes: Vec<String>,
}

/// apt never takes anything from a suite below this by itself (apt_preferences(5)).
const NORMAL: i32 = 500;

/// `targets`: what `apt-get indextargets` prints; `policy`: what `apt-cache policy`
/// does; `system`: `/etc/os-release`.
pub(super) fn watched(targets: &str, policy: &str, system: &str, architecture: &str) -> Watched {
    let (priorities, vendors) = (priorities(policy), vendors(system));
    let (mut suites, mut notes) = (Vec::<Suite>::new(), BTreeSet::new());
    for record in targets.split("\n\n").map(fields) {
        let field = |name: &str| record.get(name).copied().filter(|value| !value.is_empty());
        let own = |of: &str| of == architecture || of == "all";
        if field("Created-By") != Some("Packages") || !field("Architecture").is_none_or(own) {
            continue;
        }
        let (Some(repository), Some(name)) = (field("Repo-URI"), field("Release")) else { continue };
        let description = field("Description").unwrap_or_default();
        let entry = field("Sourcesentry").and_then(Place::parse);
        let file = entry.as_ref().map_or("its sources", |place| place.file.as_str());
        let Some(component) = field("Component").filter(|_| !name.ends_with('/')) else {
            notes.insert(format!(
                "apt: a flat repository in {file} is not watched; `debian-repo` reads those with suites"
            ));
            continue;
        };
        let scheme = repository.split_once(':').map_or("", |(scheme, _)| scheme);
        if !matches!(scheme, "http" | "https") {
            notes.insert(not_http(scheme, name, file));
            continue;
        }
        let priority = priorities.get(description).copied().unwrap_or(NORMAL);
        if priority < NORMAL {
            notes.insert(format!(
                "apt: suite `{name}` in {file} is not watched: apt takes nothing from it by itself (priority {priority})"
            ));
            continue;
        }
        let known = suites
            .iter_mut()
            .find(|suite| suite.repository == repository && suite.name == name && suite.entry == entry);
        match known {
            Some(suite) => {
                if !suite.components.iter().any(|known| known == component) {
                    suite.components.push(component.to_owned());
                }
                suite.descriptions.push(description.to_owned());
            }
            None => suites.push(Suite {
                repository: repository.to_owned(),
                name: name.to_owned(),
                components: vec![component.to_owned()],
                expected: expected(name, field("Suite"), field("Codename")),
                optional: field("Origin")
                    .is_some_and(|origin| !vendors.contains(&origin.to_ascii_lowercase())),
                entry,
                descriptions: vec![description.to_owned()],
            }),
        }
    }
    Watched { suites, notes: notes.into_iter().collect() }
}

/// The packages that these suites offer, of those that `apt-cache madison` was asked for.
pub(super) fn offered(madison: &str, suites: &[Suite]) -> BTreeSet<String> {
    let known: BTreeSet<&str> =
        suites.iter().flat_map(|suite| &suite.descriptions).map(String::as_str).collect();
    let columns = madison.lines().map(|line| line.split('|').map(str::trim).collect::<Vec<_>>());
    columns
        .filter_map(|columns| match columns.as_slice() {
            [name, _, from] if known.contains(from) => Some((*name).to_owned()),
            _ => None,
        })
        .collect()
}

/// `Name: value` lines.
fn fields(record: &str) -> BTreeMap<&str, &str> {
    record.lines().filter_map(|line| line.split_once(':')).map(|(name, value)| (name, value.trim())).collect()
}

/// ` 500 http://… bookworm/main amd64 Packages`
fn priorities(policy: &str) -> BTreeMap<&str, i32> {
    policy
        .lines()
        .filter_map(|line| line.trim_start().split_once(' '))
        .filter_map(|(priority, description)| Some((description.trim(), priority.parse().ok()?)))
        .collect()
}

/// Who made this system, in lower case: `ID` and `ID_LIKE` of os-release(5).
fn vendors(system: &str) -> BTreeSet<String> {
    let lines = system.lines().filter_map(|line| line.split_once('='));
    lines
        .filter(|(name, _)| matches!(*name, "ID" | "ID_LIKE"))
        .flat_map(|(_, value)| value.trim_matches(['"', '\'']).split(' '))
        .map(str::to_ascii_lowercase)
        .collect()
}

/// Release documents name themselves by suite and by code name. apt takes any name.
fn expected(folder: &str, suite: Option<&str>, codename: Option<&str>) -> Option<String> {
    let names = [codename, suite];
    let first = names.iter().flatten().next()?;
    (!names.contains(&Some(folder))).then(|| (*first).to_owned())
}

fn not_http(scheme: &str, suite: &str, file: &str) -> String {
    match scheme {
        "mirror" | "mirror+file" | "mirror+http" | "mirror+https" => format!(
            "apt: suite `{suite}` in {file} is not watched: it comes from a list of mirrors, which `debian-repo` does not follow; name one of them there instead"
        ),
        _ => format!(
            "apt: suite `{suite}` in {file} is not watched: it comes over `{scheme}:`, which no source speaks"
        ),
    }
}

#[cfg(test)]
mod tests {
    use super::*;

    fn target(uri: &str, suite: &str, component: &str, more: &str) -> String {
        format!(
            "MetaKey: {component}/binary-amd64/Packages\nDescription: {uri} {suite}/{component} amd64 Packages\n\
             Architecture: amd64\nComponent: {component}\nCreated-By: Packages\nRelease: {suite}\n\
             Repo-URI: {uri}/\nSourcesentry: /etc/apt/sources.list:1\n{more}\n"
        )
    }

    fn of(targets: &[String], policy: &str) -> Watched {
        watched(&targets.join("\n"), policy, "NAME=\"x\"\nID=debian\n", "amd64")
    }

    #[test]
    fn suites_with_their_components() {
        let a = "http://a.example/debian";
        let found = of(
            &[
                target(a, "s", "main", "Origin: Debian\nCodename: s"),
                target(a, "s", "main", "").replace("Packages\nRel", "DEP-11\nRel"),
                target(a, "s", "contrib", ""),
                target(a, "s", "main", "").replace("Architecture: amd64", "Architecture: i386"),
                target("https://b.example", "stable", "x", "Origin: Vendor\nCodename: named\nSuite: y"),
            ],
            "",
        );
        assert_eq!(found.notes, [""; 0]);
        let [one, two] = found.suites.as_slice() else { panic!("{found:?}") };
        assert_eq!((one.repository.as_str(), one.name.as_str()), ("http://a.example/debian/", "s"));
        assert_eq!(
            (one.components.join(" ").as_str(), one.optional, &one.expected),
            ("main contrib", false, &None)
        );
        assert_eq!((two.optional, two.expected.as_deref()), (true, Some("named")));
        assert_eq!(two.entry.as_ref().unwrap().number, 1);
    }

    #[test]
    fn what_cannot_be_watched_is_said() {
        let list = "mirror+file:/etc/apt/mirrors/debian.list";
        let backports = "http://a.example/debian";
        let found = of(
            &[
                target(list, "s", "main", ""),
                target("cdrom:[x]", "s", "main", ""),
                target("http://f.example", "./", "", ""),
                target(backports, "s-backports", "main", ""),
            ],
            &format!(
                "Package files:\n 100 /var/lib/dpkg/status\n 100 {backports} s-backports/main amd64 Packages\n"
            ),
        );
        assert_eq!(found.suites, []);
        assert_eq!(found.notes.len(), 4, "{:#?}", found.notes);
        for part in ["list of mirrors", "`cdrom:`", "flat", "priority 100"] {
            assert!(found.notes.iter().any(|note| note.contains(part)), "{part}: {:#?}", found.notes);
        }
        assert!(!found.notes.concat().contains("a.example"), "no address in a note");
    }

    #[test]
    fn only_watched_suites_offer() {
        let found = of(&[target("http://a.example/debian", "s", "main", "")], "");
        let madison = "      bash | 5.2 | http://a.example/debian s/main amd64 Packages\n\
                       other | 1 | http://b.example s/main amd64 Packages\n W: nothing\n";
        assert_eq!(offered(madison, &found.suites), ["bash".to_owned()].into());
    }

    #[test]
    fn systems_name_their_vendors() {
        let known = vendors("ID=mint\nID_LIKE=\"ubuntu Debian\"\nVERSION_ID=\"1\"\n");
        assert_eq!(known, ["mint", "ubuntu", "debian"].map(str::to_owned).into());
    }
}
