//! Model bundles: a folder with `model.toml` and the files that it lists, verified byte for byte before anything is run.

use std::collections::BTreeMap;
use std::fmt::{Display, Write as _};
use std::fs::File;
use std::ops::Deref;
use std::path::{Path, PathBuf};
use std::sync::Arc;

use memmap2::Mmap;
#[cfg(unix)]
use memmap2::UncheckedAdvice;
use serde::Deserialize;
use serde::de::DeserializeOwned;
use sha2::{Digest, Sha256};

/// The version of the form of `model.toml` that is read here.
const FORMAT: u32 = 1;

/// A bundle that is not what it says it is.
#[derive(Debug, thiserror::Error)]
pub enum BundleError {
    /// A file cannot be read.
    #[error("{} cannot be read ({source}): put the model bundle there, or point `models` at the folder that holds it", path.display())]
    Unreadable {
        /// The file.
        path: PathBuf,
        /// What the system said.
        source: std::io::Error,
    },
    /// `model.toml` cannot be understood.
    #[error("{} cannot be understood: {message}; restore the file that came with the bundle", path.display())]
    Manifest {
        /// The file.
        path: PathBuf,
        /// What is wrong with it.
        message: String,
    },
    /// A fact differs from the one that is needed.
    #[error("{}: {what} is `{found}`, expected `{expected}`; {advice}", path.display())]
    Differs {
        /// The file.
        path: PathBuf,
        /// The fact.
        what: &'static str,
        /// What was found.
        found: String,
        /// What was expected.
        expected: String,
        /// What to do.
        advice: &'static str,
    },
    /// `model.toml` does not list a file that this kind of bundle needs.
    #[error("{} lists no file `{file}`, which this kind of bundle needs: restore the file that came with the bundle", path.display())]
    Unlisted {
        /// `model.toml`.
        path: PathBuf,
        /// The file that is missing in it.
        file: String,
    },
}

const RESTORE: &str =
    "restore the file that came with the bundle, or, if the change is meant, bring model.toml up to date";
const KIND: &str = "put the bundle of the expected kind into this folder";

/// A verified file of a bundle, mapped into memory and shared by all threads.
#[derive(Debug, Clone)]
pub(super) struct Mapped(Arc<Mmap>);

impl Deref for Mapped {
    type Target = [u8];

    fn deref(&self) -> &[u8] {
        &self.0
    }
}

impl Mapped {
    /// Gives back the memory of what was read of the file, for good or until it is read again: sessions have copies of the graphs, and of the token table
    /// a question needs a few rows.
    #[cfg_attr(
        unix,
        expect(
            unsafe_code,
            reason = "the system is told what to do with pages, which could lose what was written to them"
        )
    )]
    pub(super) fn put_away(&self) {
        // SAFETY: the mapping is read-only and of a file, so that its pages come back from the file unchanged.
        #[cfg(unix)]
        drop(unsafe { self.0.unchecked_advise(UncheckedAdvice::DontNeed) });
    }
}

/// A verified bundle.
#[derive(Debug)]
pub(super) struct Bundle {
    manifest: PathBuf,
    text: String,
    files: BTreeMap<String, (Mapped, String)>,
}

#[derive(Deserialize)]
struct Manifest {
    format: u32,
    kind: String,
    file: Vec<Listed>,
}

#[derive(Deserialize)]
struct Listed {
    path: String,
    sha256: String,
    bytes: u64,
}

impl Bundle {
    /// Reads the bundle in `folder` and verifies its kind and each of its files.
    ///
    /// # Errors
    /// [`BundleError`] says which file, what was expected and what to do.
    pub(super) fn open(folder: &Path, kind: &str) -> Result<Self, BundleError> {
        let manifest = folder.join("model.toml");
        let text = std::fs::read_to_string(&manifest)
            .map_err(|source| BundleError::Unreadable { path: manifest.clone(), source })?;
        let facts: Manifest = parse(&text, &manifest)?;
        agree(&manifest, "format", &facts.format.to_string(), &FORMAT.to_string(), RESTORE)?;
        agree(&manifest, "kind", &facts.kind, kind, KIND)?;
        let mut files = BTreeMap::new();
        for listed in facts.file {
            let file = verified(folder, &manifest, &listed)?;
            files.insert(listed.path, (file, listed.sha256.to_ascii_lowercase()));
        }
        Ok(Self { manifest, text, files })
    }

