//! The client against servers on loopback.

use std::convert::Infallible;
use std::net::SocketAddr;
use std::sync::atomic::{AtomicUsize, Ordering};
use std::sync::{Arc, Mutex};
use std::time::Duration;

use bytes::Bytes;
use http::{Method, Request, Response, StatusCode, header};
use http_body_util::{BodyExt, Full, StreamBody};
use hyper::body::{Frame, Incoming};
use hyper::service::service_fn;
use hyper_util::rt::{TokioExecutor, TokioIo};
use hyper_util::server::conn::auto;
use tokio::io::{AsyncReadExt, AsyncWriteExt};
use tokio::net::TcpListener;
use tokio::sync::mpsc;
use tokio_util::task::TaskTracker;

use super::*;

/// Longer than anything takes here unless it hangs.
const LONG: Duration = Duration::from_secs(20);

pub(super) async fn listener() -> (TcpListener, SocketAddr) {
    let listener = TcpListener::bind("127.0.0.1:0").await.unwrap();
    let address = listener.local_addr().unwrap();
    (listener, address)
}

pub(super) fn options(address: SocketAddr) -> Options {
    Options::new(format!("http://{address}").parse().unwrap())
}

fn client(address: SocketAddr) -> Client {
    Client::new(options(address)).unwrap()
}

pub(super) fn full(text: &'static str) -> Body {
    Full::new(Bytes::from_static(text.as_bytes())).map_err(|never| match never {}).boxed_unsync()
}

pub(super) fn post(path: &str, text: &'static str) -> Request<Body> {
    Request::post(path).body(full(text)).unwrap()
}

pub(super) async fn text(response: Response<Body>) -> String {
    let bytes = response.into_body().collect().await.unwrap().to_bytes();
    String::from_utf8(bytes.to_vec()).unwrap()
}

/// A hyper server that answers with what `respond` makes of each request's head and body.
pub(super) async fn server<F>(respond: F) -> SocketAddr
where
    F: Fn(http::request::Parts, Bytes) -> Response<Body> + Clone + Send + Sync + 'static,
{
    let (listener, address) = listener().await;
    let tasks = TaskTracker::new();
    tasks.clone().spawn(async move {
        while let Ok((stream, _)) = listener.accept().await {
            let respond = respond.clone();
            let service = service_fn(move |request: Request<Incoming>| {
                let respond = respond.clone();
                async move {
                    let (head, body) = request.into_parts();
                    let body = body.collect().await.map(http_body_util::Collected::to_bytes).unwrap_or_default();
                    Ok::<_, Infallible>(respond(head, body))
                }
            });
            tasks.spawn(async move {
                drop(auto::Builder::new(TokioExecutor::new()).serve_connection(TokioIo::new(stream), service).await);
            });
        }
    });
    address
}

#[tokio::test]
async fn a_request_passes_with_its_path_headers_and_body() {
    let address = server(|head, body| {
        let host = head.headers[header::HOST].to_str().unwrap();
        let seen = format!("{} {} {host} {:?}", head.method, head.uri, head.headers.get("connection"));
        assert!(head.headers.get("x-private").is_none() && head.headers.get("proxy-authorization").is_none());
        assert_eq!((head.headers["openai-beta"].as_bytes(), body.as_ref()), (&b"x=1"[..], &b"hello"[..]));
        Response::builder()
            .header("x-seen", seen)
            .header("keep-alive", "timeout=5")
            .header("connection", "x-hop")
            .header("x-hop", "1")
            .header("retry-after", "3")
            .status(429)
            .body(full("answer"))
            .unwrap()
    })
    .await;
    let client = Client::new(Options::new(format!("http://{address}/v1").parse().unwrap())).unwrap();
    let request = Request::post("/v1/chat/completions?x=1")
        .header("host", "comity.example")
        .header("connection", "x-private")
        .header("x-private", "1")
        .header("proxy-authorization", "Basic x")
        .header("openai-beta", "x=1")
        .body(full("hello"))
        .unwrap();
    let response = client.send(request).await.unwrap();
    assert_eq!(response.status(), StatusCode::TOO_MANY_REQUESTS, "an error status is an answer");
    assert_eq!(response.headers()["x-seen"], format!("POST /v1/chat/completions?x=1 {address} None"));
    assert_eq!(response.headers()["retry-after"], "3");
    assert!(!response.headers().contains_key("keep-alive") && !response.headers().contains_key("x-hop"));
    assert_eq!(text(response).await, "answer");
}

