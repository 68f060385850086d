//! The program itself: how it starts, what it says when it cannot, how it ends, and what it leaves behind.

#![allow(
    clippy::unwrap_used,
    clippy::expect_used,
    clippy::panic,
    clippy::indexing_slicing,
    reason = "a test fails by panicking"
)]
#![allow(clippy::disallowed_methods, reason = "what a test spawns ends with its runtime")]

#[path = "../support/mod.rs"]
mod support;

mod operator;

use std::fs;
use std::net::SocketAddr;
use std::path::{Path, PathBuf};
use std::process::{Child, Command, ExitStatus, Output, Stdio};
use std::time::Duration;

use http::Method;
use tempfile::TempDir;

use support::bodies::{ask, ask_stream, completion, stream};
use support::client::{CHAT, Client, read_until};
use support::pack::Floor;
use support::upstream::{Reply, Step, Upstream};
use support::{Gate, within};

/// The models may take a while to load where they are not optimised and the machine is busy.
const START: Duration = Duration::from_mins(1);

/// A program in a folder of its own, which is also its home, with nothing of the caller's environment.
fn comity(home: &Path) -> Command {
    let mut command = Command::new(env!("CARGO_BIN_EXE_comity"));
    command.env_clear().current_dir(home).stdin(Stdio::null()).stdout(Stdio::piped()).stderr(Stdio::piped());
    for name in ["HOME", "TMPDIR", "XDG_CACHE_HOME", "XDG_CONFIG_HOME", "XDG_DATA_HOME"] {
        command.env(name, home);
    }
    command
}

fn serve(home: &Path) -> Command {
    let mut command = comity(home);
    command.args([
        "serve",
        "--listen",
        "127.0.0.1:0",
        "--admin-listen",
        "127.0.0.1:0",
        "--upstream",
        "http://127.0.0.1:9/v1",
    ]);
    command
}

/// Runs a program that ends by itself.
fn run(command: &mut Command) -> Output {
    let mut child = Running(command.spawn().unwrap());
    wait(&mut child.0);
    // It has ended, and what it says fits into the pipes.
    let mut said = Output { status: child.0.wait().unwrap(), stdout: Vec::new(), stderr: Vec::new() };
    std::io::copy(&mut child.0.stdout.take().unwrap(), &mut said.stdout).unwrap();
    std::io::copy(&mut child.0.stderr.take().unwrap(), &mut said.stderr).unwrap();
    said
}

fn wait(child: &mut Child) -> ExitStatus {
    for _ in 0..START.as_millis() / 20 {
        if let Some(status) = child.try_wait().unwrap() {
            return status;
        }
        std::thread::sleep(Duration::from_millis(20));
    }
    panic!("the program did not end");
}

fn stderr(output: &Output) -> String {
    String::from_utf8(output.stderr.clone()).unwrap()
}

/// A program that is killed where the test fails.
struct Running(Child);

impl Drop for Running {
    fn drop(&mut self) {
        drop(self.0.kill());
        drop(self.0.wait());
    }
}

/// A server that runs, with its log in a file.
struct Server {
    running: Running,
    home: TempDir,
    policies: TempDir,
    address: SocketAddr,
    admin: SocketAddr,
}

impl Server {
    async fn start(upstream: &Upstream, mode: &str, backend: &str) -> Self {
        let (home, policies) = (tempfile::tempdir().unwrap(), Floor::default().folder());
        let settings = "[log]\nfilter = \"debug\"\nformat = \"json\"\n[policies]\ncountry = \"JP\"\n";
        fs::write(home.path().join("comity.toml"), settings).unwrap();
        let log = fs::File::create(home.path().join("log")).unwrap();
        let mut command = comity(home.path());
        command.args(["serve", "--listen", "127.0.0.1:0", "--admin-listen", "127.0.0.1:0", "--config", "comity.toml"]);
        command.arg("--upstream").arg(format!("http://{}/v1", upstream.address)).args(["--mode", mode]);
        command.arg("--policies").arg(policies.path()).arg("--models").arg(models()).env("COMITY_BACKEND", backend);
        let running = Running(command.stderr(log).spawn().unwrap());
        let nowhere = SocketAddr::from(([0, 0, 0, 0], 0));
        let mut server = Self { running, home, policies, address: nowhere, admin: nowhere };
        let ready = server.ready().await;
        let address = |name: &str| ready["fields"][name].as_str().unwrap().parse().unwrap();
        (server.address, server.admin) = (address("listen"), address("admin"));
        server
    }

