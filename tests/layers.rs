//! Who may name whom, and what the pure half does not touch: read from the sources.

#![allow(
    clippy::unwrap_used,
    clippy::expect_used,
    clippy::panic,
    clippy::indexing_slicing,
    reason = "a test fails by panicking"
)]

use std::collections::{BTreeMap, BTreeSet};
use std::fs;
use std::path::{Path, PathBuf};

/// Each module and those that it may name beside itself. The order is that of reading: a module names only what stands above it.
const TABLE: &[(&str, &[&str])] = &[
    ("domain", &[]),
    ("wire", &["domain"]),
    ("policy", &["domain"]),
    ("context", &["domain"]),
    ("guard", &["domain"]),
    ("score", &["domain"]),
    ("classify", &["domain"]),
    ("upstream", &["domain", "wire"]),
    ("remote", &["domain"]),
    ("audit", &["domain", "score"]),
    ("telemetry", &["domain"]),
    ("config", ABOVE_CONFIG),
    ("gateway", EVERYBODY),
    ("cli", EVERYBODY),
];

const ABOVE_CONFIG: &[&str] =
    &["domain", "wire", "policy", "context", "guard", "score", "classify", "upstream", "remote", "audit", "telemetry"];

const EVERYBODY: &[&str] = &[
    "domain",
    "wire",
    "policy",
    "context",
    "guard",
    "score",
    "classify",
    "upstream",
    "remote",
    "audit",
    "telemetry",
    "config",
    "gateway",
];

/// The modules without input and output.
const PURE: [&str; 6] = ["domain", "wire", "policy", "context", "guard", "score"];

/// What they do not name.
const IMPURE: [&str; 17] = [
    "tokio",
    "hyper",
    "tracing",
    "metrics",
    "rusqlite",
    "std::fs",
    "std::env",
    "std::net",
    "std::thread",
    "std::process",
    "std::io",
    "SystemTime",
    "Instant",
    "async",
    "await",
    "uuid",
    "Uuid",
];

/// A source file without its comments, its texts and its tests.
struct Source {
    /// The path of its module, from the crate's root.
    module: Vec<String>,
    path: PathBuf,
    code: String,
}

fn sources() -> Vec<Source> {
    let root = Path::new(env!("CARGO_MANIFEST_DIR")).join("src");
    let mut paths = Vec::new();
    collect(&root, &mut paths);
    let test_modules: BTreeSet<PathBuf> = paths.iter().flat_map(|path| test_files(path)).collect();
    paths.retain(|path| !test_modules.contains(path));
    paths.into_iter().map(|path| read(&root, path)).collect()
}

fn collect(folder: &Path, paths: &mut Vec<PathBuf>) {
    for entry in fs::read_dir(folder).unwrap() {
        let path = entry.unwrap().path();
        if path.is_dir() {
            collect(&path, paths);
        } else if path.extension().is_some_and(|extension| extension == "rs") {
            paths.push(path);
        }
    }
}

/// The files of the modules that a file declares for its tests alone.
fn test_files(path: &Path) -> Vec<PathBuf> {
    let text = fs::read_to_string(path).unwrap();
    let folder = path.parent().unwrap();
    let mut files = Vec::new();
    for (at, _) in text.match_indices("#[cfg(test)]") {
        let item = &text[at + "#[cfg(test)]".len()..];
        let end = item.find([';', '{']).unwrap_or(item.len());
        let item = &item[..end];
        if let Some((_, name)) = item.split_once("#[path = \"") {
            files.push(folder.join(name.split('"').next().unwrap()));
        } else if let Some((_, name)) = item.split_once("mod ") {
            files.push(folder.join(format!("{}.rs", name.trim())));
        }
    }
    files
}

fn read(root: &Path, path: PathBuf) -> Source {
    let text = fs::read_to_string(&path).unwrap();
    let mut module: Vec<String> = path
        .strip_prefix(root)
        .unwrap()
        .with_extension("")
        .iter()
        .map(|part| part.to_str().unwrap().to_owned())
        .collect();
    if module.last().is_some_and(|last| last == "mod") {
        module.pop();
    }
    Source { module, path, code: plain(&text) }
}

