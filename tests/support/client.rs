//! Clients: one that speaks HTTP as applications do, and one that writes and reads bytes.

use std::net::SocketAddr;

use bytes::Bytes;
use http::{HeaderMap, Method, Request, Response, StatusCode, Version};
use http_body_util::{BodyExt, Full};
use hyper::body::Incoming;
use hyper_util::client::legacy;
use hyper_util::client::legacy::connect::HttpConnector;
use hyper_util::rt::TokioExecutor;
use tokio::io::{AsyncReadExt, AsyncWriteExt};
use tokio::net::TcpStream;

use super::bodies::Said;
use super::within;

pub(crate) const CHAT: &str = "/v1/chat/completions";

/// An answer, read to its end.
#[derive(Clone, Debug)]
pub(crate) struct Answer {
    pub(crate) status: StatusCode,
    pub(crate) version: Version,
    pub(crate) headers: HeaderMap,
    pub(crate) body: Bytes,
    /// Whether the body broke off before its end.
    pub(crate) broken: bool,
}

impl Answer {
    pub(crate) fn header(&self, name: &str) -> Option<&str> {
        self.headers.get(name).map(|value| value.to_str().unwrap())
    }

    pub(crate) fn said(&self) -> Said {
        let stream = self.header("content-type").is_some_and(|kind| kind.starts_with("text/event-stream"));
        if stream { Said::streamed(&self.body) } else { Said::whole(&self.body) }
    }
}

/// An application's client.
#[derive(Clone)]
pub(crate) struct Client {
    http: legacy::Client<HttpConnector, Full<Bytes>>,
    address: SocketAddr,
}

impl Client {
    pub(crate) fn new(address: SocketAddr, http2: bool) -> Self {
        let http = legacy::Client::builder(TokioExecutor::new()).http2_only(http2).build_http();
        Self { http, address }
    }

    /// Sends a request; the answer's body comes as it arrives.
    pub(crate) async fn open(
        &self,
        method: Method,
        target: &str,
        headers: &[(&str, &str)],
        body: impl Into<Bytes>,
    ) -> Response<Incoming> {
        let mut request = Request::builder().method(method).uri(format!("http://{}{target}", self.address));
        for (name, value) in headers {
            request = request.header(*name, *value);
        }
        let request = request.body(Full::new(body.into())).unwrap();
        within("the head of an answer", self.http.request(request)).await.expect("an answer")
    }

    pub(crate) async fn send(
        &self,
        method: Method,
        target: &str,
        headers: &[(&str, &str)],
        body: impl Into<Bytes>,
    ) -> Answer {
        collected(self.open(method, target, headers, body).await).await
    }

    /// Asks for a chat completion.
    pub(crate) async fn chat(&self, body: impl Into<Bytes>) -> Answer {
        self.chat_with(&[], body).await
    }

    /// Asks for a chat completion, with more headers.
    pub(crate) async fn chat_with(&self, headers: &[(&str, &str)], body: impl Into<Bytes>) -> Answer {
        let headers = [&[("content-type", "application/json"), ("authorization", "Bearer sk-test")], headers].concat();
        self.send(Method::POST, CHAT, &headers, body).await
    }
}

async fn collected(response: Response<Incoming>) -> Answer {
    let (head, mut body) = response.into_parts();
    let (mut bytes, mut broken) = (Vec::new(), false);
    while let Some(frame) = within("more of an answer", body.frame()).await {
        let Ok(frame) = frame else {
            broken = true;
            break;
        };
        bytes.extend_from_slice(frame.data_ref().map(AsRef::as_ref).unwrap_or_default());
    }
    Answer { status: head.status, version: head.version, headers: head.headers, body: bytes.into(), broken }
}

/// Reads a streaming answer until it holds `text`.
pub(crate) async fn read_until(body: &mut Incoming, text: &str) -> String {
    let mut bytes = Vec::new();
    loop {
        let so_far = String::from_utf8_lossy(&bytes).into_owned();
        if so_far.contains(text) {
            return so_far;
        }
        let frame = within(text, body.frame()).await.unwrap_or_else(|| panic!("it ended without {text}: {so_far}"));
        bytes.extend_from_slice(frame.unwrap().data_ref().map(AsRef::as_ref).unwrap_or_default());
    }
}

/// A connection on which every byte is the test's.
pub(crate) struct Raw {
    stream: TcpStream,
    /// What came and was not taken yet.
    came: Vec<u8>,
}

/// An answer as it came over the wire.
#[derive(Debug)]
pub(crate) struct RawAnswer {
    /// Status line and headers.
    pub(crate) head: String,
    /// The body without its chunks' sizes.
    pub(crate) body: Vec<u8>,
}

impl RawAnswer {
    pub(crate) fn status(&self) -> u16 {
        self.head.split(' ').nth(1).and_then(|code| code.parse().ok()).expect("a status")
    }

