//! Arguments of the commands about who may use a host.

use std::path::PathBuf;

use clap::{Args, Subcommand};

/// `waystation welcome`
#[derive(Debug, Args)]
pub(crate) struct Welcome {
    /// What the owner is called; not for a link to choose a password
    #[arg(long)]
    pub(crate) name: Option<String>,
    /// A file with the link [default: that of the host's data folder]
    #[arg(long, value_name = "FILE")]
    pub(crate) link_file: Option<PathBuf>,
    /// Read the new password from standard input
    #[arg(long)]
    pub(crate) password_stdin: bool,
}

/// `waystation login`
#[derive(Debug, Args)]
pub(crate) struct Login {
    /// Who you are
    #[arg(long, conflicts_with = "device")]
    pub(crate) name: Option<String>,
    /// Read the password from standard input
    #[arg(long, conflicts_with = "device")]
    pub(crate) password_stdin: bool,
    /// The six digits of your app, or a recovery code, where a second factor is asked for
    #[arg(long, conflicts_with = "device")]
    pub(crate) code: Option<String>,
    /// Show a code, and be let in from where you are logged in already
    #[arg(long)]
    pub(crate) device: bool,
    /// Log in at this provider, in a browser, which then lets this command in
    #[arg(long, value_name = "PROVIDER", conflicts_with_all = ["device", "name", "password_stdin", "code"])]
    pub(crate) provider: Option<String>,
}

/// `waystation account`
#[derive(Debug, Subcommand)]
pub(crate) enum Account {
    /// Who you are, and what you may do
    Show,
    /// Change your password; your other logins end
    Password,
    /// Ask for a code of an authenticator app at each login
    SecondFactor {
        /// Ask for it no more
        #[arg(long)]
        off: bool,
    },
    /// What you are logged in with
    Logins,
    /// End one of your logins
    EndLogin {
        /// Its id
        id: String,
    },
    /// Let a device in that shows a code, as you
    LetIn {
        /// The code
        code: String,
        /// Keep it out
        #[arg(long)]
        deny: bool,
        /// Do not ask
        #[arg(long, conflicts_with = "deny")]
        yes: bool,
    },
}

/// `waystation user`
#[derive(Debug, Subcommand)]
pub(crate) enum User {
    /// List users and services
    List,
    /// Show one
    Show {
        /// The user
        name: String,
    },
    /// Add a user, who chooses a password with the link that is printed
    Add {
        /// What they log in as
        name: String,
        /// A role; once for each
        #[arg(long = "role", value_name = "ROLE")]
        roles: Vec<String>,
        /// A service, which acts with API tokens only
        #[arg(long)]
        service: bool,
    },
    /// Give a user these roles and no others; their logins end
    Assign {
        /// The user
        name: String,
        /// The roles; none, to take all away
        roles: Vec<String>,
    },
    /// Make a link with which a user chooses another password
    Link {
        /// The user
        name: String,
    },
    /// Give a user who cannot log in a way back: on the machine of the host, while it is stopped
    Rescue {
        /// The user
        name: String,
        /// Ask them for no second factor any more
        #[arg(long)]
        without_second_factor: bool,
    },
    /// Let a user log in at a provider
    Bind {
        /// The user
        name: String,
        /// The provider, as the configuration of the host calls it
        #[arg(long)]
        provider: String,
        /// Who they are there: `sub` of its ID tokens, letter by letter
        #[arg(long)]
        subject: String,
    },
    /// Take that back; the logins that came by it end
    Unbind {
        /// The user
        name: String,
        /// The provider
        #[arg(long)]
        provider: String,
        /// Who they are there; needed where they are several
        #[arg(long)]
        subject: Option<String>,
    },
    /// Lock a user out: logins end, tokens speak for nobody
    Lock {
        /// The user
        name: String,
    },
    /// Let a user in again
    Unlock {
        /// The user
        name: String,
    },
    /// End all logins of a user
    Logout {
        /// The user
        name: String,
    },
    /// Remove a user, with logins and tokens
    Remove {
        /// The user
        name: String,
    },
}

/// `waystation role`
#[derive(Debug, Subcommand)]
pub(crate) enum Role {
    /// List roles
    List,
    /// Show what a role allows
    Show {
        /// The role
        name: String,
    },
    /// Make a role, or give one another meaning
    Put {
        /// The role
        name: String,
        /// What it is for
        #[arg(long, default_value = "")]
        about: String,
        /// An action such as item:read or item:*; once for each
        #[arg(
            long = "allow",
            value_name = "ACTION",
            required_unless_present = "file",
            conflicts_with = "file"
        )]
        allow: Vec<String>,
        /// On what only, such as item=apt/* or machine=web-*; once for each
        #[arg(long = "on", value_name = "SELECTOR", requires = "allow")]
        on: Vec<String>,
        /// A file with the grants as JSON: [{"actions": ["item:read"], "on": {"item": ["apt/*"]}}]
        #[arg(long, value_name = "FILE")]
        file: Option<PathBuf>,
    },
    /// Remove a role that nobody has
    Remove {
        /// The role
        name: String,
    },
}

/// `waystation token`
#[derive(Debug, Subcommand)]
pub(crate) enum Token {
    /// List your API tokens, not their text
    List {
        /// Those of everybody
        #[arg(long)]
        all: bool,
    },
    /// Make an API token; it is printed once
    Add {
        /// What it is called
        name: String,
        /// What it may be used for, such as item:read or *:*; once for each
        #[arg(long = "allow", value_name = "ACTION", required = true)]
        allow: Vec<String>,
        /// On what only, such as item=apt/*; once for each
        #[arg(long = "on", value_name = "SELECTOR")]
        on: Vec<String>,
        /// For this service
        #[arg(long, value_name = "NAME")]
        service: Option<String>,
        /// Days for which it holds
        #[arg(long, default_value_t = 90, value_name = "DAYS", value_parser = clap::value_parser!(u64).range(1..=36_500))]
        days: u64,
    },
    /// Take an API token back, at once
    Remove {
        /// Its id
        id: String,
    },
}

/// `waystation auth`
#[derive(Debug, Subcommand)]
pub(crate) enum Auth {
    /// Say whether a user may do something, and which rule decides
    Explain {
        /// The user
        user: String,
        /// The action, such as item:write
        action: String,
        /// On what: host, or machine=web-1,tag=eu
        target: String,
    },
}
