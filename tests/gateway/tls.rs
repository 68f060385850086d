//! TLS for clients: what is offered, and certificates that change while the server runs.

use std::path::{Path, PathBuf};
use std::sync::Arc;

use comity::config::TlsFiles;
use comity::gateway::Tls;
use comity::upstream::{Client, Options, UpstreamError};
use http::Request;
use http_body_util::{BodyExt, Full};
use rcgen::{BasicConstraints, CertificateParams, CertifiedIssuer, IsCa, KeyPair};

use crate::support::bodies::{ask, completion};
use crate::support::client::CHAT;
use crate::support::gateway::{Gateway, Setup};
use crate::support::upstream::Reply;

type Authority = CertifiedIssuer<'static, KeyPair>;

fn authority() -> Authority {
    let mut params = CertificateParams::new(Vec::new()).unwrap();
    params.is_ca = IsCa::Ca(BasicConstraints::Unconstrained);
    CertifiedIssuer::self_signed(params, KeyPair::generate().unwrap()).unwrap()
}

/// Writes a certificate and its key, and says where they are.
fn identity(authority: &Authority, folder: &Path, name: &str) -> (PathBuf, PathBuf) {
    let key = KeyPair::generate().unwrap();
    let certificate = CertificateParams::new(vec!["localhost".to_owned()]).unwrap().signed_by(&key, authority).unwrap();
    let paths = (folder.join(format!("{name}.pem")), folder.join(format!("{name}.key")));
    std::fs::write(&paths.0, certificate.pem()).unwrap();
    std::fs::write(&paths.1, key.serialize_pem()).unwrap();
    paths
}

fn roots(authority: &Authority, folder: &Path, name: &str) -> PathBuf {
    let path = folder.join(name);
    std::fs::write(&path, authority.pem()).unwrap();
    path
}

struct Caller {
    options: Options,
}

impl Caller {
    fn new(gateway: &Gateway, roots: PathBuf) -> Self {
        let base = format!("https://localhost:{}", gateway.address.port()).parse().unwrap();
        Self { options: Options { extra_roots: Some(roots), retries: 0, ..Options::new(base) } }
    }

    /// Asks over a connection of its own.
    async fn chats(&self) -> Result<u16, UpstreamError> {
        let body = Full::new(ask("Hello?").into()).map_err(|never| match never {}).boxed_unsync();
        let request = Request::post(CHAT).header("content-type", "application/json").body(body).unwrap();
        let response = Client::new(self.options.clone()).unwrap().send(request).await?;
        let status = response.status().as_u16();
        assert!(response.into_body().collect().await.unwrap().to_bytes().starts_with(b"{"));
        Ok(status)
    }
}

async fn gateway(tls: Arc<Tls>) -> Gateway {
    let setup = Setup { tls: Some(tls), ..Setup::default() };
    Gateway::start(setup, vec![Reply::json(completion("Yes."))]).await
}

#[tokio::test]
async fn clients_are_served_over_tls_and_certificates_change_without_a_restart() {
    let (folder, old, new) = (tempfile::tempdir().unwrap(), authority(), authority());
    let (certificate, key) = identity(&old, folder.path(), "server");
    let tls = Arc::new(Tls::open(TlsFiles { certificate, key, client_roots: None }).unwrap());
    let gateway = gateway(Arc::clone(&tls)).await;
    let of_old = Caller::new(&gateway, roots(&old, folder.path(), "old.pem"));
    let of_new = Caller::new(&gateway, roots(&new, folder.path(), "new.pem"));
    assert_eq!((of_old.chats().await, of_new.chats().await), (Ok(200), Err(UpstreamError::Tls)));
    identity(&new, folder.path(), "server");
    tls.reload().unwrap();
    assert_eq!((of_old.chats().await, of_new.chats().await), (Err(UpstreamError::Tls), Ok(200)));
    // A key that does not belong to the certificate: what is in force stays so.
    std::fs::write(folder.path().join("server.key"), KeyPair::generate().unwrap().serialize_pem()).unwrap();
    let why = tls.reload().unwrap_err().to_string();
    assert!(why.contains("certificate and its key cannot be used"), "{why}");
    assert_eq!(of_new.chats().await, Ok(200));
    gateway.finish().await;
}

#[tokio::test]
async fn http_2_is_agreed_on_and_plain_http_is_no_way_in() {
    let (folder, authority) = (tempfile::tempdir().unwrap(), authority());
    let (certificate, key) = identity(&authority, folder.path(), "server");
    let gateway = gateway(Arc::new(Tls::open(TlsFiles { certificate, key, client_roots: None }).unwrap())).await;
    let mut caller = Caller::new(&gateway, roots(&authority, folder.path(), "roots.pem"));
    // Nothing but HTTP/2 is spoken by this one: it is ALPN that has to bring it about.
    caller.options.http2_prior_knowledge = true;
    assert_eq!(caller.chats().await, Ok(200));
    let mut raw = gateway.raw().await;
    raw.write("GET / HTTP/1.1\r\nhost: localhost\r\n\r\n").await;
    let answer = raw.rest().await;
    assert!(!answer.windows(4).any(|four| four == b"HTTP"), "{answer:?}");
    gateway.finish().await;
}

#[tokio::test]
async fn clients_show_a_certificate_where_that_is_asked_for() {
    let (folder, servers, clients) = (tempfile::tempdir().unwrap(), authority(), authority());
    let (certificate, key) = identity(&servers, folder.path(), "server");
    let client_roots = Some(roots(&clients, folder.path(), "clients.pem"));
    let gateway = gateway(Arc::new(Tls::open(TlsFiles { certificate, key, client_roots }).unwrap())).await;
    let mut caller = Caller::new(&gateway, roots(&servers, folder.path(), "servers.pem"));
    assert!(caller.chats().await.is_err(), "without a certificate");
    caller.options.identity = Some(identity(&servers, folder.path(), "stranger"));
    assert!(caller.chats().await.is_err(), "of another authority");
    caller.options.identity = Some(identity(&clients, folder.path(), "client"));
    assert_eq!(caller.chats().await, Ok(200));
    gateway.finish().await;
}
