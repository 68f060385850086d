//! The `SQLite` file's tables and versions.

use std::fs::OpenOptions;
use std::os::unix::fs::OpenOptionsExt;
use std::path::Path;
use std::time::Duration;

use rusqlite::{Connection, OpenFlags};

use super::AuditError;

/// Marks a file as Comity's audit (`PRAGMA application_id`): "Cmty".
const MARK: i64 = 0x436D_7479;
/// The version of the tables (`PRAGMA user_version`).
pub(super) const VERSION: i64 = 1;

const TABLES: &str = "
CREATE TABLE records (
    seq INTEGER PRIMARY KEY,
    id TEXT NOT NULL UNIQUE,
    at INTEGER NOT NULL,
    endpoint TEXT NOT NULL,
    mode TEXT NOT NULL,
    country TEXT,
    language TEXT,
    action TEXT NOT NULL,
    ended TEXT NOT NULL,
    status INTEGER NOT NULL,
    outcome TEXT,
    unavailable TEXT,
    awareness REAL,
    education REAL,
    compliance REAL,
    helpfulness REAL,
    over_warned INTEGER,
    total_us INTEGER NOT NULL,
    policy TEXT NOT NULL,
    record TEXT NOT NULL
) STRICT;
CREATE INDEX records_at ON records (at);
CREATE TABLE findings (
    record INTEGER NOT NULL REFERENCES records (seq) ON DELETE CASCADE,
    norm TEXT NOT NULL,
    probability REAL NOT NULL,
    action TEXT NOT NULL,
    breached INTEGER NOT NULL,
    PRIMARY KEY (record, norm)
) STRICT, WITHOUT ROWID;
";

/// Opens a file to write, makes it where there is none, and brings an older one up to date.
pub(super) fn open(path: &Path) -> Result<Connection, AuditError> {
    let wrong = |why: String| AuditError::Open { path: path.to_owned(), why };
    // Made here rather than by SQLite, so that only its owner can read it.
    let made = OpenOptions::new().append(true).create(true).mode(0o600).open(path);
    made.map_err(|error| wrong(error.to_string()))?;
    let mut connection = Connection::open(path).map_err(|error| wrong(error.to_string()))?;
    connection.busy_timeout(Duration::from_secs(5))?;
    match version(&connection, path)? {
        Some(_) => {}
        None => make(&mut connection)?,
    }
    connection.execute_batch(
        "PRAGMA journal_mode = WAL; PRAGMA synchronous = NORMAL; PRAGMA foreign_keys = ON; PRAGMA journal_size_limit = 67108864;",
    )?;
    Ok(connection)
}

/// Opens a file to read.
pub(super) fn open_read(path: &Path) -> Result<Connection, AuditError> {
    if !path.is_file() {
        return Err(AuditError::Missing { path: path.to_owned() });
    }
    let flags = OpenFlags::SQLITE_OPEN_READ_ONLY | OpenFlags::SQLITE_OPEN_NO_MUTEX;
    let wrong = |error: rusqlite::Error| AuditError::Open { path: path.to_owned(), why: error.to_string() };
    let connection = Connection::open_with_flags(path, flags).map_err(wrong)?;
    connection.busy_timeout(Duration::from_secs(5))?;
    version(&connection, path)?.ok_or_else(|| AuditError::Foreign { path: path.to_owned() })?;
    Ok(connection)
}

/// The version of a file's tables; `None` of an empty file.
fn version(connection: &Connection, path: &Path) -> Result<Option<i64>, AuditError> {
    let foreign = |_| AuditError::Foreign { path: path.to_owned() };
    let pragma = |name| connection.pragma_query_value(None, name, |row| row.get::<_, i64>(0)).map_err(foreign);
    let tables: i64 =
        connection.query_row("SELECT count(*) FROM sqlite_master", [], |row| row.get(0)).map_err(foreign)?;
    let (mark, found) = (pragma("application_id")?, pragma("user_version")?);
    match (mark, tables) {
        (0, 0) => Ok(None),
        (MARK, _) if found > VERSION => Err(AuditError::Newer { path: path.to_owned(), found, known: VERSION }),
        (MARK, _) => Ok(Some(found)),
        _ => Err(AuditError::Foreign { path: path.to_owned() }),
    }
}

fn make(connection: &mut Connection) -> Result<(), AuditError> {
    let transaction = connection.transaction()?;
    transaction.execute_batch(TABLES)?;
    transaction.pragma_update(None, "application_id", MARK)?;
    transaction.pragma_update(None, "user_version", VERSION)?;
    transaction.commit()?;
    Ok(())
}

#[cfg(test)]
mod tests {
    use super::*;

    #[test]
    fn a_newer_file_is_refused_to_writers_and_readers() {
        let folder = tempfile::tempdir().unwrap();
        let path = folder.path().join("audit.sqlite");
        open(&path).unwrap().pragma_update(None, "user_version", VERSION + 1).unwrap();
        for error in [open(&path).unwrap_err(), open_read(&path).unwrap_err()] {
            assert!(matches!(error, AuditError::Newer { found, known: VERSION, .. } if found == VERSION + 1));
            let told = error.to_string();
            assert!(told.contains("version 2") && told.contains("use a newer Comity"), "{told}");
        }
    }

    #[test]
    fn what_is_no_audit_is_left_alone() {
        let folder = tempfile::tempdir().unwrap();
        let (other, text) = (folder.path().join("other.sqlite"), folder.path().join("notes.txt"));
        Connection::open(&other).unwrap().execute_batch("CREATE TABLE mine (x)").unwrap();
        std::fs::write(&text, "this is no database, and it is longer than a header of one hundred bytes, which SQLite reads first of all.").unwrap();
        for path in [&other, &text] {
            let before = std::fs::read(path).unwrap();
            assert!(matches!(open(path).unwrap_err(), AuditError::Foreign { .. }));
            assert!(matches!(open_read(path).unwrap_err(), AuditError::Foreign { .. }));
            assert_eq!(std::fs::read(path).unwrap(), before);
        }
        assert!(matches!(open_read(&folder.path().join("none")).unwrap_err(), AuditError::Missing { .. }));
        assert!(matches!(open(&folder.path().join("no/folder")).unwrap_err(), AuditError::Open { .. }));
    }

    #[test]
    fn only_its_owner_can_read_the_file() {
        use std::os::unix::fs::PermissionsExt;
        let folder = tempfile::tempdir().unwrap();
        let path = folder.path().join("audit.sqlite");
        let connection = open(&path).unwrap();
        connection.execute_batch("CREATE TABLE scratch (x)").unwrap();
        for file in std::fs::read_dir(folder.path()).unwrap() {
            assert_eq!(file.unwrap().metadata().unwrap().permissions().mode() & 0o777, 0o600);
        }
    }
}