/// The code alone: up to the tests that stand at a file's end, without comments and texts.
fn plain(text: &str) -> String {
    let tests = ["#[cfg(test)]\nmod tests {", "#[cfg(test)]\npub(super) mod tests {"];
    let end = tests.iter().filter_map(|start| text.find(start)).min().unwrap_or(text.len());
    let mut code = String::new();
    let mut rest = &text[..end];
    while let Some(first) = rest.chars().next() {
        let skipped = if rest.starts_with("//") {
            rest.find('\n').unwrap_or(rest.len())
        } else if rest.starts_with("/*") {
            rest.find("*/").map_or(rest.len(), |at| at + 2)
        } else if let Some(hashes) = raw_string(rest) {
            let close = format!("\"{}", "#".repeat(hashes));
            let begin = hashes + 2;
            rest[begin..].find(&close).map_or(rest.len(), |at| begin + at + close.len())
        } else if first == '"' {
            string(rest)
        } else if rest.starts_with("'\"'") || rest.starts_with("'\\\"'") {
            rest[1..].find('\'').map_or(rest.len(), |at| at + 2)
        } else {
            0
        };
        if skipped == 0 {
            code.push(first);
            rest = &rest[first.len_utf8()..];
        } else {
            code.push(' ');
            rest = &rest[skipped..];
        }
    }
    code
}

/// How many marks a raw string has that begins here.
fn raw_string(text: &str) -> Option<usize> {
    let behind = text.strip_prefix('r')?;
    let hashes = behind.len() - behind.trim_start_matches('#').len();
    behind[hashes..].starts_with('"').then_some(hashes)
}

/// The length of the string that begins here.
fn string(text: &str) -> usize {
    let mut escaped = false;
    for (at, letter) in text.char_indices().skip(1) {
        match letter {
            _ if escaped => escaped = false,
            '\\' => escaped = true,
            '"' => return at + 1,
            _ => {}
        }
    }
    text.len()
}

/// The modules of the crate that code names, by `crate::…`, by a group, or by climbing to the root.
fn named(module: &[String], code: &str) -> BTreeSet<String> {
    let climbs = "super::".repeat(module.len());
    let mut names = BTreeSet::new();
    for start in ["crate::", "comity::", climbs.as_str()] {
        for (at, _) in code.match_indices(start) {
            let before = code[..at].chars().next_back();
            if before.is_some_and(|before| before.is_alphanumeric() || before == '_' || before == ':' || before == '$')
            {
                continue;
            }
            let behind = &code[at + start.len()..];
            match behind.strip_prefix('{') {
                Some(group) => names.extend(heads(group)),
                None => names.extend(head(behind)),
            }
        }
    }
    names
}

/// The first names of a group's members.
fn heads(group: &str) -> Vec<String> {
    let (mut found, mut depth, mut fresh) = (Vec::new(), 0, true);
    for (at, letter) in group.char_indices() {
        match letter {
            '{' => depth += 1,
            '}' if depth == 0 => break,
            '}' => depth -= 1,
            ',' if depth == 0 => fresh = true,
            letter if fresh && !letter.is_whitespace() => {
                found.extend(head(&group[at..]));
                fresh = false;
            }
            _ => {}
        }
    }
    found
}

fn head(text: &str) -> Option<String> {
    let name: String = text.chars().take_while(|letter| letter.is_alphanumeric() || *letter == '_').collect();
    (!name.is_empty()).then_some(name)
}

/// Whether code names a word, not as a part of another one.
fn says(code: &str, word: &str) -> bool {
    code.match_indices(word).any(|(at, _)| {
        let part = |letter: char| letter.is_alphanumeric() || letter == '_';
        !code[..at].ends_with(part) && !code[at + word.len()..].starts_with(part)
    })
}

