//! The actions that there are.

use std::collections::BTreeSet;

use super::action::Action;
use super::error::AccessError;
use super::pattern::Pattern;
use super::selector::Attribute;

/// What can be done with a resource.
#[derive(Debug, Clone, Copy, PartialEq, Eq)]
pub struct Verb {
    /// The word.
    pub name: &'static str,
    /// What it allows, in a sentence.
    pub about: &'static str,
}

/// Something that actions are about.
#[derive(Debug, Clone, Copy, PartialEq, Eq)]
pub struct Resource {
    /// The word.
    pub name: &'static str,
    /// What selectors can tell it by.
    pub told_by: &'static [Attribute],
    /// What can be done with it.
    pub verbs: &'static [Verb],
}

impl Resource {
    /// Its actions as text.
    pub fn actions(&self) -> impl Iterator<Item = String> {
        self.verbs.iter().map(|verb| format!("{}:{}", self.name, verb.name))
    }
}

const fn can(name: &'static str, about: &'static str) -> Verb {
    Verb { name, about }
}

const fn resource(name: &'static str, told_by: &'static [Attribute], verbs: &'static [Verb]) -> Resource {
    Resource { name, told_by, verbs }
}

const NOTHING: &[Attribute] = &[];
const MACHINE: &[Attribute] = &[Attribute::Machine, Attribute::Tag];
const ITEM: &[Attribute] = &[Attribute::Item];
const SCOPE: &[Attribute] = &[Attribute::Scope];
const EVENT: &[Attribute] = &[Attribute::Machine, Attribute::Tag, Attribute::Item, Attribute::Scope];
const MACHINE_AND_SCOPE: &[Attribute] = &[Attribute::Machine, Attribute::Tag, Attribute::Scope];

/// The host's own actions. What agents do with their keys and certificates (enrol, ask for tickets, redeem them) is not
/// among them: an agent has capabilities, no roles.
pub const BUILT_IN: &[Resource] = &[
    resource("host", NOTHING, &[can("read", "See how the host is, and its metrics.")]),
    resource(
        "machine",
        MACHINE,
        &[
            can("read", "See machines and what is installed on them."),
            can("write", "Add machines; say what is installed on them."),
            can("tag", "Rename and tag machines: selectors of other users' grants go by names and tags."),
            can("remove", "Remove machines."),
        ],
    ),
    resource(
        "item",
        ITEM,
        &[
            can("read", "See items, their releases and why one is not offered."),
            can("write", "Add items and change them and their policies."),
            can("remove", "Remove items."),
        ],
    ),
    resource("check", ITEM, &[can("read", "See what checks found."), can("run", "Check items now.")]),
    resource(
        "plugin",
        NOTHING,
        &[
            can("read", "See plugins, their grants and how they are."),
            can("logs", "Read what plugins wrote to their logs."),
            can("write", "Add plugins, change their configuration and grants, remove them."),
            can("enable", "Put plugins in and out of service."),
        ],
    ),
    resource(
        "trust",
        NOTHING,
        &[
            can("read", "See whose plugins may run and which keys were revoked."),
            can("refresh", "Fetch roots and revocations now."),
            can("write", "Change whose plugins may run."),
        ],
    ),
    resource(
        "channel",
        NOTHING,
        &[
            can("read", "See channels."),
            can("test", "Send a message over a channel to try it."),
            can("write", "Add, change and remove channels."),
        ],
    ),
    resource(
        "delivery",
        NOTHING,
        &[can("read", "See deliveries and those that failed."), can("replay", "Deliver again.")],
    ),
    resource("event", EVENT, &[can("read", "Read events, as they come too.")]),
    resource(
        "agent",
        MACHINE,
        &[
            can("read", "See agents, their certificates and capabilities."),
            can("write", "Change the capabilities of agents."),
            can("approve", "Let in an agent that waits for a person."),
            can("revoke", "Take an agent's keys and certificates back."),
        ],
    ),
    resource(
        "enrolment",
        NOTHING,
        &[
            can("read", "See enrolment tokens, not their text."),
            can("write", "Make enrolment tokens."),
            can("remove", "Take enrolment tokens back."),
        ],
    ),
    resource(
        "scope",
        SCOPE,
        &[
            can("read", "See ticket scopes."),
            can("write", "Register ticket scopes and bring them up to date."),
            can("remove", "Remove ticket scopes with all that is theirs."),
        ],
    ),
    resource(
        "instance",
        MACHINE_AND_SCOPE,
        &[can("read", "See instances."), can("remove", "Remove instances with all that is theirs.")],
    ),
    resource(
        "assignment",
        MACHINE_AND_SCOPE,
        &[
            can("read", "See which agent is assigned to which instance."),
            can("write", "Assign agents to instances."),
            can("remove", "Take assignments back."),
        ],
    ),
    resource(
        "ticket",
        MACHINE_AND_SCOPE,
        &[can("read", "See tickets, not their ids."), can("revoke", "Take tickets back.")],
    ),
    resource(
        "approval",
        SCOPE,
        &[
            can("read", "See requests for tickets that wait for people, and what became of them."),
            can("decide", "Say yes or no to them, as a person who is logged in."),
        ],
    ),
    resource(
        "session",
        MACHINE_AND_SCOPE,
        &[can("read", "See sessions between agents."), can("end", "End sessions between agents.")],
    ),
    resource(
        "user",
        NOTHING,
        &[
            can("read", "See users and their roles."),
            can("write", "Add users and change their names and addresses."),
            can("lock", "Lock users out and let them in again."),
            can("logout", "End what others are logged in with."),
            can("assign", "Give users roles and take them back: whoever may, may give themselves any."),
            can("remove", "Remove users."),
        ],
    ),
    resource(
        "role",
        NOTHING,
        &[
            can("read", "See roles and what they allow."),
            can("write", "Make and change roles: whoever may, may let theirs allow anything."),
            can("remove", "Remove roles."),
        ],
    ),
    resource(
        "token",
        NOTHING,
        &[
            can("read", "See the API tokens of others, not their text."),
            can("write", "Make API tokens for services."),
            can("remove", "Take the API tokens of others back."),
        ],
    ),
    resource(
        "audit",
        NOTHING,
        &[
            can("read", "Read the record and verify it."),
            can("export", "Export the record and its signed head."),
        ],
    ),
    resource(
        "settings",
        NOTHING,
        &[can("read", "See settings, not secrets."), can("write", "Change settings.")],
    ),
    resource(
        "data",
        NOTHING,
        &[can("reset", "Erase everything but users, tokens, certificates and settings.")],
    ),
];

