//! A model server that answers by a script and remembers what it was sent.

use std::collections::VecDeque;
use std::net::SocketAddr;
use std::pin::Pin;
use std::sync::{Arc, Mutex};
use std::time::Duration;

use bytes::Bytes;
use futures_util::stream::{self, Stream};
use http::{HeaderMap, HeaderName, HeaderValue, Method, Request, Response, StatusCode, Version};
use http_body_util::{BodyExt, StreamBody};
use hyper::body::{Frame, Incoming};
use hyper::service::service_fn;
use hyper_util::rt::{TokioExecutor, TokioIo};
use hyper_util::server::conn::auto;
use tokio::net::{TcpListener, TcpStream};
use tokio::sync::watch;

use super::{Gate, within};

/// What the server does with a request's body before it answers.
#[derive(Clone, Copy, Debug, PartialEq, Eq)]
pub(crate) enum Reading {
    Whole,
    /// With a pause after every piece.
    Slowly,
    /// Not at all: it answers at once.
    Not,
}

/// What it does when it has read the request.
#[derive(Clone, Debug)]
pub(crate) enum Opening {
    Answer,
    /// Nothing, until the connection goes.
    Stall,
    /// It resets the connection.
    Vanish,
    /// It answers once the gate is open.
    Wait(Gate),
}

/// A step of an answer's body.
#[derive(Clone, Debug)]
pub(crate) enum Step {
    Send(Bytes),
    Wait(Gate),
    /// Nothing more comes, and the connection stays.
    Stall,
    /// The connection is reset.
    Break,
}

/// One answer.
#[derive(Clone, Debug)]
pub(crate) struct Reply {
    pub(crate) reading: Reading,
    pub(crate) opening: Opening,
    pub(crate) status: StatusCode,
    pub(crate) headers: HeaderMap,
    pub(crate) steps: Vec<Step>,
}

impl Reply {
    pub(crate) fn new(status: u16, kind: &str, steps: Vec<Step>) -> Self {
        let (reading, opening) = (Reading::Whole, Opening::Answer);
        let reply = Self { reading, opening, status: status.try_into().unwrap(), headers: HeaderMap::new(), steps };
        reply.header("content-type", kind)
    }

    /// A whole answer with its length.
    pub(crate) fn whole(status: u16, kind: &str, body: impl Into<Bytes>) -> Self {
        let body = body.into();
        let length = body.len().to_string();
        Self::new(status, kind, vec![Step::Send(body)]).header("content-length", &length)
    }

    pub(crate) fn json(body: impl Into<Bytes>) -> Self {
        Self::whole(200, "application/json", body)
    }

    /// A stream of events, piece by piece.
    pub(crate) fn events<B: Into<Bytes>>(pieces: impl IntoIterator<Item = B>) -> Self {
        Self::new(200, "text/event-stream", pieces.into_iter().map(|piece| Step::Send(piece.into())).collect())
    }

    pub(crate) fn opening(opening: Opening) -> Self {
        Self { opening, ..Self::json("{}") }
    }

    pub(crate) fn header(mut self, name: &str, value: &str) -> Self {
        self.headers.append(name.parse::<HeaderName>().unwrap(), HeaderValue::from_str(value).unwrap());
        self
    }

    pub(crate) fn then(mut self, step: Step) -> Self {
        self.steps.push(step);
        self
    }

    pub(crate) fn reading(self, reading: Reading) -> Self {
        Self { reading, ..self }
    }
}

/// A request as it arrived.
#[derive(Clone, Debug)]
pub(crate) struct Got {
    pub(crate) method: Method,
    /// Path and query.
    pub(crate) target: String,
    pub(crate) version: Version,
    pub(crate) headers: HeaderMap,
    pub(crate) body: Bytes,
    /// Whether the body came to its end.
    pub(crate) complete: bool,
}

impl Got {
    pub(crate) fn header(&self, name: &str) -> Option<&str> {
        self.headers.get(name).map(|value| value.to_str().unwrap())
    }

    pub(crate) fn json(&self) -> serde_json::Value {
        serde_json::from_slice(&self.body).unwrap()
    }
}

/// What happened so far.
#[derive(Clone, Copy, Debug, Default, PartialEq, Eq)]
pub(crate) struct Counts {
    /// Requests whose head came.
    pub(crate) begun: usize,
    /// Bytes of bodies that came.
    pub(crate) received: usize,
    /// Answers whose last step was taken.
    pub(crate) served: usize,
    /// Exchanges that were ended from the other side.
    pub(crate) cut_off: usize,
}

struct State {
    replies: Mutex<VecDeque<Reply>>,
    got: Mutex<Vec<Got>>,
    counts: watch::Sender<Counts>,
}

/// A running server. It ends with the test's runtime.
pub(crate) struct Upstream {
    pub(crate) address: SocketAddr,
    state: Arc<State>,
}

impl Upstream {
    /// Starts it. Requests get the replies in turn; the last one serves for all further ones.
    pub(crate) async fn start(replies: Vec<Reply>) -> Self {
        let listener = TcpListener::bind("127.0.0.1:0").await.unwrap();
        let address = listener.local_addr().unwrap();
        let (replies, got) = (Mutex::new(replies.into()), Mutex::default());
        let state = Arc::new(State { replies, got, counts: watch::Sender::default() });
        tokio::spawn(accept(listener, Arc::clone(&state)));
        Self { address, state }
    }

    /// The requests whose bodies were read, or broke off.
    pub(crate) fn got(&self) -> Vec<Got> {
        self.state.got.lock().unwrap().clone()
    }

