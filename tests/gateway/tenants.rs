//! Clients with keys: who gets in, and what holds for whom.

use comity::config::{KeyHash, Others, Tenant};
use comity::domain::{Action, Ended, Mode, Record};
use comity::gateway::Reload;
use http::Method;

use crate::support::Gate;
use crate::support::bodies::{ask, completion};
use crate::support::client::{Answer, CHAT};
use crate::support::gateway::{Gateway, Setup};
use crate::support::upstream::{Opening, Reply};

fn tenant(name: &str, key: &str) -> Tenant {
    Tenant { name: name.to_owned(), keys: vec![KeyHash::of(key.as_bytes())], ..Tenant::default() }
}

fn with(tenants: Vec<Tenant>) -> Setup {
    Setup { tenants, ..Setup::default() }
}

fn refusing(tenants: Vec<Tenant>) -> Setup {
    Setup { others: Others::Refuse, ..with(tenants) }
}

async fn asks(gateway: &Gateway, header: (&str, &str), question: &str) -> Answer {
    let headers = [("content-type", "application/json"), header];
    gateway.client.send(Method::POST, CHAT, &headers, ask(question)).await
}

fn error(answer: &Answer) -> serde_json::Value {
    serde_json::from_slice::<serde_json::Value>(&answer.body).unwrap()["error"].clone()
}

fn reply() -> Vec<Reply> {
    vec![Reply::json(completion("Yes."))]
}

#[tokio::test]
async fn a_tenants_key_lets_in_and_goes_no_further() {
    for header in [("authorization", "Bearer ck-1"), ("api-key", "ck-1"), ("x-api-key", "ck-1")] {
        for mode in [Mode::Enforce, Mode::Shadow] {
            let one = Tenant { mode: Some(mode), ..tenant("acme", "ck-1") };
            let gateway = Gateway::start(refusing(vec![one]), reply()).await;
            assert_eq!(asks(&gateway, header, "Hello?").await.status, 200);
            let got = gateway.upstream.only();
            assert!(["authorization", "api-key", "x-api-key"].iter().all(|name| got.header(name).is_none()), "{got:?}");
            let record = gateway.finish_one().await;
            assert_eq!((record.tenant.as_deref(), record.mode), (Some("acme"), mode));
        }
    }
}

#[tokio::test]
async fn who_has_no_key_is_turned_away_before_anything_is_read() {
    for (header, path) in
        [(("authorization", "Bearer sk-other"), CHAT), (("x-none", "1"), CHAT), (("x-none", "1"), "/v1/files")]
    {
        let gateway = Gateway::start(refusing(vec![tenant("acme", "ck-1")]), reply()).await;
        let answer = gateway.client.send(Method::POST, path, &[header], "not even JSON").await;
        let error = error(&answer);
        assert_eq!((answer.status.as_u16(), error["code"].as_str()), (401, Some("invalid_api_key")));
        assert_eq!(answer.header("www-authenticate"), Some("Bearer"));
        assert_eq!(gateway.upstream.counts().begun, 0);
        let record = gateway.finish_one().await;
        assert_eq!((record.ended, record.status, record.tenant), (Ended::Refused, 401, None));
    }
}

#[tokio::test]
async fn others_pass_with_their_own_key_where_the_settings_say_so() {
    let gateway = Gateway::start(with(vec![tenant("acme", "ck-1")]), reply()).await;
    assert_eq!(asks(&gateway, ("authorization", "Bearer sk-own"), "Hello?").await.status, 200);
    assert_eq!(gateway.upstream.only().header("authorization"), Some("Bearer sk-own"));
    assert_eq!(gateway.finish_one().await.tenant, None);
}

