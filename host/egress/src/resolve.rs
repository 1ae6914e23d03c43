//! `Resolver`: from a host name to its addresses.

use std::io;
use std::net::IpAddr;

use futures::future::BoxFuture;

/// Looks host names up. Asked once per connection attempt and never for an address literal; what it
/// answers is screened before anything connects.
pub trait Resolver: Send + Sync {
    /// The addresses of `host`, best first. `host` is lower-case ASCII without a final dot.
    ///
    /// # Errors
    ///
    /// Whatever kept the lookup from an answer. An empty answer is treated as an error too.
    fn resolve<'a>(&'a self, host: &'a str) -> BoxFuture<'a, io::Result<Vec<IpAddr>>>;
}

/// The resolver of this system (`getaddrinfo`): hosts file, search domains and name servers as configured.
#[derive(Debug, Clone, Copy, Default)]
pub struct SystemResolver;

impl Resolver for SystemResolver {
    fn resolve<'a>(&'a self, host: &'a str) -> BoxFuture<'a, io::Result<Vec<IpAddr>>> {
        Box::pin(async move {
            // The port plays no part in the lookup.
            let found = tokio::net::lookup_host((host, 0)).await?;
            Ok(found.map(|address| address.ip()).collect())
        })
    }
}
