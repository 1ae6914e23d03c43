//! A decision in words.

use std::fmt;

use super::action::Action;
use super::decide::{Because, Decision, Granted, NearMiss, Subject};
use super::selector::{Attribute, Miss, Selector, Target};

/// A decision as `waystation auth explain` prints it: who may or may not do what, and which rule says so.
#[must_use]
pub fn explain(subject: &Subject<'_>, action: &Action, target: &Target, decision: &Decision) -> String {
    let may = if decision.allowed() { "may" } else { "may not" };
    let with = subject.token.map(|token| format!(" with the token `{}`", token.name)).unwrap_or_default();
    format!("`{}`{with} {may} `{action}` on {target}: {}", subject.name, decision.because())
}

impl fmt::Display for Because {
    fn fmt(&self, f: &mut fmt::Formatter<'_>) -> fmt::Result {
        match self {
            Self::Granted { role, token: None } => write!(f, "{role}"),
            Self::Granted { role, token: Some(token) } => write!(f, "{role}, and {token}"),
            Self::UnknownAction => f.write_str("there is no such action"),
            Self::NoRole => f.write_str("no role was given to them"),
            Self::NoGrant(None) => f.write_str("none of their roles allows it, on anything"),
            Self::OutsideToken(None) => f.write_str("they may themselves, but the token is not for that"),
            Self::NoGrant(Some(near)) => write!(f, "{near}"),
            Self::OutsideToken(Some(near)) => write!(f, "they may themselves, but {near}"),
        }
    }
}

impl fmt::Display for Granted {
    fn fmt(&self, f: &mut fmt::Formatter<'_>) -> fmt::Result {
        match &self.role {
            Some(role) => write!(f, "the role `{role}` grants `{}`{}", self.pattern, self.grant.on()),
            None => write!(f, "the token is for `{}`{}", self.pattern, self.grant.on()),
        }
    }
}

impl fmt::Display for NearMiss {
    fn fmt(&self, f: &mut fmt::Formatter<'_>) -> fmt::Result {
        write!(f, "{} only; ", self.granted)?;
        for (n, miss) in self.misses.iter().enumerate() {
            write!(f, "{}{miss}", if n == 0 { "" } else { ", and " })?;
        }
        Ok(())
    }
}

impl fmt::Display for Miss {
    fn fmt(&self, f: &mut fmt::Formatter<'_>) -> fmt::Result {
        match self.found.as_slice() {
            [] => write!(f, "this has no {}", self.attribute),
            found => write!(f, "the {} of this is {}", self.attribute, found.join(" and ")),
        }
    }
}

impl fmt::Display for Selector {
    /// Nothing for an empty one; else ` where machine is …`, to go after what is selected.
    fn fmt(&self, f: &mut fmt::Formatter<'_>) -> fmt::Result {
        let mut before = " where ";
        for attribute in Attribute::ALL {
            if let Some(globs) = self.of(attribute) {
                write!(f, "{before}{attribute} is {globs}")?;
                before = " and ";
            }
        }
        Ok(())
    }
}