#[tokio::test]
async fn a_whole_body_by_extension_is_the_body() {
    let address = server(|head, body| {
        assert_eq!(head.headers[header::CONTENT_LENGTH], "4");
        Response::new(full(if body == "this" { "yes" } else { "no" }))
    })
    .await;
    let mut request = post("/", "not this");
    request.extensions_mut().insert(Whole(Bytes::from("this")));
    assert_eq!(text(client(address).send(request).await.unwrap()).await, "yes");
}

#[tokio::test]
async fn a_streamed_body_passes_in_pieces_and_so_does_the_answer() {
    let address = server(|_, body| {
        let frames = body.chunks(2).map(|part| Ok(Frame::data(Bytes::copy_from_slice(part)))).collect::<Vec<_>>();
        Response::new(StreamBody::new(futures_util::stream::iter(frames)).boxed_unsync())
    })
    .await;
    let parts = ["ab", "cd", "e"].map(|part| Ok(Frame::data(Bytes::from(part))));
    let body = StreamBody::new(futures_util::stream::iter(parts)).boxed_unsync();
    let response = client(address).send(Request::post("/").body(body).unwrap()).await.unwrap();
    assert_eq!(text(response).await, "abcde");
}

#[tokio::test]
async fn http2_is_spoken_where_it_is_known_to_be() {
    let address =
        server(|head, _| Response::new(full(if head.version == http::Version::HTTP_2 { "2" } else { "1" }))).await;
    let known = Client::new(Options { http2_prior_knowledge: true, ..options(address) }).unwrap();
    assert_eq!(text(known.send(post("/", "x")).await.unwrap()).await, "2");
    assert_eq!(text(client(address).send(post("/", "x")).await.unwrap()).await, "1");
}

#[tokio::test]
async fn the_operators_key_takes_the_place_of_the_clients() {
    let address = server(|head, _| {
        Response::new(full(match head.headers[header::AUTHORIZATION].to_str() {
            Ok("Bearer operator") => "operator",
            _ => "client",
        }))
    })
    .await;
    let request = || Request::get("/").header(header::AUTHORIZATION, "Bearer mine").body(full("")).unwrap();
    let keyed = Client::new(Options { key: Some("operator".into()), ..options(address) }).unwrap();
    assert!(!format!("{keyed:?}").contains("operator"));
    assert_eq!(text(keyed.send(request()).await.unwrap()).await, "operator");
    assert_eq!(text(client(address).send(request()).await.unwrap()).await, "client");
}

#[tokio::test]
async fn a_dead_port_cannot_be_reached_and_opens_the_breaker() {
    // Taken and never listened at: given back, another test could be given it.
    let silent = tokio::net::TcpSocket::new_v4().unwrap();
    silent.bind(([127, 0, 0, 1], 0).into()).unwrap();
    let address = silent.local_addr().unwrap();
    let client =
        Client::new(Options { retries: 0, breaker_failures: 2, breaker_rest: LONG, ..options(address) }).unwrap();
    for expected in [UpstreamError::Connect, UpstreamError::Connect, UpstreamError::Open] {
        let error = client.send(post("/", "x")).await.unwrap_err();
        assert_eq!(error, expected);
        assert!(!error.to_string().contains("127.0.0.1"), "{error}");
    }
    assert!(client.is_open());
    assert_eq!(client.breaker(), BreakerCounts { opened: 1, refused: 1 });
}

#[tokio::test]
async fn a_server_that_says_nothing_is_a_timeout_of_the_head() {
    let (listener, address) = listener().await;
    let client = Client::new(Options { first_byte_timeout: Duration::from_millis(40), ..options(address) }).unwrap();
    let (sent, accepted) = tokio::join!(client.send(post("/", "x")), listener.accept());
    assert_eq!(sent.unwrap_err(), UpstreamError::Timeout { stage: "the answer's head" });
    let mut heard = Vec::new();
    accepted.unwrap().0.read_to_end(&mut heard).await.unwrap();
    assert_eq!(heard.windows(4).filter(|four| four == b"POST").count(), 1, "sent once, then let go");
}

