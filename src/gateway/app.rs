//! What all requests share.

use std::sync::Arc;
use std::sync::atomic::{AtomicBool, Ordering};
use std::time::{Duration, SystemTime};

use arc_swap::{ArcSwap, ArcSwapOption};
use http::{HeaderMap, Request, Response};
use moka::sync::Cache;
use tokio::sync::{OwnedSemaphorePermit, Semaphore};
use tokio_util::task::TaskTracker;

use crate::audit::Audit;
use crate::classify::Classifier;
use crate::context::{AddedName, Places};
use crate::domain::{Country, Coverage, Hint, Layers, Mode, Unavailable};
use crate::policy::PolicySet;
use crate::remote::Fetcher;
use crate::telemetry::{AuditGauges, Metrics, ModelGauges};
use crate::upstream::{Asked, Destination, Fleet, Key, UpstreamError};
use crate::wire::{Inbound, NotePlace};

use super::body::Body;
use super::budget::{Budget, Room};
use super::error::Error;
use super::judging::{InPlay, Understood};
use super::remote::fetched;
use super::routes;
use super::tenants::{Caller, Tenants};

/// How often model servers are asked whether they are well.
const PROBE_EVERY: Duration = Duration::from_secs(5);

/// How long it is kept in mind where the note goes for a model: its server may be another one some day.
const LEARNT: Duration = Duration::from_hours(1);

/// Bounds on what one request, and all of them together, may take.
#[derive(Debug, Clone)]
pub struct Limits {
    /// The largest request body, in bytes.
    pub body: usize,
    /// The largest answer that is checked, in bytes.
    pub answer: usize,
    /// The most bytes of bodies that are held at once, for all requests together.
    pub bodies: usize,
    /// The longest that a request body may take to arrive.
    pub body_patience: Duration,
    /// Requests under way at once.
    pub concurrent: usize,
    /// Exchanges that are looked at beside the traffic at once; more than these are recorded as unscanned.
    pub observers: usize,
    /// The longest that the models may take for a turn.
    pub classify: Duration,
    /// The longest that the models may take for one piece of an answer.
    pub judge: Duration,
    /// How often a client that is kept waiting in a stream is sent a comment.
    pub keep_alive: Duration,
}

/// How requests are treated.
#[derive(Debug, Clone)]
pub struct Settings {
    /// Whether decisions are carried out.
    pub mode: Mode,
    /// Bounds.
    pub limits: Limits,
    /// The country where nothing stronger names one.
    pub default_country: Option<Country>,
    /// The overlays that every request is under.
    pub layers: Layers,
    /// Whether every answer carries the verdict, or only those whose client asks.
    pub include_verdict: bool,
    /// The `finish_reason` of an answer that was repaired or declined.
    pub finish_reason: String,
    /// Where the norm note goes.
    pub note_place: NotePlace,
    /// Whether records keep texts.
    pub keep_contents: bool,
}

/// The policies in force and the place names that lead to them: one version, swapped as a whole.
#[derive(Debug)]
pub struct Policies {
    /// The packs.
    pub set: PolicySet,
    /// Place names, the packs' own among them.
    pub places: Places,
    /// Since when they are in force.
    pub since: SystemTime,
}

/// Policies that were read and not taken.
#[derive(Debug, Clone)]
pub struct Refused {
    /// What is wrong with them, a line each.
    pub problems: Vec<String>,
    /// When they were read.
    pub at: SystemTime,
}

impl Refused {
    /// Policies read just now.
    #[must_use]
    pub fn now(problems: Vec<String>) -> Self {
        Self { problems, at: SystemTime::now() }
    }
}

impl Policies {
    /// Joins packs with the gazetteer and the packs' own names.
    #[must_use]
    pub fn new(set: PolicySet) -> Self {
        let packs = set.countries().filter_map(|country| set.pack(country)).flat_map(|pack| {
            pack.names.iter().map(|name| AddedName { country: pack.country, name: name.clone(), region: None })
        });
        let regions = set.overlays().iter().filter_map(|overlay| Some((overlay.country?, overlay)));
        let regions = regions.flat_map(|(country, overlay)| {
            let region = overlay.name.to_string();
            overlay.names.iter().map(move |name| AddedName {
                country,
                name: name.clone(),
                region: Some(region.clone()),
            })
        });
        let names: Vec<AddedName> = packs.chain(regions).collect();
        Self { places: Places::embedded().with_names(names.into_iter()), since: SystemTime::now(), set }
    }
}

