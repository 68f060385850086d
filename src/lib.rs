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

pub mod remote;

pub mod audit;

pub mod telemetry;

pub mod config;

pub mod gateway;

pub mod cli;