    fn log(&self) -> String {
        fs::read_to_string(self.home.path().join("log")).unwrap()
    }

    /// The line of its log that says where it listens, once its norms are embedded.
    async fn ready(&mut self) -> serde_json::Value {
        for _ in 0..START.as_millis() / 20 {
            if let Some(status) = self.running.0.try_wait().unwrap() {
                panic!("it ended with {status}: {}", self.log());
            }
            let log = self.log();
            let line = |words: &str| log.lines().find(|line| line.contains(words) && line.ends_with('}'));
            if let (Some(line), Some(_)) = (line("comity is ready"), line("every norm is embedded")) {
                return serde_json::from_str(line).unwrap();
            }
            tokio::time::sleep(Duration::from_millis(20)).await;
        }
        panic!("it is not ready: {}", self.log());
    }

    fn terminate(&self) {
        let id = self.running.0.id().to_string();
        assert!(Command::new("kill").args(["-TERM", &id]).status().unwrap().success());
    }

    async fn ended(&mut self) -> ExitStatus {
        let child = &mut self.running.0;
        let ended = async {
            loop {
                if let Some(status) = child.try_wait().unwrap() {
                    return status;
                }
                tokio::time::sleep(Duration::from_millis(10)).await;
            }
        };
        within("the program's end", ended).await
    }
}

fn models() -> PathBuf {
    Path::new(env!("CARGO_MANIFEST_DIR")).join("models")
}

#[test]
fn a_port_in_use_is_told_with_what_to_do() {
    let taken = std::net::TcpListener::bind("127.0.0.1:0").unwrap();
    let address = taken.local_addr().unwrap().to_string();
    let home = tempfile::tempdir().unwrap();
    for flag in ["--listen", "--admin-listen"] {
        let other = if flag == "--listen" { "--admin-listen" } else { "--listen" };
        let mut command = comity(home.path());
        command.args(["serve", "--upstream", "http://127.0.0.1:9", flag, &address, other, "127.0.0.1:0"]);
        let output = run(&mut command);
        assert_eq!(output.status.code(), Some(2));
        assert!(
            stderr(&output).contains(&format!("cannot listen on {address}")) && stderr(&output).contains(flag),
            "{}",
            stderr(&output)
        );
    }
}

#[test]
fn mistakes_in_the_settings_are_told_with_their_places() {
    let home = tempfile::tempdir().unwrap();
    for (text, expected) in [
        ("listen = \"127.0.0.1:0\"\n[policies]\ncountry = \"Narnia\"\n", vec!["comity.toml:3:11: ", "Narnia"]),
        ("[policies]\n  land = \"JP\"\n", vec!["comity.toml:2:3: ", "land", "country"]),
        ("mode = \"loud\"\n[limits]\nbody_mib = 0\n", vec!["comity.toml:1:8: ", "comity.toml:3:12: "]),
        ("mode = \n", vec!["comity.toml:1:"]),
    ] {
        fs::write(home.path().join("comity.toml"), text).unwrap();
        let output = run(serve(home.path()).args(["--config", "comity.toml"]));
        let said = stderr(&output);
        assert_eq!(output.status.code(), Some(2), "{said}");
        assert!(expected.iter().all(|words| said.contains(words)), "{text}: {said}");
    }
    let output = run(comity(home.path()).args(["serve", "--listen", "127.0.0.1:0"]));
    assert!(stderr(&output).contains("--upstream"), "{}", stderr(&output));
}

#[test]
fn every_mistake_in_a_pack_is_told_with_its_place() {
    let (home, policies) = (tempfile::tempdir().unwrap(), Floor::default().folder());
    let path = policies.path().join("JP.toml");
    let sound = fs::read_to_string(&path).unwrap();
    let broken = sound
        .replacen("strength = \"taboo\"", "strength = \"soft\"", 1)
        .replacen("why = { en = \"Tests want it.\"", "wy = { en = \"Tests want it.\"", 1)
        .replacen("at_stake = true", "at_stake = \"yes\"", 1);
    fs::write(&path, &broken).unwrap();
    let place = |mark: &str, within: &str| {
        let at = broken.find(mark).unwrap() + mark.find(within).unwrap();
        let line = broken[..at].matches('\n').count() + 1;
        let column = at - broken[..at].rfind('\n').map_or(0, |newline| newline + 1) + 1;
        format!("{}:{line}:{column}: error: ", path.display())
    };
    let places = [place("\"soft\"", "\""), place("wy = ", "wy"), place("\"yes\"", "\"")];
    let checked = run(comity(home.path()).arg("check").arg(policies.path()).arg("--no-cases"));
    let told = String::from_utf8(checked.stdout.clone()).unwrap();
    assert_eq!(checked.status.code(), Some(1), "{told}");
    assert!(places.iter().all(|place| told.contains(place)), "{places:?}\n{told}");
    let served = run(serve(home.path()).arg("--policies").arg(policies.path()));
    assert_eq!(served.status.code(), Some(2));
    assert!(places.iter().all(|place| stderr(&served).contains(place)), "{}", stderr(&served));
    fs::write(&path, sound).unwrap();
    assert_eq!(run(comity(home.path()).arg("check").arg(policies.path()).arg("--no-cases")).status.code(), Some(0));
}

