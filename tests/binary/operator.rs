//! What an operator does beside serving: keys, files with mistakes, a log that nobody reads.

use std::fs;
use std::io::{BufRead, BufReader};

use http::Method;

use super::support::client::Client;
use super::support::within;
use super::{Running, comity, models, run, serve, stderr};

#[test]
fn a_new_key_comes_with_its_hash_and_no_two_are_alike() {
    let home = tempfile::tempdir().unwrap();
    let made = || {
        let output = run(comity(home.path()).arg("key"));
        assert_eq!(output.status.code(), Some(0));
        let text = String::from_utf8(output.stdout).unwrap();
        let words: Vec<String> = text.lines().map(|line| line.rsplit(' ').next().unwrap().to_owned()).collect();
        (words[0].clone(), words[1].clone())
    };
    let ((key, hash), (other, _)) = (made(), made());
    assert_eq!(comity::config::KeyHash::of(key.as_bytes()).to_string(), hash);
    assert!(key != other && key.starts_with("ck-") && key.len() == 46, "{key}");
}

#[test]
fn mistakes_of_tenants_and_of_certificates_are_told_before_anybody_is_served() {
    let home = tempfile::tempdir().unwrap();
    let file = |name: &str, text: &str| fs::write(home.path().join(name), text).unwrap();
    file("comity.toml", "[tenants]\nfile = \"tenants.toml\"\n");
    file("tenants.toml", "[[tenant]]\nname = \"acme\"\nkeys = [\"secret\"]\n");
    let output = run(serve(home.path()).args(["--config", "comity.toml", "--models"]).arg(models()));
    let said = stderr(&output);
    assert!(output.status.code() == Some(2) && said.contains("tenants.toml:3:9: a key's hash is written"), "{said}");
    file("comity.toml", "[tls]\ncertificate_file = \"none.pem\"\nkey_file = \"none.key\"\n");
    let output = run(serve(home.path()).args(["--config", "comity.toml"]));
    assert!(
        output.status.code() == Some(2) && stderr(&output).contains("none.pem cannot be read"),
        "{}",
        stderr(&output)
    );
}

#[tokio::test]
async fn a_log_that_nobody_reads_stops_nobody() {
    let home = tempfile::tempdir().unwrap();
    fs::write(home.path().join("comity.toml"), "[log]\nfilter = \"debug\"\nformat = \"json\"\n").unwrap();
    let mut command = serve(home.path());
    command.args(["--config", "comity.toml", "--models"]).arg(models());
    let mut running = Running(command.spawn().unwrap());
    let mut log = BufReader::new(running.0.stderr.take().unwrap());
    let ready = ready(&mut log);
    let client = Client::new(ready["fields"]["listen"].as_str().unwrap().parse().unwrap(), false);
    // Each leaves a line of some hundred bytes, and a pipe holds 64 KiB. Nobody reads it from here on.
    for _ in 0..1500 {
        let refused = client.send(Method::POST, "/v1/chat/completions", &[], "{");
        assert_eq!(within("an answer", refused).await.status.as_u16(), 400);
    }
    drop(log);
}

#[tokio::test]
async fn tenants_change_without_a_restart_and_without_a_signal() {
    let home = tempfile::tempdir().unwrap();
    let tenants = |key: &str| {
        let hash = comity::config::KeyHash::of(key.as_bytes());
        format!("[[tenant]]\nname = \"acme\"\nkeys = [\"{hash}\"]\n")
    };
    // The audit lies beside it and is written all the time: what is watched is the file, not the folder.
    let settings = "[log]\nformat = \"json\"\n[tenants]\nfile = \"tenants.toml\"\nothers = \"refuse\"\n";
    fs::write(home.path().join("comity.toml"), settings).unwrap();
    fs::write(home.path().join("tenants.toml"), tenants("ck-old")).unwrap();
    let mut command = serve(home.path());
    command.args(["--config", "comity.toml", "--models"]).arg(models());
    let mut running = Running(command.spawn().unwrap());
    let mut log = BufReader::new(running.0.stderr.take().unwrap());
    let ready = ready(&mut log);
    let client = Client::new(ready["fields"]["listen"].as_str().unwrap().parse().unwrap(), false);
    // A request that is let in goes to a model server that is not there.
    let asks = async |key: &str| {
        let key = format!("Bearer {key}");
        client.send(Method::GET, "/v1/models", &[("authorization", &key)], "").await.status.as_u16()
    };
    assert_eq!((asks("ck-old").await, asks("ck-new").await), (502, 401));
    // As editors and mounted volumes do it: another file takes the name.
    fs::write(home.path().join("tenants.new"), tenants("ck-new")).unwrap();
    fs::rename(home.path().join("tenants.new"), home.path().join("tenants.toml")).unwrap();
    let taken = async {
        while asks("ck-new").await == 401 {
            tokio::time::sleep(std::time::Duration::from_millis(20)).await;
        }
    };
    within("the other tenants", taken).await;
    assert_eq!(asks("ck-old").await, 401);
    drop(log);
}

/// The line of the log that says where it listens.
fn ready(log: &mut impl BufRead) -> serde_json::Value {
    let mut line = String::new();
    while !line.contains("comity is ready") {
        line.clear();
        assert!(log.read_line(&mut line).unwrap() > 0, "it ended");
    }
    serde_json::from_str(&line).unwrap()
}
