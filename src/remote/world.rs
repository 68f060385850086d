//! What lies outside: names, addresses, and whom TLS trusts.

use std::collections::BTreeMap;
use std::net::{IpAddr, SocketAddr};

use rustls::RootCertStore;

use super::address::is_public;
use super::url::Target;

/// The most addresses of one host that are tried.
const MOST_ADDRESSES: usize = 4;

/// What lies outside. The program has one, [`World::default`]; no setting changes it. Tests, whose servers are on loopback, bring one of their own.
#[derive(Debug, Clone)]
pub struct World {
    /// How names become addresses.
    pub names: Names,
    /// Whether an address may be connected to.
    pub may_reach: fn(IpAddr) -> bool,
    /// The certificate authorities that vouch for hosts.
    pub roots: RootCertStore,
}

/// How names become addresses.
#[derive(Debug, Clone)]
pub enum Names {
    /// By the system's resolver.
    System,
    /// By this table.
    Table(BTreeMap<String, Vec<IpAddr>>),
}

impl Default for World {
    /// The system's names, public addresses, and the public authorities.
    fn default() -> Self {
        let roots = RootCertStore { roots: webpki_roots::TLS_SERVER_ROOTS.to_vec() };
        Self { names: Names::System, may_reach: is_public, roots }
    }
}

/// Why a host has no address to connect to.
#[derive(Debug, Clone, Copy, PartialEq, Eq)]
pub(super) enum NoAddress {
    /// Its name is not known.
    Unknown,
    /// None of its addresses may be reached.
    Forbidden,
}

impl World {
    /// The addresses of a host that may be reached. They are looked up once: what is checked here is what is connected to.
    pub(super) async fn addresses(&self, target: &Target) -> Result<Vec<SocketAddr>, NoAddress> {
        let found: Vec<IpAddr> = match &self.names {
            Names::System => {
                let found = tokio::net::lookup_host((target.host.as_str(), target.port)).await;
                found.map_err(|_| NoAddress::Unknown)?.map(|address| address.ip()).collect()
            }
            Names::Table(table) => table.get(&target.host).cloned().unwrap_or_default(),
        };
        if found.is_empty() {
            return Err(NoAddress::Unknown);
        }
        let reached = found.into_iter().filter(|address| (self.may_reach)(*address)).take(MOST_ADDRESSES);
        let reached: Vec<SocketAddr> = reached.map(|address| SocketAddr::new(address, target.port)).collect();
        if reached.is_empty() { Err(NoAddress::Forbidden) } else { Ok(reached) }
    }
}
