//! What can go wrong with the audit.

use std::io;
use std::path::PathBuf;

/// Why an audit file could not be opened, written or read.
#[derive(Debug, thiserror::Error)]
pub enum AuditError {
    /// The file cannot be opened or made.
    #[error("the audit file {} cannot be opened: {why}: see that its folder is there and can be written", path.display())]
    Open {
        /// The file.
        path: PathBuf,
        /// What the system says.
        why: String,
    },
    /// There is no file to read.
    #[error("there is no audit file {}: name the one that `comity serve` writes", path.display())]
    Missing {
        /// The file.
        path: PathBuf,
    },
    /// The file is a database of something else.
    #[error("{} is no audit file of Comity: name another file", path.display())]
    Foreign {
        /// The file.
        path: PathBuf,
    },
    /// A newer Comity wrote the file.
    #[error(
        "the audit file {} has version {found}, and this Comity knows versions up to {known}: use a newer Comity, or name another file",
        path.display()
    )]
    Newer {
        /// The file.
        path: PathBuf,
        /// Its version.
        found: i64,
        /// The newest version that is known here.
        known: i64,
    },
    /// `SQLite` failed.
    #[error("the audit file cannot be used: {0}")]
    Sqlite(#[from] rusqlite::Error),
    /// Writing or rotating failed.
    #[error("the audit file {} cannot be written: {why}: see that its folder is there, writable and not full", path.display())]
    Write {
        /// The file.
        path: PathBuf,
        /// What the system says.
        why: io::Error,
    },
    /// A record cannot be turned into JSON or back.
    #[error("the record {id} cannot be read or written as JSON: {why}")]
    Record {
        /// The record's id.
        id: String,
        /// What the reader says.
        why: serde_json::Error,
    },
    /// The writer's thread could not be started.
    #[error("the audit's thread could not be started: {0}")]
    Thread(io::Error),
}
