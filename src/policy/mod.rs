//! Policy packs: norms as TOML, the floor above them, and what follows from both for one turn.
//!
//! [`PolicySet::read`] turns files into norms and reports every mistake at its place; [`decide`] and [`plan`] turn findings into what is done;
//! [`note`], [`repair_ask`] and the set's phrases put it into words, for the model and for people. Nothing here reads a file or a clock.

mod case;
mod decide;
mod embedded;
#[cfg(test)]
mod fixture;
mod floor;
mod force;
mod norm;
mod note;
mod overlay;
mod pack;
mod phrases;
mod problem;
mod replay;
mod schema;
mod set;
mod sheet;
mod terms;

pub use case::Case;
pub use decide::{decide, plan, without_silence};
pub use floor::Floor;
pub use force::Policy;
pub use note::{note, repair_ask};
pub use overlay::Overlay;
pub use pack::Pack;
pub use problem::{Problem, Severity};
pub use replay::{Replayed, replay};
pub use schema::{overlay_schema, pack_schema};
pub use set::{PolicySet, Source};
