//! Fetching pictures.

use std::fmt;
use std::sync::Arc;

use bytes::Bytes;
use rustls::ClientConfig;
use tokio::sync::Semaphore;
use tokio::time::{Instant, timeout_at};
use tokio_rustls::TlsConnector;

use crate::domain::UnreadPicture;

use super::options::Options;
use super::url::Target;
use super::visit::{Visit, failed, visit};
use super::world::{NoAddress, World};

/// Fetches pictures by their URLs, from the hosts of a list. Clones share the bound on how many are fetched at once.
#[derive(Clone)]
pub struct Fetcher(Arc<Inner>);

struct Inner {
    options: Options,
    world: World,
    tls: TlsConnector,
    places: Semaphore,
}

impl fmt::Debug for Fetcher {
    fn fmt(&self, f: &mut fmt::Formatter<'_>) -> fmt::Result {
        f.debug_struct("Fetcher").field("options", &self.0.options).finish_non_exhaustive()
    }
}

impl Fetcher {
    /// A fetcher in the world as it is. Nothing is connected yet.
    ///
    /// # Errors
    /// Where the TLS library refuses its own settings.
    pub fn new(options: Options) -> Result<Self, rustls::Error> {
        Self::within(options, World::default())
    }

    /// A fetcher in a world of the caller's, such as a test's.
    ///
    /// # Errors
    /// As [`Fetcher::new`].
    pub fn within(options: Options, world: World) -> Result<Self, rustls::Error> {
        let provider = Arc::new(rustls::crypto::ring::default_provider());
        let config = ClientConfig::builder_with_provider(provider).with_safe_default_protocol_versions()?;
        let mut config = config.with_root_certificates(world.roots.clone()).with_no_client_auth();
        config.alpn_protocols = vec![b"http/1.1".to_vec()];
        let places = Semaphore::new(options.at_once);
        Ok(Self(Arc::new(Inner { options, world, tls: TlsConnector::from(Arc::new(config)), places })))
    }

    /// Whether a URL is one that may be fetched, before anything is known of its host's addresses.
    #[must_use]
    pub fn admits(&self, url: &str) -> bool {
        Target::of(url, &self.0.options.hosts).is_some()
    }

    /// The file that lies at a URL, within the bounds of [`Options`].
    ///
    /// # Errors
    /// Why there is none; see [`UnreadPicture`].
    pub async fn fetch(&self, url: &str) -> Result<Bytes, UnreadPicture> {
        let inner = &*self.0;
        let target = Target::of(url, &inner.options.hosts).ok_or(UnreadPicture::RemoteUrl)?;
        let first = target.clone();
        let deadline = Instant::now() + inner.options.timeout;
        let fetched = async {
            // The semaphore is never closed.
            let _place = inner.places.acquire().await.map_err(|_| UnreadPicture::RemoteFailed)?;
            inner.follow(target, deadline).await
        };
        timeout_at(deadline, fetched).await.unwrap_or_else(|_| Err(failed(&first, "an answer in time")))
    }
}

impl Inner {
    /// Goes from redirect to redirect; each URL is held to the same rules as the first.
    async fn follow(&self, mut target: Target, deadline: Instant) -> Result<Bytes, UnreadPicture> {
        for _ in 0..=self.options.redirects {
            let addresses = self.world.addresses(&target).await.map_err(|why| match why {
                NoAddress::Unknown => failed(&target, "an address"),
                NoAddress::Forbidden => UnreadPicture::RemoteRefused,
            })?;
            match visit(&target, &addresses, &self.tls, self.options.bytes, deadline).await? {
                Visit::File(file) => return Ok(file),
                Visit::Elsewhere(location) => {
                    let next = Target::of(&target.joined(&location), &self.options.hosts);
                    target = next.ok_or(UnreadPicture::RemoteRefused)?;
                }
            }
        }
        Err(failed(&target, "an end of the redirects"))
    }
}
