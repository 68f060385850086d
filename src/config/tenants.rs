//! The tenants' file: who has which key, and how their requests are treated.

use std::fmt;
use std::num::NonZeroU32;
use std::path::{Path, PathBuf};
use std::str::FromStr;

use secrecy::{ExposeSecret, SecretString};
use serde::Deserialize;
use sha2::{Digest, Sha256};
use toml::Spanned;

use crate::domain::{Country, Layers, Mode};

use super::Problems;
use super::reader::{Reader, place};

/// The SHA-256 of a client's key. Keys have 256 bits of chance (`comity key`), so that their hash can be kept and nobody finds the key from it.
#[derive(Debug, Clone, Copy, PartialEq, Eq, Hash)]
pub struct KeyHash([u8; 32]);

/// A text that is no hash of a key.
#[derive(Debug, Clone, Copy, PartialEq, Eq, thiserror::Error)]
#[error("a key's hash is written `sha256:` and 64 hexadecimal digits; `comity key` makes a key and its hash")]
pub struct NoKeyHash;

impl KeyHash {
    /// The hash of a key.
    #[must_use]
    pub fn of(key: &[u8]) -> Self {
        Self(Sha256::digest(key).into())
    }
}

impl FromStr for KeyHash {
    type Err = NoKeyHash;

    fn from_str(text: &str) -> Result<Self, NoKeyHash> {
        let hex = text.strip_prefix("sha256:").filter(|hex| hex.len() == 64 && hex.is_ascii()).ok_or(NoKeyHash)?;
        let mut hash = [0; 32];
        for (byte, digits) in hash.iter_mut().zip(hex.as_bytes().chunks(2)) {
            let digits = std::str::from_utf8(digits).ok().filter(|digits| !digits.starts_with('+'));
            *byte = digits.and_then(|digits| u8::from_str_radix(digits, 16).ok()).ok_or(NoKeyHash)?;
        }
        Ok(Self(hash))
    }
}

impl fmt::Display for KeyHash {
    fn fmt(&self, f: &mut fmt::Formatter<'_>) -> fmt::Result {
        f.write_str("sha256:")?;
        self.0.iter().try_for_each(|byte| write!(f, "{byte:02x}"))
    }
}

/// How one tenant's requests are treated. What is `None` is as the server has it.
#[derive(Debug, Clone, Default)]
pub struct Tenant {
    /// Its name, for records.
    pub name: String,
    /// The hashes of its keys.
    pub keys: Vec<KeyHash>,
    /// Whether decisions are carried out.
    pub mode: Option<Mode>,
    /// The country where nothing stronger names one.
    pub country: Option<Country>,
    /// The overlays that its requests are under, beside the server's.
    pub layers: Layers,
    /// Whether answers carry the verdict: always, or never, whatever the client asks. `None`: as the server has it, and where the client asks.
    pub verdict: Option<bool>,
    /// The model server that it is bound to.
    pub server: Option<String>,
    /// The key with which its requests go to the model server.
    pub upstream_key: Option<SecretString>,
    /// Requests under way at once.
    pub concurrent: Option<usize>,
    /// Requests a minute, spread evenly; as many may come at once.
    pub per_minute: Option<NonZeroU32>,
}

impl Tenant {
    /// Whether both are treated alike, their secrets included.
    #[must_use]
    pub fn same(&self, other: &Self) -> bool {
        let secret = |tenant: &Self| tenant.upstream_key.as_ref().map(|key| key.expose_secret().to_owned());
        // What is secret does not show itself.
        format!("{self:?}") == format!("{other:?}") && secret(self) == secret(other)
    }
}

/// What is done with requests that bear no tenant's key.
#[derive(Debug, Clone, Copy, Default, PartialEq, Eq)]
pub enum Others {
    /// They go on under the server's own settings, with their own key.
    #[default]
    Pass,
    /// They are refused.
    Refuse,
}

