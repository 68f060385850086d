//! Whose culture a turn is about, and in which language it is asked. Pure: hints, texts and a list of place names in,
//! countries out.
//!
//! A picture never decides a country: the same stock photo is shown in many.

mod edges;
mod fold;
mod language;
mod mention;
mod origin;
mod places;
mod region;
mod resolve;
mod words;

pub use language::language;
pub use places::{AddedName, Places};
pub use region::region;
pub use resolve::resolve;