    /// What `model.toml` says, read as `T`.
    ///
    /// # Errors
    /// [`BundleError::Manifest`] where a field is missing or has another type.
    pub(super) fn facts<T: DeserializeOwned>(&self) -> Result<T, BundleError> {
        parse(&self.text, &self.manifest)
    }

    /// A file of the bundle.
    ///
    /// # Errors
    /// [`BundleError::Unlisted`] where `model.toml` lists no such file.
    pub(super) fn file(&self, name: &str) -> Result<Mapped, BundleError> {
        self.listed(name).map(|(mapped, _)| mapped.clone())
    }

    /// The SHA-256 of a file of the bundle, in lower-case hex digits.
    ///
    /// # Errors
    /// [`BundleError::Unlisted`] where `model.toml` lists no such file.
    pub(super) fn sha256(&self, name: &str) -> Result<&str, BundleError> {
        self.listed(name).map(|(_, sha256)| sha256.as_str())
    }

    fn listed(&self, name: &str) -> Result<&(Mapped, String), BundleError> {
        self.files.get(name).ok_or_else(|| BundleError::Unlisted { path: self.manifest.clone(), file: name.to_owned() })
    }

    /// Refuses the bundle unless a fact that follows from `model.toml` is as expected.
    ///
    /// # Errors
    /// [`BundleError::Differs`] where `found` and `expected` differ.
    pub(super) fn agree(
        &self,
        what: &'static str,
        found: &str,
        expected: &str,
        advice: &'static str,
    ) -> Result<(), BundleError> {
        agree(&self.manifest, what, found, expected, advice)
    }

    /// Refuses the bundle unless a file has the length that its shape asks for.
    ///
    /// # Errors
    /// [`BundleError::Differs`] where it has not.
    pub(super) fn measures(&self, name: &str, bytes: usize) -> Result<(), BundleError> {
        let file = self.file(name)?;
        agree(&self.manifest.with_file_name(name), "length", &file.len().to_string(), &bytes.to_string(), RESTORE)
    }

    /// The BLAKE3 hash of `model.toml`, which holds the hashes of the other files.
    pub(super) fn hash(&self) -> blake3::Hash {
        blake3::hash(self.text.as_bytes())
    }

    /// An error in the file `name` of this bundle.
    pub(super) fn flaw(&self, name: &str, message: &dyn Display) -> BundleError {
        BundleError::Manifest { path: self.manifest.with_file_name(name), message: message.to_string() }
    }
}

fn parse<T: DeserializeOwned>(text: &str, path: &Path) -> Result<T, BundleError> {
    toml::from_str(text)
        .map_err(|error| BundleError::Manifest { path: path.to_owned(), message: error.message().to_owned() })
}

fn agree(
    path: &Path,
    what: &'static str,
    found: &str,
    expected: &str,
    advice: &'static str,
) -> Result<(), BundleError> {
    if found == expected {
        return Ok(());
    }
    let (found, expected) = (found.to_owned(), expected.to_owned());
    Err(BundleError::Differs { path: path.to_owned(), what, found, expected, advice })
}

