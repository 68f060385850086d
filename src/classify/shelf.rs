//! A folder of small results that are dear to make again: the embeddings of norms, and what cases came to. A result that is missing, broken or cannot
//! be kept is made again; nothing here fails anything.

use std::fs;
use std::io::Write;
use std::path::{Path, PathBuf};
use std::time::SystemTime;

use super::cache::Key;

/// The most files of one shelf.
const MOST: usize = 20_000;
/// The most shelves of one kind: for the models in use, another engine, and the versions before.
const MOST_SHELVES: usize = 4;
/// How many bytes of the content's hash stand before the content.
const SUM: usize = 16;

/// A folder of files named by the hash of what they were made from.
#[derive(Debug, Clone)]
pub struct Shelf {
    dir: PathBuf,
}

impl Shelf {
    /// The shelf of a kind (`vectors`, `cases`) for a key in the folder of caches, or `None` where it cannot be made; then nothing is kept. Of a kind the
    /// four newest shelves stay, and of a shelf the 20,000 newest files.
    #[must_use]
    pub fn open(caches: &Path, kind: &str, key: &str) -> Option<Self> {
        let dir = caches.join(format!("{kind}-{key}"));
        let made = fs::create_dir_all(&dir);
        if let Err(error) = made {
            tracing::info!(%error, dir = %dir.display(), "results of the models are not kept from one start to the next");
            return None;
        }
        thin(&dir, "", MOST, |path| fs::remove_file(path));
        thin(caches, &format!("{kind}-"), MOST_SHELVES, |path| fs::remove_dir_all(path));
        Some(Self { dir })
    }

    /// What is kept under a key, if it is whole.
    #[must_use]
    pub fn get(&self, key: &Key) -> Option<Vec<u8>> {
        let bytes = fs::read(self.path(key)).ok()?;
        let (sum, content) = bytes.split_at_checked(SUM)?;
        blake3::hash(content).as_bytes().starts_with(sum).then(|| content.to_vec())
    }

    /// Keeps something, if that can be done.
    pub fn put(&self, key: &Key, content: &[u8]) {
        let path = self.path(key);
        // Written beside it and moved: who reads meanwhile, in another process perhaps, sees all of it or nothing.
        let beside = path.with_extension(std::process::id().to_string());
        let written = fs::File::create(&beside).and_then(|mut file| {
            file.write_all(blake3::hash(content).as_bytes().get(..SUM).unwrap_or_default())?;
            file.write_all(content)?;
            fs::rename(&beside, &path)
        });
        if let Err(error) = written {
            tracing::debug!(%error, path = %path.display(), "a result of the models is not kept");
            drop(fs::remove_file(&beside));
        }
    }

    fn path(&self, key: &Key) -> PathBuf {
        self.dir.join(blake3::Hash::from_bytes(*key).to_hex().get(..32).unwrap_or_default())
    }
}

/// Takes the oldest of what begins with `name` away where there is more than `most` of it.
fn thin(dir: &Path, name: &str, most: usize, remove: impl Fn(&Path) -> std::io::Result<()>) {
    let Ok(entries) = fs::read_dir(dir) else { return };
    let mut found: Vec<(SystemTime, PathBuf)> = entries
        .filter_map(|entry| {
            let entry = entry.ok()?;
            let ours = entry.file_name().as_encoded_bytes().starts_with(name.as_bytes());
            Some((entry.metadata().ok().filter(|_| ours)?.modified().ok()?, entry.path()))
        })
        .collect();
    let over = found.len().saturating_sub(most);
    found.sort();
    for (_, path) in found.iter().take(over) {
        drop(remove(path));
    }
}

#[cfg(test)]
mod tests {
    use super::*;

    #[test]
    fn what_is_kept_comes_back_and_what_is_broken_does_not() {
        let folder = tempfile::tempdir().unwrap();
        let shelf = Shelf::open(folder.path(), "vectors", "k").unwrap();
        let key = *blake3::hash(b"norm").as_bytes();
        assert_eq!(shelf.get(&key), None);
        shelf.put(&key, b"content");
        assert_eq!(shelf.get(&key).as_deref(), Some(&b"content"[..]));
        fs::write(shelf.path(&key), b"0123456789abcdefcontent").unwrap();
        assert_eq!(shelf.get(&key), None, "the sum is wrong");
        shelf.put(&key, b"");
        assert_eq!(shelf.get(&key).as_deref(), Some(&b""[..]));
    }

    #[test]
    fn a_shelf_is_bounded() {
        let folder = tempfile::tempdir().unwrap();
        let shelf = Shelf::open(folder.path(), "vectors", "k").unwrap();
        for number in 0..5_u8 {
            shelf.put(&[number; 32], &[number]);
        }
        thin(&shelf.dir, "", 3, |path| fs::remove_file(path));
        assert_eq!(fs::read_dir(&shelf.dir).unwrap().count(), 3);
        fs::create_dir(folder.path().join("mine")).unwrap();
        for key in ["a", "b", "c", "d", "e"] {
            Shelf::open(folder.path(), "cases", key).unwrap();
        }
        let left: Vec<_> = fs::read_dir(folder.path()).unwrap().map(|entry| entry.unwrap().file_name()).collect();
        let kept = left.iter().filter(|name| name.to_str().unwrap().starts_with("cases-")).count();
        assert_eq!(kept, MOST_SHELVES);
        assert!(["mine", "vectors-k"].iter().all(|name| left.iter().any(|one| one == name)), "{left:?}");
    }

    #[test]
    fn a_folder_that_cannot_be_made_keeps_nothing() {
        let folder = tempfile::tempdir().unwrap();
        fs::write(folder.path().join("file"), "").unwrap();
        assert!(Shelf::open(&folder.path().join("file"), "vectors", "k").is_none());
    }
}
