//! Comity: a runtime guardrail proxy for cultural safety in front of a vision-language model.
//!
//! Read `ARCHITECTURE.md` for the life of a request; the modules below stand in the order of their dependencies.

pub mod domain;
pub mod guard;