#[tokio::test]
async fn a_tenant_has_a_country_overlays_a_mode_and_a_key_of_its_own() {
    let layers = comity::domain::Layers { groups: vec!["calm".to_owned()], ..Default::default() };
    let tenants = vec![
        Tenant { layers, upstream_key: Some("sk-of-calm".into()), ..tenant("calm", "ck-calm") },
        Tenant { country: Some("FR".parse().unwrap()), ..tenant("french", "ck-french") },
        Tenant { mode: Some(Mode::Shadow), ..tenant("shadow", "ck-shadow") },
        tenant("plain", "ck-plain"),
    ];
    let decided = |key: &'static str| {
        let setup = with(tenants.clone());
        async move {
            let gateway = Gateway::start(setup, reply()).await;
            let answer = asks(&gateway, ("authorization", key), "teachword?").await;
            let sent = gateway.upstream.only().header("authorization").map(str::to_owned);
            let taught = gateway.upstream.only().body.len() > ask("teachword?").len();
            let record: Record = gateway.finish_one().await;
            (record.action, record.mode, taught, sent, answer.header("comity-decision").unwrap().to_owned())
        }
    };
    let plain = decided("Bearer ck-plain").await;
    assert_eq!(plain, (Action::Educate, Mode::Enforce, true, None, "educate".to_owned()));
    let calm = decided("Bearer ck-calm").await;
    assert_eq!(calm, (Action::Pass, Mode::Enforce, false, Some("Bearer sk-of-calm".to_owned()), "pass".to_owned()));
    let french = decided("Bearer ck-french").await;
    assert_eq!((french.0, french.2), (Action::Pass, false), "no norm of that country is known here");
    let shadow = decided("Bearer ck-shadow").await;
    assert_eq!((shadow.0, shadow.1, shadow.2, shadow.4.as_str()), (Action::Educate, Mode::Shadow, false, "shadow"));
}

#[tokio::test]
async fn the_verdict_is_shown_to_whom_it_may_be() {
    let verdict = |verdict| Tenant { verdict, ..tenant("acme", "ck-1") };
    for (tenant, asked, shown) in [
        (verdict(None), true, true),
        (verdict(None), false, false),
        (verdict(Some(true)), false, true),
        (verdict(Some(false)), true, false),
    ] {
        let gateway = Gateway::start(with(vec![tenant]), reply()).await;
        let mut headers = vec![("authorization", "Bearer ck-1"), ("content-type", "application/json")];
        headers.extend(asked.then_some(("comity-verdict", "include")));
        let answer = gateway.client.send(Method::POST, CHAT, &headers, ask("watchword?")).await;
        let whole: serde_json::Value = serde_json::from_slice(&answer.body).unwrap();
        assert_eq!(whole.get("moderation").is_some(), shown, "{whole}");
        gateway.finish().await;
    }
}

#[tokio::test]
async fn requests_at_once_and_in_a_minute_are_counted_for_each_tenant() {
    let gate = Gate::new();
    let one = Tenant { concurrent: Some(1), ..tenant("one", "ck-one") };
    let few = Tenant { per_minute: 2.try_into().ok(), ..tenant("few", "ck-few") };
    let replies = vec![
        Reply { opening: Opening::Wait(gate.clone()), ..Reply::json(completion("Yes.")) },
        Reply::json(completion("Yes.")),
    ];
    let gateway = Gateway::start(with(vec![one, few]), replies).await;
    let first = asks(&gateway, ("authorization", "Bearer ck-one"), "Hello?");
    let second = async {
        gateway.upstream.until("the first request", |counts| counts.begun == 1).await;
        let second = asks(&gateway, ("authorization", "Bearer ck-one"), "Hello?").await;
        assert_eq!((second.status.as_u16(), error(&second)["code"].as_str()), (429, Some("rate_limit_exceeded")));
        for expected in [200, 200, 429] {
            let answer = asks(&gateway, ("authorization", "Bearer ck-few"), "Hello?").await;
            assert_eq!(answer.status.as_u16(), expected);
            if expected == 429 {
                let wait: u64 = answer.header("retry-after").unwrap().parse().unwrap();
                assert!((1..=31).contains(&wait), "{wait}");
                assert_eq!(error(&answer)["type"], "requests");
            }
        }
        gate.open();
    };
    let (first, ()) = tokio::join!(first, second);
    assert_eq!(first.status, 200);
    assert_eq!(
        asks(&gateway, ("authorization", "Bearer ck-one"), "Hello?").await.status,
        200,
        "its place is free again"
    );
    gateway.finish().await;
}

