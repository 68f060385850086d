//! Labelled questions, read from a file: JSON lines of our own form, or the JSON of CROSS (arXiv 2505.14972).

use std::collections::{BTreeMap, BTreeSet};
use std::fs;
use std::path::{Path, PathBuf};

use anyhow::{Context as _, bail, ensure};
use serde::Deserialize;

use crate::domain::{Country, Language, Norm, NormId};

/// One labelled question.
#[derive(Debug, Clone, PartialEq)]
pub(super) struct Item {
    pub(super) id: String,
    /// Where it is set.
    pub(super) country: Country,
    pub(super) language: Option<Language>,
    /// `positive`, or which kind of near miss it is.
    pub(super) kind: String,
    /// What it shares with its near misses.
    pub(super) group: Option<String>,
    pub(super) query: String,
    pub(super) picture: Option<Shown>,
    /// Whether it cannot be judged without its photograph.
    pub(super) needs_photo: bool,
    /// Which norms are the right ones; `None`: nothing is at stake.
    pub(super) right: Option<Right>,
    pub(super) answers: Vec<Graded>,
}

/// What stands for an item's picture.
#[derive(Debug, Clone, PartialEq)]
pub(super) enum Shown {
    /// The photograph.
    Photo(PathBuf),
    /// What it shows: the photograph is not at hand.
    Name(String),
}

/// How the right norm is told.
#[derive(Debug, Clone, PartialEq, Eq)]
pub(super) enum Right {
    /// A norm whose texts hold one of these.
    Words(Vec<String>),
    /// One of these norms; empty: no pack is known to have it.
    Ids(BTreeSet<NormId>),
}

impl Right {
    /// Whether this is the right norm.
    pub(super) fn is(&self, norm: &Norm) -> bool {
        match self {
            Self::Ids(ids) => ids.contains(&norm.id),
            Self::Words(words) => {
                let texts = [&norm.says, &norm.why, &norm.instead];
                let mut all = norm.id.slug().replace('-', " ");
                for text in texts {
                    for language in text.languages() {
                        all.push(' ');
                        all.push_str(text.in_language(language));
                    }
                }
                let all = all.to_lowercase();
                words.iter().any(|word| all.contains(&word.to_lowercase()))
            }
        }
    }
}

/// An answer with what people say of it.
#[derive(Debug, Clone, PartialEq, Deserialize)]
pub(super) struct Graded {
    pub(super) text: String,
    pub(super) breaches: Option<bool>,
    pub(super) aware: Option<bool>,
    pub(super) educates: Option<bool>,
    pub(super) helpful: Option<bool>,
}

/// A line of our own form. Fields that are not needed here may stand in it.
#[derive(Debug, Deserialize)]
struct Row {
    id: String,
    country: Country,
    language: Option<Language>,
    photo: Option<String>,
    #[serde(default)]
    needs_photo: bool,
    query: String,
    at_stake: bool,
    #[serde(default)]
    norm_keywords: Vec<String>,
    #[serde(default)]
    norm_ids: BTreeSet<NormId>,
    kind: String,
    group: Option<String>,
    #[serde(default)]
    answers: Vec<Graded>,
}

/// An item of CROSS.
#[derive(Debug, Deserialize)]
struct Cross {
    subset: String,
    index: String,
    country: String,
    item: String,
    image: String,
    query: String,
}

/// Reads a set. `photos` holds its pictures; one that is not there is known by the name of what it shows. `counterparts` names the norms that answer to items
/// of CROSS.
pub(super) fn read(cases: &Path, photos: Option<&Path>, counterparts: Option<&Path>) -> anyhow::Result<Vec<Item>> {
    let text = fs::read_to_string(cases).with_context(|| format!("{} cannot be read", cases.display()))?;
    let items = if text.trim_start().starts_with('[') {
        let Some(counterparts) = counterparts else {
            bail!(
                "{} is a JSON array, so it is taken as CROSS, which words its norms anew for each item: name the norms of the packs that answer to them with --counterparts FILE, a line `subset:index<TAB>CC/norm,CC/norm` for each item, `-` where none does",
                cases.display()
            );
        };
        cross(&text, photos, counterparts).with_context(|| format!("{}", cases.display()))?
    } else {
        let lines = text.lines().enumerate().filter(|(_, line)| !line.trim().is_empty());
        let item = |(at, line)| own(line, photos).with_context(|| format!("{}:{}", cases.display(), at + 1));
        lines.map(item).collect::<anyhow::Result<Vec<Item>>>()?
    };
    ensure!(!items.is_empty(), "{} has no questions", cases.display());
    let mut ids = BTreeSet::new();
    match items.iter().find(|item| !ids.insert(&item.id)) {
        Some(twice) => bail!("{}: the id `{}` stands there twice", cases.display(), twice.id),
        None => Ok(items),
    }
}

fn own(line: &str, photos: Option<&Path>) -> anyhow::Result<Item> {
    let row: Row = serde_json::from_str(line)?;
    ensure!(
        !row.at_stake || !row.norm_keywords.is_empty() || !row.norm_ids.is_empty(),
        "what is at stake needs \"norm_ids\", or \"norm_keywords\": words of which the right norm's texts have one"
    );
    let right = if row.norm_ids.is_empty() { Right::Words(row.norm_keywords) } else { Right::Ids(row.norm_ids) };
    Ok(Item {
        picture: row.photo.as_deref().map(|photo| shown(photos, photo, &spelled_out(photo))),
        right: row.at_stake.then_some(right),
        id: row.id,
        country: row.country,
        language: row.language,
        kind: row.kind,
        group: row.group,
        query: row.query,
        needs_photo: row.needs_photo,
        answers: row.answers,
    })
}

