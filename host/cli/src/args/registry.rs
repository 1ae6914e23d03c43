//! `waystation registry`, and how a command reads an index.

use std::net::SocketAddr;
use std::path::PathBuf;

use clap::{Args, Subcommand};

use super::RegistryAccess;
use super::sign::SignWith;

#[derive(Debug, Subcommand)]
pub(crate) enum Registry {
    /// Indexes: signed lists of plugins, on a disk
    #[command(subcommand)]
    Index(Box<IndexCommand>),
    /// Copy an index with its plugins to a folder, or bring the copy up to date
    Mirror {
        /// Which plugins, NAME or NAME@RANGE [default: all that are listed]
        plugins: Vec<String>,
        /// Where to
        #[arg(long, value_name = "DIR")]
        to: PathBuf,
        #[command(flatten)]
        from: IndexAccess,
    },
    /// Write an index with its plugins as one file, for where no network leads
    Export {
        /// Which plugins, NAME or NAME@RANGE [default: the newest version of each]
        plugins: Vec<String>,
        /// Where to write it
        #[arg(long, short, value_name = "FILE")]
        output: PathBuf,
        /// A further file to take along, such as a trusted root or a policy; may be repeated
        #[arg(long, value_name = "FILE")]
        include: Vec<PathBuf>,
        /// Every version that is listed
        #[arg(long, conflicts_with = "plugins")]
        all: bool,
        #[command(flatten)]
        from: IndexAccess,
    },
    /// Put what `export` wrote into a folder, after verifying all of it
    Import {
        /// The file
        file: PathBuf,
        /// Where to
        #[arg(long, value_name = "DIR")]
        to: PathBuf,
        /// The root of the index that you trust
        #[arg(long, value_name = "FILE")]
        root: PathBuf,
        /// Accept an index that ended up to so many days ago; for as long, withdrawals can be held back
        #[arg(long, default_value_t = 0, value_name = "DAYS")]
        late: u16,
    },
}

/// Where an index is, and what is trusted about it.
#[derive(Debug, Args)]
pub(crate) struct IndexAccess {
    /// The index: an address or a folder; further ones are asked where one before is not good
    #[arg(long, required = true, value_name = "URL|DIR")]
    pub(crate) index: Vec<String>,
    /// Its root that you trust
    #[arg(long, value_name = "FILE")]
    pub(crate) root: PathBuf,
    /// Where what was seen of it is kept, so that nothing older is believed
    /// [default: a folder of its own in ~/.local/state/waystation]
    #[arg(long, value_name = "DIR")]
    pub(crate) state: Option<PathBuf>,
    /// Ask nobody: read what was seen last
    #[arg(long)]
    pub(crate) offline: bool,
    /// Accept an index that ended up to so many days ago; for as long, withdrawals can be held back
    #[arg(long, default_value_t = 0, value_name = "DAYS")]
    pub(crate) late: u16,
    /// Certificates of authorities to trust beside those of the system, PEM
    #[arg(long, value_name = "FILE")]
    pub(crate) ca_file: Option<PathBuf>,
    /// Who you are to the server of the index
    #[arg(long, value_name = "NAME", requires = "password_file")]
    pub(crate) user: Option<String>,
    /// The file that holds the password; without --user, a token
    #[arg(long, value_name = "FILE")]
    pub(crate) password_file: Option<PathBuf>,
    /// A registry that is spoken to without TLS, HOST:PORT; may be repeated
    #[arg(long, value_name = "REGISTRY")]
    pub(crate) plain_http: Vec<String>,
}

