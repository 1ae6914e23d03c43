//! The command line.

mod agents;
mod enrol;
mod registry;
pub(crate) mod sign;
mod tickets;
mod users;

use std::net::SocketAddr;
use std::path::PathBuf;

use clap::{ArgGroup, Args, Parser, Subcommand};
use url::Url;

pub(crate) use agents::{Agent, Audit, Invite, Pki};
pub(crate) use enrol::{Enrol as EnrolArgs, Known, Renew as RenewArgs};
pub(crate) use registry::{IndexAccess, IndexCommand, Registry, Roles, SignFor};
pub(crate) use tickets::{Approval, Assign, Instance, Most, Scope, Session, Ticket};
pub(crate) use users::{Account, Auth, Login, Role, Token, User, Welcome};

/// A self-hosted control plane for fleets: everything that touches the outside
/// world is a sandboxed plugin.
#[derive(Debug, Parser)]
#[command(name = "waystation", version, max_term_width = 100)]
pub(crate) struct Cli {
    #[command(flatten)]
    pub(crate) global: Global,
    #[command(subcommand)]
    pub(crate) command: Command,
}

#[derive(Debug, Args)]
pub(crate) struct Global {
    /// The configuration [default: waystation.toml, where there is one]
    #[arg(long, short, global = true, env = "WAYSTATION_CONFIG", value_name = "FILE")]
    pub(crate) config: Option<PathBuf>,
    /// Print JSON for programs
    #[arg(long, global = true)]
    pub(crate) json: bool,
    /// The host to talk to [default: the one of the configuration]
    #[arg(long, global = true, env = "WAYSTATION_URL", value_name = "URL")]
    pub(crate) url: Option<Url>,
    /// A file with an API token [default: the login]
    #[arg(long, global = true, env = "WAYSTATION_TOKEN_FILE", value_name = "FILE")]
    pub(crate) token_file: Option<PathBuf>,
    /// Say more; twice for even more
    #[arg(long, short, global = true, action = clap::ArgAction::Count)]
    pub(crate) verbose: u8,
}

#[derive(Debug, Subcommand)]
pub(crate) enum Command {
    /// Find this machine's package clients, watch what they installed, and serve
    Up(Up),
    /// Run the host of a configuration
    Serve,
    /// Check items now
    Check {
        /// Names of items [default: all]
        items: Vec<String>,
    },
    /// Items: the software that is watched
    #[command(subcommand)]
    Item(Item),
    /// Plugins: what is loaded, what it may do, what it did
    #[command(subcommand)]
    Plugin(Plugin),
    /// Channels: the places that messages go to
    #[command(subcommand)]
    Channel(Channel),
    /// Deliveries: messages on their way to channels
    #[command(subcommand)]
    Delivery(Delivery),
    /// What happened, newest last
    Events {
        /// Keep printing
        #[arg(long, short)]
        follow: bool,
    },
    /// The configuration
    #[command(subcommand)]
    Config(Config),
    /// Signatures: whether something was signed by whom you trust
    #[command(subcommand)]
    Verify(Verify),
    /// Whose plugins may run
    #[command(subcommand)]
    Trust(Trust),
    /// The host's own certificate authority
    #[command(subcommand)]
    Pki(Pki),
    /// Agents: machines with certificates of this host, and what they may do
    #[command(subcommand)]
    Agent(Agent),
    /// Use a link: become the owner of a new host, or choose a password
    Welcome(Welcome),
    /// Log in to a host
    Login(Login),
    /// Log out of it
    Logout,
    /// Your own password, second factor and logins
    #[command(subcommand)]
    Account(Account),
    /// Users and services
    #[command(subcommand)]
    User(User),
    /// Roles: what users may do
    #[command(subcommand)]
    Role(Role),
    /// API tokens, for programs
    #[command(subcommand)]
    Token(Token),
    /// Why somebody may do something, or not
    #[command(subcommand)]
    Auth(Auth),
    /// Scopes: what agents can offer each other
    #[command(subcommand)]
    Scope(Scope),
    /// Instances: what agents offer
    #[command(subcommand)]
    Instance(Instance),
    /// Assignments: which agents may get tickets to which instance
    #[command(subcommand)]
    Assign(Assign),
    /// Tickets, by which one agent admits another
    #[command(subcommand)]
    Ticket(Ticket),
    /// Approvals: requests for tickets that wait for people
    #[command(subcommand)]
    Approval(Approval),
    /// Sessions, which tickets open
    #[command(subcommand)]
    Session(Session),
    /// Become an agent of a host, with a token that somebody there made for this machine
    Enrol(EnrolArgs),
    /// Renew the certificate of an agent that `enrol` made
    Renew(RenewArgs),
    /// The record of what was done
    #[command(subcommand)]
    Audit(Audit),
    /// Erase all data but users, tokens, agents, settings and the record
    #[cfg(feature = "data-reset")]
    Reset {
        /// `RESET`, to be asked nothing
        #[arg(long, value_name = "WORD")]
        confirm: Option<String>,
    },
    /// Keys to sign with
    #[command(subcommand)]
    Key(sign::Key),
    /// Indexes of plugins, and copies of them
    #[command(subcommand)]
    Registry(Registry),
    /// Look for what keeps a host from working
    Doctor,
    /// Print a completion script
    Completions {
        /// The shell
        shell: clap_complete::Shell,
    },
}