    /// The only request.
    pub(crate) fn only(&self) -> Got {
        let got = self.got();
        assert_eq!(got.len(), 1, "requests at the model server");
        got.into_iter().next().unwrap()
    }

    pub(crate) fn counts(&self) -> Counts {
        *self.state.counts.borrow()
    }

    /// Waits until something has happened.
    pub(crate) async fn until(&self, what: &str, happened: impl FnMut(&Counts) -> bool) {
        let mut counts = self.state.counts.subscribe();
        within(what, async { drop(counts.wait_for(happened).await) }).await;
    }
}

async fn accept(listener: TcpListener, state: Arc<State>) {
    loop {
        let (stream, _) = listener.accept().await.unwrap();
        stream.set_nodelay(true).unwrap();
        let stream = stream.into_std().unwrap();
        // A second handle on the same socket, to reset it with.
        let line = Line(Arc::new(Mutex::new(Some(TcpStream::from_std(stream.try_clone().unwrap()).unwrap()))));
        let stream = TcpStream::from_std(stream).unwrap();
        let state = Arc::clone(&state);
        tokio::spawn(async move {
            let service = service_fn(|request| answer(Arc::clone(&state), line.clone(), request));
            let builder = auto::Builder::new(TokioExecutor::new());
            // It ends with an error wherever the script says so.
            drop(builder.serve_connection(TokioIo::new(stream), service).await);
        });
    }
}

/// The connection of an exchange.
#[derive(Clone)]
struct Line(Arc<Mutex<Option<TcpStream>>>);

impl Line {
    /// Has the connection reset when it is closed.
    fn reset(&self) -> std::io::Error {
        if let Some(stream) = self.0.lock().unwrap().take() {
            stream.set_zero_linger().unwrap();
        }
        std::io::ErrorKind::ConnectionReset.into()
    }
}

/// One exchange: whether it was served to its end.
struct Seat {
    state: Arc<State>,
    served: bool,
}

impl Seat {
    fn begin(state: Arc<State>) -> Self {
        state.counts.send_modify(|counts| counts.begun += 1);
        Self { state, served: false }
    }

    fn served(&mut self) {
        self.served = true;
    }
}

impl Drop for Seat {
    fn drop(&mut self) {
        let served = self.served;
        self.state.counts.send_modify(|counts| if served { counts.served += 1 } else { counts.cut_off += 1 });
    }
}

type Body = StreamBody<Pin<Box<dyn Stream<Item = Result<Frame<Bytes>, std::io::Error>> + Send>>>;

async fn answer(state: Arc<State>, line: Line, request: Request<Incoming>) -> Result<Response<Body>, std::io::Error> {
    let reply = {
        let mut replies = state.replies.lock().unwrap();
        if replies.len() > 1 { replies.pop_front() } else { replies.front().cloned() }.expect("a script")
    };
    let mut seat = Seat::begin(Arc::clone(&state));
    let (parts, body) = request.into_parts();
    let (bytes, complete) = read(body, reply.reading, &state).await;
    let target = parts.uri.path_and_query().map(ToString::to_string).unwrap_or_default();
    let (method, version, headers) = (parts.method, parts.version, parts.headers);
    state.got.lock().unwrap().push(Got { method, target, version, headers, body: bytes, complete });
    if !complete {
        return Err(std::io::ErrorKind::UnexpectedEof.into());
    }
    match &reply.opening {
        Opening::Answer => {}
        Opening::Stall => return std::future::pending().await,
        Opening::Vanish => {
            seat.served();
            return Err(line.reset());
        }
        Opening::Wait(gate) => gate.passed().await,
    }
    if reply.steps.is_empty() {
        seat.served();
    }
    let steps = stream::unfold((reply.steps.into_iter(), seat, line), step);
    let mut response = Response::new(StreamBody::new(Box::pin(steps) as Pin<Box<dyn Stream<Item = _> + Send>>));
    *response.status_mut() = reply.status;
    *response.headers_mut() = reply.headers;
    Ok(response)
}

async fn read(mut body: Incoming, reading: Reading, state: &State) -> (Bytes, bool) {
    let mut whole = Vec::new();
    if reading == Reading::Not {
        return (Bytes::new(), true);
    }
    while let Some(frame) = body.frame().await {
        let Ok(frame) = frame else { return (whole.into(), false) };
        let data = frame.data_ref().map(AsRef::as_ref).unwrap_or_default();
        whole.extend_from_slice(data);
        state.counts.send_modify(|counts| counts.received += data.len());
        if reading == Reading::Slowly {
            tokio::time::sleep(Duration::from_millis(1)).await;
        }
    }
    (whole.into(), true)
}

type Walk = (std::vec::IntoIter<Step>, Seat, Line);

async fn step((mut steps, mut seat, line): Walk) -> Option<(Result<Frame<Bytes>, std::io::Error>, Walk)> {
    loop {
        let next = steps.next();
        if steps.len() == 0 {
            seat.served();
        }
        match next? {
            Step::Send(bytes) if bytes.is_empty() => {}
            Step::Send(bytes) => {
                // Lets what was sent before go out by itself.
                for _ in 0..4 {
                    tokio::task::yield_now().await;
                }
                return Some((Ok(Frame::data(bytes)), (steps, seat, line)));
            }
            Step::Wait(gate) => gate.passed().await,
            Step::Stall => {
                seat.served = false;
                std::future::pending::<()>().await;
            }
            Step::Break => {
                for _ in 0..4 {
                    tokio::task::yield_now().await;
                }
                let error = line.reset();
                return Some((Err(error), (steps, seat, line)));
            }
        }
    }
}
