//! The sections about the host itself.

use std::{
    net::{Ipv4Addr, SocketAddr},
    path::{Path, PathBuf},
};

use schemars::JsonSchema;
use serde::{Deserialize, Serialize};

use super::{
    peers::{Proxy, Tls},
    secret::DatabaseUrl,
    text::{HttpUrl, LogFilter, Schedule, TimeSpan},
};
use waystation_core::outbox::RetryPolicy;

/// Where the host listens and keeps its files.
#[derive(Debug, Clone, PartialEq, Eq, Serialize, Deserialize, JsonSchema)]
#[serde(default, deny_unknown_fields)]
pub struct Server {
    /// IP address and port of the API and the UI. Port 0 picks a free one.
    #[schemars(with = "String", extend("format" = "socket-address"))]
    pub listen: SocketAddr,
    /// The folder for the database, compiled plugins and other state. Created where it does not exist.
    #[schemars(extend("format" = "path"))]
    pub data_dir: PathBuf,
    /// The URL under which people reach the host, for links in messages. Without it messages hold no links.
    #[serde(skip_serializing_if = "Option::is_none")]
    pub public_url: Option<HttpUrl>,
    /// How long requests and calls of plugins may go on after the host was told to stop.
    #[schemars(extend("x-min" = "0s", "x-max" = "10m"))]
    pub shutdown_grace: TimeSpan,
    /// How long a connection may take to send the head of its next request, waiting for it included. Then it is
    /// closed.
    #[schemars(extend("x-min" = "100ms", "x-max" = "10m"))]
    pub header_timeout: TimeSpan,
    /// Connections that are open at the same time. Further ones wait.
    #[schemars(range(min = 1, max = 65_536))]
    pub max_connections: u32,
    /// TLS on `server.listen`, with a certificate of the client where it has one.
    pub tls: Tls,
    /// Reverse proxies between clients and the host.
    pub proxy: Proxy,
}

impl Default for Server {
    fn default() -> Self {
        Self {
            listen: SocketAddr::from((Ipv4Addr::LOCALHOST, 7_780)),
            data_dir: PathBuf::from("./waystation-data"),
            public_url: None,
            shutdown_grace: TimeSpan::seconds(30),
            header_timeout: TimeSpan::seconds(10),
            max_connections: 1_024,
            tls: Tls::default(),
            proxy: Proxy::default(),
        }
    }
}

/// Where the state is kept: by default in the file `waystation.db` in `server.data_dir`.
#[derive(Debug, Clone, PartialEq, Eq, Default, Serialize, Deserialize, JsonSchema)]
#[serde(default, deny_unknown_fields)]
pub struct Database {
    /// `sqlite:PATH` or `postgres://USER:PASSWORD@HOST/NAME`. May hold a password, so it is never printed; the
    /// environment variable `WAYSTATION_DATABASE_URL` sets it as well.
    #[serde(skip_serializing_if = "Option::is_none")]
    #[schemars(extend("writeOnly" = true))]
    pub url: Option<DatabaseUrl>,
    /// A file that holds the URL, instead of `url`.
    #[serde(skip_serializing_if = "Option::is_none")]
    #[schemars(extend("format" = "path"))]
    pub url_file: Option<PathBuf>,
}

/// What plugins can reach on the network, whatever they are granted.
#[derive(Debug, Clone, PartialEq, Eq, Default, Serialize, Deserialize, JsonSchema)]
#[serde(default, deny_unknown_fields)]
pub struct Egress {
    /// Whether grants can open private, loopback and other special addresses with `addresses`. Off, no grant
    /// opens them.
    pub allow_private_addresses: bool,
    /// A PEM file with certificates of authorities to trust beside those of the system.
    #[serde(skip_serializing_if = "Option::is_none")]
    #[schemars(extend("format" = "path"))]
    pub ca_file: Option<PathBuf>,
}

/// When a plugin that keeps failing is left alone, and for how long.
#[derive(Debug, Clone, PartialEq, Eq, Serialize, Deserialize, JsonSchema)]
#[serde(default, deny_unknown_fields)]
pub struct Quarantine {
    /// Failures in a row that put a plugin into quarantine.
    #[schemars(range(min = 1, max = 1_000))]
    pub failures: u32,
    /// The first rest. Each further one is twice as long.
    #[schemars(extend("x-min" = "1s", "x-max" = "1d"))]
    pub backoff: TimeSpan,
    /// The longest rest.
    #[schemars(extend("x-min" = "1s", "x-max" = "30d"))]
    pub max_backoff: TimeSpan,
}

