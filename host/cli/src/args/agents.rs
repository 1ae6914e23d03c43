//! Arguments of `waystation agent`, `waystation pki` and `waystation audit`.

use std::path::PathBuf;

use clap::{Args, Subcommand};
use jiff::SignedDuration;

use super::enrol::time;

/// `waystation agent`
#[derive(Debug, Subcommand)]
pub(crate) enum Agent {
    /// List agents, revoked ones too
    List,
    /// Enrol an agent, and issue a certificate for its key
    Enrol {
        /// What to call it: LABEL, or plugin-agent:DELEGATOR:NAME
        label: String,
        /// A certificate request (PKCS#10, PEM) that the agent made; its key stays there
        #[arg(long, value_name = "FILE")]
        csr: Option<PathBuf>,
        /// Something that it may do, such as shell:connect; once for each
        #[arg(long = "capability", value_name = "CAPABILITY")]
        capabilities: Vec<String>,
        /// Where to write the certificate
        #[arg(long, short, value_name = "FILE", requires = "csr")]
        output: Option<PathBuf>,
    },
    /// Give an agent these capabilities and no others
    Allow {
        /// Its label
        label: String,
        /// What it may do from now on; nothing, without any
        capabilities: Vec<String>,
    },
    /// Issue a further certificate to an agent
    Certify {
        /// Its label
        label: String,
        /// A certificate request (PKCS#10, PEM) that the agent made
        #[arg(long, value_name = "FILE")]
        csr: PathBuf,
        /// Where to write the certificate
        #[arg(long, short, value_name = "FILE")]
        output: Option<PathBuf>,
    },
    /// Invite a machine: make a token with which it enrols itself
    Invite(Invite),
    /// List invitations, without their tokens
    Invites,
    /// Delete an invitation: nobody enrols with it any more
    Uninvite {
        /// Its id, from `agent invites`
        id: String,
    },
    /// List enrolments that wait for a person
    Pending,
    /// Say yes to an enrolment that waits
    Approve {
        /// Its id, from `agent pending`
        id: String,
    },
    /// Say no to an enrolment that waits
    Reject {
        /// Its id, from `agent pending`
        id: String,
    },
    /// Revoke an agent, and those that it enrolled: certificates, tickets and sessions end at once
    Revoke {
        /// Its label
        label: String,
    },
}

/// `waystation agent invite`
#[derive(Debug, Args)]
pub(crate) struct Invite {
    /// What to call the agent: LABEL, or plugin-agent:DELEGATOR:NAME [default: whoever comes says so]
    pub(crate) label: Option<String>,
    /// Something that it may do, such as shell:connect; once for each
    #[arg(long = "capability", value_name = "CAPABILITY")]
    pub(crate) capabilities: Vec<String>,
    /// How often the token may be used [default: 1]
    #[arg(long, value_name = "NUMBER")]
    pub(crate) uses: Option<u32>,
    /// For how long, such as 1h [default: as enrolment.life says, 15m]
    #[arg(long, value_name = "TIME", value_parser = time)]
    pub(crate) ttl: Option<SignedDuration>,
    /// Let each machine that comes with it wait for `agent approve`
    #[arg(long)]
    pub(crate) approve: bool,
}

/// `waystation pki`
#[derive(Debug, Subcommand)]
pub(crate) enum Pki {
    /// The authorities of this host; the first one issues
    Show,
    /// Make the next authority, which issues from the next start on
    Rotate,
    /// Fetch the lists of revoked certificates from the host, for proxies
    Crl {
        /// Where to write them, in PEM [default: standard output]
        #[arg(long, short, value_name = "FILE")]
        output: Option<PathBuf>,
    },
}

/// `waystation audit`
#[derive(Debug, Subcommand)]
pub(crate) enum Audit {
    /// What was done, oldest first
    List {
        /// By this actor, such as agent:mac
        #[arg(long)]
        actor: Option<String>,
        /// Only this action, such as ticket.issue
        #[arg(long)]
        action: Option<String>,
        /// About this
        #[arg(long)]
        target: Option<String>,
        /// After the row with this number
        #[arg(long, value_name = "NUMBER")]
        after: Option<u64>,
    },
    /// Whether every row is what it was, and in its place; of the host, or of files
    Verify {
        /// Also that the record goes on from what this file, a head or an export, ended with
        #[arg(long, value_name = "FILE", conflicts_with = "files")]
        since: Option<PathBuf>,
        /// Exports, the oldest first, without a host
        #[arg(long = "file", value_name = "FILE", requires = "keys")]
        files: Vec<PathBuf>,
        /// A key that signs heads of the host, as `audit key` prints it; once for each
        #[arg(long = "key", value_name = "KEY")]
        keys: Vec<String>,
    },
    /// The end of the record, signed, to be kept elsewhere
    Head,
    /// The keys that verify heads, that of today first
    Key,
    /// Write the record to a file, with a signed head
    Export {
        /// The file, which must not be there yet; standard output when left out
        #[arg(short, long, value_name = "FILE")]
        output: Option<PathBuf>,
        /// Only what came after what this file, a head or an export, ended with
        #[arg(long, value_name = "FILE")]
        since: Option<PathBuf>,
    },
}