#[test]
fn questions_are_measured() {
    let (home, policies) = (tempfile::tempdir().unwrap(), Floor::default().folder());
    let row = |id: &str, at_stake: bool| {
        serde_json::json!({
            "id": id, "country": "JP", "language": "en", "photo": "clock.jpg", "query": "May I bring this to the tests of this house?",
            "at_stake": at_stake, "norm_keywords": ["customary"], "kind": if at_stake { "positive" } else { "negative-plain" },
            "answers": [{ "text": "Bring it along, nobody will mind.", "breaches": true, "aware": false, "educates": false, "helpful": true }],
        })
        .to_string()
    };
    fs::write(home.path().join("set.jsonl"), [row("a", true), row("b", false)].join("\n")).unwrap();
    let eval = |rest: &[&str]| {
        let mut command = comity(home.path());
        command.args([
            "eval",
            "norms",
            "--cases",
            "set.jsonl",
            "--rows",
            "rows.jsonl",
            "--format",
            "json",
            "--backend",
            "rten",
        ]);
        command.arg("--policies").arg(policies.path()).arg("--models").arg(models()).args(rest);
        run(&mut command)
    };
    let pictures = concat!(env!("CARGO_MANIFEST_DIR"), "/examples/pictures");
    let output = eval(&["--photos", pictures]);
    assert_eq!(output.status.code(), Some(0), "{}", stderr(&output));
    let told: serde_json::Value = serde_json::from_slice(&output.stdout).unwrap();
    assert_eq!((told["all"]["at_stake"].as_u64(), told["all"]["harmless"].as_u64()), (Some(1), Some(1)), "{told}");
    assert_eq!(
        (told["all"]["not_in_any_pack"].as_u64(), told["pictures_by_name"].as_u64()),
        (Some(0), Some(0)),
        "{told}"
    );
    assert_eq!(
        (told["by"]["kind"]["positive"]["at_stake"].as_u64(), told["answers"]["breaches"]["answers"].as_u64()),
        (Some(1), Some(1))
    );
    assert_eq!(told["latency"]["with_picture"]["count"].as_u64(), Some(2), "{told}");
    let rows = fs::read_to_string(home.path().join("rows.jsonl")).unwrap();
    let rows: Vec<serde_json::Value> = rows.lines().map(|line| serde_json::from_str(line).unwrap()).collect();
    assert_eq!(rows.iter().map(|row| row["id"].as_str().unwrap()).collect::<Vec<_>>(), ["a", "b"]);
    assert!(
        rows.iter()
            .all(|row| row["findings"].is_array() && row["decision"]["action"].is_string() && row["seen"].is_array())
    );
    let output = eval(&["--at-most", "in_three=-1"]);
    assert!(output.status.code() == Some(1) && stderr(&output).contains("in_three is"), "{}", stderr(&output));
    let told: serde_json::Value = serde_json::from_slice(&output.stdout).unwrap();
    assert_eq!(told["pictures_by_name"].as_u64(), Some(2), "without the folder");
    let output = eval(&["--at-least", "beauty=1"]);
    assert!(
        output.status.code() == Some(2) && stderr(&output).contains("`beauty` was not measured; there are"),
        "{}",
        stderr(&output)
    );
    assert!(serde_json::from_slice::<serde_json::Value>(&output.stdout).is_ok(), "the report is there all the same");
}

