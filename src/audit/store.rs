//! Reading the `SQLite` file back.

use std::collections::VecDeque;
use std::path::Path;
use std::str::FromStr;

use rusqlite::types::Type;
use rusqlite::{Connection, OptionalExtension, Row as SqlRow, named_params};

use super::report::{Line, Report};
use super::{AuditError, By, Filter, Row, schema};
use crate::domain::{Country, Record};

/// Records read at once.
const PAGE: usize = 256;

const WHERE: &str = "(:since IS NULL OR r.at >= :since) AND (:country IS NULL OR r.country = :country)";
const COLUMNS: &str = "r.outcome, r.unavailable IS NOT NULL, r.over_warned, r.awareness, r.education, r.compliance, r.helpfulness, r.total_us";

/// An audit file, opened to read. Comity may go on writing to it meanwhile.
#[derive(Debug)]
pub struct Store {
    connection: Connection,
}

impl Store {
    /// Opens a file that Comity wrote.
    ///
    /// # Errors
    /// [`AuditError::Missing`], [`AuditError::Foreign`], [`AuditError::Newer`], [`AuditError::Open`].
    pub fn open_read(path: &Path) -> Result<Self, AuditError> {
        Ok(Self { connection: schema::open_read(path)? })
    }

    /// What happened, a row for each key, those with the most requests first.
    ///
    /// # Errors
    /// [`AuditError::Sqlite`].
    pub fn report(&self, filter: &Filter, by: By) -> Result<Vec<Row>, AuditError> {
        let (key, from) = match by {
            By::Country => ("coalesce(r.country, '-'), r.action", "records r"),
            By::Mode => ("r.mode, r.action", "records r"),
            By::Norm => ("f.norm, f.action", "records r JOIN findings f ON f.record = r.seq"),
        };
        let mut statement = self.connection.prepare(&format!("SELECT {key}, {COLUMNS} FROM {from} WHERE {WHERE}"))?;
        let country = filter.country.as_ref().map(Country::code);
        let mut rows = statement.query(named_params! { ":since": filter.since_ms, ":country": country })?;
        let mut report = Report::default();
        while let Some(row) = rows.next()? {
            report.add(line(row)?, by);
        }
        Ok(report.rows())
    }

    /// A record by its id.
    ///
    /// # Errors
    /// [`AuditError::Sqlite`]; [`AuditError::Record`] for one that this Comity cannot read.
    pub fn record(&self, id: &str) -> Result<Option<Record>, AuditError> {
        let mut statement = self.connection.prepare_cached("SELECT id, record FROM records WHERE id = ?1")?;
        let found: Option<(String, String)> =
            statement.query_row([id], |row| Ok((row.get(0)?, row.get(1)?))).optional()?;
        found.map(|(id, json)| parsed(id, &json)).transpose()
    }

    /// Up to `limit` records, in the order in which they were written.
    #[must_use]
    pub fn records(&self, filter: &Filter, limit: usize) -> Records<'_> {
        Records { store: self, filter: *filter, left: limit, after: 0, page: VecDeque::new() }
    }

    fn page(&self, filter: &Filter, after: i64, limit: usize) -> Result<VecDeque<(i64, String, String)>, AuditError> {
        let sql = format!(
            "SELECT r.seq, r.id, r.record FROM records r WHERE r.seq > :after AND {WHERE} ORDER BY r.seq LIMIT :limit"
        );
        let mut statement = self.connection.prepare_cached(&sql)?;
        let country = filter.country.as_ref().map(Country::code);
        let limit = i64::try_from(limit).unwrap_or(i64::MAX);
        let bound = named_params! { ":after": after, ":since": filter.since_ms, ":country": country, ":limit": limit };
        let rows = statement.query_map(bound, |row| Ok((row.get(0)?, row.get(1)?, row.get(2)?)))?;
        Ok(rows.collect::<Result<_, _>>()?)
    }
}

/// Records, read page by page.
#[derive(Debug)]
pub struct Records<'a> {
    store: &'a Store,
    filter: Filter,
    left: usize,
    after: i64,
    page: VecDeque<(i64, String, String)>,
}

impl Iterator for Records<'_> {
    type Item = Result<Record, AuditError>;

    fn next(&mut self) -> Option<Self::Item> {
        if self.page.is_empty() && self.left > 0 {
            match self.store.page(&self.filter, self.after, self.left.min(PAGE)) {
                Ok(page) => self.page = page,
                Err(error) => {
                    self.left = 0;
                    return Some(Err(error));
                }
            }
        }
        let (seq, id, json) = self.page.pop_front()?;
        self.after = seq;
        self.left -= 1;
        Some(parsed(id, &json))
    }
}

fn parsed(id: String, json: &str) -> Result<Record, AuditError> {
    serde_json::from_str(json).map_err(|why| AuditError::Record { id, why })
}

fn line(row: &SqlRow<'_>) -> rusqlite::Result<Line> {
    Ok(Line {
        key: row.get(0)?,
        action: word(row, 1)?,
        outcome: row.get_ref(2)?.as_str_or_null()?.map(|_| word(row, 2)).transpose()?,
        unavailable: row.get(3)?,
        over_warned: row.get(4)?,
        scores: [row.get(5)?, row.get(6)?, row.get(7)?, row.get(8)?],
        total_us: row.get(9)?,
    })
}

