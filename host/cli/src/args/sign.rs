//! Keys, signatures, and what a site's own trust is made of.

use std::ffi::OsString;
use std::net::SocketAddr;
use std::path::PathBuf;

use clap::{Args, Subcommand, ValueEnum};
use jiff::Timestamp;

#[derive(Debug, Subcommand)]
pub(crate) enum Key {
    /// Make a key; the public one is beside it, in FILE.pub
    New(KeyNew),
    /// Show which key a file holds, private or public
    Show {
        /// The file
        file: PathBuf,
        #[command(flatten)]
        passphrase: Passphrase,
    },
}

#[derive(Debug, Args)]
pub(crate) struct KeyNew {
    /// Where to write it; never over what is there
    #[arg(long, short, default_value = "signing.key", value_name = "FILE")]
    pub(crate) output: PathBuf,
    /// What it signs with; p256 is what every Sigstore client verifies
    #[arg(long, value_enum, default_value_t = Algorithm::P256)]
    pub(crate) algorithm: Algorithm,
    #[command(flatten)]
    pub(crate) passphrase: NewPassphrase,
}

#[derive(Debug, Clone, Copy, ValueEnum)]
pub(crate) enum Algorithm {
    P256,
    Ed25519,
}

/// What opens a file that is there.
#[derive(Debug, Args)]
pub(crate) struct Passphrase {
    /// The file that holds the passphrase [default: asked for, where it is needed]
    #[arg(long, value_name = "FILE")]
    pub(crate) passphrase_file: Option<PathBuf>,
}

/// What a new file is encrypted with.
#[derive(Debug, Args)]
pub(crate) struct NewPassphrase {
    /// The file that holds the passphrase [default: asked for]
    #[arg(long, value_name = "FILE", conflicts_with = "no_passphrase")]
    pub(crate) passphrase_file: Option<PathBuf>,
    /// Do not encrypt: whoever reads the file can sign
    #[arg(long)]
    pub(crate) no_passphrase: bool,
}

/// Who signs: keys in files, and what a program keeps.
#[derive(Debug, Args)]
pub(crate) struct SignWith {
    /// A private key, PEM; may be repeated for an index, where each signs for what it has a say in
    #[arg(long, value_name = "FILE")]
    pub(crate) key: Vec<PathBuf>,
    #[command(flatten)]
    pub(crate) passphrase: Passphrase,
    /// The public key of what --command keeps, PEM
    #[arg(long, value_name = "FILE", requires = "command")]
    pub(crate) public_key: Option<PathBuf>,
    /// A program with its arguments, as the last option: it reads what is to be signed, and writes the signature
    #[arg(long, num_args = 1.., allow_hyphen_values = true, value_name = "PROGRAM", requires = "public_key")]
    pub(crate) command: Vec<OsString>,
}

/// Who signs, and who tells when.
#[derive(Debug, Args)]
pub(crate) struct SignAt {
    #[command(flatten)]
    pub(crate) with: SignWith,
    #[command(flatten)]
    pub(crate) time: Time,
}

/// Who tells when something was signed.
#[derive(Debug, Args)]
pub(crate) struct Time {
    /// A timestamp authority of your own: its key and certificates, PEM; may be repeated
    #[arg(long, value_name = "FILE")]
    pub(crate) timestamp_authority: Vec<PathBuf>,
    /// A timestamp authority to ask (RFC 3161); may be repeated
    #[arg(long, value_name = "URL")]
    pub(crate) timestamp_url: Vec<String>,
    /// Speak HTTP to timestamp authorities, without TLS: what they answer is signed
    #[arg(long, requires = "timestamp_url")]
    pub(crate) timestamp_plain_http: bool,
    /// Sign without a time, which no trust policy admits
    #[arg(long, conflicts_with_all = ["timestamp_authority", "timestamp_url"])]
    pub(crate) no_timestamp: bool,
    /// Certificates of authorities to trust beside those of the system, for the services that sign, PEM
    #[arg(long, value_name = "FILE")]
    pub(crate) services_ca_file: Option<PathBuf>,
}

#[derive(Debug, Args)]
pub(crate) struct PluginSign {
    /// The .plugin.tar
    pub(crate) file: PathBuf,
    /// Where to write it [default: the file itself]
    #[arg(long, short, value_name = "FILE")]
    pub(crate) output: Option<PathBuf>,
    #[command(flatten)]
    pub(crate) by: SignBy,
}

/// How a plugin is signed.
#[derive(Debug, Args)]
pub(crate) struct SignBy {
    /// The trusted root that the signature has to hold against [default: that of --timestamp-authority]
    #[arg(long, value_name = "FILE")]
    pub(crate) trusted_root: Option<PathBuf>,
    #[command(flatten)]
    pub(crate) with: SignAt,
    #[command(flatten)]
    pub(crate) keyless: Keyless,
}

/// Signing as whoever an identity token says, with a key that lives for one signature.
#[derive(Debug, Args)]
pub(crate) struct Keyless {
    /// Sign without a key of your own, as whoever an identity token says
    #[arg(long, requires = "signing_config", requires = "trusted_root", conflicts_with_all = ["key", "command", "public_key", "timestamp_authority", "timestamp_url", "no_timestamp"])]
    pub(crate) keyless: bool,
    /// The services to ask: a Sigstore signing configuration, version 0.2
    #[arg(long, value_name = "FILE", requires = "keyless")]
    pub(crate) signing_config: Option<PathBuf>,
    /// The file that holds the token [default: SIGSTORE_ID_TOKEN, or what GitHub Actions issues]
    #[arg(long, value_name = "FILE", requires = "keyless")]
    pub(crate) identity_token_file: Option<PathBuf>,
    /// Get a token by signing in with a browser, where the signing configuration says
    #[arg(long, requires = "keyless", conflicts_with = "identity_token_file")]
    pub(crate) sign_in: bool,
    /// For whom GitHub Actions is to issue a token, or as whose client one signs in
    #[arg(long, value_name = "NAME", default_value = "sigstore", requires = "keyless")]
    pub(crate) audience: String,
}

