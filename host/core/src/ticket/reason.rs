//! Why a session ended.

/// Why a session ended. Kept with it.
#[derive(Debug, Clone, Copy, PartialEq, Eq, PartialOrd, Ord, Hash)]
pub enum EndReason {
    /// Nothing was heard of it.
    Idle,
    /// The instance it was for is gone.
    InstanceGone,
    /// The scope was removed.
    ScopeRemoved,
    /// An operator ended it, or revoked its ticket.
    AdminKilled,
    /// The owner of the instance was revoked.
    SourceRevoked,
    /// The agent that redeemed the ticket was revoked.
    TargetRevoked,
    /// One of the two lost the capability.
    CapabilityRemoved,
    /// The target is no more assigned to the instance.
    AssignmentRemoved,
    /// It was to end at that time.
    Expired,
    /// A hook refused it.
    PolicyDenied,
}

impl EndReason {
    /// All of them.
    pub const ALL: [Self; 10] = [
        Self::Idle,
        Self::InstanceGone,
        Self::ScopeRemoved,
        Self::AdminKilled,
        Self::SourceRevoked,
        Self::TargetRevoked,
        Self::CapabilityRemoved,
        Self::AssignmentRemoved,
        Self::Expired,
        Self::PolicyDenied,
    ];

    /// The stable word.
    #[must_use]
    pub const fn as_str(self) -> &'static str {
        match self {
            Self::Idle => "idle",
            Self::InstanceGone => "instance_gone",
            Self::ScopeRemoved => "scope_removed",
            Self::AdminKilled => "admin_killed",
            Self::SourceRevoked => "source_revoked",
            Self::TargetRevoked => "target_revoked",
            Self::CapabilityRemoved => "capability_removed",
            Self::AssignmentRemoved => "assignment_removed",
            Self::Expired => "expired",
            Self::PolicyDenied => "policy_denied",
        }
    }

    /// The reason of that word.
    #[must_use]
    pub fn from_word(word: &str) -> Option<Self> {
        Self::ALL.into_iter().find(|reason| reason.as_str() == word)
    }

    /// The one of the five words that clients of the reference API know.
    #[must_use]
    pub const fn compatible(self) -> Self {
        match self {
            Self::Idle | Self::InstanceGone | Self::Expired | Self::PolicyDenied => Self::AdminKilled,
            Self::ScopeRemoved => Self::AssignmentRemoved,
            known => known,
        }
    }
}

#[cfg(test)]
mod tests {
    use super::*;

    #[test]
    fn a_word_for_each_and_five_for_old_clients() {
        for reason in EndReason::ALL {
            assert_eq!(EndReason::from_word(reason.as_str()), Some(reason));
            let old = reason.compatible().as_str();
            let known = [
                "admin_killed",
                "source_revoked",
                "capability_removed",
                "target_revoked",
                "assignment_removed",
            ];
            assert!(known.contains(&old), "{old}");
        }
        assert_eq!(EndReason::from_word("Idle"), None);
    }
}
