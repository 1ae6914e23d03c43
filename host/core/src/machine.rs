//! Machines, and what is installed on them.

use jiff::Timestamp;
use serde::{Deserialize, Serialize};

use crate::{
    id::{ItemId, MachineId},
    name::{MachineName, ManagerName},
    version::Gap,
};

/// The name of the machine that exists from the start: the one that the host runs on.
pub const THIS_HOST: &str = "this-host";

/// A computer on which items are installed.
#[derive(Debug, Clone, PartialEq, Eq, Serialize, Deserialize)]
pub struct Machine {
    /// Its identity.
    pub id: MachineId,
    /// What an operator calls it; unique.
    pub name: MachineName,
    /// When it was added.
    pub created_at: Timestamp,
}

/// An item as it is installed on a machine.
#[derive(Debug, Clone, PartialEq, Eq, Serialize, Deserialize)]
pub struct MachineItem {
    /// Where.
    pub machine: MachineId,
    /// What an operator calls that machine.
    pub machine_name: MachineName,
    /// What.
    pub item: ItemId,
    /// What installed it.
    pub manager: ManagerName,
    /// The installed version as the manager spells it.
    pub installed: String,
    /// When it was last seen there.
    pub seen_at: Timestamp,
    /// How it compares with what the item's policy wants.
    pub standing: Standing,
}

/// How an installed version compares with the release that the policy wants.
#[derive(Debug, Clone, PartialEq, Eq, Serialize, Deserialize)]
#[serde(tag = "standing", rename_all = "kebab-case")]
pub enum Standing {
    /// It cannot be said.
    Unknown {
        /// Why, as a sentence for a person.
        why: String,
    },
    /// Nothing newer is wanted.
    Current,
    /// A newer release is wanted.
    Outdated {
        /// That release's version.
        target: String,
        /// How far it is ahead.
        gap: Option<Gap>,
    },
}

impl Standing {
    /// The version that should be installed instead.
    #[must_use]
    pub fn target(&self) -> Option<&str> {
        match self {
            Self::Outdated { target, .. } => Some(target),
            Self::Unknown { .. } | Self::Current => None,
        }
    }
}
