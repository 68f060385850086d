//! Who sends a request: a tenant, known by the hash of its key, or somebody whose key is the model server's affair.

use std::collections::HashMap;
use std::num::NonZeroU32;
use std::sync::Arc;
use std::time::Duration;

use governor::clock::{Clock, DefaultClock};
use governor::{DefaultDirectRateLimiter, Quota, RateLimiter};
use http::{HeaderMap, HeaderValue};
use secrecy::SecretString;
use tokio::sync::{OwnedSemaphorePermit, Semaphore};

use crate::config::{KeyHash, Others, Tenant};
use crate::domain::{Country, Layers, Mode};
use crate::upstream::{CREDENTIALS, forget_credentials, socket_keys};

use super::app::Settings;
use super::error::Error;

/// How the keys begin that `comity key` makes.
pub const OWN_KEYS: &str = "ck-";

/// The tenants, by their keys.
#[derive(Debug, Default)]
pub struct Tenants {
    callers: Vec<Arc<Caller>>,
    by_key: HashMap<KeyHash, Arc<Caller>>,
    all: Vec<Tenant>,
    others: Others,
}

/// Whom a request comes from, with the server's settings filled in.
#[derive(Debug)]
pub(super) struct Caller {
    /// The tenant's name; `None` for somebody whose key is the model server's affair.
    pub(super) tenant: Option<String>,
    pub(super) mode: Mode,
    pub(super) country: Option<Country>,
    pub(super) layers: Layers,
    /// Whether answers carry the verdict without being asked.
    pub(super) includes_verdict: bool,
    /// Whether asking for the verdict is of no use.
    pub(super) hides_verdict: bool,
    pub(super) server: Option<String>,
    pub(super) upstream_key: Option<SecretString>,
    limits: (Option<usize>, Option<NonZeroU32>),
    places: Option<Arc<Semaphore>>,
    rate: Option<Arc<DefaultDirectRateLimiter>>,
}

impl Tenants {
    /// Joins the tenants with the server's settings.
    #[must_use]
    pub fn new(all: Vec<Tenant>, others: Others, settings: &Settings) -> Self {
        Self::default().changed(all, others, settings)
    }

    /// Other tenants in the place of these. What a tenant has under way, and had in this minute, counts on where its limits are the same.
    #[must_use]
    pub fn changed(&self, all: Vec<Tenant>, others: Others, settings: &Settings) -> Self {
        let (mut callers, mut by_key) = (Vec::new(), HashMap::new());
        for tenant in &all {
            let mut caller = Caller::of(tenant, settings);
            if let Some(before) = self.callers.iter().find(|before| before.tenant == caller.tenant) {
                caller.count_on(before);
            }
            let caller = Arc::new(caller);
            by_key.extend(tenant.keys.iter().map(|key| (*key, Arc::clone(&caller))));
            callers.push(caller);
        }
        Self { callers, by_key, all, others }
    }

    /// Every tenant.
    #[must_use]
    pub fn all(&self) -> &[Tenant] {
        &self.all
    }

    /// What is done with requests that bear no tenant's key.
    #[must_use]
    pub fn others(&self) -> Others {
        self.others
    }

    /// Whom a request comes from; `None`: nobody who is known here. A tenant's key is Comity's affair alone: it is taken out, with whatever else the client
    /// identified itself with.
    ///
    /// # Errors
    /// [`Error::Key`].
    pub(super) fn caller(&self, headers: &mut HeaderMap) -> Result<Option<Arc<Caller>>, Error> {
        let keys = credentials(headers);
        let known = keys.iter().find_map(|key| self.by_key.get(&KeyHash::of(key))).cloned();
        // A key that Comity made, and that is nobody's any more, is no key of the model server's.
        let revoked = keys.iter().any(|key| key.starts_with(OWN_KEYS.as_bytes()));
        match (&known, self.others) {
            (None, Others::Refuse) => return Err(Error::Key),
            (None, Others::Pass) if revoked => return Err(Error::Key),
            (None, Others::Pass) => {}
            (Some(_), _) => forget_credentials(headers),
        }
        Ok(known)
    }
}

