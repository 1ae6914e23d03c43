//! What comes of an attempt to enrol.

use jiff::Timestamp;

use super::{EnrolRefusal, Waiting};

/// What is known of the token that was presented.
#[derive(Debug, Clone, Copy, PartialEq, Eq)]
pub struct Token {
    /// Since when it is there.
    pub created_at: Timestamp,
    /// Until when.
    pub expires_at: Timestamp,
    /// Whether it may be used once more.
    pub uses_left: bool,
    /// Whether a person wants to look first.
    pub approve: bool,
    /// Whether it is for the name that is asked for.
    pub admits: bool,
    /// Whether the agent that made it, if one did, may still do so.
    pub delegator: bool,
}

/// What became of the last attempt with the same token and the same [`Binding`](super::Binding).
#[derive(Debug, Clone, Copy, PartialEq, Eq)]
pub enum Earlier {
    /// It waits, until then.
    Waiting(Waiting, Timestamp),
    /// A person said yes; the machine may come until then.
    Approved(Timestamp),
    /// A person said no.
    Rejected,
    /// It was enrolled: whether its agent is still the one of that enrolment, and it had a certificate for its key.
    Done {
        /// Not revoked, and not enrolled anew since.
        current: bool,
        /// Without one, nothing shows that who comes again is the same.
        certificate: bool,
    },
}

/// Who has the name that is asked for.
#[derive(Debug, Clone, Copy, PartialEq, Eq)]
pub enum Holder {
    /// Nobody, ever.
    Nobody,
    /// An agent that was revoked then.
    Revoked(Timestamp),
    /// An agent.
    Live,
}

/// All that counts.
#[derive(Debug, Clone, Copy, PartialEq, Eq)]
pub struct Facts {
    /// When.
    pub now: Timestamp,
    /// The token, if there is one.
    pub token: Option<Token>,
    /// See [`Earlier`].
    pub earlier: Option<Earlier>,
    /// See [`Holder`].
    pub holder: Holder,
    /// Whether a live agent of another name claims the same machine.
    pub elsewhere: bool,
}

/// What is done.
#[derive(Debug, Clone, Copy, PartialEq, Eq)]
pub enum Decision {
    /// Enrol; take one use of the token, unless that was done when it began to wait.
    Enrol {
        /// Whether a use is taken.
        take: bool,
    },
    /// It is enrolled, and comes again since the answer was lost: give a certificate for the same key once more.
    Again,
    /// Take one use, and wait for a person.
    Wait(Waiting),
    /// It waits already.
    StillWaiting(Waiting, Timestamp),
    /// Nothing.
    Refuse(EnrolRefusal),
}

/// What comes of an attempt: never an agent without a token, never two with one use, and never one that takes the name
/// of an agent that lives. What machine somebody claims to be on makes them wait, and gives them nothing.
#[must_use]
pub fn decide(facts: &Facts) -> Decision {
    use Decision::{Again, Enrol, Refuse, StillWaiting, Wait};
    let Facts { now, token, earlier, holder, elsewhere } = *facts;
    let Some(token) = token.filter(|token| token.delegator) else { return Refuse(EnrolRefusal::Unknown) };
    if !token.admits {
        return Refuse(EnrolRefusal::OtherLabel);
    }
    let approved = match earlier {
        Some(Earlier::Rejected) => return Refuse(EnrolRefusal::Rejected),
        Some(Earlier::Waiting(_, until) | Earlier::Approved(until)) if now >= until => {
            return Refuse(EnrolRefusal::TimedOut);
        }
        Some(Earlier::Waiting(why, until)) => return StillWaiting(why, until),
        Some(Earlier::Approved(_)) => true,
        Some(Earlier::Done { current: true, certificate: true }) if now < token.expires_at => return Again,
        Some(Earlier::Done { .. }) | None => false,
    };
    if !approved && now >= token.expires_at {
        return Refuse(EnrolRefusal::Expired);
    }
    if !approved && !token.uses_left {
        return Refuse(EnrolRefusal::Used);
    }
    match holder {
        Holder::Live => return Refuse(EnrolRefusal::Taken),
        // Who was revoked comes back with a token that was made after that.
        Holder::Revoked(at) if token.created_at <= at => return Refuse(EnrolRefusal::Stale),
        Holder::Revoked(_) | Holder::Nobody => {}
    }
    match (approved, token.approve, elsewhere) {
        (true, ..) => Enrol { take: false },
        (false, true, _) => Wait(Waiting::Approval),
        (false, false, true) => Wait(Waiting::Collision),
        (false, false, false) => Enrol { take: true },
    }
}