/// `analog_clock.jpg` shows an analog clock.
fn spelled_out(photo: &str) -> String {
    let stem = Path::new(photo).file_stem().unwrap_or_default().to_string_lossy();
    stem.replace(['_', '-'], " ")
}

fn shown(photos: Option<&Path>, file: &str, shows: &str) -> Shown {
    let path = photos.map(|folder| folder.join(file)).filter(|path| path.is_file());
    path.map_or_else(|| Shown::Name(shows.to_owned()), Shown::Photo)
}

fn cross(text: &str, photos: Option<&Path>, counterparts: &Path) -> anyhow::Result<Vec<Item>> {
    let items: Vec<Cross> = serde_json::from_str(text)?;
    let table = table(counterparts)?;
    let mut seen: BTreeMap<String, usize> = BTreeMap::new();
    items
        .into_iter()
        .map(|item| {
            let key = format!("{}:{}", item.subset, item.index);
            let ids = table.get(&key).with_context(|| format!("{} has no line for {key}", counterparts.display()))?;
            // One item stands there with several pictures.
            let count = seen.entry(key.clone()).or_default();
            *count += 1;
            Ok(Item {
                id: if *count == 1 { key } else { format!("{key}:{count}") },
                country: Country::named(&item.country)
                    .with_context(|| format!("`{}` is not the name of a country", item.country))?,
                language: Some(Language::ENGLISH),
                kind: "positive".into(),
                group: None,
                query: item.query,
                picture: Some(shown(photos, &item.image, &item.item)),
                needs_photo: true,
                right: Some(Right::Ids(ids.clone())),
                answers: Vec::new(),
            })
        })
        .collect()
}

/// Which norms answer to which item.
fn table(path: &Path) -> anyhow::Result<BTreeMap<String, BTreeSet<NormId>>> {
    let text = fs::read_to_string(path).with_context(|| format!("{} cannot be read", path.display()))?;
    let lines = text.lines().enumerate().filter(|(_, line)| !line.is_empty() && !line.starts_with('#'));
    let row = |(at, line): (usize, &str)| {
        let (key, ids) = line.split_once('\t').context("there is no tab behind the item")?;
        let ids = ids.split(',').filter(|id| *id != "-").map(str::parse).collect::<Result<_, _>>();
        Ok::<_, anyhow::Error>((key.to_owned(), ids.with_context(|| format!("line {}", at + 1))?))
    };
    lines.map(|(at, line)| row((at, line)).with_context(|| format!("{}:{}", path.display(), at + 1))).collect()
}

#[cfg(test)]
mod tests {
    use super::*;

    fn file(name: &str, text: &str) -> (tempfile::TempDir, PathBuf) {
        let folder = tempfile::tempdir().unwrap();
        let path = folder.path().join(name);
        fs::write(&path, text).unwrap();
        (folder, path)
    }

    const ROW: &str = r#"{"id":"a","country":"CN","language":"en","photo":"wall_clock.jpg","needs_photo":true,"query":"For him?","at_stake":true,"norm":"x","norm_keywords":["Clock"],"kind":"positive","answers":[{"text":"Yes.","language":"en","breaches":true,"aware":false,"educates":false,"helpful":true}]}"#;

    #[test]
    fn a_photograph_that_is_not_there_is_known_by_its_name() {
        let (folder, path) = file("set.jsonl", ROW);
        let items = read(&path, Some(folder.path()), None).unwrap();
        assert_eq!(items[0].picture, Some(Shown::Name("wall clock".into())));
        fs::write(folder.path().join("wall_clock.jpg"), "").unwrap();
        let items = read(&path, Some(folder.path()), None).unwrap();
        assert_eq!(items[0].picture, Some(Shown::Photo(folder.path().join("wall_clock.jpg"))));
        assert_eq!((items[0].answers.len(), items[0].answers[0].breaches), (1, Some(true)));
    }

    #[test]
    fn mistakes_name_file_and_line() {
        for (text, says) in [
            (format!("{ROW}\n\n{{\"id\":1}}"), "set.jsonl:3"),
            (ROW.replace(r#"["Clock"]"#, "[]"), "norm_keywords"),
            (format!("{ROW}\n{ROW}"), "`a` stands there twice"),
            ("\n".to_owned(), "no questions"),
            ("[]".to_owned(), "--counterparts"),
        ] {
            let (_folder, path) = file("set.jsonl", &text);
            let error = format!("{:#}", read(&path, None, None).unwrap_err());
            assert!(error.contains(says), "{error}");
        }
    }

    #[test]
    fn cross_is_read_with_the_table_of_counterparts() {
        let item = r#"{"subset":"casa","index":"Iran_1","country":"Iran","item":"Wall clock","image":"a.png","query":"May I?","norm":"n"}"#;
        let (folder, path) = file("cross.json", &format!("[{item},{item}]"));
        let table = folder.path().join("table.tsv");
        fs::write(&table, "# item\tnorms\ncasa:Iran_1\tIR/a,IR/b\n").unwrap();
        let items = read(&path, None, Some(&table)).unwrap();
        assert_eq!((items[0].id.as_str(), items[1].id.as_str()), ("casa:Iran_1", "casa:Iran_1:2"));
        assert_eq!(items[0].country.code(), "IR");
        let ids = ["IR/a", "IR/b"].map(|id| id.parse().unwrap());
        assert_eq!(items[0].right, Some(Right::Ids(ids.into())));
        fs::write(&table, "casa:Iran_2\t-\n").unwrap();
        let error = format!("{:#}", read(&path, None, Some(&table)).unwrap_err());
        assert!(error.contains("no line for casa:Iran_1"), "{error}");
    }
}
