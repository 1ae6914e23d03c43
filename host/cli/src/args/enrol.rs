//! Arguments of `waystation enrol` and `waystation renew`: the agent's side.

use std::path::PathBuf;

use clap::Args;
use jiff::SignedDuration;
use secrecy::SecretString;
use url::Url;

/// How a machine knows the host.
#[derive(Debug, Args)]
pub(crate) struct Known {
    /// The host's pin, `sha256:…`, from the invitation [default: a certificate that this system trusts]
    #[arg(long, value_name = "PIN", conflicts_with = "ca")]
    pub(crate) pin: Option<String>,
    /// Certificates, in PEM, of the authorities to trust instead of those of this system
    #[arg(long, value_name = "FILE")]
    pub(crate) ca: Option<PathBuf>,
}

/// `waystation enrol`
#[derive(Debug, Args)]
pub(crate) struct Enrol {
    /// The host to enrol with
    #[arg(long, value_name = "URL", env = "WAYSTATION_HOST")]
    pub(crate) host: Url,
    /// The token of the invitation; `-` reads it from standard input, where no other user of this machine sees it
    #[arg(long, value_name = "TOKEN", env = "WAYSTATION_ENROLMENT_TOKEN", hide_env_values = true)]
    pub(crate) token: SecretString,
    #[command(flatten)]
    pub(crate) known: Known,
    /// The folder for key, certificate and the host's authorities; made where there is none
    #[arg(long, value_name = "DIR")]
    pub(crate) out: PathBuf,
    /// What to be called, where the invitation leaves it open
    #[arg(long)]
    pub(crate) label: Option<String>,
    /// Ask for a key for requests too, for programs that cannot show a certificate
    #[arg(long)]
    pub(crate) key: bool,
    /// Ask for that key alone
    #[arg(long)]
    pub(crate) key_only: bool,
    /// How long to wait where a person has to say yes first
    #[arg(long, value_name = "TIME", default_value = "10m", value_parser = time)]
    pub(crate) wait: SignedDuration,
}

/// `waystation renew`
#[derive(Debug, Args)]
pub(crate) struct Renew {
    /// The folder that `waystation enrol` filled
    #[arg(long, value_name = "DIR")]
    pub(crate) out: PathBuf,
    /// The host [default: the one that it enrolled with]
    #[arg(long, value_name = "URL", env = "WAYSTATION_HOST")]
    pub(crate) host: Option<Url>,
    #[command(flatten)]
    pub(crate) known: Known,
    /// Do nothing unless the certificate ends within that time, such as 30d
    #[arg(long, value_name = "TIME", value_parser = time)]
    pub(crate) within: Option<SignedDuration>,
}

/// `30s`, `15m`, `12h`, `30d`.
pub(crate) fn time(text: &str) -> Result<SignedDuration, String> {
    let wrong = || "write a whole number with s, m, h or d, such as 15m".to_owned();
    let digits = text.find(|c: char| !c.is_ascii_digit()).ok_or_else(wrong)?;
    let (number, unit) = text.split_at(digits);
    let each = match unit {
        "s" => 1,
        "m" => 60,
        "h" => 3_600,
        "d" => 86_400,
        _ => return Err(wrong()),
    };
    let seconds = number.parse::<i64>().ok().and_then(|number| number.checked_mul(each)).ok_or_else(wrong)?;
    Ok(SignedDuration::from_secs(seconds))
}

#[cfg(test)]
mod tests {
    use super::*;

    #[test]
    fn times_are_written_with_a_unit() {
        for (text, seconds) in [("0s", 0), ("90s", 90), ("15m", 900), ("12h", 43_200), ("30d", 2_592_000)] {
            assert_eq!(time(text), Ok(SignedDuration::from_secs(seconds)));
        }
        for bad in
            ["", "15", "m", "-1m", "1.5h", "1w", "1h30m", "99999999999999999999s", "9223372036854775807d"]
        {
            assert!(time(bad).is_err(), "{bad}");
        }
    }
}
