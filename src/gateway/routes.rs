//! Which requests are guarded.

use http::{Method, Uri};

use crate::wire::Api;

/// What is done with a request.
#[derive(Debug, Clone, Copy, PartialEq, Eq)]
pub(super) enum Route {
    /// `POST …/chat/completions`, `POST …/responses`, `POST …/completions`: guarded.
    Guarded(Api),
    /// Everything else: passed through in both directions and recorded as not covered.
    Pass,
}

/// The endpoints that are guarded: a path that ends so, in whatever spelling, is never let through unguarded.
const TABLE: &[(Method, &str, Api)] = &[
    (Method::POST, "/completions", Api::Completions),
    (Method::POST, "/chat/completions", Api::Chat),
    (Method::POST, "/responses", Api::Responses),
];

/// Finds the route of a request. Spellings that an upstream may take for the same path (doubled or trailing slashes, percent-encoding,
/// dots, a doubled prefix) are taken for the same path here, too.
pub(super) fn route(method: &Method, path: &str) -> Route {
    let plain = plain(path);
    let ending = TABLE.iter().filter(|(wanted, end, _)| wanted == method && plain.ends_with(end));
    let found = ending.max_by_key(|(_, end, _)| end.len()); // one end is the end of another
    found.map_or(Route::Pass, |(_, _, api)| Route::Guarded(*api))
}

/// The path with percent-encoding undone, empty and dot segments resolved, in lower case.
fn plain(path: &str) -> String {
    let mut segments: Vec<String> = Vec::new();
    for segment in unescaped(path).split(['/', '\\']) {
        match segment {
            "" | "." => {}
            ".." => drop(segments.pop()),
            _ => {
                // What stands behind a semicolon is a parameter to some servers, and others pass over a line break at the end.
                let name = segment.split([';', '?', '#']).next().unwrap_or_default();
                let name: String = name.chars().filter(|letter| !letter.is_control()).collect();
                segments.push(name.trim().to_ascii_lowercase());
            }
        }
    }
    segments.iter().flat_map(|segment| ["/", segment]).collect()
}

/// Undoes percent-encoding, twice at most, as a chain of servers may.
fn unescaped(path: &str) -> String {
    let mut text = path.to_owned();
    for _ in 0..2 {
        if !text.contains('%') {
            break;
        }
        let mut bytes = Vec::with_capacity(text.len());
        let mut rest = text.as_bytes();
        while let Some((&first, behind)) = rest.split_first() {
            let hex = behind.get(..2).and_then(|two| std::str::from_utf8(two).ok());
            let escaped = hex.and_then(|two| u8::from_str_radix(two, 16).ok()).filter(|_| first == b'%');
            rest = if escaped.is_some() { behind.get(2..).unwrap_or_default() } else { behind };
            bytes.push(escaped.unwrap_or(first));
        }
        text = String::from_utf8_lossy(&bytes).into_owned();
    }
    text
}

/// The model that a path names, as Azure's do: `/openai/deployments/NAME/…`.
pub(super) fn deployment(path: &str) -> Option<String> {
    let mut segments = path.split('/').skip_while(|segment| !segment.eq_ignore_ascii_case("deployments"));
    segments.nth(1).filter(|name| !name.is_empty()).map(unescaped)
}

/// The first value of a name in a URL's query, such as the `model` of the realtime API.
pub(super) fn queried(uri: &Uri, name: &str) -> Option<String> {
    let mut pairs = uri.query()?.split('&').filter_map(|pair| pair.split_once('='));
    pairs.find(|(key, _)| *key == name).map(|(_, value)| unescaped(value))
}

/// The path as records and metrics name it: bounded, without ids.
pub(super) fn class(path: &str) -> &'static str {
    const KNOWN: &[&str] = &[
        "chat/completions",
        "responses",
        "completions",
        "embeddings",
        "models",
        "files",
        "uploads",
        "batches",
        "moderations",
        "images",
        "audio",
        "videos",
        "realtime",
        "vector_stores",
        "conversations",
        "containers",
        "assistants",
        "threads",
        "fine_tuning",
        "evals",
    ];
    let plain = plain(path);
    KNOWN.iter().find(|known| plain.contains(*known)).copied().unwrap_or("other")
}

#[cfg(test)]
mod tests {
    use super::*;

    #[test]
    fn every_spelling_of_a_guarded_path_is_guarded() {
        for path in [
            "/v1/chat/completions",
            "/v1/chat/completions/",
            "//v1//chat/completions",
            "/v1/v1/chat/completions",
            "/chat/completions",
            "/v1/chat/%63ompletions",
            "/v1/chat/%2563ompletions",
            "/v1/./chat/x/../completions",
            "/V1/Chat/Completions",
            "/v1/chat%2Fcompletions",
            "/v1/chat;v=1/completions;x=1",
            "/v1/chat/completions%0A",
            "/v1/chat/completions%250a",
            "/v1/chat/completions%20",
            "/v1/chat/comp%00letions%3Fx",
            "/openai/deployments/m/chat/completions",
        ] {
            assert_eq!(route(&Method::POST, path), Route::Guarded(Api::Chat), "{path}");
        }
        for path in [
            "/v1/completions",
            "/completions/",
            "/v1/%63ompletions",
            "/openai/deployments/chat/completions/../../m/completions",
            "/v1/fim/completions",
            "/v1/xchat/completions",
        ] {
            assert_eq!(route(&Method::POST, path), Route::Guarded(Api::Completions), "{path}");
        }
        for path in ["/v1/responses", "/v1/responses/", "/openai/v1/responses", "/v1/%72esponses"] {
            assert_eq!(route(&Method::POST, path), Route::Guarded(Api::Responses), "{path}");
        }
    }

    #[test]
    fn everything_else_passes() {
        for path in [
            "/v1/models",
            "/v1/chat/completions/chatcmpl-1",
            "/v1/completions/cmpl-1",
            "/v1/text-completions",
            "/",
            "/v1/embeddings",
            "/%",
            "/%zz",
            "/v1/responses/resp_1/cancel",
            "/v1/responses/input_tokens",
        ] {
            assert_eq!(route(&Method::POST, path), Route::Pass, "{path}");
        }
        assert_eq!(route(&Method::GET, "/v1/chat/completions"), Route::Pass);
    }

    #[test]
    fn a_model_is_found_in_paths_and_queries() {
        assert_eq!(deployment("/openai/deployments/my%2Dmodel/chat/completions").as_deref(), Some("my-model"));
        assert_eq!((deployment("/openai/deployments/"), deployment("/v1/models/x")), (None, None));
        let uri = |text: &str| text.parse::<Uri>().unwrap();
        assert_eq!(
            queried(&uri("/v1/realtime?intent=x&model=gpt%2Drealtime"), "model").as_deref(),
            Some("gpt-realtime")
        );
        assert_eq!((queried(&uri("/v1/realtime"), "model"), queried(&uri("/?models=x"), "model")), (None, None));
    }

    #[test]
    fn a_class_carries_no_id() {
        assert_eq!(class("/v1/files/file-abc123/content"), "files");
        assert_eq!(class("/v1/chat/completions"), "chat/completions");
        assert_eq!(class("/secret/place"), "other");
    }
}