#[derive(Debug, Subcommand)]
pub(crate) enum IndexCommand {
    /// Begin an index in an empty folder
    Init {
        /// The folder
        dir: PathBuf,
        #[command(flatten)]
        roles: Roles,
        #[command(flatten)]
        sign: SignFor,
    },
    /// List plugins
    Add {
        /// The folder
        dir: PathBuf,
        /// A .plugin.tar, or a reference to one in a registry
        #[arg(required = true)]
        plugins: Vec<String>,
        /// A registry that has it as well, REGISTRY/NAME; for one plugin
        #[arg(long, value_name = "REGISTRY/NAME")]
        reference: Vec<String>,
        /// Leave the plugin in the registry, and keep no copy in the index
        #[arg(long)]
        reference_only: bool,
        #[command(flatten)]
        registry: RegistryAccess,
        #[command(flatten)]
        sign: SignFor,
    },
    /// Say that nobody should take a version any more, or that it is good again
    Yank {
        /// The folder
        dir: PathBuf,
        /// Which, NAME@VERSION
        plugin: String,
        /// Why, in a few words
        #[arg(long, required_unless_present = "undo", value_name = "TEXT")]
        why: Option<String>,
        /// It is good again
        #[arg(long, conflicts_with = "why")]
        undo: bool,
        #[command(flatten)]
        sign: SignFor,
    },
    /// Take a version off the list
    Remove {
        /// The folder
        dir: PathBuf,
        /// Which, NAME@VERSION
        plugin: String,
        #[command(flatten)]
        sign: SignFor,
    },
    /// Let others sign for a namespace, or take it back
    Delegate {
        /// The folder
        dir: PathBuf,
        /// The namespace
        namespace: String,
        /// A key of theirs, public or private; may be repeated
        #[arg(long, required_unless_present = "take_back", value_name = "FILE")]
        holder: Vec<PathBuf>,
        /// How many of these have to sign
        #[arg(long, default_value_t = 1, value_name = "N")]
        threshold: usize,
        /// It is signed for by the keys of the index again
        #[arg(long, conflicts_with = "holder")]
        take_back: bool,
        #[command(flatten)]
        sign: SignFor,
    },
    /// Change the keys of the root, of the list of plugins, or of what is renewed
    Rotate {
        /// The folder
        dir: PathBuf,
        #[command(flatten)]
        roles: Roles,
        #[command(flatten)]
        sign: SignFor,
    },
    /// Sign the root, the list of plugins or that of a namespace anew, before it ends
    Renew {
        /// The folder
        dir: PathBuf,
        /// `root`, `targets`, or a namespace with keys of its own
        role: String,
        #[command(flatten)]
        sign: SignFor,
    },
    /// Add signatures to what waits for them
    Sign {
        /// The folder
        dir: PathBuf,
        #[command(flatten)]
        sign: SignFor,
    },
    /// Say that what is published is the newest, for another while; publish what waits for that alone
    Refresh {
        /// The folder
        dir: PathBuf,
        #[command(flatten)]
        sign: SignFor,
    },
    /// Show what waits for signatures, and what would change
    Pending {
        /// The folder
        dir: PathBuf,
    },
    /// Read an index as a client does, and look at every plugin in it
    Check {
        /// The folder
        dir: PathBuf,
        /// The root that readers trust [default: its first]
        #[arg(long, value_name = "FILE")]
        root: Option<PathBuf>,
    },
    /// Serve an index to whoever asks
    Serve {
        /// The folder
        dir: PathBuf,
        /// Where
        #[arg(long, default_value = "127.0.0.1:7781", value_name = "ADDRESS")]
        listen: SocketAddr,
    },
}

/// Who signs for what. A file holds a public key, or a private one, which then signs at once.
#[derive(Debug, Args)]
pub(crate) struct Roles {
    /// A key of the root, which says who signs for the rest [default for `init`: those of --key]
    #[arg(long, value_name = "FILE")]
    pub(crate) root_key: Vec<PathBuf>,
    /// How many of them have to sign
    #[arg(long, default_value_t = 1, value_name = "N")]
    pub(crate) root_threshold: usize,
    /// A key of the list of plugins [default for `init`: those of --key]
    #[arg(long, value_name = "FILE")]
    pub(crate) targets_key: Vec<PathBuf>,
    /// How many of them have to sign
    #[arg(long, default_value_t = 1, value_name = "N")]
    pub(crate) targets_threshold: usize,
    /// A key of what `refresh` renews [default for `init`: those of --key]
    #[arg(long, value_name = "FILE")]
    pub(crate) online_key: Vec<PathBuf>,
}

/// Who signs an index, and for how long.
#[derive(Debug, Args)]
pub(crate) struct SignFor {
    #[command(flatten)]
    pub(crate) with: SignWith,
    /// For how long the root and lists of plugins count
    #[arg(long, default_value_t = 365, value_name = "DAYS", value_parser = clap::value_parser!(u16).range(1..=3650))]
    pub(crate) days: u16,
    /// For how long a refresh counts
    #[arg(long, default_value_t = 7, value_name = "DAYS", value_parser = clap::value_parser!(u16).range(1..=365))]
    pub(crate) online_days: u16,
}