/// The file as it is written.
#[derive(Debug, Default, Deserialize)]
#[serde(default, deny_unknown_fields)]
struct RawTenants {
    tenant: Vec<RawTenant>,
}

#[derive(Debug, Default, Deserialize)]
#[serde(default, deny_unknown_fields)]
struct RawTenant {
    name: Option<Spanned<String>>,
    keys: Vec<Spanned<String>>,
    mode: Option<Spanned<String>>,
    country: Option<Spanned<String>>,
    groups: Vec<String>,
    overlay: Option<String>,
    verdict: Option<Spanned<String>>,
    upstream: Option<Spanned<String>>,
    upstream_key_file: Option<Spanned<PathBuf>>,
    requests: Option<Spanned<u64>>,
    requests_per_minute: Option<Spanned<u64>>,
}

/// Reads the tenants' file. `servers` are the model servers' names.
///
/// # Errors
/// Every problem at once, each with its place; that the file cannot be read is one. Files of keys that it names are read here.
pub fn read_tenants(path: &Path, servers: &[String]) -> Result<Vec<Tenant>, Problems> {
    let shown = path.display().to_string();
    let text =
        std::fs::read_to_string(path).map_err(|error| Problems(vec![format!("{shown} cannot be read: {error}")]))?;
    let raw: RawTenants = toml::from_str(&text).map_err(|error| {
        let place = error.span().map_or_else(String::new, |span| place(&text, &span));
        Problems(vec![format!("{shown}{place}: {}", error.message())])
    })?;
    let mut reader = Reader::new(&shown, &text);
    let tenants: Vec<Tenant> = raw.tenant.iter().filter_map(|raw| reader.tenant(raw, servers)).collect();
    reader.unique(&raw);
    let problems = reader.into_problems();
    if problems.is_empty() { Ok(tenants) } else { Err(Problems(problems)) }
}

impl Reader<'_> {
    fn tenant(&mut self, raw: &RawTenant, servers: &[String]) -> Option<Tenant> {
        let Some(name) = raw.name.as_ref() else {
            self.problem::<()>(None, "a [[tenant]] has no name: give it one, for records");
            return None;
        };
        if name.as_ref().is_empty() || name.as_ref().chars().count() > 64 {
            self.problem(Some(name), "a tenant's name has 1 to 64 characters");
        }
        if raw.keys.is_empty() {
            self.problem(Some(name), format!("the tenant `{}` has no key: `comity key` makes one", name.as_ref()));
        }
        let keys = raw.keys.iter().filter_map(|key| self.parsed(key)).collect();
        if let Some(file) = raw.upstream_key_file.as_ref().filter(|_| raw.upstream.is_none() && servers.len() > 1) {
            self.problem(
                Some(file),
                "with several model servers, a key needs the one that it is for: name it with `upstream`",
            );
        }
        if let Some(server) = raw.upstream.as_ref().filter(|server| !servers.contains(server.as_ref())) {
            let known = servers.join(", ");
            self.problem(Some(server), format!("`{}` is none of the model servers: {known}", server.as_ref()));
        }
        Some(Tenant {
            name: name.as_ref().clone(),
            keys,
            mode: raw.mode.as_ref().and_then(|mode| self.parsed(mode)),
            country: self.country(raw.country.as_ref()),
            layers: Layers { groups: raw.groups.clone(), tenant: raw.overlay.clone(), ..Layers::default() },
            verdict: raw.verdict.as_ref().and_then(|verdict| self.verdict(verdict)),
            server: raw.upstream.as_ref().map(|server| server.as_ref().clone()),
            upstream_key: self.secret(raw.upstream_key_file.as_ref()),
            concurrent: raw.requests.as_ref().map(|most| self.size("requests", Some(most), 0, 100_000)),
            per_minute: raw.requests_per_minute.as_ref().and_then(|most| {
                let most = self.number("requests_per_minute", Some(most), 0, &(1..=1_000_000));
                u32::try_from(most).ok().and_then(NonZeroU32::new)
            }),
        })
    }

    fn parsed<T>(&mut self, text: &Spanned<String>) -> Option<T>
    where
        T: FromStr,
        T::Err: fmt::Display,
    {
        text.as_ref().parse().map_err(|error| self.problem(Some(text), error)).ok()
    }

    fn verdict(&mut self, word: &Spanned<String>) -> Option<bool> {
        match word.as_ref().as_str() {
            "always" => Some(true),
            "never" => Some(false),
            "asked" => None,
            other => {
                self.problem(Some(word), format!("verdict `{other}` is unknown: use asked, always or never"));
                None
            }
        }
    }

    /// Names and keys have to be one tenant's alone.
    fn unique(&mut self, raw: &RawTenants) {
        let mut seen = std::collections::HashSet::new();
        let names = raw.tenant.iter().filter_map(|tenant| tenant.name.as_ref());
        for text in names.chain(raw.tenant.iter().flat_map(|tenant| &tenant.keys)) {
            if !seen.insert(text.as_ref().to_ascii_lowercase()) {
                self.problem(Some(text), "this stands in the file twice: names and keys are one tenant's alone");
            }
        }
    }
}

