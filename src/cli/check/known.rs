//! The cases that the models are known to miss. The list is generated, and may only shrink.

use std::collections::BTreeSet;
use std::fs;
use std::io;
use std::path::Path;

use anyhow::Context as _;

use super::cases::Outcome;

/// The list's file, beside the packs.
pub(super) const FILE: &str = "known-misses.txt";

const HEAD: &str = "# Cases that the shipped models miss, written by `comity check policies --write-known`. The list may only shrink; no case is bent to pass.";

/// A case this near to its threshold may fall either way between two engines or machines: it is counted, and fails nothing.
const NEAR: f32 = 0.02;

impl Outcome<'_> {
    pub(super) fn holds(&self) -> bool {
        self.fired == self.case.at_stake
    }

    pub(super) fn near(&self) -> bool {
        (self.probability - self.threshold).abs() < NEAR
    }

    /// The case's line in the list: what it tests, then a hash of what it says.
    pub(super) fn key(&self) -> String {
        let text = format!("{}\n{}\n{:?}\n{:?}", self.case.norm, self.case.query, self.case.picture, self.case.country);
        let hash = blake3::hash(text.as_bytes()).to_hex();
        let kind = if self.case.at_stake { "missed" } else { "false-alarm" };
        format!("{} {kind} {}", self.case.norm, hash.get(..12).unwrap_or_default())
    }
}

/// The list beside the packs, or the one in the program.
pub(super) fn read(dir: Option<&Path>) -> anyhow::Result<BTreeSet<String>> {
    let text = match dir.map(|dir| dir.join(FILE)) {
        None => include_str!("../../../policies/known-misses.txt").to_owned(),
        Some(path) => match fs::read_to_string(&path) {
            Ok(text) => text,
            Err(error) if error.kind() == io::ErrorKind::NotFound => String::new(),
            Err(error) => return Err(error).with_context(|| format!("{} cannot be read", path.display())),
        },
    };
    let lines = text.lines().filter(|line| line.contains(' ') && !line.starts_with('#'));
    Ok(lines.map(str::to_owned).collect())
}

/// Writes the list anew.
pub(super) fn write(dir: &Path, failing: &[&Outcome<'_>]) -> anyhow::Result<()> {
    let mut lines: Vec<String> = failing.iter().map(|outcome| outcome.key()).collect();
    lines.sort();
    let path = dir.join(FILE);
    fs::write(&path, format!("{HEAD}\n{}\n", lines.join("\n")))
        .with_context(|| format!("{} cannot be written", path.display()))
}
