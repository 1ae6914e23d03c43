//! Arguments of `waystation agent` and `waystation audit`.

use std::path::PathBuf;

use clap::Subcommand;

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
    /// Revoke an agent, and those that it enrolled: certificates, tickets and sessions end at once
    Revoke {
        /// Its label
        label: String,
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
    /// Whether every row is what it was, and in its place
    Verify,
}
