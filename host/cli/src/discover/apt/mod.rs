//! apt: every repository and suite that it looks at, with the keys that sign them,
//! and what dpkg installed.
//!
//! What is looked at is apt's own answer (`apt-get indextargets`), so every spelling
//! of its sources counts, and what is switched off does not.

mod entry;
mod keys;
mod targets;

use std::collections::BTreeSet;

use serde_json::{Map, Value};
use url::Url;

use super::{Client, ask, config, registry};
use entry::Entry;
use keys::Trust;
use targets::{Suite, Watched};

pub(super) async fn find() -> Result<Option<Client>, String> {
    let format = "-f=${Package}\\t${Version}\\t${db:Status-Status}\\t${Architecture}\\n";
    let Some(list) = ask("dpkg-query", &["-W", format]).await? else {
        return Ok(None);
    };
    let architecture = ask("dpkg", &["--print-architecture"]).await?.unwrap_or_default().trim().to_owned();
    let targets = ask("apt-get", &["indextargets"]).await?.ok_or("apt-get is not")?;
    let policy = ask("apt-cache", &["policy"]).await?.unwrap_or_default();
    let system = std::fs::read_to_string("/etc/os-release").unwrap_or_default();
    let Watched { suites, mut notes } = targets::watched(&targets, &policy, &system, &architecture);

    let (mut archives, mut registries) = (Vec::new(), Vec::new());
    for suite in &suites {
        match Archive::of(suite) {
            Ok((archive, url)) => {
                registries.push(url);
                merge(&mut archives, archive);
            }
            Err(why) => notes.push(format!("apt: suite `{}` is not watched: {why}", suite.name)),
        }
    }
    if archives.is_empty() {
        let why = notes.first().map(|note| format!(": {note}")).unwrap_or_default();
        return Err(format!("none of its sources can be watched{why}"));
    }
    let mut installed = installed(&list, &architecture);
    let names: Vec<&str> = installed.iter().map(|(name, _)| name.as_str()).collect();
    let madison = ask("apt-cache", &[&["madison"], names.as_slice()].concat()).await.ok().flatten();
    let offered = targets::offered(&madison.unwrap_or_default(), &suites);
    // Without any, apt has no lists yet, and the check will tell.
    if !offered.is_empty() {
        let (here, elsewhere): (Vec<_>, Vec<_>) =
            installed.into_iter().partition(|(name, _)| offered.contains(name));
        installed = here;
        notes.extend(not_offered(&elsewhere));
    }
    Ok(Some(Client {
        manager: "apt",
        plugin: "debian-repo",
        scheme: "debian",
        // A tilde often marks no more than a backport (`1.2~deb12u1`), and apt takes what a suite offers.
        prereleases: true,
        config: config([
            ("architecture", architecture.into()),
            ("archives", archives.into_iter().map(Archive::into_config).collect()),
        ]),
        registries,
        installed,
        known: &["bash", "openssl", "nginx"],
        notes,
    }))
}

/// Suites of one repository that are read alike.
#[derive(Debug, Clone, PartialEq, Eq)]
struct Archive {
    base_url: String,
    suites: Vec<String>,
    components: Vec<String>,
    trust: Trust,
    expected: Option<String>,
    optional: bool,
}

impl Archive {
    fn of(suite: &Suite) -> Result<(Self, Url), String> {
        let url = registry(&suite.repository)?;
        let entry = suite.entry.as_ref().map(Entry::read).transpose()?.unwrap_or_default();
        let archive = Self {
            base_url: url.as_str().to_owned(),
            suites: vec![suite.name.clone()],
            components: suite.components.clone(),
            trust: Trust::of(&entry)?,
            expected: suite.expected.clone(),
            optional: suite.optional,
        };
        Ok((archive, url))
    }

