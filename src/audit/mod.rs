//! The audit: one record a request, written by a thread of its own, and read back for reports and replay.
//!
//! Recording never blocks and never fails a request: a full queue, like a sink that cannot write, loses records and counts them.

mod error;
mod handle;
mod jsonl;
mod report;
mod schema;
mod sqlite;
mod store;
mod times;
mod writer;

pub use error::AuditError;
pub use handle::{Audit, AuditOptions, SinkKind};
pub use jsonl::Jsonl;
pub use report::{By, Filter, Row};
pub use sqlite::Sqlite;
pub use store::{Records, Store};
pub use writer::Sink;

#[cfg(test)]
mod samples;
