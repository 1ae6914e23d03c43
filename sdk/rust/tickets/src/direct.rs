//! Going to a `direct` host: resolved once, every address looked at, and no other one gone to.
//!
//! A source says where it is reached, and the host looked at that when it was said. By now the name may lead elsewhere:
//! into the target's own network, for instance. So it is looked at again here, and the connection goes to the address
//! that was looked at.

use std::net::{IpAddr, SocketAddr};
use std::time::Duration;

use tokio::net::TcpStream;
use url::Host;

use crate::addresses::{Network, is_public};
use crate::model::DirectHost;

/// How long a lookup, and each attempt to connect, may take.
const PATIENCE: Duration = Duration::from_secs(10);

/// Names of this machine and of metadata services, whatever they resolve to.
const CLOSED: [&str; 4] = ["localhost", "metadata", "metadata.google.internal", "instance-data"];

/// Why a host is none to go to.
#[derive(Debug, Clone, PartialEq, Eq, thiserror::Error)]
pub enum DirectError {
    /// No name and no address, or a port below 1024.
    #[error("a direct host is a hostname or IP address, with a port from 1024 on")]
    Syntax,
    /// It leads to what is not public, and was not opened.
    #[error("{0} is not public, and not in a network that was opened")]
    Closed(String),
    /// It leads nowhere.
    #[error("{0} does not resolve to an address")]
    Unknown(String),
    /// Nobody answers there.
    #[error("no connection to {0}")]
    Unreachable(String),
}

impl DirectError {
    /// The stable word for programs.
    #[must_use]
    pub const fn code(&self) -> &'static str {
        match self {
            Self::Syntax => "direct-syntax",
            Self::Closed(_) => "direct-closed",
            Self::Unknown(_) => "direct-unknown",
            Self::Unreachable(_) => "direct-unreachable",
        }
    }
}

/// Who is gone to: public addresses, and those of networks that were opened.
#[derive(Debug, Clone, Default)]
pub struct Direct {
    opened: Vec<Network>,
}

impl Direct {
    /// Public addresses only.
    #[must_use]
    pub fn public() -> Self {
        Self::default()
    }

    /// Also those of this network, such as `192.168.0.0/16` at home.
    #[must_use]
    pub fn open(mut self, network: Network) -> Self {
        self.opened.push(network);
        self
    }

    /// Whether an address may be gone to.
    #[must_use]
    pub fn admits(&self, address: IpAddr) -> bool {
        // `::ffff:10.0.0.1` goes where `10.0.0.1` does.
        let address = address.to_canonical();
        is_public(address) || self.opened.iter().any(|net| net.contains(address))
    }

    /// All addresses that a host leads to. One that is closed closes all.
    ///
    /// # Errors
    /// See [`DirectError`].
    pub async fn resolve(&self, to: &DirectHost) -> Result<Vec<SocketAddr>, DirectError> {
        self.resolve_by(to, async |name: &str| {
            let found = tokio::time::timeout(PATIENCE, tokio::net::lookup_host((name, 0))).await;
            found.ok().and_then(Result::ok).map(|found| found.map(|at| at.ip()).collect()).unwrap_or_default()
        })
        .await
    }

    async fn resolve_by(
        &self,
        to: &DirectHost,
        lookup: impl AsyncFnOnce(&str) -> Vec<IpAddr>,
    ) -> Result<Vec<SocketAddr>, DirectError> {
        let addresses = match parse(&to.host).filter(|_| to.port >= 1024).ok_or(DirectError::Syntax)? {
            Host::Ipv4(v4) => vec![v4.into()],
            Host::Ipv6(v6) => vec![v6.into()],
            Host::Domain(name) => {
                let name = name.trim_end_matches('.');
                let ends = [".localhost", ".internal", ".local"];
                // What was opened is opened by its address.
                if self.opened.is_empty()
                    && (CLOSED.contains(&name) || ends.iter().any(|end| name.ends_with(end)))
                {
                    return Err(DirectError::Closed(name.to_owned()));
                }
                lookup(name).await
            }
        };
        if addresses.is_empty() {
            return Err(DirectError::Unknown(to.host.clone()));
        }
        match addresses.iter().find(|address| !self.admits(**address)) {
            Some(closed) => Err(DirectError::Closed(format!("{} ({closed})", to.host))),
            None => Ok(addresses.into_iter().map(|ip| SocketAddr::new(ip.to_canonical(), to.port)).collect()),
        }
    }