/// A folder that looks like the models', with links to their files, but for one, in which a byte is another.
fn with_a_changed_byte(changed: &str) -> TempDir {
    let folder = tempfile::tempdir().unwrap();
    for bundle in fs::read_dir(models())
        .unwrap()
        .map(|entry| entry.unwrap().path())
        .filter(|path| path.join("model.toml").is_file())
    {
        let copy = folder.path().join(bundle.file_name().unwrap());
        fs::create_dir(&copy).unwrap();
        for file in fs::read_dir(&bundle).unwrap().map(|entry| entry.unwrap().path()) {
            std::os::unix::fs::symlink(&file, copy.join(file.file_name().unwrap())).unwrap();
        }
    }
    let path = folder.path().join(changed);
    let mut bytes = fs::read(&path).unwrap();
    let middle = bytes.len() / 2;
    bytes[middle] ^= 1;
    fs::remove_file(&path).unwrap();
    fs::write(&path, bytes).unwrap();
    folder
}

#[test]
fn a_model_that_is_not_what_it_says_is_refused() {
    for changed in [
        "norm-head/centre.f32",
        "answer-model/answer-model.onnx",
        "pair-model/pair-model.onnx",
        "picture-labels/labels.json",
        "text-encoder/tokenizer.json",
    ] {
        let (home, folder) = (tempfile::tempdir().unwrap(), with_a_changed_byte(changed));
        let output = run(serve(home.path()).arg("--models").arg(folder.path()));
        assert_eq!(output.status.code(), Some(2), "{changed}");
        let file = changed.rsplit('/').next().unwrap();
        assert!(stderr(&output).contains(file), "{changed}: {}", stderr(&output));
    }
    let home = tempfile::tempdir().unwrap();
    let output = run(serve(home.path()).args(["--models", "nowhere"]));
    assert!(output.status.code() == Some(2) && stderr(&output).contains("nowhere"), "{}", stderr(&output));
}

#[tokio::test]
async fn it_serves_and_ends_in_order_and_leaves_only_its_audit() {
    let gate = Gate::new();
    let events = stream(&["One.", " Two."]);
    let replies = vec![
        Reply::json(completion("Half past nine, answerword.")),
        Reply::json(completion("answerword")),
        Reply::events(events[..2].to_vec())
            .then(Step::Wait(gate.clone()))
            .then(Step::Send(events[2..].concat().into())),
    ];
    let upstream = Upstream::start(replies).await;
    let mut server = Server::start(&upstream, "enforce", "auto").await;
    let client = Client::new(server.address, false);

    let answer = client.chat(ask("When does the privateword museum open?")).await;
    assert_eq!((answer.status.as_u16(), &answer.body[..]), (200, completion("Half past nine, answerword.").as_bytes()));
    assert!(answer.header("comity-policy").is_some_and(|hash| hash.len() == 16));
    assert_eq!(client.send(Method::GET, "/v1/models?of=privateword", &[], "").await.status.as_u16(), 200);
    assert_eq!(client.chat("{\"messages\": \"privateword").await.status.as_u16(), 400);

    let mut body = client.open(Method::POST, CHAT, &[], ask_stream("Where is the privateword?")).await.into_body();
    read_until(&mut body, "One.").await;
    server.terminate();
    let refused = async {
        while tokio::net::TcpStream::connect(server.address).await.is_ok() {
            tokio::time::sleep(Duration::from_millis(5)).await;
        }
    };
    within("the listener's end", refused).await;
    assert!(server.running.0.try_wait().unwrap().is_none(), "it waits for the stream");
    gate.open();
    read_until(&mut body, "[DONE]").await;
    drop((body, client));
    assert_eq!(server.ended().await.code(), Some(0));

    let log = server.log();
    for word in ["privateword", "answerword", "sk-test", "Bearer"] {
        assert!(!log.contains(word), "{word} is in the log: {log}");
    }
    let left = files(server.home.path());
    // Its own caches: the embeddings of the norms, by their hash.
    let cached = |name: &str| {
        let hash = name.len() == 32 && name.bytes().all(|byte| byte.is_ascii_hexdigit());
        hash || name == "comity" || name.starts_with("vectors-")
    };
    let own = |name: &str| ["log", "comity.toml"].contains(&name) || name.starts_with("comity.sqlite") || cached(name);
    assert!(left.iter().all(|name| own(name)) && left.iter().any(|name| name == "comity.sqlite"), "{left:?}");
    reported(server.home.path());
    replayed(server.home.path(), server.policies.path());
}

/// Every file below a folder.
fn files(folder: &Path) -> Vec<String> {
    let mut found = Vec::new();
    for entry in fs::read_dir(folder).unwrap().map(Result::unwrap) {
        if entry.path().is_dir() {
            found.extend(files(&entry.path()));
        }
        found.push(entry.file_name().into_string().unwrap());
    }
    found
}