#[tokio::test]
async fn an_answer_that_stalls_is_a_timeout_of_its_next_part() {
    let address = server(|_, _| {
        let first = futures_util::stream::iter([Ok(Frame::data(Bytes::from("first")))]);
        Response::new(
            StreamBody::new(futures_util::StreamExt::chain(first, futures_util::stream::pending())).boxed_unsync(),
        )
    })
    .await;
    let client = Client::new(Options { idle_timeout: Duration::from_millis(40), ..options(address) }).unwrap();
    let mut body = client.send(post("/", "x")).await.unwrap().into_body();
    assert_eq!(body.frame().await.unwrap().unwrap().into_data().unwrap(), "first");
    // Not reading is not waiting.
    tokio::time::sleep(Duration::from_millis(45)).await;
    assert!(futures_util::FutureExt::now_or_never(body.frame()).is_none());
    let error = body.frame().await.unwrap().unwrap_err();
    assert_eq!(error.downcast_ref(), Some(&UpstreamError::Timeout { stage: "the next part of the answer" }));
}

#[tokio::test]
async fn a_kept_connection_that_died_is_replaced_without_double_delivery() {
    let (listener, address) = listener().await;
    let delivered = Arc::new(AtomicUsize::new(0));
    let counted = Arc::clone(&delivered);
    let (closed, mut was_closed) = mpsc::channel(4);
    let tasks = TaskTracker::new();
    tasks.spawn(async move {
        // Each connection answers one request, promises to stay open, and closes.
        while let Ok((mut stream, _)) = listener.accept().await {
            let mut heard = Vec::new();
            while !heard.ends_with(b"hello") {
                let mut piece = [0; 512];
                let read = stream.read(&mut piece).await.unwrap();
                assert!(read > 0, "{heard:?}");
                heard.extend_from_slice(&piece[..read]);
            }
            counted.fetch_add(1, Ordering::SeqCst);
            stream.write_all(b"HTTP/1.1 200 OK\r\ncontent-length: 2\r\n\r\nok").await.unwrap();
            drop(stream);
            closed.send(()).await.unwrap();
        }
    });
    let client = client(address);
    for sent in 1..=8 {
        assert_eq!(text(client.send(post("/", "hello")).await.unwrap()).await, "ok");
        was_closed.recv().await.unwrap();
        tokio::time::sleep(Duration::from_millis(2)).await;
        assert_eq!(delivered.load(Ordering::SeqCst), sent);
    }
}

#[tokio::test]
async fn a_request_that_was_delivered_is_not_sent_again() {
    let (listener, address) = listener().await;
    let delivered = Arc::new(AtomicUsize::new(0));
    let counted = Arc::clone(&delivered);
    let tasks = TaskTracker::new();
    tasks.spawn(async move {
        while let Ok((mut stream, _)) = listener.accept().await {
            let mut piece = [0; 512];
            assert!(stream.read(&mut piece).await.unwrap() > 0);
            counted.fetch_add(1, Ordering::SeqCst); // and closes without an answer
        }
    });
    let client = Client::new(Options { retries: 3, ..options(address) }).unwrap();
    assert_eq!(client.send(post("/", "hello")).await.unwrap_err(), UpstreamError::Closed);
    assert_eq!(delivered.load(Ordering::SeqCst), 1);
}

#[tokio::test]
async fn a_server_that_comes_up_late_is_reached_by_trying_again() {
    // The port is held without listening, so that connections are refused until the server is up.
    let socket = tokio::net::TcpSocket::new_v4().unwrap();
    socket.bind("127.0.0.1:0".parse().unwrap()).unwrap();
    let address = socket.local_addr().unwrap();
    let client = Client::new(Options { retries: 5, breaker_failures: 100, ..options(address) }).unwrap();
    let late = async {
        tokio::time::sleep(Duration::from_millis(30)).await;
        let listener = socket.listen(8).unwrap();
        let (mut stream, _) = listener.accept().await.unwrap();
        let mut piece = [0; 512];
        assert!(stream.read(&mut piece).await.unwrap() > 0);
        stream.write_all(b"HTTP/1.1 200 OK\r\ncontent-length: 2\r\n\r\nok").await.unwrap();
    };
    let (sent, ()) = tokio::join!(client.send(post("/", "x")), late);
    assert_eq!(sent.unwrap().status(), StatusCode::OK);
}

