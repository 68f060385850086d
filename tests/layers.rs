//! Who may name whom: the table of ARCHITECTURE.md, held against the sources.

use std::collections::BTreeSet;
use std::fs;
use std::path::{Path, PathBuf};

/// A module and those that it may name.
const TABLE: &[(&str, &[&str])] = &[
    ("domain", &[]),
    ("wire", &["domain"]),
    ("policy", &["domain"]),
    ("context", &["domain"]),
    ("guard", &["domain"]),
    ("score", &["domain"]),
    ("classify", &["domain"]),
    ("upstream", &["domain", "wire"]),
    ("audit", &["domain", "score"]),
    ("telemetry", &["domain"]),
    ("config", &["domain", "wire", "policy", "context", "guard", "score", "classify", "upstream", "telemetry"]),
];

/// The modules that do no I/O.
const PURE: &[&str] = &["domain", "wire", "policy", "context", "guard", "score"];

/// What a pure module does not name.
const IMPURE: &[&str] = &[
    "tokio",
    "hyper",
    "tracing::",
    "async fn",
    "std::fs",
    "std::env",
    "std::net",
    "std::thread",
    "SystemTime",
    "Instant",
];

fn sources(dir: &Path) -> Vec<PathBuf> {
    let entries = fs::read_dir(dir).unwrap().map(|entry| entry.unwrap().path());
    let mut found: Vec<PathBuf> = entries
        .flat_map(|path| if path.is_dir() { sources(&path) } else { vec![path] })
        .filter(|path| path.extension().is_some_and(|extension| extension == "rs"))
        .filter(|path| !path.to_string_lossy().ends_with("tests.rs"))
        .collect();
    found.sort();
    found
}

/// The code of a file, without its tests and comments.
fn code(path: &Path) -> String {
    let text = fs::read_to_string(path).unwrap();
    let code = text.split("#[cfg(test)]\nmod tests").next().unwrap_or_default();
    code.lines().filter(|line| !line.trim_start().starts_with("//")).collect::<Vec<_>>().join("\n")
}

fn module(name: &str) -> PathBuf {
    Path::new(env!("CARGO_MANIFEST_DIR")).join("src").join(name)
}

/// The modules that a file names, in `use crate::a::…` and elsewhere; `use crate::{a, b}` counts as naming what is no module and fails.
fn named(code: &str) -> BTreeSet<&str> {
    let after = code.split("crate::").skip(1);
    after.map(|rest| rest.split(|c: char| !c.is_ascii_alphanumeric() && c != '_').next().unwrap_or_default()).collect()
}

#[test]
fn a_module_names_only_what_stands_above_it() {
    for (name, allowed) in TABLE {
        for path in sources(&module(name)) {
            let code = code(&path);
            let wrong: Vec<_> = named(&code).into_iter().filter(|one| one != name && !allowed.contains(one)).collect();
            assert!(wrong.is_empty(), "{} names {wrong:?}; {name} may name {allowed:?}", path.display());
        }
    }
}

#[test]
fn the_pure_modules_do_no_io() {
    for path in PURE.iter().flat_map(|name| sources(&module(name))) {
        let code = code(&path);
        let wrong: Vec<_> = IMPURE.iter().filter(|word| code.contains(*word)).collect();
        assert!(wrong.is_empty(), "{} names {wrong:?}", path.display());
    }
}

#[test]
fn every_module_stands_in_the_table() {
    let known: BTreeSet<&str> = TABLE.iter().map(|(name, _)| *name).chain(["gateway", "cli"]).collect();
    let lib = fs::read_to_string(module("lib.rs")).unwrap();
    let there: BTreeSet<&str> =
        lib.lines().filter_map(|line| line.strip_prefix("pub mod ")?.strip_suffix(';')).collect();
    assert_eq!(there, known);
}

#[test]
fn the_architecture_document_has_the_same_table() {
    let document = fs::read_to_string(Path::new(env!("CARGO_MANIFEST_DIR")).join("ARCHITECTURE.md")).unwrap();
    for (name, allowed) in TABLE {
        let row = document.lines().find(|line| line.starts_with(&format!("| `{name}` |"))).expect(name);
        let says = row.trim_end_matches('|').rsplit('|').next().unwrap_or_default().trim();
        let expected = match allowed {
            [] => "nothing".to_owned(),
            _ if *name == "config" => "all above but audit".to_owned(),
            _ => allowed.join(", "),
        };
        assert_eq!(says, expected, "the row of {name}");
    }
}
