//! The proxy: from a client's bytes to the upstream's and back. `guarded.rs` is the place to start reading.

mod admin;
mod answer;
mod app;
mod beside;
mod body;
mod conclusion;
mod error;
mod exchange;
mod guarded;
mod held;
mod hints;
mod judging;
mod keep_alive;
mod numbers;
mod observe;
mod outgoing;
mod packs;
mod pass;
mod reload;
mod routes;
mod serve;
mod shadow;
mod stream;
mod tunnel;

pub use admin::serve_admin;
pub use app::{App, Limits, Parts, Policies, Refused, Settings};
pub use body::Body;
pub use judging::{Understood, judge_by_norms, look_at, understand, understand_named};
pub use packs::{PacksError, read_packs};
pub use reload::{Reload, keep_fresh, reload};
pub use serve::{Shutdown, serve};
