//! The `SQLite` sink: typed columns for reports, the whole record as JSON beside them.

use std::path::Path;

use rusqlite::{Connection, Transaction, params};

use super::{AuditError, Sink, schema};
use crate::domain::{AnswerRecord, Language, Record, Scores, Unavailable};

/// Old records that go at once: a transaction of some ten milliseconds.
const PRUNED_AT_ONCE: i64 = 1000;

const INSERT_RECORD: &str = "INSERT OR REPLACE INTO records (id, at, endpoint, mode, country, language, action, ended, status, outcome, unavailable, \
     awareness, education, compliance, helpfulness, over_warned, total_us, policy, record) \
     VALUES (?1, ?2, ?3, ?4, ?5, ?6, ?7, ?8, ?9, ?10, ?11, ?12, ?13, ?14, ?15, ?16, ?17, ?18, ?19)";
const INSERT_FINDING: &str =
    "INSERT OR REPLACE INTO findings (record, norm, probability, action, breached) VALUES (?1, ?2, ?3, ?4, ?5)";
const PRUNE: &str = "DELETE FROM records WHERE seq IN (SELECT seq FROM records WHERE at < ?1 ORDER BY at LIMIT ?2)";

/// Writes records to one `SQLite` file (WAL, synchronous NORMAL: a power cut may lose the last records, never the file).
#[derive(Debug)]
pub struct Sqlite {
    connection: Connection,
}

impl Sqlite {
    /// Opens the file, or makes it.
    ///
    /// # Errors
    /// [`AuditError::Open`], [`AuditError::Newer`], [`AuditError::Foreign`].
    pub fn open(path: &Path) -> Result<Self, AuditError> {
        Ok(Self { connection: schema::open(path)? })
    }
}

impl Sink for Sqlite {
    fn write(&mut self, batch: &[Record]) -> Result<(), AuditError> {
        let transaction = self.connection.transaction()?;
        for record in batch {
            insert(&transaction, record)?;
        }
        transaction.commit()?;
        Ok(())
    }

    fn prune(&mut self, before_ms: i64) -> Result<u64, AuditError> {
        let gone = self.connection.prepare_cached(PRUNE)?.execute(params![before_ms, PRUNED_AT_ONCE])?;
        Ok(gone as u64)
    }
}

fn insert(transaction: &Transaction<'_>, record: &Record) -> Result<(), AuditError> {
    let json = serde_json::to_string(record).map_err(|why| AuditError::Record { id: record.id.clone(), why })?;
    let answer = record.answer.as_ref();
    let Scores { awareness, education, compliance, helpfulness } =
        answer.map(|answer| answer.scores).unwrap_or_default();
    let seq = transaction.prepare_cached(INSERT_RECORD)?.insert(params![
        record.id,
        record.at,
        record.endpoint,
        record.mode.word(),
        record.context.places.first().map(|place| place.country.code()),
        record.context.language.as_ref().map(Language::code),
        record.action.word(),
        record.ended.word(),
        record.status,
        answer.map(|answer| answer.outcome.word()),
        record.unavailable.map(Unavailable::word),
        awareness,
        education,
        compliance,
        helpfulness,
        record.over_warned,
        i64::try_from(record.timings.total).unwrap_or(i64::MAX),
        record.hashes.policy,
        json,
    ])?;
    let mut statement = transaction.prepare_cached(INSERT_FINDING)?;
    for finding in &record.findings {
        let breached = answer.is_some_and(|AnswerRecord { breached, .. }| breached.contains(&finding.norm));
        statement.execute(params![
            seq,
            finding.norm.to_string(),
            finding.probability,
            finding.action.word(),
            breached
        ])?;
    }
    Ok(())
}

#[cfg(test)]
mod tests {
    use super::super::samples::{norm, record};
    use super::super::{By, Filter, Store};
    use super::*;

    #[test]
    fn a_record_comes_back_as_it_was() {
        let folder = tempfile::tempdir().unwrap();
        let path = folder.path().join("audit.sqlite");
        let written = record("a");
        Sqlite::open(&path).unwrap().write(&[written.clone(), record("b")]).unwrap();
        let store = Store::open_read(&path).unwrap();
        assert_eq!(store.record("a").unwrap(), Some(written));
        assert_eq!(store.record("c").unwrap(), None);
    }

    #[test]
    fn the_same_id_twice_is_one_record_and_costs_no_other() {
        let folder = tempfile::tempdir().unwrap();
        let path = folder.path().join("audit.sqlite");
        let mut sink = Sqlite::open(&path).unwrap();
        sink.write(&[record("a"), record("a"), record("b")]).unwrap();
        let found: u32 = sink.connection.query_row("SELECT count(*) FROM findings", [], |row| row.get(0)).unwrap();
        assert_eq!(found as usize, 2 * record("a").findings.len(), "the first one's findings went with it");
        let all =
            Store::open_read(&path).unwrap().records(&Filter::default(), 10).collect::<Result<Vec<_>, _>>().unwrap();
        assert_eq!(all.len(), 2);
    }

    #[test]
    fn old_records_go_with_their_findings_and_others_stay() {
        let folder = tempfile::tempdir().unwrap();
        let path = folder.path().join("audit.sqlite");
        let mut sink = Sqlite::open(&path).unwrap();
        let mut batch: Vec<Record> = (0..1500).map(|n| Record { at: n, ..record(&n.to_string()) }).collect();
        batch.push(Record { at: 9000, ..record("new") });
        sink.write(&batch).unwrap();
        assert_eq!([sink.prune(1500).unwrap(), sink.prune(1500).unwrap(), sink.prune(1500).unwrap()], [1000, 500, 0]);
        let rows = Store::open_read(&path).unwrap().report(&Filter::default(), By::Norm).unwrap();
        let row = rows.iter().find(|row| row.key == norm("CN/clock-as-gift").to_string()).unwrap();
        assert_eq!(row.requests, 1);
    }

    #[test]
    fn it_can_be_read_while_it_is_written() {
        let folder = tempfile::tempdir().unwrap();
        let path = folder.path().join("audit.sqlite");
        let mut sink = Sqlite::open(&path).unwrap();
        sink.write(&[record("a")]).unwrap();
        let store = Store::open_read(&path).unwrap();
        sink.write(&[record("b")]).unwrap();
        assert_eq!(store.records(&Filter::default(), 10).count(), 2);
    }
}