/// The keys that a request bears.
fn credentials(headers: &HeaderMap) -> Vec<&[u8]> {
    let values = CREDENTIALS.iter().flat_map(|name| headers.get_all(name));
    let keys = values.map(HeaderValue::as_bytes).map(|value| match value.split_at_checked(7) {
        Some((scheme, key)) if scheme.eq_ignore_ascii_case(b"bearer ") => key.trim_ascii(),
        Some(_) | None => value.trim_ascii(),
    });
    keys.chain(socket_keys(headers)).collect()
}

impl Caller {
    /// Somebody who is no tenant.
    pub(super) fn stranger(settings: &Settings) -> Self {
        Self { tenant: None, ..Self::of(&Tenant::default(), settings) }
    }

    fn of(tenant: &Tenant, settings: &Settings) -> Self {
        let mut layers = settings.layers.clone();
        layers.regions.extend(tenant.layers.regions.iter().cloned());
        layers.groups.extend(tenant.layers.groups.iter().cloned());
        layers.tenant = tenant.layers.tenant.clone().or(layers.tenant);
        Self {
            tenant: Some(tenant.name.clone()),
            mode: tenant.mode.unwrap_or(settings.mode),
            country: tenant.country.or(settings.default_country),
            layers,
            includes_verdict: tenant.verdict.unwrap_or(settings.include_verdict),
            hides_verdict: tenant.verdict == Some(false),
            server: tenant.server.clone(),
            upstream_key: tenant.upstream_key.clone(),
            limits: (tenant.concurrent, tenant.per_minute),
            places: tenant.concurrent.map(|most| Arc::new(Semaphore::new(most))),
            rate: tenant.per_minute.map(|most| Arc::new(RateLimiter::direct(Quota::per_minute(most)))),
        }
    }

    /// Takes over the counts of what the tenant was before, where they are held against the same limits.
    fn count_on(&mut self, before: &Self) {
        if self.limits.0 == before.limits.0 {
            self.places.clone_from(&before.places);
        }
        if self.limits.1 == before.limits.1 {
            self.rate.clone_from(&before.rate);
        }
    }

    /// A place among the tenant's requests under way, where those are counted. Limits are the operator's word, so they hold in shadow, too.
    ///
    /// # Errors
    /// [`Error::TenantRate`], [`Error::TenantBusy`].
    pub(super) fn admit(&self) -> Result<Option<OwnedSemaphorePermit>, Error> {
        let place = match &self.places {
            Some(places) => Some(Arc::clone(places).try_acquire_owned().map_err(|_| Error::TenantBusy)?),
            None => None,
        };
        match self.rate.as_ref().map(|rate| rate.check()) {
            Some(Err(until)) => Err(Error::TenantRate { wait: until.wait_time_from(DefaultClock::default().now()) }),
            Some(Ok(())) | None => Ok(place),
        }
    }
}

/// A wait as clients are told: whole seconds, at least one.
pub(super) fn whole_seconds(wait: Duration) -> u64 {
    wait.as_secs() + 1
}

#[cfg(test)]
mod tests {
    use http::header;

    use super::*;

    #[test]
    fn a_key_is_found_in_whatever_header_clients_carry_it() {
        let headers = |name, value| HeaderMap::from_iter([(name, HeaderValue::from_static(value))]);
        for (name, value) in [
            (header::AUTHORIZATION, "Bearer ck-1"),
            (header::AUTHORIZATION, "bearer  ck-1 "),
            (CREDENTIALS[1].clone(), "ck-1"),
            (CREDENTIALS[2].clone(), "ck-1"),
        ] {
            assert_eq!(credentials(&headers(name, value)), [b"ck-1"]);
        }
        // As browsers have it, which can set no header of a WebSocket.
        let socket = "realtime, openai-insecure-api-key.ck-1, openai-beta.realtime-v1";
        let mut headers = headers(header::SEC_WEBSOCKET_PROTOCOL, socket);
        assert_eq!(credentials(&headers), [b"ck-1"]);
        forget_credentials(&mut headers);
        assert_eq!(headers[header::SEC_WEBSOCKET_PROTOCOL], "realtime, openai-beta.realtime-v1");
    }
}
