//! Locators: how an operator names a repository.

use crate::select::short;
use waystation_update_source::plugin::Error;

/// `owner/repository` on a forge with two levels (GitHub, Forgejo, Gitea).
#[derive(Clone, Debug, PartialEq, Eq)]
pub struct Repository {
    /// The user or organisation.
    pub owner: String,
    /// The repository's own name.
    pub name: String,
}

impl Repository {
    /// Reads a locator; the error says what a good one looks like.
    pub fn parse(locator: &str) -> Result<Self, Error> {
        let parts = segments(locator, "owner/repository")?;
        match parts.as_slice() {
            [owner, name] => Ok(Self { owner: (*owner).to_owned(), name: (*name).to_owned() }),
            _ => Err(refused(locator, "has not exactly two parts", "owner/repository")),
        }
    }
}

impl std::fmt::Display for Repository {
    fn fmt(&self, f: &mut std::fmt::Formatter<'_>) -> std::fmt::Result {
        write!(f, "{}/{}", self.owner, self.name)
    }
}

/// `group/subgroup/…/project` on a forge with nested groups (GitLab).
#[derive(Clone, Debug, PartialEq, Eq)]
pub struct Project(String);

impl Project {
    /// GitLab allows twenty levels of groups above a project.
    const DEPTH: usize = 21;

    /// Reads a locator; the error says what a good one looks like.
    pub fn parse(locator: &str) -> Result<Self, Error> {
        let parts = segments(locator, "group/project")?;
        if !(2..=Self::DEPTH).contains(&parts.len()) {
            return Err(refused(locator, "has not between 2 and 21 parts", "group/subgroup/project"));
        }
        Ok(Self(locator.to_owned()))
    }

    /// The full path, with plain slashes.
    pub fn path(&self) -> &str {
        &self.0
    }

    /// The last part.
    pub fn name(&self) -> &str {
        self.0.rsplit('/').next().unwrap_or(&self.0)
    }
}

impl std::fmt::Display for Project {
    fn fmt(&self, f: &mut std::fmt::Formatter<'_>) -> std::fmt::Result {
        f.write_str(&self.0)
    }
}

/// The parts of a locator, each a name that a forge would accept and that cannot leave its place in a path.
fn segments<'l>(locator: &'l str, example: &str) -> Result<Vec<&'l str>, Error> {
    if locator.is_empty() {
        return Err(Error::bad_input(format!("the locator is empty; write `{example}`")));
    }
    if locator.contains("://") || locator.starts_with("git@") {
        return Err(refused(locator, "is an address", example));
    }
    if locator.ends_with(".git") {
        return Err(refused(locator, "ends in `.git`, which is not part of the name", example));
    }
    let parts: Vec<&str> = locator.split('/').collect();
    for part in &parts {
        let plain = part.chars().all(|c| c.is_ascii_alphanumeric() || matches!(c, '.' | '-' | '_'));
        if part.is_empty() {
            return Err(refused(locator, "has an empty part", example));
        }
        if !plain || matches!(*part, "." | "..") || part.len() > 255 {
            return Err(refused(
                locator,
                "has a part that is no name (letters, digits, `.`, `-`, `_`)",
                example,
            ));
        }
    }
    Ok(parts)
}

fn refused(locator: &str, why: &str, example: &str) -> Error {
    Error::bad_input(format!("the locator `{}` {why}; write `{example}`", short(locator, 120)))
}

#[cfg(test)]
mod tests {
    use super::*;

    #[test]
    fn good_ones() {
        let repository = Repository::parse("BurntSushi/ripgrep").unwrap();
        assert_eq!((repository.owner.as_str(), repository.name.as_str()), ("BurntSushi", "ripgrep"));
        assert_eq!(Repository::parse("a/.github").unwrap().to_string(), "a/.github");
        let project = Project::parse("gitlab-org/ci-cd/gitlab-runner").unwrap();
        assert_eq!((project.path(), project.name()), ("gitlab-org/ci-cd/gitlab-runner", "gitlab-runner"));
    }

    #[test]
    fn bad_ones_say_what_is_wrong() {
        let cases = [
            ("", "empty"),
            ("https://github.com/a/b", "is an address"),
            ("git@github.com:a/b", "is an address"),
            ("a/b.git", "`.git`"),
            ("a", "two parts"),
            ("a/b/c", "two parts"),
            ("a//b", "empty part"),
            ("/a", "empty part"),
            ("a/..", "no name"),
            ("a/b?x=1", "no name"),
            ("a/b%2f", "no name"),
            ("ä/b", "no name"),
            ("a/b\n", "no name"),
        ];
        for (locator, part) in cases {
            let error = Repository::parse(locator).unwrap_err();
            assert_eq!(error.code, "bad-input", "{locator}");
            assert!(error.message.contains(part), "{locator}: {}", error.message);
            assert!(error.message.contains("owner/repository"), "{locator}: {}", error.message);
        }
        assert!(Project::parse("alone").unwrap_err().message.contains("group/subgroup/project"));
        assert!(Project::parse(&["g"; 22].join("/")).is_err());
    }

    proptest::proptest! {
        #[test]
        fn what_is_accepted_stays_in_its_place(text in "\\PC{0,40}") {
            if let Ok(repository) = Repository::parse(&text) {
                proptest::prop_assert_eq!(repository.to_string(), text.clone());
                proptest::prop_assert!(!text.contains("..") || !text.split('/').any(|part| part == ".."));
            }
            let _ = Project::parse(&text);
        }
    }
}