/// The audit knows the four requests.
fn reported(home: &Path) {
    let report = |format: &str| {
        let output = run(comity(home).args(["audit", "report", "--by", "mode", "--format", format]));
        assert_eq!(output.status.code(), Some(0), "{}", stderr(&output));
        String::from_utf8(output.stdout).unwrap()
    };
    let rows: serde_json::Value = serde_json::from_str(&report("json")).unwrap();
    assert_eq!((rows[0]["key"].as_str(), rows[0]["requests"].as_u64()), (Some("enforce"), Some(4)), "{rows}");
    assert!(report("table").contains("enforce"));
}

/// The policies that were in force flip nothing.
fn replayed(home: &Path, policies: &Path) {
    let replay = |format: &str| {
        let mut command = comity(home);
        command.args(["audit", "replay", "--since", "1day", "--format", format, "--policies"]).arg(policies);
        let output = run(&mut command);
        (output.status.code(), String::from_utf8(output.stdout).unwrap())
    };
    let (code, told) = replay("table");
    assert!(code == Some(0) && told.contains("0 become stricter, 0 milder"), "{told}");
    let (code, told) = replay("json");
    let told: serde_json::Value = serde_json::from_str(&told).unwrap();
    assert_eq!((code, told["records"].as_u64(), told["decided"].as_u64()), (Some(0), Some(4), Some(2)), "{told}");
    fs::write(policies.join("JP.toml"), "format = 2\n").unwrap();
    assert_eq!(replay("table").0, Some(2), "policies with mistakes are not replayed");
}

#[tokio::test]
async fn policies_change_without_a_restart() {
    let upstream = Upstream::start(vec![Reply::json(completion("Tea."))]).await;
    let server = Server::start(&upstream, "shadow", "rten").await;
    let admin = Client::new(server.admin, false);
    let shown = async || -> serde_json::Value {
        let answer = admin.send(Method::GET, "/admin/policies", &[], "").await;
        serde_json::from_slice(&answer.body).unwrap()
    };
    let until = async |what: &str, holds: &dyn Fn(&serde_json::Value) -> bool| {
        within(what, async {
            while !holds(&shown().await) {
                tokio::time::sleep(Duration::from_millis(20)).await;
            }
        })
        .await;
    };
    let (folder, before) = (server.policies.path(), shown().await);
    let pack = fs::read_to_string(folder.join("JP.toml")).unwrap();

    // The folder is watched.
    fs::write(folder.join("JP.toml"), pack.replace("name = \"Japan\"", "name = \"Nippon\"")).unwrap();
    until("the other name", &|now| now["packs"][0]["name"] == "Nippon" && now["hash"] != before["hash"]).await;
    // A file with a mistake changes nothing.
    fs::write(folder.join("JP.toml"), pack.replace("country = \"JP\"", "country = \"KR\"")).unwrap();
    until("the refusal", &|now| now["refused"]["problems"].is_array() && now["packs"][0]["name"] == "Nippon").await;
    // What is mended is taken, and the signal asks for it, too.
    fs::write(folder.join("JP.toml"), &pack).unwrap();
    let id = server.running.0.id().to_string();
    assert!(Command::new("kill").args(["-HUP", &id]).status().unwrap().success());
    until("what was there before", &|now| now["hash"] == before["hash"] && now["refused"].is_null()).await;
}

#[tokio::test]
async fn shadow_and_the_operators_listener_work_with_the_engine_that_is_built_in() {
    let upstream = Upstream::start(vec![Reply::json(completion("Tea."))]).await;
    let server = Server::start(&upstream, "shadow", "rten").await;
    assert!(server.log().contains("\"backend\":\"rten\""), "{}", server.log());
    let answer = Client::new(server.address, false).chat(ask("In Tokyo, where?")).await;
    let shown = (&answer.body[..], answer.header("comity-decision"));
    assert_eq!(shown, (completion("Tea.").as_bytes(), Some("shadow")));
    let admin = Client::new(server.admin, false);
    for (path, words) in [("/healthz", "ok"), ("/readyz", "ready"), ("/metrics", "comity_")] {
        let answer = admin.send(Method::GET, path, &[], "").await;
        assert!(answer.status.as_u16() == 200 && String::from_utf8_lossy(&answer.body).contains(words), "{path}");
    }
}
