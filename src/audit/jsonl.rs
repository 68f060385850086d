//! JSON lines: a file that is appended to, and begun anew when it is large or old.

use std::ffi::OsString;
use std::fs::{self, File, OpenOptions};
use std::io::{self, BufRead, BufReader, Read, Seek, SeekFrom, Write};
use std::os::unix::fs::OpenOptionsExt;
use std::path::{Path, PathBuf};
use std::time::{Duration, UNIX_EPOCH};

use serde::Deserialize;

use super::{AuditError, Sink};
use crate::domain::Record;

/// A file of JSON lines. Files that are full move to `path.1`, `path.2` … and go away after `keep` of them, or when all their records are older than the
/// retention; a record thus stays up to twice the retention, and no longer.
#[derive(Debug)]
pub struct Jsonl {
    path: PathBuf,
    rotate_bytes: u64,
    keep: usize,
    file: File,
    size: u64,
    /// When the oldest record in the file came; `None` in an empty file.
    oldest: Option<i64>,
    /// Whether the file may end in half a line.
    torn: bool,
}

impl Jsonl {
    /// Opens the file, or makes it; only its owner can read a new one.
    ///
    /// # Errors
    /// [`AuditError::Open`].
    pub fn open(path: PathBuf, rotate_bytes: u64, keep: usize) -> Result<Self, AuditError> {
        let opened = begin(&path)
            .and_then(|mut file| Ok((file.metadata()?.len(), oldest(&mut file)?, ends_torn(&mut file)?, file)));
        match opened {
            Ok((size, oldest, torn, file)) => Ok(Self { path, rotate_bytes, keep, file, size, oldest, torn }),
            Err(error) => Err(AuditError::Open { path, why: error.to_string() }),
        }
    }

    fn append(&mut self, lines: &[u8]) -> io::Result<()> {
        if lines.is_empty() {
            return Ok(());
        }
        if std::mem::replace(&mut self.torn, true) {
            self.file.write_all(b"\n")?;
            self.size += 1;
        }
        self.file.write_all(lines)?;
        self.torn = false;
        self.size += lines.len() as u64;
        Ok(())
    }

    /// Moves the file to `path.1` and each older one a number further, and begins a new one.
    fn rotate(&mut self) -> io::Result<()> {
        for number in (1..self.keep).rev() {
            moved(&numbered(&self.path, number), &numbered(&self.path, number + 1))?;
        }
        if self.keep == 0 {
            fs::remove_file(&self.path)?;
        } else {
            moved(&self.path, &numbered(&self.path, 1))?;
        }
        self.file = begin(&self.path)?;
        (self.size, self.oldest, self.torn) = (0, None, false);
        Ok(())
    }

    fn write_all(&mut self, batch: &[Record], lines: &[Vec<u8>]) -> io::Result<()> {
        let mut ready: Vec<u8> = Vec::new();
        for (record, line) in batch.iter().zip(lines) {
            let held = self.size + ready.len() as u64;
            if held > 0 && held + line.len() as u64 > self.rotate_bytes {
                self.append(&std::mem::take(&mut ready))?;
                self.rotate()?;
            }
            self.oldest = Some(self.oldest.map_or(record.at, |oldest| oldest.min(record.at)));
            ready.extend_from_slice(line);
        }
        self.append(&ready)
    }
}

impl Sink for Jsonl {
    fn write(&mut self, batch: &[Record]) -> Result<(), AuditError> {
        let line = |record: &Record| {
            let mut line =
                serde_json::to_vec(record).map_err(|why| AuditError::Record { id: record.id.clone(), why })?;
            line.push(b'\n');
            Ok(line)
        };
        let lines = batch.iter().map(line).collect::<Result<Vec<_>, AuditError>>()?;
        self.write_all(batch, &lines).map_err(|why| AuditError::Write { path: self.path.clone(), why })
    }

    fn prune(&mut self, before_ms: i64) -> Result<u64, AuditError> {
        let pruned = || -> io::Result<()> {
            for number in 1..=self.keep {
                let path = numbered(&self.path, number);
                if modified_ms(&path)?.is_some_and(|modified| modified < before_ms) {
                    fs::remove_file(&path)?;
                }
            }
            Ok(())
        };
        pruned().map_err(|why| AuditError::Write { path: self.path.clone(), why })?;
        if self.oldest.is_some_and(|oldest| oldest < before_ms) {
            self.rotate().map_err(|why| AuditError::Write { path: self.path.clone(), why })?;
        }
        Ok(0) // all there is to do was done at once
    }
}

fn begin(path: &Path) -> io::Result<File> {
    OpenOptions::new().read(true).append(true).create(true).mode(0o600).open(path)
}

fn numbered(path: &Path, number: usize) -> PathBuf {
    let mut name = OsString::from(path);
    name.push(format!(".{number}"));
    name.into()
}

/// Moves a file, if there is one.
fn moved(from: &Path, to: &Path) -> io::Result<()> {
    match fs::rename(from, to) {
        Err(error) if error.kind() != io::ErrorKind::NotFound => Err(error),
        Ok(()) | Err(_) => Ok(()),
    }
}

/// When a file was last written, in milliseconds since 1970; `None` where there is none.
fn modified_ms(path: &Path) -> io::Result<Option<i64>> {
    let metadata = match fs::metadata(path) {
        Err(error) if error.kind() == io::ErrorKind::NotFound => return Ok(None),
        other => other?,
    };
    let since: Duration = metadata.modified()?.duration_since(UNIX_EPOCH).unwrap_or_default();
    Ok(i64::try_from(since.as_millis()).ok())
}

