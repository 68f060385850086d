//! Certificates and keys from PEM files (RFC 7468).

use std::path::{Path, PathBuf};

use rustls::pki_types::pem::{Error, PemObject};
use rustls::pki_types::{CertificateDer, PrivateKeyDer};

/// Why a file cannot be used.
#[derive(Debug, thiserror::Error)]
pub enum PemError {
    /// It cannot be read, or not as PEM.
    #[error("{} cannot be read as PEM: {why}", path.display())]
    Read {
        /// The file.
        path: PathBuf,
        /// What the reader says.
        why: String,
    },
    /// It holds no certificate.
    #[error("{} holds no certificate: put PEM certificates into it", .0.display())]
    NoCertificate(PathBuf),
    /// It holds no private key.
    #[error("{} holds no private key: put one in PEM form into it, without a passphrase", .0.display())]
    NoKey(PathBuf),
}

/// All certificates of a file, in their order; at least one.
///
/// # Errors
/// [`PemError`].
pub fn certificates(path: &Path) -> Result<Vec<CertificateDer<'static>>, PemError> {
    let wrong = |error: Error| PemError::Read { path: path.to_owned(), why: error.to_string() };
    let all = CertificateDer::pem_file_iter(path).map_err(wrong)?.collect::<Result<Vec<_>, _>>().map_err(wrong)?;
    if all.is_empty() { Err(PemError::NoCertificate(path.to_owned())) } else { Ok(all) }
}

/// The private key of a file (PKCS #8, PKCS #1 or SEC 1).
///
/// # Errors
/// [`PemError`].
pub fn key(path: &Path) -> Result<PrivateKeyDer<'static>, PemError> {
    PrivateKeyDer::from_pem_file(path).map_err(|error| match error {
        Error::NoItemsFound => PemError::NoKey(path.to_owned()),
        error => PemError::Read { path: path.to_owned(), why: error.to_string() },
    })
}