    /// Connects to the first of them that answers. What is spoken on the connection, and how the peer proves who it is,
    /// is yours: compare its certificate with `peer_certificates` of [`crate::Standing`].
    ///
    /// # Errors
    /// See [`DirectError`].
    pub async fn connect(&self, to: &DirectHost) -> Result<TcpStream, DirectError> {
        for address in self.resolve(to).await? {
            if let Ok(Ok(stream)) = tokio::time::timeout(PATIENCE, TcpStream::connect(address)).await {
                return Ok(stream);
            }
        }
        Err(DirectError::Unreachable(to.host.clone()))
    }
}

/// A host as a URL has it: every spelling of an address is that address.
fn parse(text: &str) -> Option<Host<String>> {
    let plain = |b: u8| b.is_ascii_alphanumeric() || b"-._:[]".contains(&b);
    if text.is_empty() || text.len() > 255 || !text.bytes().all(plain) {
        return None;
    }
    match text.parse() {
        Ok(IpAddr::V6(v6)) => Some(Host::Ipv6(v6)),
        _ => Host::parse(text).ok(),
    }
}

#[cfg(test)]
mod tests {
    use super::*;

    fn to(host: &str) -> DirectHost {
        DirectHost { host: host.into(), port: 4_000 }
    }

    async fn resolved(direct: &Direct, host: &str, found: &[&str]) -> Result<Vec<SocketAddr>, DirectError> {
        direct
            .resolve_by(&to(host), async |_: &str| found.iter().map(|ip| ip.parse().unwrap()).collect())
            .await
    }

    #[tokio::test]
    async fn a_name_that_leads_inside_leads_nowhere() {
        let direct = Direct::public();
        assert_eq!(
            resolved(&direct, "a.example", &["1.1.1.1"]).await,
            Ok(vec!["1.1.1.1:4000".parse().unwrap()])
        );
        for inside in
            [&["127.0.0.1"][..], &["1.1.1.1", "10.0.0.1"], &["::ffff:169.254.169.254"], &["fe80::1"]]
        {
            let refused = resolved(&direct, "a.example", inside).await.unwrap_err();
            assert_eq!(refused.code(), "direct-closed", "{inside:?}");
        }
        assert_eq!(resolved(&direct, "a.example", &[]).await.unwrap_err().code(), "direct-unknown");
        for closed in
            ["127.1", "0x7f000001", "2130706433", "LOCALHOST", "db.internal", "::1", "[::1]", "10.1"]
        {
            assert_eq!(
                resolved(&direct, closed, &["1.1.1.1"]).await.unwrap_err().code(),
                "direct-closed",
                "{closed}"
            );
        }
        for bad in ["", "a b", "user@host", "host/path", "[::1"] {
            assert_eq!(resolved(&direct, bad, &["1.1.1.1"]).await, Err(DirectError::Syntax), "{bad}");
        }
        let low = DirectHost { host: "1.1.1.1".into(), port: 22 };
        assert_eq!(direct.resolve(&low).await, Err(DirectError::Syntax));
    }

    #[tokio::test]
    async fn what_is_opened_is_gone_to_and_nothing_beside_it() {
        let home = Direct::public().open("192.168.0.0/16".parse().unwrap());
        assert!(resolved(&home, "nas.example", &["192.168.1.7"]).await.is_ok());
        assert!(resolved(&home, "nas.example", &["::ffff:192.168.1.7"]).await.is_ok());
        assert!(resolved(&home, "nas.example", &["192.168.1.7", "127.0.0.1"]).await.is_err());
        // To the address that was looked at, whatever the name leads to next.
        let listener = tokio::net::TcpListener::bind("127.0.0.1:0").await.unwrap();
        let port = listener.local_addr().unwrap().port();
        let there = DirectHost { host: "127.0.0.1".into(), port };
        assert_eq!(Direct::public().connect(&there).await.unwrap_err().code(), "direct-closed");
        let open = Direct::public().open("127.0.0.0/8".parse().unwrap());
        let stream = open.connect(&there).await.unwrap();
        assert_eq!(stream.peer_addr().unwrap(), listener.local_addr().unwrap());
        drop(listener);
        assert_eq!(open.connect(&there).await.unwrap_err().code(), "direct-unreachable");
    }
}