/// From a folder to a registry.
#[derive(Debug, Args)]
pub(crate) struct PluginPublish {
    /// Where to: REGISTRY/NAME or REGISTRY/NAME:TAG; without a tag, that of the version
    pub(crate) reference: String,
    /// The folder of its Cargo.toml and plugin.toml, or a .plugin.tar that was built before
    #[arg(default_value = ".", value_name = "DIR")]
    pub(crate) from: PathBuf,
    /// Where to keep the signed file [default: NAME-VERSION.plugin.tar]
    #[arg(long, short, value_name = "FILE")]
    pub(crate) output: Option<PathBuf>,
    /// Hold what comes back from the registry against this trust policy, too
    #[arg(long, value_name = "FILE")]
    pub(crate) policy: Option<PathBuf>,
    #[command(flatten)]
    pub(crate) by: SignBy,
    #[command(flatten)]
    pub(crate) registry: super::RegistryAccess,
}

#[derive(Debug, Args)]
pub(crate) struct TrustInit {
    /// Where to write signing.key, signing.key.pub, timestamps.key, trusted_root.json and trust.toml
    #[arg(default_value = ".", value_name = "DIR")]
    pub(crate) dir: PathBuf,
    /// The namespace of your plugins: the part of their names before the slash
    #[arg(long, value_name = "NAME")]
    pub(crate) namespace: String,
    /// A kind that they may be of; may be repeated [default: update-source, notifier]
    #[arg(long, value_name = "KIND")]
    pub(crate) kind: Vec<String>,
    #[command(flatten)]
    pub(crate) passphrase: NewPassphrase,
}

#[derive(Debug, Args)]
pub(crate) struct TrustAddKey {
    /// What the policy is to call the key
    pub(crate) name: String,
    /// The public key, PEM
    pub(crate) key: PathBuf,
    /// The namespace whose plugins it may sign
    #[arg(long, value_name = "NAME")]
    pub(crate) namespace: String,
    /// The domain of its signatures [default: the one called default]
    #[arg(long, value_name = "NAME")]
    pub(crate) domain: Option<String>,
    /// The policy
    #[arg(long, default_value = "trust.toml", value_name = "FILE")]
    pub(crate) policy: PathBuf,
}

#[derive(Debug, Args)]
pub(crate) struct TrustClock {
    /// The authority: its key and certificates, PEM
    #[arg(default_value = "timestamps.key", value_name = "FILE")]
    pub(crate) authority: PathBuf,
    #[command(flatten)]
    pub(crate) passphrase: Passphrase,
    /// Where to listen
    #[arg(long, default_value = "127.0.0.1:7781", value_name = "ADDRESS")]
    pub(crate) listen: SocketAddr,
}

#[derive(Debug, Subcommand)]
pub(crate) enum TrustRevoke {
    /// Revoke one plugin
    Digest {
        /// Its digest, sha256:HEX
        digest: String,
        #[command(flatten)]
        by: Revoke,
    },
    /// Revoke what a key signed
    Key {
        /// The public key, PEM, or its fingerprint, sha256:HEX
        #[arg(value_name = "KEY")]
        revoked: String,
        /// Signatures from before this time still count, RFC 3339 [default: none does]
        #[arg(long, value_name = "TIME")]
        since: Option<Timestamp>,
        #[command(flatten)]
        by: Revoke,
    },
    /// Revoke what was signed under an identity
    Identity {
        /// The identity, as its certificates name it
        identity: String,
        /// Only where this one issued it
        #[arg(long, value_name = "URL")]
        issuer: Option<String>,
        /// Signatures from before this time still count, RFC 3339 [default: none does]
        #[arg(long, value_name = "TIME")]
        since: Option<Timestamp>,
        #[command(flatten)]
        by: Revoke,
    },
    /// Sign the list anew, so that it does not expire; the first one, where there is none
    Renew(Renew),
}

#[derive(Debug, Args)]
pub(crate) struct Revoke {
    /// Why, for whoever meets it
    #[arg(long, value_name = "TEXT")]
    pub(crate) why: String,
    #[command(flatten)]
    pub(crate) by: Renew,
}

#[derive(Debug, Args)]
pub(crate) struct Renew {
    /// The policy
    #[arg(long, default_value = "trust.toml", value_name = "FILE")]
    pub(crate) policy: PathBuf,
    /// How long the list is good; without a newer one nothing runs after that
    #[arg(long, default_value_t = 30, value_name = "DAYS", value_parser = clap::value_parser!(u32).range(1..=3650))]
    pub(crate) days: u32,
    /// Number the list at least so: where the one before was lost, and hosts saw a higher number
    #[arg(long, default_value_t = 0, value_name = "N")]
    pub(crate) number: u64,
    #[command(flatten)]
    pub(crate) with: SignAt,
}

#[cfg(test)]
mod tests {
    use clap::CommandFactory as _;

    use crate::args::Cli;

    #[test]
    fn no_two_arguments_of_a_command_are_one() {
        Cli::command().debug_assert();
    }
}