#[cfg(test)]
mod tests {
    use super::*;

    fn read(text: &str) -> Result<Vec<Tenant>, Vec<String>> {
        let folder = tempfile::tempdir().unwrap();
        let path = folder.path().join("tenants.toml");
        std::fs::write(&path, text).unwrap();
        let shown = path.display().to_string();
        read_tenants(&path, &["default".to_owned()])
            .map_err(|problems| problems.0.into_iter().map(|problem| problem.replace(&shown, "t.toml")).collect())
    }

    #[test]
    fn what_a_tenant_does_not_say_is_as_the_server_has_it() {
        let text = format!("[[tenant]]\nname = \"acme\"\nkeys = [\"{}\"]\n", KeyHash::of(b"ck-1"));
        let [tenant] = <[Tenant; 1]>::try_from(read(&text).unwrap()).unwrap();
        assert_eq!((tenant.name.as_str(), tenant.keys.as_slice()), ("acme", &[KeyHash::of(b"ck-1")][..]));
        assert!(tenant.mode.is_none() && tenant.country.is_none() && tenant.verdict.is_none());
    }

    #[test]
    fn all_problems_come_at_once_with_their_places() {
        let text = "[[tenant]]\nname = \"a\"\nkeys = [\"ck-1\"]\nmode = \"soft\"\ncountry = \"XX\"\nverdict = \"no\"\nupstream = \"b\"\nrequests = 0\nrequests_per_minute = 0\n[[tenant]]\nname = \"a\"\n";
        let problems = read(text).unwrap_err();
        let places: Vec<_> = problems.iter().map(|problem| problem.split(": ").next().unwrap()).collect();
        assert_eq!(
            places,
            [
                "t.toml:3:9",
                "t.toml:7:12",
                "t.toml:4:8",
                "t.toml:5:11",
                "t.toml:6:11",
                "t.toml:8:12",
                "t.toml:9:23",
                "t.toml:11:8",
                "t.toml:11:8"
            ],
            "{problems:#?}"
        );
        assert!(problems.iter().any(|problem| problem.contains("comity key")));
        assert!(read("[[tenants]]\n").unwrap_err()[0].starts_with("t.toml:1:3: unknown field"));
    }

    #[test]
    fn a_hash_is_read_as_it_is_written() {
        let hash = KeyHash::of(b"abc");
        // NIST's example for SHA-256.
        let written = "sha256:ba7816bf8f01cfea414140de5dae2223b00361a396177a9cb410ff61f20015ad";
        assert_eq!((hash.to_string().as_str(), written.parse()), (written, Ok(hash)));
        for wrong in ["", "sha256:", "ba78", &written[..70], &written.replace("ba", "+a"), &written.replace("ba", "é")]
        {
            assert_eq!(wrong.parse::<KeyHash>(), Err(NoKeyHash), "{wrong}");
        }
    }
}