impl Default for Quarantine {
    fn default() -> Self {
        Self { failures: 5, backoff: TimeSpan::seconds(30), max_backoff: TimeSpan::seconds(3_600) }
    }
}

/// When items are checked for new releases.
#[derive(Debug, Clone, PartialEq, Eq, Serialize, Deserialize, JsonSchema)]
#[serde(default, deny_unknown_fields)]
pub struct Checks {
    /// When a round of checks begins, as a cron expression in UTC: minute, hour, day of the month, month, day
    /// of the week. `@daily` and its like work too.
    pub schedule: Schedule,
    /// Each round begins up to this much later, at random, so that many hosts do not ask at the same moment.
    #[schemars(extend("x-min" = "0s", "x-max" = "1d"))]
    pub jitter: TimeSpan,
    /// Checks that run at the same time.
    #[schemars(range(min = 1, max = 256))]
    pub concurrency: u32,
}

impl Default for Checks {
    fn default() -> Self {
        Self { schedule: Schedule::every_six_hours(), jitter: TimeSpan::seconds(900), concurrency: 8 }
    }
}

/// How often a message is tried that a channel does not take.
#[derive(Debug, Clone, PartialEq, Eq, Serialize, Deserialize, JsonSchema)]
#[serde(default, deny_unknown_fields)]
pub struct Delivery {
    /// Attempts after which a message is given up.
    #[schemars(range(min = 1, max = 100))]
    pub attempts: u32,
    /// The wait after the first failure. Each further one is twice as long. A receiver can ask for a longer
    /// one, up to a day.
    #[schemars(extend("x-min" = "1s", "x-max" = "1d"))]
    pub backoff: TimeSpan,
    /// The longest wait that doubling reaches.
    #[schemars(extend("x-min" = "1s", "x-max" = "30d"))]
    pub max_backoff: TimeSpan,
}

impl Default for Delivery {
    fn default() -> Self {
        Self { attempts: 10, backoff: TimeSpan::seconds(30), max_backoff: TimeSpan::seconds(3_600) }
    }
}

impl Delivery {
    /// The same for the outbox.
    #[must_use]
    pub fn policy(&self) -> RetryPolicy {
        RetryPolicy {
            first: self.backoff.duration(),
            longest: self.max_backoff.duration(),
            max_attempts: self.attempts,
            ..RetryPolicy::default()
        }
    }
}

/// How the host tells what it does.
#[derive(Debug, Clone, PartialEq, Eq, Serialize, Deserialize, JsonSchema)]
#[serde(default, deny_unknown_fields)]
pub struct Telemetry {
    /// Which log lines are written: `off`, `error`, `warn`, `info`, `debug` or `trace`, or a list such as
    /// `info,waystation_egress=debug`.
    pub log: LogFilter,
    /// The form of log lines.
    pub log_format: LogFormat,
    /// Where traces are sent, over OTLP/HTTP: the base URL of a collector, such as `http://127.0.0.1:4318`, below
    /// which `/v1/traces` is. Without it none are made.
    #[serde(skip_serializing_if = "Option::is_none")]
    pub otlp_endpoint: Option<HttpUrl>,
}

impl Default for Telemetry {
    fn default() -> Self {
        Self { log: LogFilter::info(), log_format: LogFormat::Text, otlp_endpoint: None }
    }
}

/// The form of log lines.
#[derive(Debug, Clone, Copy, PartialEq, Eq, Default, Serialize, Deserialize, JsonSchema)]
#[serde(rename_all = "lowercase")]
pub enum LogFormat {
    /// For people.
    #[default]
    Text,
    /// One JSON object a line.
    Json,
}

impl Server {
    pub(super) fn rebase(&mut self, base: &Path) {
        self.data_dir = base.join(&self.data_dir);
        self.tls.rebase(base);
        self.proxy.rebase(base);
    }
}

impl Database {
    pub(super) fn rebase(&mut self, base: &Path) {
        self.url = self.url.take().map(|url| url.rebased(base));
        self.url_file = self.url_file.take().map(|file| base.join(file));
    }
}