/// What [`App::new`] is made of.
#[derive(Debug)]
pub struct Parts {
    /// How requests are treated.
    pub settings: Settings,
    /// The models.
    pub classifier: Classifier,
    /// The policies.
    pub policies: Policies,
    /// The model servers.
    pub upstream: Fleet,
    /// Who has a key.
    pub tenants: Tenants,
    /// What fetches pictures by their URLs.
    pub remote: Fetcher,
    /// Where records go.
    pub audit: Audit,
    /// Where figures go.
    pub metrics: Metrics,
}

/// What all requests share.
#[derive(Debug)]
pub struct App {
    pub(super) settings: Settings,
    pub(super) classifier: Classifier,
    pub(super) policies: ArcSwap<Policies>,
    /// The policies that were read last, where they have mistakes.
    refused: ArcSwapOption<Refused>,
    /// Whether the norms in force are still being embedded for the first time.
    warming: AtomicBool,
    pub(super) upstream: Fleet,
    pub(super) tenants: ArcSwap<Tenants>,
    /// Models that refuse an operator's message late in a conversation.
    note_in_user: Cache<String, ()>,
    /// Whoever is no tenant.
    stranger: Arc<Caller>,
    remote: Fetcher,
    pub(super) audit: Audit,
    pub(super) metrics: Metrics,
    /// Every task that outlives its request; shutdown waits for it.
    pub(super) tasks: TaskTracker,
    /// Room for bodies.
    pub(super) bodies: Budget,
    pub(super) requests: Arc<Semaphore>,
    pub(super) observers: Arc<Semaphore>,
}

/// A model as one tenant knows it: what is learnt from one's requests changes nothing for another's.
fn learnt(caller: &Caller, model: Option<&str>) -> String {
    let model: String = model.unwrap_or_default().chars().take(200).collect();
    format!("{}\n{model}", caller.tenant.as_deref().unwrap_or_default())
}

impl App {
    /// Joins the parts.
    #[must_use]
    pub fn new(parts: Parts) -> Arc<Self> {
        let Parts { settings, classifier, policies, upstream, tenants, remote, audit, metrics } = parts;
        let requests = Arc::new(Semaphore::new(settings.limits.concurrent));
        let observers = Arc::new(Semaphore::new(settings.limits.observers));
        let policies = ArcSwap::from_pointee(policies);
        let tasks = TaskTracker::new();
        Arc::new(Self {
            stranger: Arc::new(Caller::stranger(&settings)),
            tenants: ArcSwap::from_pointee(tenants),
            bodies: Budget::new(settings.limits.bodies),
            note_in_user: Cache::builder().max_capacity(1024).time_to_live(LEARNT).build(),
            settings,
            classifier,
            policies,
            refused: ArcSwapOption::empty(),
            warming: AtomicBool::new(false),
            upstream,
            remote,
            audit,
            metrics,
            tasks,
            requests,
            observers,
        })
    }

    /// A place among the requests under way. In shadow nobody is turned away: what is too much to look at goes by unseen, and the record says so.
    ///
    /// # Errors
    /// [`Error::Busy`].
    pub(super) fn place(&self, mode: Mode) -> Result<Option<OwnedSemaphorePermit>, Error> {
        match (mode, Arc::clone(&self.requests).try_acquire_owned()) {
            (_, Ok(place)) => Ok(Some(place)),
            (Mode::Shadow, Err(_)) => Ok(None),
            (Mode::Enforce, Err(_)) => Err(Error::Busy),
        }
    }

    /// Whom a request comes from. A tenant's key is taken out of the headers.
    ///
    /// # Errors
    /// [`Error::Key`].
    pub(super) fn caller(&self, headers: &mut HeaderMap) -> Result<Arc<Caller>, Error> {
        Ok(self.tenants.load().caller(headers)?.unwrap_or_else(|| Arc::clone(&self.stranger)))
    }

    /// Sends a request to the model server that may have it.
    ///
    /// # Errors
    /// As [`Fleet::send`].
    pub(super) async fn send(
        &self,
        caller: &Caller,
        model: Asked<'_>,
        mut request: Request<Body>,
    ) -> Result<Response<Body>, UpstreamError> {
        let deployment = routes::deployment(request.uri().path());
        let model = match (model, deployment.as_deref()) {
            (Asked::Nothing | Asked::Untold, Some(deployment)) => Asked::Model(deployment),
            (model, _) => model,
        };
        let to = Destination { server: caller.server.as_deref(), model };
        if let Some(key) = &caller.upstream_key {
            request.extensions_mut().insert(Key(key.clone()));
        }
        self.upstream.send(to, request).await
    }

