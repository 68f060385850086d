//! The configuration file as it is written: TOML, every key optional, unknown keys refused. `examples/comity.toml` shows each with its default.

use std::path::PathBuf;

use serde::Deserialize;
use toml::Spanned;

/// The file.
#[derive(Debug, Default, Deserialize)]
#[serde(default, deny_unknown_fields)]
pub(super) struct Raw {
    pub(super) listen: Option<Spanned<String>>,
    pub(super) mode: Option<Spanned<String>>,
    pub(super) tls: Tls,
    pub(super) upstream: Upstream,
    pub(super) upstreams: Vec<Upstream>,
    pub(super) tenants: Tenants,
    pub(super) policies: Policies,
    pub(super) models: Models,
    pub(super) limits: Limits,
    pub(super) remote_pictures: RemotePictures,
    pub(super) verdict: Verdict,
    pub(super) note: Note,
    pub(super) audit: Audit,
    pub(super) admin: Admin,
    pub(super) log: Log,
}

#[derive(Debug, Default, Deserialize)]
#[serde(default, deny_unknown_fields)]
#[expect(clippy::struct_field_names, reason = "they are named as in the file")]
pub(super) struct Tls {
    pub(super) certificate_file: Option<Spanned<PathBuf>>,
    pub(super) key_file: Option<Spanned<PathBuf>>,
    pub(super) client_roots_file: Option<Spanned<PathBuf>>,
}

#[derive(Debug, Default, Deserialize)]
#[serde(default, deny_unknown_fields)]
pub(super) struct Tenants {
    pub(super) file: Option<PathBuf>,
    pub(super) others: Option<Spanned<String>>,
}

#[derive(Debug, Default, Deserialize)]
#[serde(default, deny_unknown_fields)]
pub(super) struct Upstream {
    pub(super) name: Option<Spanned<String>>,
    pub(super) url: Option<Spanned<String>>,
    pub(super) models: Option<Vec<String>>,
    pub(super) key_file: Option<Spanned<PathBuf>>,
    pub(super) key_header: Option<Spanned<String>>,
    pub(super) health_path: Option<Spanned<String>>,
    pub(super) http2: Option<bool>,
    pub(super) roots_file: Option<PathBuf>,
    pub(super) certificate_file: Option<Spanned<PathBuf>>,
    pub(super) certificate_key_file: Option<Spanned<PathBuf>>,
    pub(super) connect_seconds: Option<Spanned<u64>>,
    pub(super) first_byte_seconds: Option<Spanned<u64>>,
    pub(super) idle_seconds: Option<Spanned<u64>>,
    pub(super) retries: Option<u32>,
}

#[derive(Debug, Default, Deserialize)]
#[serde(default, deny_unknown_fields)]
pub(super) struct Policies {
    pub(super) dir: Option<PathBuf>,
    pub(super) country: Option<Spanned<String>>,
    pub(super) groups: Option<Vec<String>>,
    pub(super) tenant: Option<String>,
}

#[derive(Debug, Default, Deserialize)]
#[serde(default, deny_unknown_fields)]
pub(super) struct Models {
    pub(super) dir: Option<PathBuf>,
    pub(super) backend: Option<Spanned<String>>,
    pub(super) runtime: Option<PathBuf>,
    pub(super) cache_dir: Option<PathBuf>,
    pub(super) threads: Option<Spanned<u64>>,
    pub(super) queue: Option<Spanned<u64>>,
    pub(super) cache_mib: Option<Spanned<u64>>,
    pub(super) turn_ms: Option<Spanned<u64>>,
    pub(super) piece_ms: Option<Spanned<u64>>,
}

#[derive(Debug, Default, Deserialize)]
#[serde(default, deny_unknown_fields)]
pub(super) struct Limits {
    pub(super) body_mib: Option<Spanned<u64>>,
    pub(super) answer_mib: Option<Spanned<u64>>,
    pub(super) bodies_mib: Option<Spanned<u64>>,
    pub(super) body_seconds: Option<Spanned<u64>>,
    pub(super) requests: Option<Spanned<u64>>,
    pub(super) connections: Option<Spanned<u64>>,
    pub(super) observers: Option<Spanned<u64>>,
    pub(super) picture_mib: Option<Spanned<u64>>,
    pub(super) picture_megapixels: Option<Spanned<u64>>,
    pub(super) pictures: Option<Spanned<u64>>,
    pub(super) keep_alive_seconds: Option<Spanned<u64>>,
    pub(super) drain_seconds: Option<Spanned<u64>>,
}

#[derive(Debug, Default, Deserialize)]
#[serde(default, deny_unknown_fields)]
pub(super) struct RemotePictures {
    pub(super) hosts: Option<Vec<Spanned<String>>>,
    pub(super) max_mib: Option<Spanned<u64>>,
    pub(super) timeout_ms: Option<Spanned<u64>>,
    pub(super) redirects: Option<Spanned<u64>>,
    pub(super) at_once: Option<Spanned<u64>>,
}

#[derive(Debug, Default, Deserialize)]
#[serde(default, deny_unknown_fields)]
pub(super) struct Verdict {
    pub(super) include: Option<bool>,
    pub(super) finish_reason: Option<Spanned<String>>,
}

#[derive(Debug, Default, Deserialize)]
#[serde(default, deny_unknown_fields)]
pub(super) struct Note {
    pub(super) place: Option<Spanned<String>>,
}

#[derive(Debug, Default, Deserialize)]
#[serde(default, deny_unknown_fields)]
pub(super) struct Audit {
    pub(super) enabled: Option<bool>,
    pub(super) sqlite: Option<PathBuf>,
    pub(super) jsonl: Option<PathBuf>,
    pub(super) queue: Option<Spanned<u64>>,
    pub(super) retention_days: Option<Spanned<u64>>,
    pub(super) contents: Option<bool>,
}

#[derive(Debug, Default, Deserialize)]
#[serde(default, deny_unknown_fields)]
pub(super) struct Admin {
    pub(super) listen: Option<Spanned<String>>,
    pub(super) token_file: Option<Spanned<PathBuf>>,
}

#[derive(Debug, Default, Deserialize)]
#[serde(default, deny_unknown_fields)]
pub(super) struct Log {
    pub(super) format: Option<Spanned<String>>,
    pub(super) filter: Option<String>,
}
