//! Log lines on the standard error stream.

use std::fmt;
use std::io::IsTerminal;
use std::str::FromStr;

use tracing::level_filters::LevelFilter;
use tracing_appender::non_blocking::{NonBlockingBuilder, WorkerGuard};
use tracing_subscriber::EnvFilter;

use crate::domain::UnknownWord;

/// The form of log lines.
#[derive(Debug, Clone, Copy, Default, PartialEq, Eq)]
pub enum LogFormat {
    /// For people: one line an event, in colour on a terminal.
    #[default]
    Pretty,
    /// For machines: one JSON object an event.
    Json,
}

impl LogFormat {
    const ALL: [Self; 2] = [Self::Pretty, Self::Json];

    /// The word as settings spell it.
    #[must_use]
    pub const fn word(self) -> &'static str {
        match self {
            Self::Pretty => "pretty",
            Self::Json => "json",
        }
    }
}

impl FromStr for LogFormat {
    type Err = UnknownWord;

    fn from_str(text: &str) -> Result<Self, Self::Err> {
        Self::ALL.into_iter().find(|format| format.word() == text).ok_or_else(|| UnknownWord {
            what: "log format",
            found: text.chars().take(80).collect(),
            allowed: Self::ALL.map(Self::word).join(", "),
        })
    }
}

impl fmt::Display for LogFormat {
    fn fmt(&self, f: &mut fmt::Formatter<'_>) -> fmt::Result {
        f.pad(self.word())
    }
}

/// How log lines look and which there are.
#[derive(Debug, Clone, PartialEq, Eq)]
pub struct LogOptions {
    /// The form.
    pub format: LogFormat,
    /// Which lines, in `tracing`'s filter syntax: `info`, or `warn,comity=debug`.
    pub filter: String,
}

/// Log lines cannot be set up as asked.
#[derive(Debug, Clone, PartialEq, Eq, thiserror::Error)]
pub enum LogError {
    /// The filter is not understood.
    #[error(
        "the log filter `{filter}` is not understood ({why}): write a level (trace, debug, info, warn, error, off), or levels by part, such as warn,comity=debug"
    )]
    Filter {
        /// The filter as it came.
        filter: String,
        /// What is wrong with it.
        why: String,
    },
}

/// Writes the lines that wait. While it is held, lines are written; when it is dropped, those that wait are written out.
#[derive(Debug)]
#[must_use = "without it no line is written"]
pub struct Logging(#[expect(dead_code, reason = "it is held, not read")] WorkerGuard);

/// Lines that wait to be written. Where whoever reads them stops reading, further ones are dropped: a full pipe stops nobody from being served.
const WAITING: usize = 8192;

/// Writes log lines to the standard error stream from now on, by a thread of its own. A second call in one process changes nothing.
///
/// # Errors
/// [`LogError::Filter`], also at a second call.
pub fn init(options: &LogOptions) -> Result<Logging, LogError> {
    let filter = filter(&options.filter)?;
    let writer = NonBlockingBuilder::default().lossy(true).buffered_lines_limit(WAITING).thread_name("log");
    let (writer, guard) = writer.finish(std::io::stderr());
    let lines = tracing_subscriber::fmt().with_env_filter(filter).with_writer(writer);
    // On a terminal the subscriber's own default decides, which heeds NO_COLOR.
    let lines = if std::io::stderr().is_terminal() { lines } else { lines.with_ansi(false) };
    let installed = match options.format {
        LogFormat::Pretty => lines.try_init(),
        LogFormat::Json => lines.json().try_init(),
    };
    // The only failure is that somebody was first: then log lines are set up already.
    drop(installed);
    Ok(Logging(guard))
}

fn filter(text: &str) -> Result<EnvFilter, LogError> {
    let wrong = |why: String| LogError::Filter { filter: text.chars().take(200).collect(), why };
    if text.trim().is_empty() {
        return Err(wrong("it is empty".to_owned()));
    }
    let parts: Vec<&str> = text.split(',').map(str::trim).collect();
    // A misspelt level would pass for the name of a part, and silence all others. Within brackets a comma parts fields.
    let misspelt = parts.iter().find(|part| !part.contains('=') && part.parse::<LevelFilter>().is_err());
    if let Some(word) = misspelt.filter(|_| !text.contains('[')) {
        return Err(wrong(format!("`{}` is no level", word.chars().take(40).collect::<String>())));
    }
    EnvFilter::builder().parse(parts.join(",")).map_err(|error| wrong(error.to_string()))
}

#[cfg(test)]
mod tests {
    use super::*;

    #[test]
    fn formats_read_as_they_are_written() {
        for format in LogFormat::ALL {
            assert_eq!(format.to_string().parse(), Ok(format));
        }
        let error = "xml".parse::<LogFormat>().unwrap_err();
        assert_eq!(error.to_string(), "`xml` is no log format: use one of pretty, json");
    }

    #[test]
    fn filters_are_levels_or_levels_by_part() {
        for text in [
            "info",
            "WARN",
            "off",
            "warn,comity=debug",
            "info, comity::gateway=trace",
            "comity[chat{id=1}]=debug",
            "info,",
        ] {
            assert!(filter(text).is_ok(), "{text}");
        }
    }

    #[test]
    fn a_wrong_filter_says_what_to_write() {
        for text in ["", " ", "inof", "info,comity", "comity=loud", "warn,comity=debgu"] {
            let error = filter(text).unwrap_err().to_string();
            assert!(error.contains("write a level (trace, debug, info, warn, error, off)"), "{text}: {error}");
        }
        assert!(filter("inof").unwrap_err().to_string().contains("`inof` is no level"));
    }

    #[test]
    fn a_second_start_changes_nothing_and_still_checks() {
        let options = |filter: &str| LogOptions { format: LogFormat::Json, filter: filter.to_owned() };
        assert!(init(&options("off")).is_ok() && init(&options("off")).is_ok());
        assert!(init(&options("comity=loud")).is_err());
    }
}
