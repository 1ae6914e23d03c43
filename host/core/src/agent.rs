//! Agents: what enrols, asks for tickets and redeems them. Their names, as they stand in certificates and in the tickets
//! API.

use std::fmt;
use std::str::FromStr;

/// The most characters of each part.
const MAX_PART: usize = 50;

/// A text that is no name of an agent.
#[derive(Debug, Clone, PartialEq, Eq, thiserror::Error)]
#[error("no name of an agent: {why}; a label is 1 to {MAX_PART} of a-z, 0-9 and `-`")]
pub struct InvalidAgentName {
    /// What is wrong.
    pub why: &'static str,
}

impl InvalidAgentName {
    /// The stable word for programs.
    #[must_use]
    pub const fn code(&self) -> &'static str {
        "agent-name"
    }
}

/// What an agent is called: 1 to 50 characters `a-z`, `0-9`, `-`.
#[derive(Debug, Clone, PartialEq, Eq, PartialOrd, Ord, Hash)]
pub struct Label(String);

/// What a plugin's agent is called below its delegator: as [`Label`], not beginning with `-`.
#[derive(Debug, Clone, PartialEq, Eq, PartialOrd, Ord, Hash)]
pub struct ShortName(String);

/// Who a certificate speaks for.
///
/// There are two kinds of names and no third: what is neither is nobody. No name stands for a person or an
/// administrator.
#[derive(Debug, Clone, PartialEq, Eq, PartialOrd, Ord, Hash)]
pub enum AgentName {
    /// `agent:LABEL`: a machine.
    Agent {
        /// Its label.
        label: Label,
    },
    /// `plugin-agent:DELEGATOR:NAME`: what an agent enrolled in its own name.
    PluginAgent {
        /// The agent that answers for it.
        delegator: Label,
        /// Its own name.
        name: ShortName,
    },
}

fn is_part(text: &str) -> bool {
    (1..=MAX_PART).contains(&text.len())
        && text.bytes().all(|b| b.is_ascii_lowercase() || b.is_ascii_digit() || b == b'-')
}

impl FromStr for Label {
    type Err = InvalidAgentName;

    fn from_str(text: &str) -> Result<Self, InvalidAgentName> {
        if is_part(text) {
            Ok(Self(text.to_owned()))
        } else {
            Err(InvalidAgentName { why: "its label is none" })
        }
    }
}

impl FromStr for ShortName {
    type Err = InvalidAgentName;

    fn from_str(text: &str) -> Result<Self, InvalidAgentName> {
        if is_part(text) && !text.starts_with('-') {
            Ok(Self(text.to_owned()))
        } else {
            Err(InvalidAgentName { why: "the name of the plugin's agent is none" })
        }
    }
}

impl Label {
    /// As text.
    #[must_use]
    pub fn as_str(&self) -> &str {
        &self.0
    }
}

impl ShortName {
    /// As text.
    #[must_use]
    pub fn as_str(&self) -> &str {
        &self.0
    }
}

impl fmt::Display for Label {
    fn fmt(&self, f: &mut fmt::Formatter<'_>) -> fmt::Result {
        f.write_str(&self.0)
    }
}

impl fmt::Display for ShortName {
    fn fmt(&self, f: &mut fmt::Formatter<'_>) -> fmt::Result {
        f.write_str(&self.0)
    }
}

impl FromStr for AgentName {
    type Err = InvalidAgentName;

    /// Reads the common name of a certificate, byte for byte.
    fn from_str(text: &str) -> Result<Self, InvalidAgentName> {
        match *text.split(':').collect::<Vec<_>>().as_slice() {
            ["agent", label] => Ok(Self::Agent { label: label.parse()? }),
            ["plugin-agent", delegator, name] => {
                Ok(Self::PluginAgent { delegator: delegator.parse()?, name: name.parse()? })
            }
            _ => Err(InvalidAgentName { why: "it is of neither form" }),
        }
    }
}

