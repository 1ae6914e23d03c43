//! What a grant's actions may be done to.

use std::{collections::BTreeSet, fmt, str::FromStr};

use serde::{Deserialize, Serialize};

use crate::name::{ItemName, MAX_NAME, MachineName, TagName};
use crate::ticket::ScopeName;

use super::error::{AccessError, at_most, cut};

/// Patterns in one list of a selector, at most.
pub const MAX_GLOBS: usize = 256;

/// What something that is acted on can be told by.
#[derive(Debug, Clone, Copy, PartialEq, Eq, PartialOrd, Ord, Hash)]
pub enum Attribute {
    /// The machine's name.
    Machine,
    /// One of its tags.
    Tag,
    /// The item's name.
    Item,
    /// The ticket scope's name.
    Scope,
}

impl Attribute {
    /// All of them.
    pub const ALL: [Self; 4] = [Self::Machine, Self::Tag, Self::Item, Self::Scope];

    /// As it is called in a selector.
    #[must_use]
    pub const fn as_str(self) -> &'static str {
        match self {
            Self::Machine => "machine",
            Self::Tag => "tag",
            Self::Item => "item",
            Self::Scope => "scope",
        }
    }
}

impl fmt::Display for Attribute {
    fn fmt(&self, f: &mut fmt::Formatter<'_>) -> fmt::Result {
        f.write_str(self.as_str())
    }
}

/// A name, or a pattern of names in which `*` stands for any run of characters, none included.
#[derive(Debug, Clone, PartialEq, Eq, PartialOrd, Ord, Hash, Serialize, Deserialize)]
#[serde(try_from = "String", into = "String")]
pub struct Glob(String);

impl Glob {
    /// Whether it matches the whole of `name`.
    #[must_use]
    pub fn matches(&self, name: &str) -> bool {
        let (pattern, name) = (self.0.as_bytes(), name.as_bytes());
        let (mut p, mut n) = (0, 0);
        // Where to go on when what follows the last star does not fit: the star takes one byte more.
        let mut last: Option<(usize, usize)> = None;
        while let Some(byte) = name.get(n) {
            match (pattern.get(p), last) {
                (Some(b'*'), _) => {
                    p += 1;
                    last = Some((p, n));
                }
                (Some(wanted), _) if wanted == byte => (p, n) = (p + 1, n + 1),
                (_, Some((after, taken))) => {
                    last = Some((after, taken + 1));
                    (p, n) = (after, taken + 1);
                }
                (_, None) => return false,
            }
        }
        pattern.get(p..).is_some_and(|rest| rest.iter().all(|b| *b == b'*'))
    }
}

impl fmt::Display for Glob {
    fn fmt(&self, f: &mut fmt::Formatter<'_>) -> fmt::Result {
        f.write_str(&self.0)
    }
}

impl FromStr for Glob {
    type Err = AccessError;

    fn from_str(text: &str) -> Result<Self, Self::Err> {
        let fits = |b: u8| b.is_ascii_lowercase() || b.is_ascii_digit() || b"._+@/:-*".contains(&b);
        match (1..=MAX_NAME).contains(&text.len()) && text.bytes().all(fits) {
            true => Ok(Self(text.to_owned())),
            false => Err(AccessError::Glob(cut(text))),
        }
    }
}

impl TryFrom<String> for Glob {
    type Error = AccessError;

    fn try_from(text: String) -> Result<Self, Self::Error> {
        text.parse()
    }
}

impl From<Glob> for String {
    fn from(glob: Glob) -> Self {
        glob.0
    }
}

/// One or more patterns of names, of which one has to match.
///
/// Never empty: a list that was emptied must not come to mean all.
#[derive(Debug, Clone, PartialEq, Eq, PartialOrd, Ord, Hash, Serialize, Deserialize)]
#[serde(try_from = "Vec<Glob>", into = "Vec<Glob>")]
pub struct Globs(Vec<Glob>);

impl Globs {
    /// Whether one of them matches one of `names`. No names, no match.
    fn match_one<'a>(&self, mut names: impl Iterator<Item = &'a str>) -> bool {
        names.any(|name| self.0.iter().any(|glob| glob.matches(name)))
    }
}

impl TryFrom<Vec<Glob>> for Globs {
    type Error = AccessError;

    fn try_from(globs: Vec<Glob>) -> Result<Self, Self::Error> {
        at_most("names in a selector", globs.len(), MAX_GLOBS)?;
        if globs.is_empty() { Err(AccessError::NoGlobs) } else { Ok(Self(globs)) }
    }
}

impl From<Globs> for Vec<Glob> {
    fn from(globs: Globs) -> Self {
        globs.0
    }
}

impl fmt::Display for Globs {
    fn fmt(&self, f: &mut fmt::Formatter<'_>) -> fmt::Result {
        for (n, glob) in self.0.iter().enumerate() {
            f.write_str(if n == 0 { "" } else { " or " })?;
            write!(f, "`{glob}`")?;
        }
        Ok(())
    }
}

