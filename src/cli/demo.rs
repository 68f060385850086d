//! stub
#[derive(Debug, clap::Args)]
pub(super) struct Args {}
pub(super) fn run(_: &Args) -> anyhow::Result<std::process::ExitCode> { anyhow::bail!("stub") }