#[test]
fn a_module_names_only_what_stands_above_it() {
    let table: BTreeMap<&str, &[&str]> = TABLE.iter().copied().collect();
    let mut wrong = Vec::new();
    let mut seen = BTreeSet::new();
    for source in sources() {
        let top = source.module[0].clone();
        if ["lib", "main"].contains(&top.as_str()) {
            continue;
        }
        let allowed = table.get(top.as_str()).unwrap_or_else(|| panic!("{top} is not in the table of tests/layers.rs"));
        let names = named(&source.module, &source.code);
        wrong.extend(
            names
                .iter()
                .filter(|name| **name != top && !allowed.contains(&name.as_str()))
                .map(|name| format!("{}: {top} may not name {name}", source.path.display())),
        );
        seen.insert(top);
    }
    assert!(wrong.is_empty(), "{}", wrong.join("\n"));
    assert_eq!(
        seen.into_iter().collect::<Vec<_>>(),
        table.keys().copied().collect::<Vec<_>>(),
        "every module of the table is there"
    );
}

#[test]
fn the_table_has_no_circles() {
    for (at, (module, allowed)) in TABLE.iter().enumerate() {
        let above: Vec<&str> = TABLE[..at].iter().map(|(module, _)| *module).collect();
        assert!(allowed.iter().all(|name| above.contains(name) || name == module), "{module}");
    }
}

#[test]
fn every_module_stands_in_the_table() {
    let front = fs::read_to_string(Path::new(env!("CARGO_MANIFEST_DIR")).join("src/lib.rs")).unwrap();
    let there: BTreeSet<&str> =
        front.lines().filter_map(|line| line.strip_prefix("pub mod ")?.strip_suffix(';')).collect();
    assert_eq!(there, TABLE.iter().map(|(module, _)| *module).collect());
}

#[test]
fn the_architecture_document_has_the_same_table() {
    let document = fs::read_to_string(Path::new(env!("CARGO_MANIFEST_DIR")).join("ARCHITECTURE.md")).unwrap();
    for (module, allowed) in TABLE {
        let row = document.lines().find(|line| line.starts_with(&format!("| `{module}` |"))).expect(module);
        let says = row.trim_end_matches('|').rsplit('|').next().unwrap_or_default().trim();
        let expected = match *allowed {
            [] => "nothing".to_owned(),
            EVERYBODY => "everything".to_owned(),
            ABOVE_CONFIG => "all above".to_owned(),
            some => some.join(", "),
        };
        assert_eq!(says, expected, "the row of {module}");
    }
}

#[test]
fn the_pure_half_touches_nothing_outside() {
    let mut wrong = Vec::new();
    for source in sources().iter().filter(|source| PURE.contains(&source.module[0].as_str())) {
        // A group at the root would hide what it names.
        let words = IMPURE.iter().copied().chain(["std::{"]).filter(|word| says(&source.code, word));
        wrong.extend(words.map(|word| format!("{}: {word}", source.path.display())));
    }
    assert!(wrong.is_empty(), "{}", wrong.join("\n"));
}

#[test]
fn these_tests_see_what_they_look_for() {
    let module = ["wire".to_owned(), "chat".to_owned()];
    let code = plain(
        "//! crate::cli\nuse crate::{domain::{Turn, crate_like}, audit as a};\nfn f() { crate::policy::decide(\"crate::score\"); super::super::guard::x() }\n\
         let c = '\"'; /* crate::cli */ let raw = r#\"crate::cli\"#;\n#[cfg(test)]\nmod tests {\n use crate::cli;\n}",
    );
    let names: Vec<String> = named(&module, &code).into_iter().collect();
    assert_eq!(names, ["audit", "domain", "guard", "policy"]);
    assert!(
        says("use std::fs;", "std::fs") && says("Instant::now()", "Instant") && !says("tokio_like, instant", "tokio")
    );
    assert!(sources().len() > 60, "the sources were found");
}