#[tokio::test]
async fn what_is_not_http_is_a_protocol_error() {
    let (listener, address) = listener().await;
    let tasks = TaskTracker::new();
    tasks.spawn(async move {
        let (mut stream, _) = listener.accept().await.unwrap();
        let mut piece = [0; 512];
        assert!(stream.read(&mut piece).await.unwrap() > 0);
        stream.write_all(b"SSH-2.0-OpenSSH_9.2\r\n\r\n").await.unwrap();
    });
    let client = client(address);
    assert_eq!(client.send(post("/", "x")).await.unwrap_err(), UpstreamError::Protocol);
    let tunnel = Request::builder().method(Method::CONNECT).uri("h:1").body(full("")).unwrap();
    assert_eq!(client.send(tunnel).await.unwrap_err(), UpstreamError::Protocol);
}

/// Accepts one connection, answers with `answer`, and reports once the client has closed it.
async fn until_closed(answer: &'static [u8]) -> (SocketAddr, mpsc::Receiver<&'static str>) {
    let (listener, address) = listener().await;
    let (report, reports) = mpsc::channel(4);
    let tasks = TaskTracker::new();
    tasks.spawn(async move {
        let (mut stream, _) = listener.accept().await.unwrap();
        let mut piece = [0; 512];
        assert!(stream.read(&mut piece).await.unwrap() > 0);
        report.send("heard").await.unwrap();
        stream.write_all(answer).await.unwrap();
        while stream.read(&mut piece).await.is_ok_and(|read| read > 0) {}
        report.send("closed").await.unwrap();
    });
    (address, reports)
}

#[tokio::test]
async fn letting_go_before_the_head_closes_the_connection() {
    let (address, mut reports) = until_closed(b"").await;
    let client = client(address);
    {
        let mut sending = std::pin::pin!(client.send(post("/", "x")));
        tokio::select! {
            _ = &mut sending => panic!("no answer was sent"),
            report = reports.recv() => assert_eq!(report, Some("heard")),
        }
    }
    assert_eq!(tokio::time::timeout(LONG, reports.recv()).await.unwrap(), Some("closed"));
}

#[tokio::test]
async fn letting_go_of_the_answer_closes_the_connection() {
    let head = b"HTTP/1.1 200 OK\r\ntransfer-encoding: chunked\r\n\r\n5\r\nfirst\r\n";
    let (address, mut reports) = until_closed(head).await;
    let client = client(address);
    let mut body = client.send(post("/", "x")).await.unwrap().into_body();
    assert_eq!(body.frame().await.unwrap().unwrap().into_data().unwrap(), "first");
    assert_eq!(reports.recv().await, Some("heard"));
    drop(body);
    assert_eq!(tokio::time::timeout(LONG, reports.recv()).await.unwrap(), Some("closed"));
}

#[tokio::test]
async fn an_answer_that_breaks_off_says_so() {
    let (listener, address) = listener().await;
    let tasks = TaskTracker::new();
    tasks.spawn(async move {
        let (mut stream, _) = listener.accept().await.unwrap();
        let mut piece = [0; 512];
        assert!(stream.read(&mut piece).await.unwrap() > 0);
        stream.write_all(b"HTTP/1.1 200 OK\r\ncontent-length: 9\r\n\r\nhalf").await.unwrap();
    });
    let error = client(address).send(post("/", "x")).await.unwrap().into_body().collect().await.unwrap_err();
    assert_eq!(error.downcast_ref(), Some(&UpstreamError::Closed));
}

#[tokio::test]
async fn a_slow_upload_is_no_silent_server() {
    let heard = Arc::new(Mutex::new(Bytes::new()));
    let taken = Arc::clone(&heard);
    let address = server(move |_, body| {
        *taken.lock().unwrap() = body;
        Response::new(full("ok"))
    })
    .await;
    let (sender, receiver) = mpsc::channel::<Result<Frame<Bytes>, BoxError>>(1);
    let body = StreamBody::new(futures_util::stream::unfold(receiver, |mut receiver| async {
        receiver.recv().await.map(|frame| (frame, receiver))
    }));
    let client = Client::new(Options { first_byte_timeout: Duration::from_millis(400), ..options(address) }).unwrap();
    let upload = async {
        for _ in 0..20 {
            tokio::time::sleep(Duration::from_millis(30)).await; // 600 ms in all
            sender.send(Ok(Frame::data(Bytes::from("x")))).await.unwrap();
        }
        drop(sender);
    };
    let (sent, ()) = tokio::join!(client.send(Request::post("/").body(body.boxed_unsync()).unwrap()), upload);
    assert_eq!(text(sent.unwrap()).await, "ok");
    assert_eq!(heard.lock().unwrap().len(), 20);
}