    fn into_config(self) -> Value {
        let mut config: Map<String, Value> = config([
            ("base_url", self.base_url.into()),
            ("suite", self.suites.into()),
            ("components", self.components.into()),
        ]);
        match self.trust {
            Trust::Keys(keys) => config.insert("signed_by".to_owned(), keys.into()),
            Trust::Anybody => config.insert("allow_unsigned".to_owned(), true.into()),
        };
        if let Some(name) = self.expected {
            config.insert("expected_suite".to_owned(), name.into());
        }
        if self.optional {
            config.insert("optional".to_owned(), true.into());
        }
        config.into()
    }
}

/// Adds a suite to the archive that it belongs to.
fn merge(archives: &mut Vec<Archive>, one: Archive) {
    let same = |archive: &&mut Archive| {
        let alike = Archive { suites: archive.suites.clone(), ..one.clone() };
        **archive == alike && one.expected.is_none()
    };
    match archives.iter_mut().find(same) {
        Some(archive) => archive.suites.extend(one.suites),
        None => archives.push(one),
    }
}

/// The packages that dpkg installed for this architecture.
fn installed(list: &str, architecture: &str) -> Vec<(String, String)> {
    list.lines()
        .filter_map(|line| {
            let mut fields = line.split('\t');
            let (name, version, status) = (fields.next()?, fields.next()?, fields.next()?);
            let own = fields.next().is_none_or(|of| of == architecture || of == "all");
            (status == "installed" && own).then(|| (name.to_owned(), version.to_owned()))
        })
        .collect()
}

fn not_offered(packages: &[(String, String)]) -> Option<String> {
    const SHOWN: usize = 8;
    let names: BTreeSet<&str> = packages.iter().map(|(name, _)| name.as_str()).collect();
    let shown: Vec<&str> = names.iter().copied().take(SHOWN).collect();
    let more = names.len().checked_sub(SHOWN).filter(|more| *more > 0);
    let more = more.map(|more| format!(" and {more} more")).unwrap_or_default();
    (!names.is_empty()).then(|| {
        format!("apt: none of its watched sources offers {}{more}, so they are not watched", shown.join(", "))
    })
}

#[cfg(test)]
mod tests {
    use super::*;

    #[test]
    fn installed_packages() {
        let list = "bash\t5.2-1\tinstalled\tamd64\ngone\t1.0\tconfig-files\tamd64\nlibc6\t2\tinstalled\ti386\n\
            tzdata\t1\tinstalled\tall\n";
        let expected = [("bash".to_owned(), "5.2-1".to_owned()), ("tzdata".to_owned(), "1".to_owned())];
        assert_eq!(installed(list, "amd64"), expected);
    }

    #[test]
    fn suites_that_are_read_alike_make_one_archive() {
        let archive = |suite: &str, components: &[&str], expected: Option<&str>| Archive {
            base_url: "https://a.example/debian".into(),
            suites: vec![suite.into()],
            components: components.iter().map(|c| (*c).to_owned()).collect(),
            trust: Trust::Keys(vec!["k".into()]),
            expected: expected.map(str::to_owned),
            optional: false,
        };
        let mut archives = Vec::new();
        for one in [
            archive("s", &["main"], None),
            archive("s-updates", &["main"], None),
            archive("s-extra", &["main", "contrib"], None),
            archive("named", &["main"], Some("other")),
            archive("named-too", &["main"], Some("other")),
        ] {
            merge(&mut archives, one);
        }
        let suites: Vec<String> = archives.iter().map(|archive| archive.suites.join(" ")).collect();
        assert_eq!(suites, ["s s-updates", "s-extra", "named", "named-too"]);
        let config = archives.remove(2).into_config();
        assert_eq!(config["expected_suite"], "other");
        assert_eq!((&config["signed_by"][0], config.get("optional")), (&Value::from("k"), None));
    }

    #[test]
    fn what_nobody_offers_is_said_in_short() {
        let packages = |count: usize| -> Vec<(String, String)> {
            (0..count).map(|n| (format!("p{n}"), "1".to_owned())).collect()
        };
        assert_eq!(not_offered(&packages(0)), None);
        assert!(not_offered(&packages(2)).unwrap().contains("offers p0, p1, so"));
        assert!(not_offered(&packages(11)).unwrap().contains(" and 3 more"));
    }
}