/// Which targets: all that have each of the attributes that are given here, with a name that matches.
///
/// An empty selector matches everything. One on an attribute that a target does not have does not match that target.
#[derive(Debug, Clone, Default, PartialEq, Eq, PartialOrd, Ord, Hash, Serialize, Deserialize)]
#[serde(deny_unknown_fields)]
pub struct Selector {
    /// On these machines.
    #[serde(default, skip_serializing_if = "Option::is_none")]
    pub machine: Option<Globs>,
    /// On machines with one of these tags.
    #[serde(default, skip_serializing_if = "Option::is_none")]
    pub tag: Option<Globs>,
    /// These items.
    #[serde(default, skip_serializing_if = "Option::is_none")]
    pub item: Option<Globs>,
    /// Within these ticket scopes.
    #[serde(default, skip_serializing_if = "Option::is_none")]
    pub scope: Option<Globs>,
}

impl Selector {
    /// What is asked of an attribute.
    #[must_use]
    pub const fn of(&self, attribute: Attribute) -> Option<&Globs> {
        match attribute {
            Attribute::Machine => self.machine.as_ref(),
            Attribute::Tag => self.tag.as_ref(),
            Attribute::Item => self.item.as_ref(),
            Attribute::Scope => self.scope.as_ref(),
        }
    }

    /// Whether it matches everything.
    #[must_use]
    pub fn is_empty(&self) -> bool {
        *self == Self::default()
    }

    /// Where it does not match `target`; nowhere if it matches.
    #[must_use]
    pub fn misses(&self, target: &Target) -> Vec<Miss> {
        let miss = |attribute: Attribute| {
            let wanted = self.of(attribute)?;
            let names = target.names(attribute);
            if wanted.match_one(names.iter().copied()) {
                return None;
            }
            let found = names.into_iter().map(str::to_owned).collect();
            Some(Miss { attribute, wanted: wanted.clone(), found })
        };
        Attribute::ALL.into_iter().filter_map(miss).collect()
    }
}

/// Why a selector does not match.
#[derive(Debug, Clone, PartialEq, Eq, PartialOrd, Ord)]
pub struct Miss {
    /// By what.
    pub attribute: Attribute,
    /// What the selector asks for.
    pub wanted: Globs,
    /// What the target has; nothing, if it has no such attribute.
    pub found: Vec<String>,
}

/// What an action is done to, as far as selectors can tell. One without attributes stands for the host as a whole.
#[derive(Debug, Clone, Default, PartialEq, Eq)]
pub struct Target {
    /// The machine that it is, or is on.
    pub machine: Option<MachineName>,
    /// The tags of that machine.
    pub tags: BTreeSet<TagName>,
    /// The item that it is, or belongs to.
    pub item: Option<ItemName>,
    /// The ticket scope that it is, or belongs to.
    pub scope: Option<ScopeName>,
}

impl Target {
    fn names(&self, attribute: Attribute) -> Vec<&str> {
        match attribute {
            Attribute::Machine => self.machine.iter().map(MachineName::as_str).collect(),
            Attribute::Tag => self.tags.iter().map(TagName::as_str).collect(),
            Attribute::Item => self.item.iter().map(ItemName::as_str).collect(),
            Attribute::Scope => self.scope.iter().map(ScopeName::as_str).collect(),
        }
    }
}

impl FromStr for Target {
    type Err = AccessError;

    /// Reads what a person writes: `machine=web-1,tag=eu,tag=prod`, or `host` for none of these.
    fn from_str(text: &str) -> Result<Self, Self::Err> {
        let mut target = Self::default();
        if text == "host" {
            return Ok(target);
        }
        for part in text.split(',') {
            let refuse = || AccessError::Target(cut(part));
            let (attribute, name) = part.split_once('=').ok_or_else(refuse)?;
            let attribute = Attribute::ALL.into_iter().find(|known| known.as_str() == attribute);
            let twice = match attribute.ok_or_else(refuse)? {
                Attribute::Machine => target.machine.replace(name.parse()?).is_some(),
                Attribute::Tag => !target.tags.insert(name.parse()?),
                Attribute::Item => target.item.replace(name.parse()?).is_some(),
                Attribute::Scope => target.scope.replace(name.parse().map_err(|_| refuse())?).is_some(),
            };
            if twice {
                return Err(refuse());
            }
        }
        Ok(target)
    }
}

impl fmt::Display for Target {
    fn fmt(&self, f: &mut fmt::Formatter<'_>) -> fmt::Result {
        let mut any = false;
        for attribute in Attribute::ALL {
            let names = self.names(attribute);
            if !names.is_empty() {
                write!(f, "{}{attribute} {}", if any { ", " } else { "" }, names.join(" and "))?;
                any = true;
            }
        }
        if any { Ok(()) } else { f.write_str("the host") }
    }
}