/// A word of a closed set.
fn word<T>(row: &SqlRow<'_>, column: usize) -> rusqlite::Result<T>
where
    T: FromStr<Err: std::error::Error + Send + Sync + 'static>,
{
    let text = row.get_ref(column)?.as_str()?;
    text.parse().map_err(|error| rusqlite::Error::FromSqlConversionFailure(column, Type::Text, Box::new(error)))
}

#[cfg(test)]
mod tests {
    use super::super::samples::{norm, record};
    use super::super::{Sink, Sqlite};
    use super::*;
    use crate::domain::{
        Action, AnswerRecord, ContextRecord, FindingRecord, Mode, Outcome, Scores, Timings, Unavailable,
    };

    fn store(records: &[Record]) -> (tempfile::TempDir, Store) {
        let folder = tempfile::tempdir().unwrap();
        let path = folder.path().join("audit.sqlite");
        Sqlite::open(&path).unwrap().write(records).unwrap();
        let store = Store::open_read(&path).unwrap();
        (folder, store)
    }

    fn answered(id: &str, outcome: Outcome, compliance: f32) -> Record {
        let scores = Scores { compliance: Some(compliance), ..Scores::default() };
        let breached = vec![norm("CN/clock-as-gift")];
        Record { answer: Some(AnswerRecord { outcome, breached, repairs: 1, scores }), ..record(id) }
    }

    /// Nothing at stake, nowhere.
    fn plain(id: &str) -> Record {
        Record {
            action: Action::Pass,
            context: ContextRecord::default(),
            findings: Vec::new(),
            answer: None,
            unavailable: Some(Unavailable::Late),
            over_warned: Some(true),
            timings: Timings { total: 5_000, ..Timings::default() },
            ..record(id)
        }
    }

    #[test]
    fn a_report_by_country_counts_and_averages() {
        let (_folder, store) = store(&[
            answered("a", Outcome::Repaired, 0.5),
            answered("b", Outcome::Corrected, 1.0),
            plain("c"),
            plain("d"),
            plain("e"),
        ]);
        let rows = store.report(&Filter::default(), By::Country).unwrap();
        assert_eq!(rows.iter().map(|row| row.key.as_str()).collect::<Vec<_>>(), ["-", "CN"]);
        let (none, china) = (&rows[0], &rows[1]);
        assert_eq!((none.requests, none.at_stake, none.unavailable), (3, 0, 3));
        assert_eq!(none.over_warned.map(|mean| (mean.n, mean.mean)), Some((3, 1.0)));
        assert_eq!((none.compliance, none.helpfulness), (None, None), "not judged is not 0");
        assert!((none.p50_ms.unwrap() / 5.0 - 1.0).abs() < 0.0101 && none.p95_ms == none.p50_ms);
        assert_eq!((china.requests, china.at_stake, china.rewritten, china.repaired, china.corrected), (2, 2, 2, 1, 1));
        assert_eq!(china.compliance.map(|mean| (mean.n, mean.mean)), Some((2, 0.75)));
    }

    #[test]
    fn a_report_by_norm_scores_only_where_the_norm_was_at_stake() {
        let (_folder, store) = store(&[answered("a", Outcome::Repaired, 0.5), plain("b")]);
        let rows = store.report(&Filter::default(), By::Norm).unwrap();
        let found: Vec<_> =
            rows.iter().map(|row| (row.key.as_str(), row.requests, row.at_stake, row.repaired)).collect();
        assert_eq!(found, [("CN/clock-as-gift", 1, 1, 1), ("CN/green-hat", 1, 0, 0)]);
        assert_eq!((rows[0].compliance.map(|mean| mean.n), rows[1].compliance), (Some(1), None));
    }

    #[test]
    fn filters_narrow_reports_and_records() {
        let shadow = Record { mode: Mode::Shadow, at: 5, ..record("old") };
        let (_folder, store) =
            store(&[shadow, Record { at: 50, ..record("new") }, Record { at: 60, ..plain("nowhere") }]);
        let filter = Filter { since_ms: Some(50), country: Some("CN".parse().unwrap()) };
        let ids = |filter| store.records(filter, 10).map(|record| record.unwrap().id).collect::<Vec<_>>();
        assert_eq!(ids(&filter), ["new"]);
        assert_eq!(ids(&Filter { country: None, ..filter }), ["new", "nowhere"]);
        let rows = store.report(&Filter::default(), By::Mode).unwrap();
        assert_eq!(
            rows.iter().map(|row| (row.key.as_str(), row.requests)).collect::<Vec<_>>(),
            [("enforce", 2), ("shadow", 1)]
        );
        assert_eq!(store.report(&filter, By::Mode).unwrap().len(), 1);
    }

    #[test]
    fn records_come_in_order_over_many_pages_up_to_the_limit() {
        let all: Vec<Record> = (0..600).map(|n| record(&n.to_string())).collect();
        let (_folder, store) = store(&all);
        for limit in [0, 1, 256, 300, 600, 1000] {
            let ids: Vec<_> = store.records(&Filter::default(), limit).map(|record| record.unwrap().id).collect();
            assert_eq!(ids, (0..limit.min(600)).map(|n| n.to_string()).collect::<Vec<_>>());
        }
    }

    #[test]
    fn a_record_that_cannot_be_read_is_named_and_the_others_are_read() {
        let (folder, store) = store(&[record("a"), record("b")]);
        let writing = Connection::open(folder.path().join("audit.sqlite")).unwrap();
        writing.execute("UPDATE records SET record = '{}' WHERE id = 'a'", []).unwrap();
        let read: Vec<_> = store.records(&Filter::default(), 10).collect();
        assert!(matches!(&read[0], Err(AuditError::Record { id, .. }) if id == "a"));
        assert_eq!(read[1].as_ref().unwrap().id, "b");
    }

    #[test]
    fn the_strictest_sample_is_what_the_tests_take_it_for() {
        let actions: Vec<Action> = record("a").findings.iter().map(|finding: &FindingRecord| finding.action).collect();
        assert_eq!(actions, [Action::Rewrite, Action::Pass]);
    }
}
