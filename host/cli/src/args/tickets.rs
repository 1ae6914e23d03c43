//! Arguments of `waystation scope`, `instance`, `assign`, `ticket`, `approval` and `session`.

use std::path::PathBuf;

use clap::{Args, Subcommand};

/// How much of a list.
#[derive(Debug, Args)]
pub(crate) struct Most {
    /// At most so many
    #[arg(long, value_name = "NUMBER")]
    pub(crate) limit: Option<usize>,
}

/// `waystation scope`
#[derive(Debug, Subcommand)]
pub(crate) enum Scope {
    /// List scopes and their sub-scopes
    List {
        #[command(flatten)]
        most: Most,
    },
    /// Register a scope
    Register {
        /// What it is, as JSON
        file: PathBuf,
    },
    /// Write a scope anew, in place: instances of sub-scopes that stay are not touched
    Update {
        /// What it is from now on, as JSON
        file: PathBuf,
    },
    /// Remove a scope with its instances, assignments, tickets and sessions
    Remove {
        /// Its name
        name: String,
    },
}

/// `waystation instance`
#[derive(Debug, Subcommand)]
pub(crate) enum Instance {
    /// List instances, and whether anybody is there
    List {
        #[command(flatten)]
        most: Most,
    },
    /// Remove an instance with its assignments, tickets and sessions
    Remove {
        /// Its id, with or without its capability before it
        id: String,
    },
}

/// `waystation assign`
#[derive(Debug, Subcommand)]
pub(crate) enum Assign {
    /// List assignments
    List {
        /// Of this agent
        #[arg(long, value_name = "LABEL")]
        agent: Option<String>,
        /// To this instance, such as shell:connect:ID
        #[arg(long, value_name = "INSTANCE")]
        instance: Option<String>,
        #[command(flatten)]
        most: Most,
    },
    /// Let an agent get tickets to an instance
    Add {
        /// Its label
        agent: String,
        /// The instance, such as shell:connect:ID
        instance: String,
    },
    /// Take that back: its tickets and sessions end
    Remove {
        /// Its label
        agent: String,
        /// The instance, such as shell:connect:ID
        instance: String,
    },
}

/// `waystation ticket`
#[derive(Debug, Subcommand)]
pub(crate) enum Ticket {
    /// List tickets: those that can be redeemed, and what became of the others
    List {
        /// Only those that can be redeemed
        #[arg(long)]
        pending: bool,
        #[command(flatten)]
        most: Most,
    },
    /// Take a ticket back; the session that it opened ends
    Revoke {
        /// What `ticket list` calls it
        id: String,
    },
}

/// `waystation approval`
#[derive(Debug, Subcommand)]
pub(crate) enum Approval {
    /// List requests that wait for people
    List {
        /// Those in another state: approved, used, rejected, expired, lapsed, ended
        #[arg(long, default_value = "waiting", conflicts_with = "all")]
        state: String,
        /// In whatever state
        #[arg(long)]
        all: bool,
        /// Of this scope
        #[arg(long)]
        scope: Option<String>,
        /// Asked for by this agent
        #[arg(long, value_name = "LABEL")]
        source: Option<String>,
        /// For this agent
        #[arg(long, value_name = "LABEL")]
        target: Option<String>,
        #[command(flatten)]
        most: Most,
    },
    /// Show a request: who asks for whom, who said yes, and who cannot
    Show {
        /// Its id
        id: String,
    },
    /// Say yes to a request: as a person who is logged in, not with an API token
    Approve {
        /// Its id
        id: String,
    },
    /// Say no to a request, which ends it
    Reject {
        /// Its id
        id: String,
        /// Why; the agent that asked is told
        #[arg(long)]
        reason: String,
    },
}

/// `waystation session`
#[derive(Debug, Subcommand)]
pub(crate) enum Session {
    /// List sessions, and why those that are over ended
    List {
        /// Only those that are not over
        #[arg(long)]
        open: bool,
        #[command(flatten)]
        most: Most,
    },
    /// End a session
    End {
        /// Its id
        id: String,
    },
}
