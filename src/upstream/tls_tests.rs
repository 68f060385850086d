//! The client's TLS, and mistakes in its options.

use std::io::{Read, Write};
use std::net::{SocketAddr, TcpListener as StdListener};
use std::sync::Arc;
use std::time::Duration;

use super::client_tests::{listener, post, text};
use super::*;

/// A TLS server of one certificate on a thread of its own: answers each connection's first request with the ALPN that was agreed on.
fn tls_server(key: &rcgen::CertifiedKey<rcgen::KeyPair>) -> SocketAddr {
    let private = rustls::pki_types::PrivateKeyDer::try_from(key.signing_key.serialize_der()).unwrap();
    let provider = Arc::new(rustls::crypto::ring::default_provider());
    let config = rustls::ServerConfig::builder_with_provider(provider).with_safe_default_protocol_versions().unwrap();
    let mut config = config.with_no_client_auth().with_single_cert(vec![key.cert.der().clone()], private).unwrap();
    config.alpn_protocols = vec![b"http/1.1".to_vec()];
    let config = Arc::new(config);
    let listener = StdListener::bind("127.0.0.1:0").unwrap();
    let address = listener.local_addr().unwrap();
    std::thread::spawn(move || {
        while let Ok((stream, _)) = listener.accept() {
            let connection = rustls::ServerConnection::new(Arc::clone(&config)).unwrap();
            let mut stream = rustls::StreamOwned::new(connection, stream);
            let mut piece = [0; 512];
            // A client that does not trust the certificate goes away.
            if stream.read(&mut piece).is_ok_and(|read| read > 0) {
                let alpn = String::from_utf8_lossy(stream.conn.alpn_protocol().unwrap_or_default()).into_owned();
                let length = alpn.len();
                write!(stream, "HTTP/1.1 200 OK\r\ncontent-length: {length}\r\nconnection: close\r\n\r\n{alpn}")
                    .unwrap();
                stream.conn.send_close_notify();
                stream.flush().unwrap();
            }
        }
    });
    address
}

#[tokio::test]
async fn tls_trusts_the_roots_file_and_nothing_unknown() {
    let key = rcgen::generate_simple_self_signed(vec!["localhost".to_owned()]).unwrap();
    let address = tls_server(&key);
    let base: http::Uri = format!("https://localhost:{}", address.port()).parse().unwrap();
    let folder = tempfile::tempdir().unwrap();
    let roots = folder.path().join("roots.pem");
    std::fs::write(&roots, key.cert.pem()).unwrap();

    let trusting = Client::new(Options { extra_roots: Some(roots), ..Options::new(base.clone()) }).unwrap();
    assert_eq!(text(trusting.send(post("/", "x")).await.unwrap()).await, "http/1.1");
    let wary = Client::new(Options { retries: 0, ..Options::new(base) }).unwrap();
    assert_eq!(wary.send(post("/", "x")).await.unwrap_err(), UpstreamError::Tls);
}

#[tokio::test]
async fn a_handshake_that_does_not_end_is_a_timeout_of_the_connection() {
    let (_listener, address) = listener().await; // the kernel accepts, nobody answers
    let base = format!("https://localhost:{}", address.port()).parse().unwrap();
    let client = Client::new(Options { connect_timeout: Duration::from_millis(40), ..Options::new(base) }).unwrap();
    assert_eq!(client.send(post("/", "x")).await.unwrap_err(), UpstreamError::Timeout { stage: "a connection" });
}

#[test]
fn mistakes_in_the_options_are_told_with_what_to_do() {
    let folder = tempfile::tempdir().unwrap();
    let empty = folder.path().join("empty.pem");
    std::fs::write(&empty, "nothing").unwrap();
    let base: http::Uri = "http://127.0.0.1:1".parse().unwrap();
    let told = |options| Client::new(options).unwrap_err().to_string();
    assert!(told(Options { extra_roots: Some(empty), ..Options::new(base.clone()) }).contains("holds no certificate"));
    let missing = Some(folder.path().join("missing.pem"));
    assert!(
        told(Options { extra_roots: missing, ..Options::new(base.clone()) }).contains("missing.pem cannot be read")
    );
    let key = told(Options { key: Some("line\nbreak".into()), ..Options::new(base) });
    assert!(key.contains("key file") && !key.contains("break"), "{key}");
}