#[derive(Debug, Args)]
pub(crate) struct Up {
    /// The folder of plugins: index/, root.json and trust.toml
    #[arg(long, env = "WAYSTATION_PLUGINS", value_name = "DIR")]
    pub(crate) plugins: PathBuf,
    /// Check, print and exit
    #[arg(long)]
    pub(crate) once: bool,
    /// Print current items, too
    #[arg(long)]
    pub(crate) all: bool,
    /// Where to keep state
    #[arg(long, default_value = "waystation-data", value_name = "DIR")]
    pub(crate) data: PathBuf,
    /// Where to serve
    #[arg(long, default_value = "127.0.0.1:7780", value_name = "ADDRESS")]
    pub(crate) listen: SocketAddr,
}

#[derive(Debug, Subcommand)]
pub(crate) enum Item {
    /// Watch a piece of software
    Add(ItemAdd),
    /// List items
    List {
        /// Only those that are outdated or cannot be checked
        #[arg(long)]
        outdated: bool,
    },
    /// Show an item and its releases
    Show {
        /// Its name
        name: String,
    },
    /// Stop watching an item
    Remove {
        /// Its name
        name: String,
    },
}

#[derive(Debug, Args)]
pub(crate) struct ItemAdd {
    /// What to call it
    pub(crate) name: String,
    /// The plugin that knows its releases
    #[arg(long, short)]
    pub(crate) source: String,
    /// What that plugin calls it [default: the name]
    #[arg(long, short)]
    pub(crate) locator: Option<String>,
    /// How its versions compare [default: what the plugin says]
    #[arg(long)]
    pub(crate) scheme: Option<String>,
    /// Settings of the item, which the plugin documents, as JSON
    #[arg(long, value_name = "JSON")]
    pub(crate) options: Option<String>,
    /// Which releases are wanted, as JSON
    #[arg(long, value_name = "JSON")]
    pub(crate) policy: Option<String>,
    /// The version that is installed on this machine
    #[arg(long, value_name = "VERSION")]
    pub(crate) installed: Option<String>,
    /// The package manager it came by
    #[arg(long, default_value = "manual", requires = "installed")]
    pub(crate) manager: String,
}