/// The common name, which [`AgentName::from_str`] reads back.
impl fmt::Display for AgentName {
    fn fmt(&self, f: &mut fmt::Formatter<'_>) -> fmt::Result {
        match self {
            Self::Agent { label } => write!(f, "agent:{label}"),
            Self::PluginAgent { delegator, name } => write!(f, "plugin-agent:{delegator}:{name}"),
        }
    }
}

impl AgentName {
    /// How the tickets API calls it: the label of an agent, the whole name of a plugin's agent.
    #[must_use]
    pub fn label(&self) -> String {
        match self {
            Self::Agent { label } => label.to_string(),
            Self::PluginAgent { .. } => self.to_string(),
        }
    }

    /// Reads what [`AgentName::label`] writes.
    ///
    /// # Errors
    /// When it is none.
    pub fn from_label(text: &str) -> Result<Self, InvalidAgentName> {
        match text.contains(':') {
            true => match text.parse()? {
                Self::Agent { .. } => Err(InvalidAgentName { why: "an agent is called by its label alone" }),
                name @ Self::PluginAgent { .. } => Ok(name),
            },
            false => Ok(Self::Agent { label: text.parse()? }),
        }
    }

    /// The agent that answers for it: itself, or its delegator.
    #[must_use]
    pub const fn owner(&self) -> &Label {
        match self {
            Self::Agent { label } => label,
            Self::PluginAgent { delegator, .. } => delegator,
        }
    }
}

#[cfg(test)]
mod tests {
    use proptest::prelude::*;

    use super::*;

    #[test]
    fn two_forms_and_no_third() {
        let mac: AgentName = "agent:macbook-pro".parse().unwrap();
        assert_eq!((mac.label().as_str(), mac.owner().as_str()), ("macbook-pro", "macbook-pro"));
        let shell: AgentName = "plugin-agent:mac:shell".parse().unwrap();
        assert_eq!((shell.label().as_str(), shell.owner().as_str()), ("plugin-agent:mac:shell", "mac"));
        let fifty = "a".repeat(50);
        for good in
            ["agent:-", "agent:-a-", "agent:0", "plugin-agent:-:0", &format!("plugin-agent:{fifty}:{fifty}")]
        {
            assert_eq!(good.parse::<AgentName>().unwrap().to_string(), good);
        }
        let long = format!("agent:{fifty}a");
        for bad in [
            "",
            "admin",
            "agent",
            "agent:",
            ":",
            "agent:a:b",
            "agent:A",
            "Agent:a",
            "AGENT:a",
            "agent: a",
            "agent:a ",
            " agent:a",
            "agent:a\n",
            "agent:a\0",
            "agent:a,b",
            "agent:ä",
            "agent:a_b",
            "agent:a.b",
            "plugin-agent:a",
            "plugin-agent:a:",
            "plugin-agent::b",
            "plugin-agent:a:-b",
            "plugin-agent:a:b:c",
            "agent:*",
            "agent:a/b",
            "root",
            "*",
            "CN=agent:a",
            "user:a",
            long.as_str(),
        ] {
            assert_eq!(bad.parse::<AgentName>().unwrap_err().code(), "agent-name", "{bad:?}");
        }
    }

    #[test]
    fn a_label_is_read_back() {
        for text in ["macbook", "plugin-agent:mac:shell"] {
            assert_eq!(AgentName::from_label(text).unwrap().label(), text);
        }
        for bad in ["agent:mac", "", "plugin-agent:mac", "Mac", "a:b"] {
            assert!(AgentName::from_label(bad).is_err(), "{bad:?}");
        }
    }

    proptest! {
        #[test]
        fn what_is_read_is_written_the_same(text in "(agent|plugin-agent|admin)?:?[a-z0-9:-]{0,60}") {
            if let Ok(name) = text.parse::<AgentName>() {
                prop_assert_eq!(name.to_string(), text);
            }
        }

        #[test]
        fn nothing_else_is_a_name(text in "\\PC{0,40}") {
            prop_assume!(!text.starts_with("agent:") && !text.starts_with("plugin-agent:"));
            prop_assert!(text.parse::<AgentName>().is_err());
        }
    }
}
