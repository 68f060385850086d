//! What a client is told when a request fails: the only place that knows HTTP statuses. Messages say what to do and carry nothing from inside.

use std::time::Duration;

use http::{HeaderValue, Response, StatusCode, header};

use crate::domain::Ended;
use crate::upstream::UpstreamError;
use crate::wire::{self, Api};

use super::body::{Body, full};
use super::head::HeadError;
use super::hints::HintError;
use super::tenants::whole_seconds;

/// Why a request was not served.
#[derive(Debug, thiserror::Error)]
pub(super) enum Error {
    #[error(
        "The request body is larger than {} MiB. Send smaller pictures, or raise `limits.body_mib`.",
        limit / (1 << 20)
    )]
    BodyTooLarge { limit: usize },
    #[error("The request body did not arrive in time. Send it again over a faster connection.")]
    BodyLate,
    #[error("The request body broke off before its end. Send it again.")]
    BodyBroken,
    #[error("The body's Content-Encoding cannot be read here. Send it as it is, or with gzip or deflate.")]
    Encoding,
    #[error("{0}")]
    Request(#[from] wire::Error),
    #[error("{0}")]
    Hint(#[from] HintError),
    #[error("Too many requests are under way. Try again in a moment.")]
    Busy,
    #[error("The requests under way take up all the room for bodies (`limits.bodies_mib`). Try again in a moment.")]
    NoRoom,
    #[error("{0}")]
    Head(#[from] HeadError),
    #[error("No valid key: send the one that the operator of this server gave you, as a bearer token.")]
    Key,
    #[error("Too many requests in a minute for this key. Try again in {} s.", whole_seconds(*wait))]
    TenantRate { wait: Duration },
    #[error("Too many requests with this key are under way. Wait until one has ended.")]
    TenantBusy,
    #[error("{0}")]
    Upstream(#[from] UpstreamError),
    #[error("The model server's answer is larger than {} MiB and could not be checked. Raise `limits.answer_mib`.", limit / (1 << 20))]
    AnswerTooLarge { limit: usize },
    #[error("The model server's answer could not be read and was withheld, since the policy in force checks answers.")]
    AnswerUnread,
}

/// Status, OpenAI's `type`, and `code`.
type Kind = (StatusCode, &'static str, &'static str);

impl Error {
    fn kind(&self) -> Kind {
        match self {
            Self::BodyTooLarge { .. } => (StatusCode::PAYLOAD_TOO_LARGE, "invalid_request_error", "request_too_large"),
            Self::BodyLate => (StatusCode::REQUEST_TIMEOUT, "invalid_request_error", "request_timeout"),
            Self::BodyBroken => (StatusCode::BAD_REQUEST, "invalid_request_error", "incomplete_body"),
            Self::Encoding => (StatusCode::UNSUPPORTED_MEDIA_TYPE, "invalid_request_error", "unsupported_encoding"),
            Self::Request(error) => (StatusCode::BAD_REQUEST, "invalid_request_error", error.code()),
            Self::Hint(error) => (StatusCode::BAD_REQUEST, "invalid_request_error", error.code()),
            Self::Busy | Self::NoRoom => (StatusCode::SERVICE_UNAVAILABLE, "server_error", "overloaded"),
            Self::Head(error @ HeadError::Host) => (StatusCode::BAD_REQUEST, "invalid_request_error", error.code()),
            Self::Head(error) => (StatusCode::NOT_IMPLEMENTED, "invalid_request_error", error.code()),
            Self::Key => (StatusCode::UNAUTHORIZED, "invalid_request_error", "invalid_api_key"),
            Self::TenantRate { .. } | Self::TenantBusy => {
                (StatusCode::TOO_MANY_REQUESTS, "requests", "rate_limit_exceeded")
            }
            Self::Upstream(error) => upstream_kind(error),
            Self::AnswerTooLarge { .. } => (StatusCode::BAD_GATEWAY, "server_error", "answer_too_large"),
            Self::AnswerUnread => (StatusCode::BAD_GATEWAY, "server_error", "answer_unreadable"),
        }
    }

    /// The HTTP status.
    pub(super) fn status(&self) -> StatusCode {
        self.kind().0
    }

    /// How the record says that the request ended.
    pub(super) fn ended(&self) -> Ended {
        match self {
            Self::BodyBroken => Ended::ClientGone,
            Self::BodyTooLarge { .. }
            | Self::BodyLate
            | Self::Encoding
            | Self::Request(_)
            | Self::Hint(_)
            | Self::Head(_)
            | Self::Key
            | Self::TenantRate { .. }
            | Self::TenantBusy
            | Self::Upstream(UpstreamError::Unserved)
            | Self::NoRoom
            | Self::Busy => Ended::Refused,
            Self::Upstream(_) | Self::AnswerTooLarge { .. } | Self::AnswerUnread => Ended::UpstreamFailed,
        }
    }

    fn param(&self) -> Option<&str> {
        match self {
            Self::Request(error) => error.param(),
            Self::Hint(error) => Some(error.header()),
            Self::Upstream(UpstreamError::Unserved) => Some("model"),
            Self::Head(_)
            | Self::Key
            | Self::TenantRate { .. }
            | Self::TenantBusy
            | Self::BodyTooLarge { .. }
            | Self::BodyLate
            | Self::BodyBroken
            | Self::Encoding
            | Self::Busy
            | Self::NoRoom
            | Self::Upstream(_)
            | Self::AnswerTooLarge { .. }
            | Self::AnswerUnread => None,
        }
    }

    /// The error as OpenAI's clients read it.
    pub(super) fn response(&self) -> Response<Body> {
        let (status, kind, code) = self.kind();
        let mut response = Response::new(full(self.wire()));
        *response.status_mut() = status;
        let headers = response.headers_mut();
        headers.insert(header::CONTENT_TYPE, HeaderValue::from_static("application/json"));
        match self {
            Self::TenantRate { wait } => {
                headers.insert(header::RETRY_AFTER, HeaderValue::from(whole_seconds(*wait)));
            }
            Self::Key => drop(headers.insert(header::WWW_AUTHENTICATE, HeaderValue::from_static("Bearer"))),
            _ if kind == "server_error" || status == StatusCode::TOO_MANY_REQUESTS => {
                headers.insert(header::RETRY_AFTER, HeaderValue::from_static("2"));
            }
            _ => {}
        }
        // Without this, OpenAI's clients send an answer that could not be checked, or a slow upload, twice again.
        if matches!(code, "answer_too_large" | "answer_unreadable" | "request_timeout") {
            headers.insert("x-should-retry", HeaderValue::from_static("false"));
        }
        response
    }

    /// The error as an event of a stream that is under way.
    pub(super) fn event(&self, api: Api, sequence: u64) -> bytes::Bytes {
        match api {
            Api::Chat | Api::Completions => wire::sse::event(&self.wire()),
            Api::Responses => {
                let (_, _, code) = self.kind();
                wire::error::event(&self.to_string(), self.param(), code, sequence)
            }
        }
    }

    /// The error's JSON body.
    fn wire(&self) -> bytes::Bytes {
        let (_, kind, code) = self.kind();
        wire::error::body(&self.to_string(), kind, self.param(), Some(code))
    }
}

fn upstream_kind(error: &UpstreamError) -> Kind {
    match error {
        UpstreamError::Unserved => (StatusCode::NOT_FOUND, "invalid_request_error", "model_not_found"),
        UpstreamError::Timeout { .. } => (StatusCode::GATEWAY_TIMEOUT, "server_error", "upstream_timeout"),
        UpstreamError::Connect
        | UpstreamError::Tls
        | UpstreamError::Protocol
        | UpstreamError::Closed
        | UpstreamError::Open => (StatusCode::BAD_GATEWAY, "server_error", "upstream_unavailable"),
    }
}
