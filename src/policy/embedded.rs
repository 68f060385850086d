//! The files that come with Comity.

use super::set::Source;

/// The floor in force where none is given.
pub(super) const FLOOR: Source<'static> =
    Source { path: "policies/floor.toml", text: include_str!("../../policies/floor.toml") };

/// The phrases in force where none are given.
pub(super) const PHRASES: Source<'static> =
    Source { path: "policies/phrases.toml", text: include_str!("../../policies/phrases.toml") };

/// The packs. One line adds a country.
pub(super) const PACKS: &[Source<'static>] = &[
    Source { path: "policies/CN.toml", text: include_str!("../../policies/CN.toml") },
    Source { path: "policies/JP.toml", text: include_str!("../../policies/JP.toml") },
    Source { path: "policies/SA.toml", text: include_str!("../../policies/SA.toml") },
    Source { path: "policies/TH.toml", text: include_str!("../../policies/TH.toml") },
];
