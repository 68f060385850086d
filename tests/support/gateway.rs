//! A gateway between clients and a scripted model server.

use std::net::SocketAddr;
use std::sync::{Arc, Mutex};
use std::time::Duration;

use comity::audit::{Audit, AuditError, Sink};
use comity::config::{Others, Tenant};
use comity::domain::{Layers, Mode, Record};
use comity::gateway::{
    App, Limits, Listener, Parts, Policies, Reload, Settings, Shutdown, Tenants, Tls, reload_policies, reload_tenants,
    serve, serve_admin,
};
use comity::policy::{PolicySet, replay};
use comity::remote::{self, Fetcher};
use comity::telemetry::Metrics;
use comity::upstream::{self, Fleet, Member};
use comity::wire::NotePlace;
use tokio::net::{TcpListener, TcpSocket};
use tokio::sync::watch;
use tokio::task::JoinHandle;

use super::client::{Client, Raw};
use super::models::Mind;
use super::pack::Floor;
use super::upstream::{Reply, Upstream};
use super::{PATIENCE, within};

/// How a gateway is set up. A test changes what it is about.
pub(crate) struct Setup {
    pub(crate) settings: Settings,
    pub(crate) floor: Floor,
    pub(crate) mind: Mind,
    /// What fetches pictures: nothing, unless a test says otherwise.
    pub(crate) remote: Fetcher,
    /// The longest waits for the model server's head and for the next piece of its answer.
    pub(crate) head_patience: Duration,
    pub(crate) piece_patience: Duration,
    pub(crate) tenants: Vec<Tenant>,
    pub(crate) others: Others,
    pub(crate) tls: Option<Arc<Tls>>,
    /// Model servers that are tried before the scripted one.
    pub(crate) servers: Vec<Member>,
}

impl Default for Setup {
    fn default() -> Self {
        let limits = Limits {
            body: 4 << 20,
            answer: 1 << 20,
            bodies: 1 << 30,
            body_patience: PATIENCE,
            concurrent: 64,
            observers: 64,
            classify: PATIENCE,
            judge: PATIENCE,
            keep_alive: PATIENCE,
        };
        let settings = Settings {
            mode: Mode::Enforce,
            limits,
            default_country: Some("JP".parse().unwrap()),
            layers: Layers::default(),
            include_verdict: false,
            finish_reason: "stop".to_owned(),
            note_place: NotePlace::BeforeUser,
            keep_contents: false,
        };
        let (head_patience, piece_patience) = (PATIENCE, PATIENCE);
        let remote = Fetcher::new(remote::Options::default()).unwrap();
        Self {
            settings,
            floor: Floor::default(),
            mind: Mind::Fine,
            remote,
            head_patience,
            piece_patience,
            tenants: Vec::new(),
            others: Others::Pass,
            tls: None,
            servers: Vec::new(),
        }
    }
}

impl Setup {
    pub(crate) fn shadow(mind: Mind) -> Self {
        let mut setup = Self { mind, ..Self::default() };
        setup.settings.mode = Mode::Shadow;
        setup
    }

    pub(crate) fn floor(floor: Floor) -> Self {
        Self { floor, ..Self::default() }
    }

    pub(crate) fn with(mut self, change: impl FnOnce(&mut Settings)) -> Self {
        change(&mut self.settings);
        self
    }
}

/// Keeps the records where the test can read them.
struct Memory(Arc<Mutex<Vec<Record>>>);

impl Sink for Memory {
    fn write(&mut self, batch: &[Record]) -> Result<(), AuditError> {
        self.0.lock().unwrap().extend_from_slice(batch);
        Ok(())
    }

    fn prune(&mut self, _: i64) -> Result<u64, AuditError> {
        Ok(0)
    }
}

/// A running gateway.
pub(crate) struct Gateway {
    pub(crate) address: SocketAddr,
    pub(crate) upstream: Upstream,
    pub(crate) client: Client,
    mind: Mind,
    app: Arc<App>,
    audit: Audit,
    policies: PolicySet,
    records: Arc<Mutex<Vec<Record>>>,
    switch: watch::Sender<bool>,
    shutdown: Shutdown,
    serving: JoinHandle<()>,
    /// A port at which nobody listens, kept from others.
    _silent: Option<TcpSocket>,
}

impl Gateway {
    /// Starts one before a model server that gives these replies in turn, the last one for all further requests.
    pub(crate) async fn start(setup: Setup, replies: Vec<Reply>) -> Self {
        let upstream = Upstream::start(replies).await;
        let base = format!("http://{}", upstream.address);
        Self::before(setup, upstream, &base).await
    }

    /// Starts one before a port at which nobody listens.
    pub(crate) async fn before_nobody(setup: Setup) -> Self {
        let upstream = Upstream::start(vec![Reply::json("{}")]).await;
        // Taken and never listened at: given back, another test could be given it.
        let silent = TcpSocket::new_v4().unwrap();
        silent.bind(([127, 0, 0, 1], 0).into()).unwrap();
        let base = format!("http://{}", silent.local_addr().unwrap());
        Self { _silent: Some(silent), ..Self::before(setup, upstream, &base).await }
    }

