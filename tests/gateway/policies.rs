//! Layers of policy that a request is under, and policies that change while requests are under way.

use std::fs;

use comity::domain::Action;
use comity::gateway::Reload;
use http::Method;

use crate::support::Gate;
use crate::support::bodies::{ask, ask_stream, completion, stream};
use crate::support::gateway::{Gateway, Setup};
use crate::support::models::Mind;
use crate::support::pack::Floor;
use crate::support::upstream::{Reply, Step};

/// What was decided about a question that is asked with these headers.
async fn decided(setup: Setup, headers: &[(&str, &str)], question: &str) -> Action {
    let gateway = Gateway::start(setup, vec![Reply::json(completion("Yes."))]).await;
    let answer = gateway.client.chat_with(headers, ask(question)).await;
    assert_eq!(answer.status.as_u16(), 200);
    for (name, _) in headers {
        assert!(gateway.upstream.got().iter().all(|got| got.header(name).is_none()), "{name} went on");
    }
    gateway.finish_one().await.action
}

#[tokio::test]
async fn overlays_and_wishes_change_what_is_decided() {
    let plain = decided(Setup::default(), &[], "teachword?").await;
    let group = decided(Setup::default(), &[("comity-group", "calm")], "teachword?").await;
    let region = decided(Setup::default(), &[("comity-region", "harbour")], "teachword?").await;
    let named = decided(Setup::default(), &[], "In Testhaven, teachword?").await;
    let locked = decided(Setup::default(), &[("comity-group", "calm")], "In Testhaven, teachword?").await;
    let wish = [("comity-adjust", "JP/taught;action=rewrite, JP/watched;off")];
    let wished = decided(Setup::default(), &wish, "teachword?").await;
    let off = decided(Setup::default(), &wish, "watchword?").await;
    assert_eq!((plain, group, region, named), (Action::Educate, Action::Pass, Action::Decline, Action::Decline));
    assert_eq!((locked, wished, off), (Action::Decline, Action::Rewrite, Action::Pass));
}

#[tokio::test]
async fn the_server_can_put_every_request_under_a_group() {
    let setup = Setup::default().with(|settings| settings.layers.groups.push("calm".to_owned()));
    assert_eq!(decided(setup, &[], "teachword?").await, Action::Pass);
}

#[tokio::test]
async fn a_layer_that_is_none_is_refused_and_in_shadow_recorded() {
    for (header, value, code, reason) in [
        ("comity-group", "calm, loud", "unknown_overlay", "unknown-overlay"),
        ("comity-region", "calm", "unknown_overlay", "unknown-overlay"),
        ("comity-adjust", "JP/taught;action=pass", "invalid_adjustment", "invalid-adjustment"),
        ("comity-adjust", "taught;off", "invalid_adjustment", "invalid-adjustment"),
    ] {
        let gateway = Gateway::plain(Reply::json(completion("Yes."))).await;
        let answer = gateway.client.chat_with(&[(header, value)], ask("teachword?")).await;
        let error = &serde_json::from_slice::<serde_json::Value>(&answer.body).unwrap()["error"];
        assert_eq!(
            (answer.status.as_u16(), error["code"].as_str(), error["param"].as_str()),
            (400, Some(code), Some(header))
        );
        assert!(gateway.upstream.got().is_empty());
        gateway.finish_one().await;

        let gateway = Gateway::start(Setup::shadow(Mind::Fine), vec![Reply::json(completion("Yes."))]).await;
        assert_eq!(gateway.client.chat_with(&[(header, value)], ask("teachword?")).await.status.as_u16(), 200);
        let record = gateway.finish_one().await;
        assert!(record.coverage.iter().any(|part| format!("{part:?}").contains(reason)), "{:?}", record.coverage);
    }
}

#[tokio::test]
async fn a_stream_under_way_keeps_its_policies_and_the_next_request_has_the_new_ones() {
    let gate = Gate::new();
    let mut events = stream(&["Fine. ", "Yes."]).into_iter();
    let first = Reply::events(events.next()).then(Step::Wait(gate.clone()));
    let first = events.fold(first, |reply, event| reply.then(Step::Send(event.into())));
    let gateway = Gateway::start(Setup::default(), vec![first, Reply::json(completion("Yes."))]).await;
    let client = gateway.client.clone();
    let streaming = tokio::spawn(async move { client.chat(ask_stream("teachword?")).await });
    gateway.upstream.until("the request", |counts| counts.begun == 1).await;

    let folder = Floor::default().folder();
    let pack = fs::read_to_string(folder.path().join("JP.toml")).unwrap().replace("\"custom\"", "\"contested\"");
    fs::write(folder.path().join("JP.toml"), pack).unwrap();
    fs::remove_dir_all(folder.path().join("overlays")).unwrap();
    assert_eq!(gateway.reload(folder.path()).await, Reload::Taken);
    assert_eq!(gateway.reload(folder.path()).await, Reload::Same);

    gate.open();
    let answer = streaming.await.unwrap();
    assert_eq!(answer.header("comity-decision"), Some("educate"));
    let answer = gateway.client.chat(ask("teachword?")).await;
    assert_eq!(answer.header("comity-decision"), Some("observe"));
    let records = gateway.finish().await;
    assert_eq!((records[0].action, records[1].action), (Action::Educate, Action::Observe));
    assert_ne!(records[0].hashes.policy, records[1].hashes.policy);
}

#[tokio::test]
async fn policies_with_mistakes_leave_those_in_force_and_are_shown_to_the_operator() {
    let gateway = Gateway::plain(Reply::json(completion("Yes."))).await;
    let admin = gateway.admin().await;
    let shown = async || {
        let answer = admin.send(Method::GET, "/admin/policies", &[], "").await;
        serde_json::from_slice::<serde_json::Value>(&answer.body).unwrap()
    };
    let before = shown().await;
    assert_eq!((before["packs"][0]["country"].as_str(), before["packs"][0]["norms"].as_u64()), (Some("JP"), Some(4)));
    assert_eq!((before["overlays"][1]["name"].as_str(), before["refused"].is_null()), (Some("calm"), true));

    let folder = Floor::default().folder();
    fs::write(folder.path().join("JP.toml"), "format = 1\nnorms = 3\n").unwrap();
    assert_eq!(gateway.reload(folder.path()).await, Reload::Refused);
    let after = shown().await;
    assert_eq!(after["hash"], before["hash"]);
    let told = after["refused"]["problems"].to_string();
    assert!(told.contains("JP.toml:2:1: error: `norms` is not known here"), "{told}");
    assert_eq!(gateway.client.chat(ask("teachword?")).await.header("comity-decision"), Some("educate"));

    fs::remove_file(folder.path().join("JP.toml")).unwrap();
    fs::remove_file(folder.path().join("floor.toml")).unwrap();
    fs::remove_dir_all(folder.path().join("overlays")).unwrap();
    assert_eq!(gateway.reload(folder.path()).await, Reload::Refused, "an empty folder is a mistake, not a policy");
    let metrics = admin.send(Method::GET, "/metrics", &[], "").await;
    assert!(
        String::from_utf8_lossy(&metrics.body).contains("comity_reloads_total{what=\"policies\",result=\"refused\"} 2")
    );
    gateway.finish().await;
}
