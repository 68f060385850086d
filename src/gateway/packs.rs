//! The policies' folder, read as a whole.

use std::fs::{self, File};
use std::io::{self, Read};
use std::path::{Path, PathBuf};

use crate::policy::{PolicySet, Problem, Source};

/// The largest file that is read, in bytes. The largest pack that ships has some 100 KB.
const LARGEST: u64 = 8 << 20;
/// The most files that are read.
const MOST: usize = 2048;
/// The folder of the overlays, within that of the packs.
const OVERLAYS: &str = "overlays";

/// The folder cannot be read.
#[derive(Debug, thiserror::Error)]
pub enum PacksError {
    /// A file or folder that the system does not let us read.
    #[error("{} cannot be read: {why}", path.display())]
    Read {
        /// It.
        path: PathBuf,
        /// The system's reason.
        why: io::Error,
    },
    /// No policy is in the folder.
    #[error("there is no .toml file in {}: name the folder that holds the packs", .0.display())]
    Empty(PathBuf),
    /// A file too large for a pack.
    #[error("{} is larger than {} MiB: a pack is a text of some hundred KB", .0.display(), LARGEST >> 20)]
    TooLarge(PathBuf),
    /// Too many files.
    #[error("there are more than {MOST} .toml files in {}: name the folder that holds the packs", .0.display())]
    TooMany(PathBuf),
}

/// The packs and overlays of a folder, or those in the program, with every problem that they have.
///
/// # Errors
/// [`PacksError`] where the folder or a file in it cannot be read. What is wrong *in* the files are problems.
pub fn read_packs(dir: Option<&Path>) -> Result<(Option<PolicySet>, Vec<Problem>), PacksError> {
    let Some(dir) = dir else { return Ok(PolicySet::embedded()) };
    let overlays = dir.join(OVERLAYS);
    let mut paths = tomls(dir)?;
    if overlays.is_dir() {
        paths.extend(tomls(&overlays)?);
    }
    if paths.is_empty() {
        return Err(PacksError::Empty(dir.to_owned()));
    }
    if paths.len() > MOST {
        return Err(PacksError::TooMany(dir.to_owned()));
    }
    paths.sort();
    let files: Vec<(String, String)> = paths.iter().map(|path| text(path)).collect::<Result<_, _>>()?;
    let sources: Vec<Source<'_>> = files.iter().map(|(path, text)| Source { path, text }).collect();
    Ok(PolicySet::read(&sources))
}

fn tomls(dir: &Path) -> Result<Vec<PathBuf>, PacksError> {
    let wrong = |why| PacksError::Read { path: dir.to_owned(), why };
    let entries = fs::read_dir(dir).map_err(wrong)?.collect::<io::Result<Vec<_>>>().map_err(wrong)?;
    let hidden = |path: &Path| path.file_name().is_some_and(|name| name.as_encoded_bytes().starts_with(b"."));
    let toml = |path: &PathBuf| path.extension().is_some_and(|extension| extension == "toml") && !hidden(path);
    Ok(entries.into_iter().map(|entry| entry.path()).filter(toml).collect())
}

fn text(path: &Path) -> Result<(String, String), PacksError> {
    let wrong = |why| PacksError::Read { path: path.to_owned(), why };
    let mut text = String::new();
    let read = File::open(path).map_err(wrong)?.take(LARGEST + 1).read_to_string(&mut text).map_err(wrong)?;
    if read as u64 > LARGEST {
        return Err(PacksError::TooLarge(path.to_owned()));
    }
    Ok((path.display().to_string(), text))
}

#[cfg(test)]
mod tests {
    use super::*;

    #[test]
    fn a_folder_without_packs_is_refused() {
        let folder = tempfile::tempdir().unwrap();
        assert!(matches!(read_packs(Some(folder.path())), Err(PacksError::Empty(_))));
        assert!(matches!(read_packs(Some(&folder.path().join("none"))), Err(PacksError::Read { .. })));
    }

    #[test]
    fn files_of_editors_and_others_are_passed_over() {
        let folder = tempfile::tempdir().unwrap();
        let pack = include_str!("../../policies/JP.toml");
        fs::write(folder.path().join("JP.toml"), pack).unwrap();
        fs::write(folder.path().join(".JP.toml.swp.toml"), "half").unwrap();
        fs::write(folder.path().join("notes.md"), "notes").unwrap();
        fs::create_dir(folder.path().join("overlays")).unwrap();
        let overlay = "format = 1\nlayer = \"group\"\nthreshold = 0.9\n";
        fs::write(folder.path().join("overlays/calm.toml"), overlay).unwrap();
        let (set, problems) = read_packs(Some(folder.path())).unwrap();
        assert_eq!(problems, []);
        let set = set.unwrap();
        assert_eq!((set.countries().count(), set.overlays().len()), (1, 1));
    }

    #[test]
    fn a_file_too_large_for_a_pack_is_not_read_to_its_end() {
        let folder = tempfile::tempdir().unwrap();
        File::create(folder.path().join("JP.toml")).unwrap().set_len(LARGEST + 1).unwrap();
        assert!(matches!(read_packs(Some(folder.path())), Err(PacksError::TooLarge(_))));
    }
}