#[derive(Debug, Subcommand)]
pub(crate) enum Plugin {
    /// List plugins and how they stand
    List,
    /// Show what a plugin is and asks for, without running it
    Inspect {
        /// A .plugin.tar, or a component
        file: PathBuf,
        /// Write the manifest, which is what signatures are over, as a file for other tools
        #[arg(long, value_name = "FILE")]
        manifest_out: Option<PathBuf>,
        /// Write each signature as a Sigstore bundle, to PREFIX.1.sigstore.json and so on
        #[arg(long, value_name = "PREFIX")]
        signatures_out: Option<PathBuf>,
    },
    /// Build a plugin that is written in Rust, with its bill of materials, as one .plugin.tar
    Build {
        /// The folder of its Cargo.toml and plugin.toml
        #[arg(default_value = ".", value_name = "DIR")]
        dir: PathBuf,
        /// Where to write it [default: NAME-VERSION.plugin.tar]
        #[arg(long, short, value_name = "FILE")]
        output: Option<PathBuf>,
    },
    /// What a plugin asked for, what it was given, what it used
    Grants {
        /// Its name
        name: String,
    },
    /// Load a plugin, also after its file changed
    Enable {
        /// Its name
        name: String,
    },
    /// Take a plugin out of service
    Disable {
        /// Its name
        name: String,
    },
    /// What a plugin wrote, and the host about it
    Logs {
        /// Its name
        name: String,
        /// Keep printing
        #[arg(long, short)]
        follow: bool,
    },
    /// Limits of a plugin, and how near it came
    Limits {
        /// Its name
        name: String,
    },
    /// Look for plugins in an index
    Search {
        /// Words of names, kinds or descriptions [default: list all]
        words: Vec<String>,
        #[command(flatten)]
        from: IndexAccess,
    },
    /// List the versions of a plugin in an index
    Versions {
        /// Its name, NAMESPACE/NAME
        name: String,
        #[command(flatten)]
        from: IndexAccess,
    },
    /// Make a plugin of a component, in whatever language it was written
    Pack(PluginPack),
    /// Write a plugin into the configuration: verified, with what it asks for shown, agreed to and granted
    Add(PluginAdd),
    /// Take a plugin out of the configuration and the lock
    Remove {
        /// Its name in the configuration
        name: String,
    },
    /// Fetch and verify the plugins of the configuration, and write into the lock which versions were decided on
    Sync(PluginSync),
    /// Look for newer versions, and decide on them
    Update(PluginUpdate),
    /// Sign a .plugin.tar; the signature goes into it
    Sign(Box<sign::PluginSign>),
    /// Build, sign and push a plugin, and hold what comes back from the registry against what was sent
    Publish(Box<sign::PluginPublish>),
    /// Put a .plugin.tar into an OCI registry, with all that is attached to it
    Push {
        /// The .plugin.tar
        file: PathBuf,
        /// Where to: REGISTRY/NAME or REGISTRY/NAME:TAG; without a tag, that of the version
        reference: String,
        #[command(flatten)]
        registry: RegistryAccess,
    },
    /// Get a plugin from an OCI registry, with all that is attached to it
    Pull {
        /// Where from: REGISTRY/NAME:TAG or REGISTRY/NAME@DIGEST
        reference: String,
        /// Where to write it [default: NAME-VERSION.plugin.tar]
        #[arg(long, short, value_name = "FILE")]
        output: Option<PathBuf>,
        /// Keep what came here, so that it is not fetched again and a broken download goes on
        #[arg(long, value_name = "DIR")]
        store: Option<PathBuf>,
        /// A registry that has the same content, asked first for what is named by digest; may be repeated
        #[arg(long, value_name = "REGISTRY")]
        mirror: Vec<String>,
        #[command(flatten)]
        registry: RegistryAccess,
    },
}

#[derive(Debug, Args)]
#[command(group(ArgGroup::new("place").required(true).args(["name", "oci", "file"])))]
pub(crate) struct PluginAdd {
    /// Its name in an index, NAMESPACE/NAME
    pub(crate) name: Option<String>,
    /// The versions that it may have [default: those that promise to work like the newest one]
    #[arg(long, value_name = "RANGE", requires = "name")]
    pub(crate) version: Option<String>,
    /// The index that has it, where there are several
    #[arg(long, value_name = "NAME", requires = "name")]
    pub(crate) index: Option<String>,
    /// In place of a name, where it is in an OCI registry: REGISTRY/NAME:TAG or REGISTRY/NAME@DIGEST
    #[arg(long, value_name = "REFERENCE")]
    pub(crate) oci: Option<String>,
    /// In place of a name, a .plugin.tar
    #[arg(long, value_name = "FILE")]
    pub(crate) file: Option<PathBuf>,
    /// What to call it in the configuration [default: its name without the namespace]
    #[arg(long = "as", value_name = "KEY")]
    pub(crate) key: Option<String>,
    /// Grant what it asks for without being asked
    #[arg(long, short)]
    pub(crate) yes: bool,
    /// Only show what would be written
    #[arg(long)]
    pub(crate) dry_run: bool,
}

#[derive(Debug, Args)]
pub(crate) struct PluginSync {
    /// Names of plugins in the configuration [default: all]
    pub(crate) plugins: Vec<String>,
    /// Fetch exactly what the lock says, and decide on nothing
    #[arg(long, conflicts_with = "approve")]
    pub(crate) locked: bool,
    /// Write nothing; fail where the lock is not what the configuration comes to
    #[arg(long)]
    pub(crate) check: bool,
    /// Agree to a change that needs it: other signers, further requests, an older version; may be repeated
    #[arg(long, value_name = "NAME@DIGEST")]
    pub(crate) approve: Vec<String>,
}

#[derive(Debug, Args)]
pub(crate) struct PluginUpdate {
    /// Names of plugins in the configuration [default: all]
    pub(crate) plugins: Vec<String>,
    /// Only show what would change
    #[arg(long)]
    pub(crate) check: bool,
    /// Agree to a change that needs it: other signers, further requests, an older version; may be repeated
    #[arg(long, value_name = "NAME@DIGEST")]
    pub(crate) approve: Vec<String>,
}

#[derive(Debug, Args)]
pub(crate) struct RegistryAccess {
    /// Who you are to the registry
    #[arg(long, value_name = "NAME", requires = "password_file")]
    pub(crate) user: Option<String>,
    /// The file that holds the password; without --user, a token
    #[arg(long, value_name = "FILE")]
    pub(crate) password_file: Option<PathBuf>,
    /// Certificates of authorities to trust beside those of the system, PEM
    #[arg(long, value_name = "FILE")]
    pub(crate) ca_file: Option<PathBuf>,
    /// Speak HTTP to this registry, without TLS; also to its mirrors
    #[arg(long)]
    pub(crate) plain_http: bool,
}