    /// Starts one before a server of the test's own.
    pub(crate) async fn before_another(setup: Setup, address: SocketAddr) -> Self {
        let upstream = Upstream::start(vec![Reply::json("{}")]).await;
        Self::before(setup, upstream, &format!("http://{address}")).await
    }

    async fn before(setup: Setup, upstream: Upstream, base: &str) -> Self {
        let records = Arc::new(Mutex::new(Vec::new()));
        let audit = Audit::start(vec![Box::new(Memory(Arc::clone(&records)))], 4096, Duration::from_hours(24)).unwrap();
        let options = upstream::Options {
            first_byte_timeout: setup.head_patience,
            idle_timeout: setup.piece_patience,
            ..upstream::Options::new(base.parse().unwrap())
        };
        let (name, models) = ("default".to_owned(), Vec::new());
        let servers = setup.servers.into_iter().chain([Member { name, models, options }]).collect();
        let tenants = Tenants::new(setup.tenants, setup.others, &setup.settings);
        let app = App::new(Parts {
            settings: setup.settings,
            classifier: setup.mind.classifier(),
            policies: Policies::new(setup.floor.policies()),
            upstream: Fleet::new(servers).unwrap(),
            tenants,
            remote: setup.remote,
            audit: audit.clone(),
            metrics: Metrics::new(),
        });
        let listener = TcpListener::bind("127.0.0.1:0").await.unwrap();
        let address = listener.local_addr().unwrap();
        let (switch, shutdown) = Shutdown::new();
        let serving = tokio::spawn(serve(
            Arc::clone(&app),
            Listener::new(listener, setup.tls, 1024),
            shutdown.clone(),
            PATIENCE * 2,
        ));
        let client = Client::new(address, false);
        let (mind, policies) = (setup.mind, setup.floor.policies());
        Self {
            address,
            upstream,
            client,
            mind,
            app,
            audit,
            policies,
            records,
            switch,
            shutdown,
            serving,
            _silent: None,
        }
    }

    /// A gateway with nothing out of the ordinary.
    pub(crate) async fn plain(reply: Reply) -> Self {
        Self::start(Setup::default(), vec![reply]).await
    }

    /// Reads the policies from a folder, as a change in it would make it do.
    pub(crate) async fn reload(&self, dir: &std::path::Path) -> Reload {
        reload_policies(&self.app, Some(dir.to_owned())).await
    }

    /// Reads the tenants from a file, as a change of it would make it do.
    pub(crate) async fn reload_tenants(&self, file: &std::path::Path) -> Reload {
        reload_tenants(&self.app, file.to_owned()).await
    }

    /// Starts the operator's listener.
    pub(crate) async fn admin(&self) -> Client {
        let listener = TcpListener::bind("127.0.0.1:0").await.unwrap();
        let address = listener.local_addr().unwrap();
        tokio::spawn(serve_admin(Arc::clone(&self.app), listener, None, self.shutdown.clone()));
        Client::new(address, false)
    }

    pub(crate) async fn raw(&self) -> Raw {
        Raw::connect(self.address).await
    }

    /// Begins the shutdown, and does not wait for it.
    pub(crate) fn stop(&self) {
        self.switch.send_replace(true);
    }

    /// Waits until `count` records are written. More of them may come later: only [`Gateway::finish`] can tell.
    pub(crate) async fn recorded(&self, count: usize) -> Vec<Record> {
        let written = async {
            while self.records.lock().unwrap().len() < count {
                tokio::time::sleep(Duration::from_millis(5)).await;
            }
        };
        within("records", written).await;
        self.records.lock().unwrap().clone()
    }

    /// Shuts down in order, and returns every record that was written, in the order in which the requests ended.
    pub(crate) async fn finish(self) -> Vec<Record> {
        self.stop();
        self.mind.release();
        within("shutting down", self.serving).await.unwrap();
        self.app.close(PATIENCE);
        assert_eq!((self.audit.dropped(), self.audit.queued()), (0, 0), "records that were lost");
        let records = self.records.lock().unwrap().clone();
        let mut ids: Vec<_> = records.iter().map(|record| record.id.clone()).collect();
        ids.sort();
        ids.dedup();
        assert_eq!(ids.len(), records.len(), "two records of one request");
        for record in &records {
            replays(&self.policies, record);
        }
        records
    }

    /// Shuts down, and returns the only record.
    pub(crate) async fn finish_one(self) -> Record {
        let records = self.finish().await;
        assert_eq!(records.len(), 1, "records of one request: {records:#?}");
        records.into_iter().next().unwrap()
    }
}

/// What was recorded leads to the decision that was made, by the same policies: whatever a test does, `audit replay` can be trusted about it.
fn replays(policies: &PolicySet, record: &Record) {
    let read: Record = serde_json::from_str(&serde_json::to_string(record).unwrap()).unwrap();
    assert_eq!(&read, record, "a record comes back as it was");
    if record.hashes.policy != policies.hash() {
        return;
    }
    if let Some(replayed) = replay(policies, &read) {
        assert_eq!(
            (replayed.after, replayed.norms, replayed.unmeasured),
            (record.action, vec![], vec![]),
            "{record:#?}"
        );
    }
}
