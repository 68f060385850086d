//! What operators see from outside: log lines and figures. Neither carries texts of a conversation.

mod log;
mod metrics;
mod table;

pub use log::{LogError, LogFormat, LogOptions, Logging, init};
pub use metrics::{AuditGauges, Metrics, ModelGauges};
pub use table::{Kind, LABELS, Label, Metric, TABLE, Values};
