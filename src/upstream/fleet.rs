//! Several model servers: which one takes a request, and which one stands in for it.

use std::sync::Arc;
use std::sync::atomic::{AtomicBool, Ordering};
use std::time::Duration;

use futures_util::future::join_all;
use http::{Request, Response, request};
use wildmatch::WildMatch;

use super::body::{Body, Outbound};
use super::client::{Client, Key};
use super::error::{SetupError, UpstreamError};
use super::headers::forget_credentials;
use super::options::Options;

/// How long a server's word that it is well is waited for.
const PROBE_PATIENCE: Duration = Duration::from_secs(4);
/// How many times in a row the answer has to be missing. One may be lost.
const PROBES: u32 = 2;

/// One model server of several.
#[derive(Debug, Clone)]
pub struct Member {
    /// Its name, for tenants, figures and log lines.
    pub name: String,
    /// The models that it serves, with `*` for any characters. Empty: every model.
    pub models: Vec<String>,
    /// How it is called.
    pub options: Options,
}

/// Where a request may go.
#[derive(Debug, Clone, Copy, Default)]
pub struct Destination<'a> {
    /// The server that it is bound to, by name.
    pub server: Option<&'a str>,
    /// The model that it asks for.
    pub model: Asked<'a>,
}

/// Which model a request asks for, as far as that is known.
#[derive(Debug, Clone, Copy, Default, PartialEq, Eq)]
pub enum Asked<'a> {
    /// None: it is tried at the servers that serve every model, and where there are none, at all of them.
    #[default]
    Nothing,
    /// This one: it is tried at the servers that serve it.
    Model(&'a str),
    /// It cannot be told: with its credentials and its text it goes to servers that serve every model, and nowhere else.
    Untold,
}

impl<'a> From<Option<&'a str>> for Asked<'a> {
    fn from(model: Option<&'a str>) -> Self {
        model.map_or(Self::Nothing, Self::Model)
    }
}

/// How a model server is doing.
#[derive(Debug, Clone, PartialEq, Eq)]
pub struct Health {
    /// Its name.
    pub name: String,
    /// Whether it is tried before those that are not well.
    pub well: bool,
    /// How often its circuit breaker opened.
    pub opened: u64,
}

/// The model servers, in the order in which they are tried. Clones share their connections and states.
#[derive(Debug, Clone)]
pub struct Fleet(Arc<[Server]>);

#[derive(Debug)]
struct Server {
    name: String,
    models: Vec<WildMatch>,
    client: Client,
    /// What the last probes said.
    well: AtomicBool,
}

impl Fleet {
    /// Makes a client for each. Nothing is connected yet.
    ///
    /// # Errors
    /// [`SetupError`]: what is wrong with the options of one of them.
    pub fn new(members: Vec<Member>) -> Result<Self, SetupError> {
        let servers = members.into_iter().map(|Member { name, models, options }| {
            let models = models.iter().map(|pattern| WildMatch::new(pattern)).collect();
            Ok(Server { name, models, client: Client::new(options)?, well: AtomicBool::new(true) })
        });
        Ok(Self(servers.collect::<Result<_, SetupError>>()?))
    }

    /// One server alone, for every model.
    #[must_use]
    pub fn only(client: Client) -> Self {
        let server = Server { name: "default".to_owned(), models: Vec::new(), client, well: AtomicBool::new(true) };
        Self(Arc::new([server]))
    }

    /// Whether the model that a request asks for has a say in where it goes.
    #[must_use]
    pub fn chooses_by_model(&self) -> bool {
        self.0.iter().any(|server| !server.models.is_empty())
    }

    /// Their names, in their order.
    #[must_use]
    pub fn names(&self) -> Vec<String> {
        self.0.iter().map(|server| server.name.clone()).collect()
    }

