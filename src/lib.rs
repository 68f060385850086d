//! Comity: a runtime guardrail proxy for cultural safety in front of a vision-language model.
//!
//! Read `ARCHITECTURE.md` for the life of a request; the modules below stand in the order of their dependencies.

pub mod domain;

pub mod wire;

pub mod policy;

pub mod context;

pub mod guard;

pub mod score;

pub mod classify;

pub mod upstream;

pub mod audit {
    #![allow(missing_docs, clippy::all, clippy::pedantic)]
    use crate::domain::*;
    use std::{path::{Path, PathBuf}, time::Duration};
    #[derive(Debug, Clone)] pub struct Audit;
    #[derive(Debug, thiserror::Error)] #[error("x")] pub struct AuditError;
    pub enum SinkKind { Sqlite { path: PathBuf }, Jsonl { path: PathBuf, rotate_bytes: u64, keep: u32 } }
    pub struct AuditOptions { pub sinks: Vec<SinkKind>, pub queue: usize, pub retention: Duration }
    impl Audit {
        pub fn open(_: AuditOptions) -> Result<Self, AuditError> { Ok(Self) }
        pub fn record(&self, _: Record) {}
        pub fn dropped(&self) -> u64 { 0 }
        pub fn written(&self) -> u64 { 0 }
        pub fn queued(&self) -> u64 { 0 }
        pub fn close(&self, _: Duration) {}
    }
    #[derive(Clone, Copy)] pub enum By { Country, Norm, Mode }
    pub struct Filter { pub since_ms: Option<i64>, pub country: Option<Country> }
    #[derive(serde::Serialize)] pub struct Mean { pub mean: f64 }
    #[derive(serde::Serialize)] pub struct Row { pub key: String, pub requests: u64, pub at_stake: u64, pub educated: u64, pub rewritten: u64, pub repaired: u64,
      pub awareness: Option<Mean>, pub education: Option<Mean>, pub compliance: Option<Mean>, pub helpfulness: Option<Mean> }
    pub struct Store;
    impl Store { pub fn open_read(_: &Path) -> Result<Self, AuditError> { Ok(Self) } pub fn report(&self, _: &Filter, _: By) -> Result<Vec<Row>, AuditError> { Ok(vec![]) } }
}
pub mod telemetry {
    #![allow(missing_docs, clippy::all, clippy::pedantic)]
    use crate::domain::*;
    #[derive(Debug, Clone, Copy)] pub enum LogFormat { Pretty, Json }
    #[derive(Debug, thiserror::Error)] #[error("x")] pub struct LogError;
    impl std::str::FromStr for LogFormat { type Err = LogError; fn from_str(_: &str) -> Result<Self, LogError> { Ok(Self::Pretty) } }
    pub struct LogOptions { pub format: LogFormat, pub filter: String }
    pub fn init(_: &LogOptions) -> Result<(), LogError> { Ok(()) }
    #[derive(Debug, Clone)] pub struct Metrics;
    pub struct ModelGauges { pub queued: u64, pub cache_entries: u64, pub cache_bytes: u64, pub done: u64, pub late: u64, pub busy: u64, pub failed: u64, pub threads_alive: u64 }
    pub struct AuditGauges { pub written: u64, pub dropped: u64, pub queued: u64 }
    impl Metrics { pub fn new() -> Self { Self } pub fn request(&self, _: &'static str, _: &Record) {} pub fn observe(&self, _: ModelGauges, _: AuditGauges) {} pub fn render(&self) -> String { String::new() } }
}

pub mod config;

pub mod gateway;

pub mod cli;