    /// Asks the model server that may have it for another protocol.
    ///
    /// # Errors
    /// As [`Fleet::switch`].
    pub(super) async fn switch(
        &self,
        caller: &Caller,
        mut request: Request<Body>,
    ) -> Result<Response<Body>, UpstreamError> {
        let model = routes::queried(request.uri(), "model");
        if let Some(key) = &caller.upstream_key {
            request.extensions_mut().insert(Key(key.clone()));
        }
        self.upstream
            .switch(Destination { server: caller.server.as_deref(), model: model.as_deref().into() }, request)
            .await
    }

    /// Where the note goes in a request for a model.
    pub(super) fn note_place(&self, caller: &Caller, model: Option<&str>) -> NotePlace {
        let known = self.note_in_user.contains_key(&learnt(caller, model));
        if known { NotePlace::InUser } else { self.settings.note_place }
    }

    /// The model's server refuses an operator's message where the settings put it.
    pub(super) fn note_goes_into_user_messages(&self, caller: &Caller, model: Option<&str>) {
        tracing::info!(
            "a model takes no operator's message late in a conversation: the note goes into the user's message"
        );
        self.note_in_user.insert(learnt(caller, model), ());
    }

    /// Reads a turn with the policies in force. Pictures behind URLs are fetched first where there is a norm to hold them against; the models' time begins after that.
    pub(super) async fn understand(&self, inbound: &Inbound, hint: &Hint, room: &Room) -> Understood {
        let in_play = InPlay::of(self.policies.load_full(), inbound.turn(), hint);
        let most = if in_play.is_empty() { 0 } else { self.classifier.most_pictures() };
        let turn = fetched(&self.remote, &self.metrics, inbound.turn(), most, room).await;
        let mut understood = in_play.read(&self.classifier, &turn, self.settings.limits.classify).await;
        let unseen = inbound.unseen().iter().map(|(part, why)| Coverage::unscanned(part, *why));
        understood.reading.coverage.extend(unseen);
        understood
    }

    /// Keeps asking the model servers whether they are well, for as long as it is polled.
    pub async fn watch_servers(&self) {
        self.upstream.watch(PROBE_EVERY).await;
    }

    /// Brings gauges up to date, before figures are shown.
    pub(super) fn observe(&self) {
        let models = self.classifier.gauges();
        let models = ModelGauges {
            queued: models.queued as u64,
            cache_entries: models.cache_entries,
            cache_bytes: models.cache_bytes,
            done: models.done,
            late: models.late,
            busy: models.busy,
            failed: models.failed,
            threads_alive: models.threads as u64,
        };
        let (written, dropped, queued) = (self.audit.written(), self.audit.dropped(), self.audit.queued() as u64);
        self.metrics.observe(models, AuditGauges { written, dropped, queued });
        self.metrics.bodies(self.bodies.taken());
        for server in self.upstream.health() {
            self.metrics.server(&server.name, server.well, server.opened);
        }
    }

    /// Writes the records that wait. After this nothing is recorded any more.
    pub fn close(&self, patience: Duration) {
        self.audit.close(patience);
    }

    /// Keeps in mind what is wrong with the policies that were read last; `None`: nothing.
    pub(super) fn refuse(&self, refused: Option<Refused>) {
        self.refused.store(refused.map(Arc::new));
    }

    /// What is wrong with the policies that were read last.
    pub(super) fn refused(&self) -> Option<Arc<Refused>> {
        self.refused.load_full()
    }

    /// Whether the norms in force are still being embedded for the first time.
    pub(super) fn warming(&self) -> bool {
        self.warming.load(Ordering::Relaxed)
    }

    /// Embeds the norms of the packs in force, so that no request has to wait for it. Requests are served meanwhile; `/readyz` says that it goes on.
    ///
    /// # Errors
    /// Why the models could not.
    pub async fn prepare(&self) -> Result<(), Unavailable> {
        self.warming.store(true, Ordering::Relaxed);
        let policies = self.policies.load_full();
        let norms: Vec<_> = policies.set.norms().cloned().collect();
        let prepared = self.classifier.prepare(&norms).await;
        self.warming.store(false, Ordering::Relaxed);
        prepared
    }
}