/// Every action of the host: resource and verb.
pub(super) fn words() -> impl Iterator<Item = (&'static str, &'static str)> {
    BUILT_IN.iter().flat_map(|resource| resource.verbs.iter().map(|verb| (resource.name, verb.name)))
}

/// What the targets of a pattern's actions can be told by. A plugin's may be told by anything.
pub(super) fn attributes(pattern: &Pattern) -> BTreeSet<Attribute> {
    if pattern.of_plugins() {
        return Attribute::ALL.into();
    }
    let reached =
        |resource: &&Resource| resource.verbs.iter().any(|v| pattern.reaches(resource.name, v.name));
    BUILT_IN.iter().filter(reached).flat_map(|resource| resource.told_by).copied().collect()
}

/// All actions that there are: the host's, and those that plugins add. What is not in it is denied to everybody.
#[derive(Debug, Clone, Default)]
pub struct Catalogue {
    plugins: BTreeSet<Action>,
}

impl Catalogue {
    /// With what plugins add.
    ///
    /// # Errors
    /// When one of these is not of the form `plugin.NAME:verb`: a plugin cannot add to the host's own.
    pub fn with(plugins: impl IntoIterator<Item = Action>) -> Result<Self, AccessError> {
        let of_a_plugin = |action: Action| match action.of_a_plugin() {
            true => Ok(action),
            false => Err(AccessError::NotOfAPlugin(action.to_string())),
        };
        Ok(Self { plugins: plugins.into_iter().map(of_a_plugin).collect::<Result<_, _>>()? })
    }

    /// Whether there is such an action.
    #[must_use]
    pub fn has(&self, action: &Action) -> bool {
        words().any(|(resource, verb)| (resource, verb) == (action.resource(), action.verb()))
            || self.plugins.contains(action)
    }
}
