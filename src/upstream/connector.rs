//! Connections: TCP and TLS, both within one bound.

use std::future::Future;
use std::path::Path;
use std::pin::Pin;
use std::sync::Arc;
use std::task::{Context, Poll};
use std::time::Duration;

use http::Uri;
use hyper_rustls::{HttpsConnector, HttpsConnectorBuilder, MaybeHttpsStream};
use hyper_util::client::legacy::connect::HttpConnector;
use hyper_util::rt::TokioIo;
use rustls::{ClientConfig, RootCertStore};
use tokio::net::TcpStream;
use tower_service::Service;

use super::error::{CONNECTION, SetupError, UpstreamError, chain};
use super::options::Options;
use super::pem;

/// Connects to the model server, and says in our words why it could not.
#[derive(Debug, Clone)]
pub(super) struct Connector {
    inner: HttpsConnector<HttpConnector>,
    patience: Duration,
}

impl Connector {
    /// # Errors
    /// [`SetupError::Pem`], [`SetupError::Tls`].
    ///
    /// `http1` keeps to HTTP/1.1, whatever the model server offers.
    pub(super) fn new(options: &Options, http1: bool) -> Result<Self, SetupError> {
        let mut http = HttpConnector::new();
        http.enforce_http(false);
        http.set_nodelay(true);
        http.set_keepalive(Some(Duration::from_mins(1)));
        let builder = HttpsConnectorBuilder::new().with_tls_config(tls(options)?).https_or_http();
        let inner = if http1 {
            builder.enable_http1().wrap_connector(http)
        } else if options.http2_prior_knowledge {
            builder.enable_http2().wrap_connector(http)
        } else {
            builder.enable_all_versions().wrap_connector(http)
        };
        Ok(Self { inner, patience: options.connect_timeout })
    }
}

/// TLS with the public roots and those of a file. The crypto provider is named, so that no other crate's choice matters.
fn tls(options: &Options) -> Result<ClientConfig, SetupError> {
    let mut roots = RootCertStore { roots: webpki_roots::TLS_SERVER_ROOTS.to_vec() };
    if let Some(path) = &options.extra_roots {
        add_roots(&mut roots, path)?;
    }
    let provider = Arc::new(rustls::crypto::ring::default_provider());
    let config = ClientConfig::builder_with_provider(provider).with_safe_default_protocol_versions()?;
    let config = config.with_root_certificates(roots);
    match &options.identity {
        Some((certificate, key)) => Ok(config.with_client_auth_cert(pem::certificates(certificate)?, pem::key(key)?)?),
        None => Ok(config.with_no_client_auth()),
    }
}

fn add_roots(roots: &mut RootCertStore, path: &Path) -> Result<(), SetupError> {
    for certificate in pem::certificates(path)? {
        let wrong = |error: rustls::Error| pem::PemError::Read { path: path.to_owned(), why: error.to_string() };
        roots.add(certificate).map_err(wrong)?;
    }
    Ok(())
}

type Stream = MaybeHttpsStream<TokioIo<TcpStream>>;

impl Service<Uri> for Connector {
    type Response = Stream;
    type Error = UpstreamError;
    type Future = Pin<Box<dyn Future<Output = Result<Stream, UpstreamError>> + Send>>;

    fn poll_ready(&mut self, cx: &mut Context<'_>) -> Poll<Result<(), UpstreamError>> {
        self.inner.poll_ready(cx).map_err(|_| UpstreamError::Connect)
    }

    fn call(&mut self, to: Uri) -> Self::Future {
        let connecting = tokio::time::timeout(self.patience, self.inner.call(to));
        Box::pin(async move {
            let Ok(connected) = connecting.await else {
                tracing::warn!("connecting to the model server took too long");
                return Err(UpstreamError::Timeout { stage: CONNECTION });
            };
            connected.map_err(|error| {
                tracing::warn!(error = chain(&*error), "could not connect to the model server");
                // The TCP connector has an error type of its own; the TLS handshake fails with that of I/O.
                if error.is::<std::io::Error>() { UpstreamError::Tls } else { UpstreamError::Connect }
            })
        })
    }
}