fn verified(folder: &Path, manifest: &Path, listed: &Listed) -> Result<Mapped, BundleError> {
    let plain = Path::new(&listed.path).file_name().is_some_and(|name| name == listed.path.as_str());
    if !plain {
        let message = format!("the file `{}` is not a plain name", listed.path);
        return Err(BundleError::Manifest { path: manifest.to_owned(), message });
    }
    let path = folder.join(&listed.path);
    let mapped = map(&path).map_err(|source| BundleError::Unreadable { path: path.clone(), source })?;
    agree(&path, "length", &mapped.len().to_string(), &listed.bytes.to_string(), RESTORE)?;
    let found = hex(&Sha256::digest(&*mapped));
    mapped.put_away();
    agree(&path, "sha256", &found, &listed.sha256.to_ascii_lowercase(), RESTORE)?;
    Ok(mapped)
}

#[expect(
    unsafe_code,
    reason = "mapping a file is unsafe in itself, since another process could cut it short while it is read"
)]
fn map(path: &Path) -> std::io::Result<Mapped> {
    let file = File::open(path)?;
    // SAFETY: the mapping is read-only. Model files are replaced by renaming, never written in place, as the documentation of deployments says.
    let map = unsafe { Mmap::map(&file)? };
    Ok(Mapped(Arc::new(map)))
}

fn hex(bytes: &[u8]) -> String {
    bytes.iter().fold(String::with_capacity(bytes.len() * 2), |mut text, byte| {
        let _ = write!(text, "{byte:02x}");
        text
    })
}

#[cfg(test)]
mod tests {
    use super::*;

    fn bundle(kind: &str, content: &[u8], sha256: &str) -> tempfile::TempDir {
        let folder = tempfile::tempdir().unwrap();
        std::fs::write(folder.path().join("a.bin"), content).unwrap();
        let manifest =
            format!("format = 1\nkind = \"{kind}\"\n[[file]]\npath = \"a.bin\"\nsha256 = \"{sha256}\"\nbytes = 3\n");
        std::fs::write(folder.path().join("model.toml"), manifest).unwrap();
        folder
    }

    const ABC: &str = "ba7816bf8f01cfea414140de5dae2223b00361a396177a9cb410ff61f20015ad";

    #[test]
    fn a_bundle_whose_files_are_as_listed_is_accepted() {
        let folder = bundle("norm-head", b"abc", ABC);
        let bundle = Bundle::open(folder.path(), "norm-head").unwrap();
        assert_eq!(&*bundle.file("a.bin").unwrap(), b"abc");
        assert_eq!(bundle.sha256("a.bin").unwrap(), ABC);
        assert!(bundle.file("b.bin").unwrap_err().to_string().contains("lists no file `b.bin`"));
    }

    #[test]
    fn one_changed_byte_is_refused_with_the_file_and_both_hashes() {
        let folder = bundle("norm-head", b"abd", ABC);
        let error = Bundle::open(folder.path(), "norm-head").unwrap_err().to_string();
        assert!(error.contains("a.bin: sha256 is `a52d159f") && error.contains(ABC), "{error}");
    }

    #[test]
    fn another_length_another_kind_and_a_missing_file_are_refused() {
        let long = bundle("norm-head", b"abcd", ABC);
        assert!(
            Bundle::open(long.path(), "norm-head").unwrap_err().to_string().contains("length is `4`, expected `3`")
        );
        let other = bundle("norm-head", b"abc", ABC);
        let error = Bundle::open(other.path(), "answer-model").unwrap_err().to_string();
        assert!(error.contains("kind is `norm-head`, expected `answer-model`"), "{error}");
        std::fs::remove_file(other.path().join("a.bin")).unwrap();
        assert!(matches!(Bundle::open(other.path(), "norm-head"), Err(BundleError::Unreadable { .. })));
    }

    #[test]
    fn a_file_outside_the_folder_is_refused() {
        let folder = tempfile::tempdir().unwrap();
        let manifest = "format = 1\nkind = \"x\"\n[[file]]\npath = \"../a\"\nsha256 = \"\"\nbytes = 3\n";
        std::fs::write(folder.path().join("model.toml"), manifest).unwrap();
        assert!(Bundle::open(folder.path(), "x").unwrap_err().to_string().contains("not a plain name"));
    }
}