#[derive(Deserialize)]
struct At {
    at: i64,
}

/// When the file's first record came.
fn oldest(file: &mut File) -> io::Result<Option<i64>> {
    file.seek(SeekFrom::Start(0))?;
    let mut line = Vec::new();
    BufReader::new(file.take(1 << 26)).read_until(b'\n', &mut line)?;
    Ok(serde_json::from_slice::<At>(&line).ok().map(|record| record.at))
}

/// Whether the file ends within a line, as after a crash.
fn ends_torn(file: &mut File) -> io::Result<bool> {
    if file.metadata()?.len() == 0 {
        return Ok(false);
    }
    file.seek(SeekFrom::End(-1))?;
    let mut last = [0];
    file.read_exact(&mut last)?;
    Ok(last != *b"\n")
}

#[cfg(test)]
mod tests {
    use std::os::unix::fs::PermissionsExt;

    use super::super::samples::record;
    use super::*;

    fn ids(path: &Path) -> Vec<String> {
        let text = fs::read_to_string(path).unwrap_or_default();
        text.lines().filter_map(|line| serde_json::from_str::<Record>(line).ok()).map(|record| record.id).collect()
    }

    fn records(ids: &[&str]) -> Vec<Record> {
        ids.iter().map(|id| record(id)).collect()
    }

    #[test]
    fn records_come_back_as_they_were() {
        let folder = tempfile::tempdir().unwrap();
        let path = folder.path().join("audit.jsonl");
        let written = record("a");
        Jsonl::open(path.clone(), 1 << 20, 2).unwrap().write(std::slice::from_ref(&written)).unwrap();
        let text = fs::read_to_string(&path).unwrap();
        assert_eq!(serde_json::from_str::<Record>(text.trim()).unwrap(), written);
        assert_eq!(fs::metadata(&path).unwrap().permissions().mode() & 0o777, 0o600);
    }

    #[test]
    fn a_file_is_bounded_and_so_is_their_number() {
        let folder = tempfile::tempdir().unwrap();
        let path = folder.path().join("audit.jsonl");
        let line = serde_json::to_vec(&record("0")).unwrap().len() as u64 + 1;
        let mut sink = Jsonl::open(path.clone(), line * 2, 2).unwrap();
        sink.write(&records(&["0", "1", "2"])).unwrap();
        sink.write(&records(&["3", "4", "5", "6"])).unwrap();
        assert_eq!(ids(&path), ["6"]);
        assert_eq!(ids(&numbered(&path, 1)), ["4", "5"]);
        assert_eq!(ids(&numbered(&path, 2)), ["2", "3"]);
        assert_eq!(fs::read_dir(folder.path()).unwrap().count(), 3);
    }

    #[test]
    fn a_record_larger_than_a_file_has_one_for_itself() {
        let folder = tempfile::tempdir().unwrap();
        let path = folder.path().join("audit.jsonl");
        Jsonl::open(path.clone(), 10, 3).unwrap().write(&records(&["0", "1"])).unwrap();
        assert_eq!((ids(&path), ids(&numbered(&path, 1))), (vec!["1".to_owned()], vec!["0".to_owned()]));
    }

    #[test]
    fn half_a_line_from_a_crash_spoils_no_other() {
        let folder = tempfile::tempdir().unwrap();
        let path = folder.path().join("audit.jsonl");
        fs::write(&path, "{\"version\":1,\"id\":\"half").unwrap();
        let mut sink = Jsonl::open(path.clone(), 1 << 20, 2).unwrap();
        sink.write(&records(&["whole"])).unwrap();
        drop(sink);
        Jsonl::open(path.clone(), 1 << 20, 2).unwrap().write(&records(&["next"])).unwrap();
        assert_eq!(ids(&path), ["whole", "next"]);
        assert_eq!(fs::read_to_string(&path).unwrap().lines().count(), 3);
    }

    #[test]
    fn old_files_go_and_an_old_one_in_use_is_closed() {
        let folder = tempfile::tempdir().unwrap();
        let path = folder.path().join("audit.jsonl");
        let mut sink = Jsonl::open(path.clone(), 1 << 20, 3).unwrap();
        let old = Record { at: 1_000, ..record("old") };
        sink.write(std::slice::from_ref(&old)).unwrap();
        drop(sink);
        let mut sink = Jsonl::open(path.clone(), 1 << 20, 3).unwrap();
        sink.prune(999).unwrap();
        assert_eq!(ids(&path), ["old"], "not old enough");
        sink.prune(2_000).unwrap();
        assert_eq!((ids(&path).len(), ids(&numbered(&path, 1))), (0, vec!["old".to_owned()]));
        sink.write(&records(&["new"])).unwrap();
        sink.prune(i64::MAX - 1).unwrap();
        assert_eq!(
            (ids(&numbered(&path, 1)), numbered(&path, 2).exists()),
            (vec!["new".to_owned()], false),
            "the old file is gone"
        );
    }

    #[test]
    fn a_folder_that_is_not_there_is_told_of() {
        let folder = tempfile::tempdir().unwrap();
        let error = Jsonl::open(folder.path().join("missing/audit.jsonl"), 10, 1).unwrap_err().to_string();
        assert!(error.contains("missing/audit.jsonl") && error.contains("folder"), "{error}");
    }
}
