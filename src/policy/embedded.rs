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
    Source { path: "policies/AE.toml", text: include_str!("../../policies/AE.toml") },
    Source { path: "policies/AR.toml", text: include_str!("../../policies/AR.toml") },
    Source { path: "policies/BD.toml", text: include_str!("../../policies/BD.toml") },
    Source { path: "policies/BR.toml", text: include_str!("../../policies/BR.toml") },
    Source { path: "policies/CN.toml", text: include_str!("../../policies/CN.toml") },
    Source { path: "policies/DE.toml", text: include_str!("../../policies/DE.toml") },
    Source { path: "policies/EG.toml", text: include_str!("../../policies/EG.toml") },
    Source { path: "policies/ES.toml", text: include_str!("../../policies/ES.toml") },
    Source { path: "policies/ET.toml", text: include_str!("../../policies/ET.toml") },
    Source { path: "policies/FR.toml", text: include_str!("../../policies/FR.toml") },
    Source { path: "policies/GB.toml", text: include_str!("../../policies/GB.toml") },
    Source { path: "policies/ID.toml", text: include_str!("../../policies/ID.toml") },
    Source { path: "policies/IN.toml", text: include_str!("../../policies/IN.toml") },
    Source { path: "policies/IR.toml", text: include_str!("../../policies/IR.toml") },
    Source { path: "policies/IT.toml", text: include_str!("../../policies/IT.toml") },
    Source { path: "policies/JP.toml", text: include_str!("../../policies/JP.toml") },
    Source { path: "policies/KE.toml", text: include_str!("../../policies/KE.toml") },
    Source { path: "policies/KR.toml", text: include_str!("../../policies/KR.toml") },
    Source { path: "policies/MA.toml", text: include_str!("../../policies/MA.toml") },
    Source { path: "policies/MX.toml", text: include_str!("../../policies/MX.toml") },
    Source { path: "policies/MY.toml", text: include_str!("../../policies/MY.toml") },
    Source { path: "policies/NG.toml", text: include_str!("../../policies/NG.toml") },
    Source { path: "policies/NP.toml", text: include_str!("../../policies/NP.toml") },
    Source { path: "policies/PE.toml", text: include_str!("../../policies/PE.toml") },
    Source { path: "policies/PK.toml", text: include_str!("../../policies/PK.toml") },
    Source { path: "policies/RU.toml", text: include_str!("../../policies/RU.toml") },
    Source { path: "policies/SA.toml", text: include_str!("../../policies/SA.toml") },
    Source { path: "policies/SG.toml", text: include_str!("../../policies/SG.toml") },
    Source { path: "policies/TH.toml", text: include_str!("../../policies/TH.toml") },
    Source { path: "policies/TR.toml", text: include_str!("../../policies/TR.toml") },
    Source { path: "policies/US.toml", text: include_str!("../../policies/US.toml") },
    Source { path: "policies/VN.toml", text: include_str!("../../policies/VN.toml") },
];
