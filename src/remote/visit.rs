//! One request for a picture, over a connection of its own.

use std::convert::Infallible;
use std::net::SocketAddr;

use bytes::{Bytes, BytesMut};
use http::{HeaderMap, HeaderValue, Request, StatusCode, header};
use http_body_util::{BodyExt, Empty};
use hyper::body::{Body, Incoming};
use hyper::client::conn::http1;
use hyper_util::rt::TokioIo;
use rustls::pki_types::ServerName;
use tokio::net::TcpStream;
use tokio::time::{Instant, timeout};
use tokio_rustls::TlsConnector;

use crate::domain::UnreadPicture;

use super::url::Target;

/// The most bytes of an answer's head.
const HEAD: usize = 64 << 10;
const AGENT: &str = concat!("comity/", env!("CARGO_PKG_VERSION"));
const ACCEPTED: &str = "image/png, image/jpeg, image/gif, image/webp";
/// What is said of files whose kind the server does not know. Their bytes decide.
const UNTOLD: [&str; 2] = ["application/octet-stream", "binary/octet-stream"];

/// What an answer brought.
#[derive(Debug, PartialEq, Eq)]
pub(super) enum Visit {
    /// The file.
    File(Bytes),
    /// The reference of a redirect.
    Elsewhere(String),
}

/// Asks for what lies at a target, over a connection to one of these addresses and no other.
pub(super) async fn visit(
    target: &Target,
    addresses: &[SocketAddr],
    tls: &TlsConnector,
    most: usize,
    deadline: Instant,
) -> Result<Visit, UnreadPicture> {
    let stream = connected(addresses, deadline).await.ok_or_else(|| failed(target, "a connection"))?;
    let name = ServerName::try_from(target.host.clone()).map_err(|_| failed(target, "the host's name"))?;
    let stream = tls.connect(name, stream).await.map_err(|_| failed(target, "a secure connection"))?;
    let mut builder = http1::Builder::new();
    builder.max_buf_size(HEAD);
    let (sender, connection) =
        builder.handshake(TokioIo::new(stream)).await.map_err(|_| failed(target, "a connection"))?;
    // What drives the connection lives and ends with this visit; how it ends is what the answer says.
    let driving = async {
        drop(connection.await);
        std::future::pending::<Infallible>().await
    };
    tokio::select! {
        answered = asked(sender, target, most) => answered,
        never = driving => match never {},
    }
}

/// The first connection that comes about. Each address has its share of the time that is left.
async fn connected(addresses: &[SocketAddr], deadline: Instant) -> Option<TcpStream> {
    for (address, left) in addresses.iter().zip((1..=addresses.len()).rev()) {
        let share = deadline.saturating_duration_since(Instant::now()) / u32::try_from(left).unwrap_or(u32::MAX);
        if let Ok(Ok(stream)) = timeout(share, TcpStream::connect(address)).await {
            return Some(stream);
        }
    }
    None
}

async fn asked(
    mut sender: http1::SendRequest<Empty<Bytes>>,
    target: &Target,
    most: usize,
) -> Result<Visit, UnreadPicture> {
    let request = Request::get(&target.path)
        .header(header::HOST, target.authority())
        .header(header::USER_AGENT, AGENT)
        .header(header::ACCEPT, ACCEPTED)
        .header(header::ACCEPT_ENCODING, "identity")
        .header(header::CONNECTION, "close")
        .body(Empty::new());
    let request = request.map_err(|_| failed(target, "a request"))?;
    let response = sender.send_request(request).await.map_err(|_| failed(target, "an answer"))?;
    let (head, body) = response.into_parts();
    match head.status {
        StatusCode::OK => {}
        StatusCode::MOVED_PERMANENTLY
        | StatusCode::FOUND
        | StatusCode::SEE_OTHER
        | StatusCode::TEMPORARY_REDIRECT
        | StatusCode::PERMANENT_REDIRECT => {
            let location = head.headers.get(header::LOCATION).and_then(|location| location.to_str().ok());
            return location
                .map(|location| Visit::Elsewhere(location.trim().to_owned()))
                .ok_or_else(|| failed(target, "a redirect that says where to"));
        }
        _ => return Err(failed(target, "an answer with the status 200")),
    }
    readable(&head.headers)?;
    if head
        .headers
        .get(header::CONTENT_ENCODING)
        .is_some_and(|coding| !coding.as_bytes().eq_ignore_ascii_case(b"identity"))
    {
        return Err(failed(target, "an answer that is not compressed"));
    }
    file(body, most, target).await.map(Visit::File)
}

/// Whether the file is said to be of a kind that is read here.
fn readable(headers: &HeaderMap) -> Result<(), UnreadPicture> {
    let Some(kind) = headers.get(header::CONTENT_TYPE).map(HeaderValue::as_bytes) else { return Ok(()) };
    let kind = String::from_utf8_lossy(kind).split(';').next().unwrap_or_default().trim().to_ascii_lowercase();
    if UNTOLD.contains(&kind.as_str()) || kind == "image/jpg" || ACCEPTED.split(", ").any(|accepted| accepted == kind) {
        Ok(())
    } else if kind.starts_with("image/") {
        Err(UnreadPicture::Unsupported)
    } else {
        Err(UnreadPicture::NotAPicture)
    }
}

/// The whole file, which is refused by its announced length before anything of it is read.
async fn file(mut body: Incoming, most: usize, target: &Target) -> Result<Bytes, UnreadPicture> {
    let announced = body.size_hint().exact().map_or(Some(0), |length| usize::try_from(length).ok());
    let announced = announced.filter(|length| *length <= most).ok_or(UnreadPicture::TooLarge)?;
    let mut file = BytesMut::with_capacity(announced);
    while let Some(frame) = body.frame().await {
        let frame = frame.map_err(|_| failed(target, "the answer's end"))?;
        let Some(data) = frame.data_ref() else { continue };
        if file.len() + data.len() > most {
            return Err(UnreadPicture::TooLarge);
        }
        file.extend_from_slice(data);
    }
    Ok(file.freeze())
}

/// Says in the log what did not come about, and at which of the operator's own hosts: the rest of the URL is the client's.
pub(super) fn failed(target: &Target, what: &'static str) -> UnreadPicture {
    tracing::debug!(host = %target.rule, missing = what, "a picture could not be fetched");
    UnreadPicture::RemoteFailed
}