#[derive(Debug, Args)]
pub(crate) struct PluginPack {
    /// The component, as the compiler made it
    pub(crate) component: PathBuf,
    /// The manifest
    #[arg(long, default_value = "plugin.toml", value_name = "FILE")]
    pub(crate) manifest: PathBuf,
    /// Where to write the plugin: a .plugin.tar, or a .wasm, which is the component alone
    /// [default: NAME-VERSION.plugin.tar]
    #[arg(long, short, value_name = "FILE")]
    pub(crate) output: Option<PathBuf>,
    /// What it is made of: CycloneDX or SPDX JSON
    #[arg(long, value_name = "FILE")]
    pub(crate) sbom: Option<PathBuf>,
    /// What a person reads about it, Markdown
    #[arg(long, value_name = "FILE")]
    pub(crate) readme: Option<PathBuf>,
    /// Its world, as WIT text
    #[arg(long, value_name = "FILE")]
    pub(crate) wit: Option<PathBuf>,
}

#[derive(Debug, Subcommand)]
pub(crate) enum Config {
    /// Look for mistakes
    Check,
    /// What would load, with which rights
    Plan {
        /// Run each plugin in the sandbox, without any grant, to ask what it takes, and hold the configuration
        /// against that
        #[arg(long)]
        describe: bool,
    },
    /// Print the JSON Schema of waystation.toml
    Schema,
    /// Print the API's description, OpenAPI 3.1
    Openapi,
}

#[derive(Debug, Subcommand)]
pub(crate) enum Channel {
    /// List channels, and how their plugins stand
    List,
    /// Try a channel, with a message that says it is a test where one is needed
    Test {
        /// Its name
        name: String,
    },
}

#[derive(Debug, Subcommand)]
pub(crate) enum Delivery {
    /// List messages, newest first
    List {
        /// Only those that were given up
        #[arg(long)]
        dead: bool,
    },
    /// Send messages again that were given up
    Replay {
        /// The message's id, as listed
        #[arg(required_unless_present = "all_dead")]
        id: Option<String>,
        /// All of them
        #[arg(long, conflicts_with = "id")]
        all_dead: bool,
    },
}

#[derive(Debug, Subcommand)]
pub(crate) enum Trust {
    /// Show what a running host goes by
    Status,
    /// Have a running host read its policy and list of revocations again, now
    Refresh,
    /// Read the trust policy and everything that it names
    Check {
        /// The policy
        #[arg(default_value = "trust.toml", value_name = "FILE")]
        policy: PathBuf,
    },
    /// Say whether a plugin may run, by which signatures, and each step on the way
    Explain {
        /// The plugin, NAME-VERSION.plugin.tar
        plugin: PathBuf,
        /// The policy
        #[arg(long, default_value = "trust.toml", value_name = "FILE")]
        policy: PathBuf,
    },
    /// Make a signing key, a timestamp authority and a policy of your own
    Init(sign::TrustInit),
    /// Let one more key sign plugins of a namespace
    AddKey(sign::TrustAddKey),
    /// Tell others when something was signed: a timestamp authority of your own over HTTP
    Clock(sign::TrustClock),
    /// Withdraw a plugin, or what a key or an identity signed
    #[command(subcommand)]
    Revoke(sign::TrustRevoke),
}

#[derive(Debug, Subcommand)]
pub(crate) enum Verify {
    /// Verify a file against the Sigstore bundles that came with it, offline
    Blob(VerifyBlob),
}

#[derive(Debug, Args)]
pub(crate) struct VerifyBlob {
    /// The file
    #[arg(required_unless_present = "digest")]
    pub(crate) file: Option<PathBuf>,
    /// Its digest in place of it, sha256:HEX or sha512:HEX
    #[arg(long, conflicts_with = "file", value_name = "DIGEST")]
    pub(crate) digest: Option<String>,
    /// A bundle; again for each further one
    #[arg(long, required = true, value_name = "FILE")]
    pub(crate) bundle: Vec<PathBuf>,
    /// Who may sign, and what it takes, in TOML or JSON
    #[arg(long, value_name = "FILE")]
    pub(crate) policy: PathBuf,
    /// The trusted root; DOMAIN=FILE for that of one domain of the policy
    #[arg(long, value_name = "FILE")]
    pub(crate) trusted_root: Vec<String>,
    /// Print each step
    #[arg(long)]
    pub(crate) explain: bool,
}