    /// The header lines in the order in which they came.
    pub(crate) fn headers(&self) -> Vec<&str> {
        self.head.lines().skip(1).filter(|line| !line.is_empty()).collect()
    }

    pub(crate) fn header(&self, name: &str) -> Option<&str> {
        self.headers().into_iter().find_map(|line| {
            let (key, value) = line.split_once(':')?;
            key.eq_ignore_ascii_case(name).then(|| value.trim())
        })
    }
}

impl Raw {
    pub(crate) async fn connect(address: SocketAddr) -> Self {
        let stream = within("a connection", TcpStream::connect(address)).await.unwrap();
        stream.set_nodelay(true).unwrap();
        Self { stream, came: Vec::new() }
    }

    pub(crate) async fn write(&mut self, bytes: impl AsRef<[u8]>) {
        within("writing", self.stream.write_all(bytes.as_ref())).await.unwrap();
    }

    /// Sends a chat request with a length.
    pub(crate) async fn post(&mut self, target: &str, headers: &str, body: &[u8]) {
        let length = body.len();
        self.write(format!("POST {target} HTTP/1.1\r\nHost: test\r\n{headers}Content-Length: {length}\r\n\r\n")).await;
        self.write(body).await;
    }

    /// More bytes; `false` at the end of the connection, however it ended.
    async fn more(&mut self) -> bool {
        within("bytes", self.stream.read_buf(&mut self.came)).await.unwrap_or_default() > 0
    }

    /// Reads until `text` came, and returns everything up to its end.
    pub(crate) async fn until(&mut self, text: &str) -> String {
        loop {
            let at = self.came.windows(text.len()).position(|window| window == text.as_bytes());
            if let Some(at) = at {
                let taken: Vec<u8> = self.came.drain(..at + text.len()).collect();
                return String::from_utf8(taken).unwrap();
            }
            assert!(self.more().await, "it ended without {text:?}: {:?}", String::from_utf8_lossy(&self.came));
        }
    }

    /// Reads an answer by its length, its chunks, or to the end of the connection. An interim answer is passed over.
    pub(crate) async fn answer(&mut self) -> RawAnswer {
        let head = loop {
            let head = self.until("\r\n\r\n").await;
            if !head.starts_with("HTTP/1.1 1") {
                break head;
            }
        };
        let mut answer = RawAnswer { head, body: Vec::new() };
        if answer.header("transfer-encoding").is_some() {
            loop {
                let size = self.until("\r\n").await;
                let size = usize::from_str_radix(size.trim(), 16).unwrap();
                answer.body.extend(self.exactly(size).await);
                self.until("\r\n").await;
                if size == 0 {
                    return answer;
                }
            }
        }
        let length = answer.header("content-length").map(|length| length.parse().unwrap());
        answer.body = match length {
            Some(length) => self.exactly(length).await,
            None => self.rest().await,
        };
        answer
    }

    /// Reads an answer to the end of the connection, and says whether it came whole.
    pub(crate) async fn last_answer(&mut self) -> (RawAnswer, bool) {
        let head = self.until("\r\n\r\n").await;
        let mut answer = RawAnswer { head, body: self.rest().await };
        if answer.header("transfer-encoding").is_some() {
            let (body, whole) = unchunked(&answer.body);
            answer.body = body;
            return (answer, whole);
        }
        let length = answer.header("content-length").map(|length| length.parse::<usize>().unwrap());
        let whole = length.is_none_or(|length| length == answer.body.len());
        (answer, whole)
    }

    async fn exactly(&mut self, length: usize) -> Vec<u8> {
        while self.came.len() < length {
            assert!(self.more().await, "it ended within a body");
        }
        self.came.drain(..length).collect()
    }

    /// Everything up to the end of the connection.
    pub(crate) async fn rest(&mut self) -> Vec<u8> {
        while self.more().await {}
        std::mem::take(&mut self.came)
    }

    /// Goes away: in order, or without a word, so that the connection is reset.
    pub(crate) fn leave(self, in_order: bool) {
        if !in_order {
            self.stream.set_zero_linger().unwrap();
        }
    }
}

/// A body out of its chunks as far as it came, and whether that was its end.
fn unchunked(bytes: &[u8]) -> (Vec<u8>, bool) {
    let (mut body, mut rest) = (Vec::new(), bytes);
    while let Some(at) = rest.windows(2).position(|window| window == b"\r\n") {
        let size = usize::from_str_radix(std::str::from_utf8(&rest[..at]).unwrap(), 16).unwrap();
        rest = &rest[at + 2..];
        if size == 0 {
            return (body, rest == b"\r\n");
        }
        body.extend_from_slice(&rest[..size.min(rest.len())]);
        rest = rest.get(size + 2..).unwrap_or_default();
    }
    (body, false)
}
