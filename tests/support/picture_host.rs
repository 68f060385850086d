//! A host of pictures on loopback, with a certificate of its own: it answers by a script and remembers what it was asked. Tests of the crate share it.

#![allow(clippy::unwrap_used, reason = "a test fails by panicking")]
#![allow(clippy::disallowed_methods, reason = "what a test spawns ends with its runtime")]
#![allow(dead_code, reason = "each test program uses a part of it")]

use std::net::SocketAddr;
use std::sync::atomic::{AtomicUsize, Ordering};
use std::sync::{Arc, Mutex};

use rustls::RootCertStore;
use rustls::pki_types::PrivateKeyDer;
use tokio::io::{AsyncReadExt, AsyncWriteExt};
use tokio::net::{TcpListener, TcpStream};
use tokio_rustls::TlsAcceptor;

/// What the host does with a request.
#[derive(Clone, Debug)]
pub(crate) enum Doing {
    /// It writes this and closes the connection.
    Says(Vec<u8>),
    /// It writes this, and nothing more comes.
    Stalls(Vec<u8>),
}

/// What the host was asked and how.
#[derive(Default, Debug)]
struct Seen {
    heads: Mutex<Vec<String>>,
    connections: AtomicUsize,
    open: AtomicUsize,
    most_open: AtomicUsize,
}

/// A host of pictures.
#[derive(Clone, Debug)]
pub(crate) struct PictureHost {
    pub(crate) address: SocketAddr,
    /// Who vouches for it: it alone.
    pub(crate) roots: RootCertStore,
    seen: Arc<Seen>,
}

impl PictureHost {
    /// Starts one that has these names. `answer` makes something of a request's path and query.
    pub(crate) async fn start(names: &[&str], answer: impl Fn(&str) -> Doing + Send + Sync + 'static) -> Self {
        let key =
            rcgen::generate_simple_self_signed(names.iter().map(ToString::to_string).collect::<Vec<_>>()).unwrap();
        let private = PrivateKeyDer::try_from(key.signing_key.serialize_der()).unwrap();
        let provider = Arc::new(rustls::crypto::ring::default_provider());
        let config =
            rustls::ServerConfig::builder_with_provider(provider).with_safe_default_protocol_versions().unwrap();
        let config = config.with_no_client_auth().with_single_cert(vec![key.cert.der().clone()], private).unwrap();
        let acceptor = TlsAcceptor::from(Arc::new(config));
        let mut roots = RootCertStore::empty();
        roots.add(key.cert.der().clone()).unwrap();
        let listener = TcpListener::bind("127.0.0.1:0").await.unwrap();
        let address = listener.local_addr().unwrap();
        let (seen, answer) = (Arc::new(Seen::default()), Arc::new(answer));
        let host = Self { address, roots, seen: Arc::clone(&seen) };
        tokio::spawn(async move {
            loop {
                let (stream, _) = listener.accept().await.unwrap();
                let (acceptor, seen, answer) = (acceptor.clone(), Arc::clone(&seen), Arc::clone(&answer));
                tokio::spawn(async move {
                    seen.connections.fetch_add(1, Ordering::SeqCst);
                    let open = seen.open.fetch_add(1, Ordering::SeqCst) + 1;
                    seen.most_open.fetch_max(open, Ordering::SeqCst);
                    serve(stream, &acceptor, &seen, &*answer).await;
                    seen.open.fetch_sub(1, Ordering::SeqCst);
                });
            }
        });
        host
    }

    /// The heads of the requests so far.
    pub(crate) fn heads(&self) -> Vec<String> {
        self.seen.heads.lock().unwrap().clone()
    }

    /// The paths that were asked for so far.
    pub(crate) fn paths(&self) -> Vec<String> {
        self.heads().iter().map(|head| head.split(' ').nth(1).unwrap().to_owned()).collect()
    }

    /// Connections so far, those without a request among them.
    pub(crate) fn connections(&self) -> usize {
        self.seen.connections.load(Ordering::SeqCst)
    }

    /// The most connections that were open at once.
    pub(crate) fn most_open(&self) -> usize {
        self.seen.most_open.load(Ordering::SeqCst)
    }
}

async fn serve(stream: TcpStream, acceptor: &TlsAcceptor, seen: &Seen, answer: &(dyn Fn(&str) -> Doing + Send + Sync)) {
    // A client that does not trust the certificate goes away.
    let Ok(mut stream) = acceptor.accept(stream).await else { return };
    let mut head = Vec::new();
    while !head.ends_with(b"\r\n\r\n") {
        match stream.read_u8().await {
            Ok(byte) => head.push(byte),
            Err(_) => return,
        }
    }
    let head = String::from_utf8(head).unwrap();
    let path = head.split(' ').nth(1).unwrap().to_owned();
    seen.heads.lock().unwrap().push(head);
    let (bytes, stalls) = match answer(&path) {
        Doing::Says(bytes) => (bytes, false),
        Doing::Stalls(bytes) => (bytes, true),
    };
    if stream.write_all(&bytes).await.is_err() || stream.flush().await.is_err() {
        return;
    }
    if stalls {
        // Until the client goes.
        drop(stream.read_u8().await);
    } else {
        drop(stream.shutdown().await);
    }
}

/// An answer with a status, headers (a line each) and a body.
pub(crate) fn answer(status: u16, headers: &str, body: &[u8]) -> Doing {
    let mut bytes = format!("HTTP/1.1 {status} Such\r\n{headers}content-length: {}\r\n\r\n", body.len()).into_bytes();
    bytes.extend_from_slice(body);
    Doing::Says(bytes)
}

/// A picture, or what is said to be one.
pub(crate) fn file(body: &[u8]) -> Doing {
    answer(200, "content-type: image/png\r\n", body)
}

/// A redirect.
pub(crate) fn redirect(to: &str) -> Doing {
    answer(302, &format!("location: {to}\r\n"), b"")
}
