//! `comity policy new`: a country's pack to fill in.

use std::fs::{self, OpenOptions};
use std::io::{self, Write};
use std::path::PathBuf;
use std::process::ExitCode;

use anyhow::{Context as _, bail};

use crate::domain::{Country, Language};

/// The pack as it begins. What is in capital letters between @ is filled in by the command.
const TEMPLATE: &str = include_str!("template.toml");

/// Flags of `comity policy new`.
#[derive(Debug, clap::Args)]
pub(super) struct Args {
    /// The country, by its ISO 3166-1 code
    #[arg(value_name = "CC")]
    country: Country,
    /// The folder of the packs; it is made where there is none
    #[arg(long, value_name = "DIR", default_value = "policies")]
    dir: PathBuf,
    /// The languages that people there read
    #[arg(long, value_name = "CODE", value_delimiter = ',', required = true)]
    languages: Vec<Language>,
}

/// Writes the file, unless there is one.
pub(super) fn run(args: &Args) -> anyhow::Result<ExitCode> {
    let path = args.dir.join(format!("{}.toml", args.country));
    fs::create_dir_all(&args.dir).with_context(|| format!("{} cannot be made", args.dir.display()))?;
    let mut file = match OpenOptions::new().write(true).create_new(true).open(&path) {
        Ok(file) => file,
        Err(error) if error.kind() == io::ErrorKind::AlreadyExists => bail!("{} is there already", path.display()),
        Err(error) => return Err(error).with_context(|| format!("{} cannot be written", path.display())),
    };
    file.write_all(begun(args.country, &args.languages).as_bytes())?;
    let mut out = io::stdout().lock();
    writeln!(out, "{} is begun: replace what stands in it, then", path.display())?;
    writeln!(out, "  comity check {}", args.dir.display())?;
    Ok(ExitCode::SUCCESS)
}

fn begun(country: Country, languages: &[Language]) -> String {
    let codes: Vec<String> = languages.iter().map(|language| format!("\"{language}\"")).collect();
    let texts = |key: &str, english: &str| {
        let others = languages.iter().filter(|language| **language != Language::ENGLISH);
        let others = others.map(|language| format!("\n{key}.{language} = \"the same in {language}\""));
        format!("{key}.en = \"{english}\"{}", others.collect::<String>())
    };
    let second = languages.iter().find(|language| **language != Language::ENGLISH).map_or("fr", Language::code);
    TEMPLATE
        .replace("@COUNTRY@", country.code())
        .replace("@NAME@", country.name())
        .replace("@LANGUAGES@", &codes.join(", "))
        .replace("@SAYS@", &texts("says", "In most homes guests take their shoes off at the door."))
        .replace("@WHY@", &texts("why", "The floor is where people sit, and it is kept clean."))
        .replace("@INSTEAD@", &texts("instead", "Suggest shoes that come off easily, and clean socks."))
        .replace("@SECOND@", second)
}

#[cfg(test)]
mod tests {
    use super::*;
    use crate::policy::{PolicySet, Source};

    #[test]
    fn a_pack_that_is_begun_is_sound() {
        for (country, languages) in [("LK", &["si", "ta"][..]), ("NZ", &["en"]), ("CN", &["zh"])] {
            let languages: Vec<Language> = languages.iter().map(|code| code.parse().unwrap()).collect();
            let text = begun(country.parse().unwrap(), &languages);
            let path = format!("{country}.toml");
            let (set, problems) = PolicySet::read(&[Source { path: &path, text: &text }]);
            let errors: Vec<_> = problems.iter().filter(|problem| !problem.message.contains("phrases.toml")).collect();
            assert!(set.is_some() && errors.is_empty(), "{problems:?}");
            assert!(!text.contains('@'), "{text}");
        }
    }

    #[test]
    fn what_is_there_is_not_written_over() {
        let folder = tempfile::tempdir().unwrap();
        let args = |dir: PathBuf| Args { country: "LK".parse().unwrap(), dir, languages: vec!["si".parse().unwrap()] };
        run(&args(folder.path().join("packs"))).unwrap();
        let told = run(&args(folder.path().join("packs"))).unwrap_err().to_string();
        assert!(told.ends_with("LK.toml is there already"), "{told}");
    }
}