    /// Sends a request to the first server that may have it, and where nothing could be delivered there, to the next. A body that is still coming in goes to
    /// the first that can be tried. The credentials that came with the request are the first one's: others get their own.
    ///
    /// # Errors
    /// [`UpstreamError`] of the last one that was tried, [`UpstreamError::Unserved`] where none serves the model; otherwise as [`Client::send`].
    pub async fn send(&self, to: Destination<'_>, request: Request<Body>) -> Result<Response<Body>, UpstreamError> {
        let (mut head, body) = request.into_parts();
        let mut body = Outbound::of_request(&mut head, body);
        let mut last = UpstreamError::Unserved;
        for (server, first) in self.candidates(to) {
            match server.client.deliver(head_for(&head, first), &mut body).await {
                Ok(response) => return Ok(response),
                Err(failure) if failure.unsent && body.ready() => last = failure.why,
                Err(failure) => return Err(failure.why),
            }
            tracing::warn!(server = server.name, why = %last, "the model server cannot be reached");
        }
        Err(last)
    }

    /// Asks the first server that may have it for another protocol, as [`Client::switch`].
    ///
    /// # Errors
    /// As there, and [`UpstreamError::Unserved`].
    pub async fn switch(&self, to: Destination<'_>, request: Request<Body>) -> Result<Response<Body>, UpstreamError> {
        let (server, first) = self.candidates(to).into_iter().next().ok_or(UpstreamError::Unserved)?;
        let (head, body) = request.into_parts();
        server.client.switch(Request::from_parts(head_for(&head, first), body)).await
    }

    /// Asks the servers that have a path for it, again and again, whether they are well, for as long as it is polled.
    pub async fn watch(&self, every: Duration) {
        join_all(self.0.iter().map(|server| server.watch(every))).await;
    }

    /// How each is doing.
    #[must_use]
    pub fn health(&self) -> Vec<Health> {
        let health = |server: &Server| Health {
            name: server.name.clone(),
            well: server.well(),
            opened: server.client.breaker().opened,
        };
        self.0.iter().map(health).collect()
    }

    /// The servers that may have a request, the well ones first, each with whether it is the one that the credentials are meant for.
    fn candidates(&self, to: Destination<'_>) -> Vec<(&Server, bool)> {
        let anything = to.model == Asked::Nothing && self.0.iter().all(|server| !server.models.is_empty());
        let mut all: Vec<_> = self
            .0
            .iter()
            .filter(|server| server.may_have(to) || (anything && server.is(to)))
            .zip(std::iter::once(true).chain(std::iter::repeat(false)))
            .collect();
        all.sort_by_key(|(server, _)| !server.well());
        all
    }
}

/// The head for one server.
fn head_for(head: &request::Parts, first: bool) -> request::Parts {
    let mut head = head.clone();
    if !first {
        forget_credentials(&mut head.headers);
        head.extensions.remove::<Key>();
    }
    head
}

impl Server {
    fn may_have(&self, to: Destination<'_>) -> bool {
        let named = |model| self.models.iter().any(|pattern| pattern.matches(model));
        let serves = match to.model {
            Asked::Model(model) => self.models.is_empty() || named(model),
            Asked::Nothing | Asked::Untold => self.models.is_empty() || to.server.is_some(),
        };
        serves && self.is(to)
    }

    /// Whether a request is bound to this server, or to none.
    fn is(&self, to: Destination<'_>) -> bool {
        to.server.is_none_or(|name| name == self.name)
    }

    fn well(&self) -> bool {
        self.well.load(Ordering::Relaxed) && !self.client.is_open()
    }

    async fn watch(&self, every: Duration) {
        let mut missing = 0;
        while let Some(well) = self.client.probe(PROBE_PATIENCE).await {
            missing = if well { 0 } else { missing + 1 };
            let well = missing < PROBES;
            if self.well.swap(well, Ordering::Relaxed) != well {
                tracing::warn!(server = self.name, well, "the model server's health changed");
            }
            tokio::time::sleep(every).await;
        }
    }
}

#[cfg(test)]
#[path = "fleet_tests.rs"]
mod tests;
