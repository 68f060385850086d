//! A model server that plays a script: it answers the way careless models do, heeds a norm note where the script says so, and repairs when it is asked to.

use std::convert::Infallible;
use std::time::Duration;

use bytes::Bytes;
use futures_util::stream;
use http::{Request, Response, StatusCode, header};
use http_body_util::combinators::UnsyncBoxBody;
use http_body_util::{BodyExt, Full, StreamBody};
use hyper::body::{Frame, Incoming};
use hyper::service::service_fn;
use hyper_util::rt::{TokioExecutor, TokioIo};
use hyper_util::server::conn::auto;
use serde_json::{Value, json};
use tokio::net::TcpListener;
use tokio::task::JoinSet;

use crate::gateway::Shutdown;

use super::scenes::{SCENES, Scene};

type Body = UnsyncBoxBody<Bytes, Infallible>;

/// The pace of a stream: a word every few milliseconds, as a fast model has it.
const PACE: Duration = Duration::from_millis(4);

/// Serves until `shutdown`.
pub(super) async fn serve(listener: TcpListener, mut shutdown: Shutdown) {
    let mut connections = JoinSet::new();
    loop {
        let stream = tokio::select! {
            () = shutdown.begun() => return,
            // Ended connections are taken out, so that they do not pile up.
            Some(_) = connections.join_next() => continue,
            accepted = listener.accept() => match accepted {
                Ok((stream, _)) => stream,
                Err(_) => continue,
            },
        };
        connections.spawn(async move {
            let builder = auto::Builder::new(TokioExecutor::new());
            // A client that goes away ends its connection; the script does not care.
            drop(builder.serve_connection(TokioIo::new(stream), service_fn(respond)).await);
        });
    }
}

async fn respond(request: Request<Incoming>) -> Result<Response<Body>, Infallible> {
    let body = request.into_body().collect().await.map(http_body_util::Collected::to_bytes).unwrap_or_default();
    let asked: Value = serde_json::from_slice(&body).unwrap_or_default();
    let text = answer(&asked);
    Ok(match asked.get("stream").and_then(Value::as_bool) {
        Some(true) => streamed(&text),
        Some(false) | None => whole(StatusCode::OK, &completion(&text)),
    })
}

/// What the script says to this conversation.
fn answer(asked: &Value) -> String {
    let messages = asked.get("messages").and_then(Value::as_array).map(Vec::as_slice).unwrap_or_default();
    let said = Value::from(messages.to_vec()).to_string();
    let scene = SCENES.iter().find(|scene| said.contains(&json!(scene.query).to_string()));
    let Some(scene) = scene else {
        return "This demo's model only plays a script, so it has no answer of its own. Ask one of the questions above.".to_owned();
    };
    let by = |message: &Value, role: &str| message.get("role").is_some_and(|found| found == role);
    let drafted = messages.iter().rev().nth(1).is_some_and(|message| by(message, "assistant"));
    let taught = messages.iter().any(|message| by(message, "system"));
    played(scene, drafted, taught).to_owned()
}

fn played(scene: &Scene, drafted: bool, taught: bool) -> &'static str {
    match (drafted, taught) {
        (true, _) => scene.repaired,
        (false, true) => scene.heeding.unwrap_or(scene.careless),
        (false, false) => scene.careless,
    }
}

fn completion(text: &str) -> Value {
    json!({
        "id": "chatcmpl-demo", "object": "chat.completion", "created": 1_767_225_600, "model": "scripted",
        "choices": [{ "index": 0, "message": { "role": "assistant", "content": text }, "finish_reason": "stop" }],
    })
}

fn whole(status: StatusCode, value: &Value) -> Response<Body> {
    let mut response = Response::new(Full::new(Bytes::from(value.to_string())).boxed_unsync());
    *response.status_mut() = status;
    response.headers_mut().insert(header::CONTENT_TYPE, header::HeaderValue::from_static("application/json"));
    response
}

/// A stream, some characters a chunk: scripts without blanks stream, too.
fn streamed(text: &str) -> Response<Body> {
    let characters: Vec<char> = text.chars().collect();
    let mut events: Vec<Bytes> =
        characters.chunks(6).map(|some| event(&json!({ "content": some.iter().collect::<String>() }), None)).collect();
    events.push(event(&json!({}), Some("stop")));
    events.push(Bytes::from_static(b"data: [DONE]\n\n"));
    let paced = stream::unfold(events.into_iter(), |mut events| async move {
        tokio::time::sleep(PACE).await;
        events.next().map(|event| (Ok(Frame::data(event)), events))
    });
    let mut response = Response::new(StreamBody::new(paced).boxed_unsync());
    response.headers_mut().insert(header::CONTENT_TYPE, header::HeaderValue::from_static("text/event-stream"));
    response
}

fn event(delta: &Value, finish: Option<&str>) -> Bytes {
    let chunk = json!({
        "id": "chatcmpl-demo", "object": "chat.completion.chunk", "created": 1_767_225_600, "model": "scripted",
        "choices": [{ "index": 0, "delta": delta, "finish_reason": finish }],
    });
    Bytes::from(format!("data: {chunk}\n\n"))
}