#[tokio::test]
async fn tenants_change_without_a_restart_and_mistakes_change_nothing() {
    let folder = tempfile::tempdir().unwrap();
    let file = folder.path().join("tenants.toml");
    let write = |key: &str, more: &str| {
        let text = format!("[[tenant]]\nname = \"acme\"\nkeys = [\"{}\"]\n{more}", KeyHash::of(key.as_bytes()));
        std::fs::write(&file, text).unwrap();
    };
    let gateway = Gateway::start(refusing(vec![tenant("acme", "ck-old")]), reply()).await;
    write("ck-old", "");
    assert_eq!(gateway.reload_tenants(&file).await, Reload::Same);
    write("ck-new", "");
    assert_eq!(gateway.reload_tenants(&file).await, Reload::Taken);
    assert_eq!(asks(&gateway, ("authorization", "Bearer ck-old"), "Hello?").await.status, 401);
    assert_eq!(asks(&gateway, ("authorization", "Bearer ck-new"), "Hello?").await.status, 200);
    for mistake in ["groups = [\"loud\"]", "upstream = \"elsewhere\"", "nonsense"] {
        write("ck-newer", mistake);
        assert_eq!(gateway.reload_tenants(&file).await, Reload::Refused, "{mistake}");
    }
    assert_eq!(asks(&gateway, ("authorization", "Bearer ck-new"), "Hello?").await.status, 200);
    gateway.finish().await;
}

#[tokio::test]
async fn what_was_counted_counts_on_when_tenants_change() {
    let folder = tempfile::tempdir().unwrap();
    let file = folder.path().join("tenants.toml");
    let few = Tenant { per_minute: 1.try_into().ok(), ..tenant("few", "ck-few") };
    let gateway = Gateway::start(with(vec![few]), reply()).await;
    assert_eq!(asks(&gateway, ("authorization", "Bearer ck-few"), "Hello?").await.status, 200);
    let write = |most: u32, more: &str| {
        let key = KeyHash::of(b"ck-few");
        let text = format!("[[tenant]]\nname = \"few\"\nkeys = [\"{key}\"]\nrequests_per_minute = {most}\n{more}");
        std::fs::write(&file, text).unwrap();
    };
    write(1, "country = \"FR\"\n");
    assert_eq!(gateway.reload_tenants(&file).await, Reload::Taken);
    assert_eq!(
        asks(&gateway, ("authorization", "Bearer ck-few"), "Hello?").await.status,
        429,
        "the minute is not over"
    );
    write(2, "");
    assert_eq!(gateway.reload_tenants(&file).await, Reload::Taken);
    assert_eq!(
        asks(&gateway, ("authorization", "Bearer ck-few"), "Hello?").await.status,
        200,
        "another limit begins anew"
    );
    gateway.finish().await;
}

#[tokio::test]
async fn a_key_of_comitys_that_is_nobodys_any_more_goes_nowhere() {
    for setup in [with(vec![tenant("acme", "ck-1")]), with(Vec::new())] {
        let gateway = Gateway::start(setup, reply()).await;
        let answer = asks(&gateway, ("authorization", "Bearer ck-revoked"), "Hello?").await;
        assert_eq!((answer.status.as_u16(), error(&answer)["code"].as_str()), (401, Some("invalid_api_key")));
        assert_eq!(gateway.upstream.counts().begun, 0);
        gateway.finish().await;
    }
}
