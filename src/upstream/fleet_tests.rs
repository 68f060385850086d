//! Which server gets a request, and which one stands in.

use std::sync::atomic::AtomicUsize;

use bytes::Bytes;
use http::header;
use http_body_util::{BodyExt, StreamBody};
use hyper::body::Frame;

use super::super::client_tests::{full, listener, options, post, server, text};
use super::*;

fn member(name: &str, models: &[&str], options: Options) -> Member {
    Member { name: name.to_owned(), models: models.iter().map(|&model| model.to_owned()).collect(), options }
}

/// A server that says its name, and the key and model header that it was sent.
async fn named(name: &'static str) -> Options {
    options(
        server(move |head, _| {
            let said = |name: &str| head.headers.get(name).map_or("-", |value| value.to_str().unwrap());
            let said = format!("{name} {} {}", said("authorization"), said("api-key"));
            Response::new(full(said.leak()))
        })
        .await,
    )
}

/// A server that nobody reaches.
async fn silent() -> Options {
    let (listener, address) = listener().await;
    drop(listener);
    Options { retries: 0, ..options(address) }
}

fn asking(model: &str) -> Destination<'_> {
    Destination { server: None, model: Asked::Model(model) }
}

async fn answer(fleet: &Fleet, to: Destination<'_>) -> Result<String, UpstreamError> {
    let mut request = post("/v1/chat/completions", "{}");
    request.headers_mut().insert(header::AUTHORIZATION, "Bearer client".parse().unwrap());
    Ok(text(fleet.send(to, request).await?).await)
}

#[tokio::test]
async fn a_request_goes_to_the_first_that_serves_its_model() {
    let (one, other, rest) = (named("one").await, named("other").await, named("rest").await);
    let fleet = Fleet::new(vec![
        member("one", &["gpt-*", "o?"], one),
        member("other", &["llama*"], other),
        member("rest", &[], rest),
    ])
    .unwrap();
    assert!(fleet.chooses_by_model());
    for (model, server) in [("gpt-5", "one"), ("llama3.2:1b", "other"), ("o3", "one"), ("mistral", "rest")] {
        assert_eq!(answer(&fleet, asking(model)).await.unwrap(), format!("{server} Bearer client -"), "{model}");
    }
    assert_eq!(answer(&fleet, Destination::default()).await.unwrap(), "rest Bearer client -", "no model is named");
    let untold = Destination { server: None, model: Asked::Untold };
    assert_eq!(answer(&fleet, untold).await.unwrap(), "rest Bearer client -");
    let bound = Destination { server: Some("rest"), model: Asked::Model("gpt-5") };
    assert_eq!(answer(&fleet, bound).await.unwrap(), "rest Bearer client -");
}

#[tokio::test]
async fn a_model_that_nobody_serves_is_told() {
    let fleet = Fleet::new(vec![member("one", &["gpt-*"], named("one").await)]).unwrap();
    assert_eq!(answer(&fleet, asking("llama")).await.unwrap_err(), UpstreamError::Unserved);
    let untold = Destination { server: None, model: Asked::Untold };
    assert_eq!(answer(&fleet, untold).await.unwrap_err(), UpstreamError::Unserved, "no text goes somewhere on a guess");
    assert_eq!(
        answer(&fleet, Destination::default()).await.unwrap(),
        "one Bearer client -",
        "what asks for none has to go somewhere"
    );
}

#[tokio::test]
async fn where_nothing_could_be_delivered_the_next_stands_in_with_its_own_key_alone() {
    let own =
        Options { key: Some("of-the-spare".into()), key_header: "api-key".parse().unwrap(), ..named("spare").await };
    let fleet = Fleet::new(vec![member("one", &[], silent().await), member("spare", &["gpt*"], own)]).unwrap();
    assert_eq!(answer(&fleet, asking("gpt-5")).await.unwrap(), "spare - of-the-spare");
    assert_eq!(answer(&fleet, asking("llama")).await.unwrap_err(), UpstreamError::Connect, "nobody else serves it");
    let keyless = Fleet::new(vec![member("one", &[], silent().await), member("two", &[], named("two").await)]).unwrap();
    assert_eq!(answer(&keyless, Destination::default()).await.unwrap(), "two - -", "the client's key is meant for one");
}

#[tokio::test]
async fn a_body_that_is_still_coming_in_is_sent_once() {
    let fleet = || async {
        let members = vec![member("one", &[], silent().await), member("spare", &[], named("spare").await)];
        Fleet::new(members).unwrap()
    };
    let coming = || {
        let frames = ["{", "}"].map(|piece| Ok(Frame::data(Bytes::from_static(piece.as_bytes()))));
        Request::post("/v1/files").body(StreamBody::new(futures_util::stream::iter(frames)).boxed_unsync()).unwrap()
    };
    let fleet = fleet().await;
    // The first try takes the body with it. Nobody knows how much of it would still be there.
    assert_eq!(fleet.send(Destination::default(), coming()).await.unwrap_err(), UpstreamError::Connect);
    for _ in 0..5 {
        drop(fleet.send(Destination::default(), coming()).await);
    }
    // By now the first is known not to be reached, and not tried.
    assert_eq!(text(fleet.send(Destination::default(), coming()).await.unwrap()).await, "spare - -");
}

#[tokio::test]
async fn a_server_that_is_not_well_is_tried_last() {
    let asked = Arc::new(AtomicUsize::new(0));
    let count = Arc::clone(&asked);
    let sick = server(move |head, _| {
        let health = head.uri.path() == "/health";
        let mut response = Response::new(full("sick"));
        if health {
            count.fetch_add(1, Ordering::SeqCst);
            *response.status_mut() = http::StatusCode::SERVICE_UNAVAILABLE;
        }
        response
    })
    .await;
    let sick = Options { health: Some("/health".to_owned()), ..options(sick) };
    let fleet = Fleet::new(vec![member("sick", &[], sick), member("spare", &["gpt*"], named("spare").await)]).unwrap();
    assert_eq!(answer(&fleet, asking("gpt-5")).await.unwrap(), "sick", "it is well until it says otherwise");
    let watching = fleet.clone();
    let watch = async { watching.watch(Duration::from_millis(20)).await };
    let seen = async {
        while fleet.health()[0].well {
            tokio::time::sleep(Duration::from_millis(5)).await;
        }
    };
    tokio::select! { () = watch => {}, () = seen => {} }
    assert!(asked.load(Ordering::SeqCst) >= 2, "one answer that is missing is none");
    assert_eq!(answer(&fleet, asking("gpt-5")).await.unwrap(), "spare - -");
    assert_eq!(answer(&fleet, asking("llama")).await.unwrap(), "sick", "better than nobody");
}
