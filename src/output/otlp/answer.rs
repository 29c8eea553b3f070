//! What a receiver's answer means, over HTTP and over gRPC: what arrived, what to retry, and when. Pure.

use std::time::Duration;

use http::StatusCode;
use opentelemetry_proto::tonic::collector::metrics::v1::ExportMetricsServiceResponse;
use prost::Message;
#[cfg(feature = "grpc")]
use tonic::Code;

use crate::client::Posted;
use crate::telemetry::PushFailure;

/// The outcome of a request.
#[derive(Debug, PartialEq, Eq)]
pub(super) enum Verdict {
    /// It arrived, except for this number of rejected points, with the receiver's message.
    Taken(u64, String),
    /// It is larger than the receiver accepts.
    TooLarge(String),
    /// It did not arrive.
    Failed(PushError),
}

/// Why a request did not arrive.
#[derive(Debug, PartialEq, Eq)]
pub(super) struct PushError {
    /// The reason.
    pub(super) failure: PushFailure,
    /// The message, with the receiver's own words if any.
    pub(super) words: String,
    /// Whether to retry.
    pub(super) retry: Retry,
}

/// Whether to retry a request.
#[derive(Clone, Copy, Debug, PartialEq, Eq)]
pub(super) enum Retry {
    /// Never.
    No,
    /// With exponential backoff.
    Soon,
    /// After this time, as requested by the receiver.
    After(Duration),
}

impl Verdict {
    /// A permanent failure.
    pub(super) fn failed(failure: PushFailure, words: impl Into<String>) -> Self {
        Self::Failed(PushError { failure, words: words.into(), retry: Retry::No })
    }

    /// A transient failure.
    pub(super) fn transient(failure: PushFailure, words: impl Into<String>, after: Option<Duration>) -> Self {
        Self::Failed(PushError { failure, words: words.into(), retry: after.map_or(Retry::Soon, Retry::After) })
    }
}

/// The part of `google.rpc.Status` that is read.
#[derive(Clone, PartialEq, Message)]
pub(super) struct RpcStatus {
    /// What is wrong, in words.
    #[prost(string, tag = "2")]
    pub(super) message: String,
    /// What else there is to say.
    #[prost(message, repeated, tag = "3")]
    pub(super) details: Vec<RpcDetail>,
}

/// A message of any type.
#[derive(Clone, PartialEq, Message)]
pub(super) struct RpcDetail {
    /// Its type.
    #[prost(string, tag = "1")]
    pub(super) type_url: String,
    /// The message.
    #[prost(bytes = "vec", tag = "2")]
    pub(super) value: Vec<u8>,
}

/// `google.rpc.RetryInfo`: when to try again.
#[cfg(feature = "grpc")]
#[derive(Clone, PartialEq, Message)]
pub(super) struct RetryInfo {
    /// After this time.
    #[prost(message, optional, tag = "1")]
    pub(super) delay: Option<RetryDelay>,
}

/// A span of time.
#[cfg(feature = "grpc")]
#[derive(Clone, PartialEq, Message)]
pub(super) struct RetryDelay {
    /// Whole seconds.
    #[prost(int64, tag = "1")]
    pub(super) seconds: i64,
    /// What is left of one.
    #[prost(int32, tag = "2")]
    pub(super) nanos: i32,
}

#[cfg(feature = "grpc")]
impl RpcStatus {
    /// When to try again, if it says so.
    fn retry_after(&self) -> Option<Duration> {
        let info = self.details.iter().find(|detail| detail.type_url.ends_with("/google.rpc.RetryInfo"))?;
        let delay = RetryInfo::decode(info.value.as_slice()).ok()?.delay.unwrap_or_default();
        let (seconds, nanos) = (u64::try_from(delay.seconds).unwrap_or(0), u32::try_from(delay.nanos).unwrap_or(0));
        Some(Duration::from_secs(seconds) + Duration::from_nanos(u64::from(nanos)))
    }
}

/// What an answer over HTTP means.
pub(super) fn of_http(posted: &Posted) -> Verdict {
    let status = posted.status;
    let content_type = posted.content_type.as_deref().map(|value| value.split(';').next().unwrap_or_default().trim());
    let is_protobuf = content_type.is_some_and(|value| value.eq_ignore_ascii_case("application/x-protobuf"));
    if status.is_success() {
        // Prometheus and VictoriaMetrics answer with nothing, which is a message without fields.
        if !is_protobuf && (content_type.is_some() || !posted.body.is_empty()) {
            let words = format!("answered {} with a body that is not OTLP; check the endpoint", status.as_u16());
            return Verdict::failed(PushFailure::BadResponse, words);
        }
        return of_message(&posted.body);
    }
    let said =
        if is_protobuf { RpcStatus::decode(posted.body.clone()).unwrap_or_default().message } else { String::new() };
    let said = if said.is_empty() { String::new() } else { format!(": {said}") };
    let words = format!("answered {}{said}", status.as_u16());
    match status {
        _ if status.is_redirection() => {
            let words = format!("{words}: redirects are not followed; check the endpoint");
            Verdict::failed(PushFailure::Redirected, words)
        }
        StatusCode::PAYLOAD_TOO_LARGE => Verdict::TooLarge(words),
        StatusCode::TOO_MANY_REQUESTS => Verdict::transient(PushFailure::RateLimited, words, posted.retry_after),
        StatusCode::BAD_GATEWAY | StatusCode::SERVICE_UNAVAILABLE | StatusCode::GATEWAY_TIMEOUT => {
            Verdict::transient(PushFailure::Unavailable, words, posted.retry_after)
        }
        StatusCode::UNAUTHORIZED => Verdict::failed(PushFailure::Unauthorized, words),
        StatusCode::FORBIDDEN => Verdict::failed(PushFailure::Forbidden, words),
        StatusCode::NOT_FOUND | StatusCode::METHOD_NOT_ALLOWED => {
            Verdict::failed(PushFailure::NotFound, format!("{words}; check the endpoint"))
        }
        _ if status.is_server_error() => Verdict::failed(PushFailure::Unavailable, words),
        _ => Verdict::failed(PushFailure::Refused, words),
    }
}

/// What the message of an answer of success means.
pub(super) fn of_message(body: &[u8]) -> Verdict {
    let Ok(answer) = ExportMetricsServiceResponse::decode(body) else {
        return Verdict::failed(PushFailure::BadResponse, "answered with a body that is not OTLP");
    };
    let partial = answer.partial_success.unwrap_or_default();
    // A negative count is nonsense and counts as none.
    Verdict::Taken(u64::try_from(partial.rejected_data_points).unwrap_or(0), partial.error_message)
}

/// What an unsuccessful answer over gRPC means.
#[cfg(feature = "grpc")]
pub(super) fn of_grpc(code: Code, message: &str, details: &[u8]) -> Verdict {
    let after = RpcStatus::decode(details).ok().and_then(|status| status.retry_after());
    let words = format!("answered {code:?}: {message}");
    match code {
        // Some receivers answer OUT_OF_RANGE to a message that is too large. If they mean something else, splitting the
        // request is as good a retry as any.
        Code::ResourceExhausted | Code::OutOfRange if after.is_none() => Verdict::TooLarge(words),
        Code::ResourceExhausted => Verdict::transient(PushFailure::RateLimited, words, after),
        Code::DeadlineExceeded => Verdict::transient(PushFailure::Timeout, words, after),
        Code::Cancelled | Code::Aborted | Code::OutOfRange | Code::Unavailable | Code::DataLoss => {
            Verdict::transient(PushFailure::Unavailable, words, after)
        }
        Code::Unauthenticated => Verdict::failed(PushFailure::Unauthorized, words),
        Code::PermissionDenied => Verdict::failed(PushFailure::Forbidden, words),
        Code::Unimplemented | Code::NotFound => {
            Verdict::failed(PushFailure::NotFound, format!("{words}; check the endpoint and the protocol"))
        }
        Code::InvalidArgument | Code::FailedPrecondition | Code::AlreadyExists => {
            Verdict::failed(PushFailure::Refused, words)
        }
        Code::Ok | Code::Unknown | Code::Internal => Verdict::failed(PushFailure::BadResponse, words),
    }
}

#[cfg(test)]
mod tests {
    use super::*;

    fn posted(status: u16, content_type: Option<&str>, retry_after: Option<u64>, body: &[u8]) -> Posted {
        Posted {
            status: StatusCode::from_u16(status).unwrap(),
            content_type: content_type.map(str::to_owned),
            retry_after: retry_after.map(Duration::from_secs),
            body: body.to_vec().into(),
        }
    }

    /// A verdict as a word: of what failed, and whether and when it is tried again.
    fn word(verdict: &Verdict) -> String {
        match verdict {
            Verdict::Taken(rejected, words) => format!("taken but {rejected} {words}"),
            Verdict::TooLarge(_) => "split".to_owned(),
            Verdict::Failed(PushError { failure, retry: Retry::No, .. }) => failure.as_str().to_owned(),
            Verdict::Failed(PushError { failure, retry: Retry::Soon, .. }) => format!("{} again", failure.as_str()),
            Verdict::Failed(PushError { failure, retry: Retry::After(wait), .. }) => {
                format!("{} after {wait:?}", failure.as_str())
            }
        }
    }

    #[test]
    fn answers_over_http_mean_what_the_specification_says() {
        const PROTOBUF: Option<&str> = Some("application/x-protobuf");
        // partial_success { rejected_data_points: 3, error_message: "old" }
        const PARTIAL: &[u8] = b"\x0a\x07\x08\x03\x12\x03old";
        for (status, content_type, retry_after, body, wanted) in [
            (200, PROTOBUF, None, &b""[..], "taken but 0 "),
            (200, None, None, b"", "taken but 0 "),
            (204, None, None, b"", "taken but 0 "),
            (200, Some("Application/X-Protobuf; charset=x"), None, PARTIAL, "taken but 3 old"),
            (200, PROTOBUF, None, b"<html>", "bad_response"),
            (200, Some("text/html"), None, b"", "bad_response"),
            (200, Some("application/json"), None, b"{}", "bad_response"),
            (200, None, None, b"ok", "bad_response"),
            (301, None, None, b"", "redirected"),
            (307, None, None, b"", "redirected"),
            (400, None, Some(1), b"", "refused"),
            (401, None, None, b"", "unauthorized"),
            (403, None, None, b"", "forbidden"),
            (404, None, None, b"", "not_found"),
            (405, None, None, b"", "not_found"),
            (413, None, None, b"", "split"),
            (429, None, Some(7), b"", "rate_limited after 7s"),
            (429, None, None, b"", "rate_limited again"),
            (500, None, Some(1), b"", "unavailable"),
            (502, None, None, b"", "unavailable again"),
            (503, None, Some(2), b"", "unavailable after 2s"),
            (504, None, None, b"", "unavailable again"),
        ] {
            let found = of_http(&posted(status, content_type, retry_after, body));
            assert_eq!(word(&found), wanted, "{status} {content_type:?}");
        }
        let status = RpcStatus { message: "too old".to_owned(), details: Vec::new() }.encode_to_vec();
        let Verdict::Failed(miss) = of_http(&posted(400, PROTOBUF, None, &status)) else { panic!("it failed") };
        assert_eq!(miss.words, "answered 400: too old");
    }

    #[test]
    #[cfg(feature = "grpc")]
    fn answers_over_grpc_mean_what_the_specification_says() {
        let delay = Some(RetryDelay { seconds: 2, nanos: 500_000_000 });
        let info = RpcDetail {
            type_url: "type.googleapis.com/google.rpc.RetryInfo".to_owned(),
            value: RetryInfo { delay }.encode_to_vec(),
        };
        let wait = RpcStatus { message: String::new(), details: vec![info] }.encode_to_vec();
        for (code, details, wanted) in [
            (Code::Cancelled, &b""[..], "unavailable again"),
            (Code::DeadlineExceeded, b"", "timeout again"),
            (Code::Aborted, b"", "unavailable again"),
            (Code::OutOfRange, b"", "split"),
            (Code::OutOfRange, &wait, "unavailable after 2.5s"),
            (Code::Unavailable, b"", "unavailable again"),
            (Code::Unavailable, &wait, "unavailable after 2.5s"),
            (Code::DataLoss, b"", "unavailable again"),
            (Code::ResourceExhausted, b"", "split"),
            (Code::ResourceExhausted, b"\xff", "split"),
            (Code::ResourceExhausted, &wait, "rate_limited after 2.5s"),
            (Code::InvalidArgument, &wait, "refused"),
            (Code::Unauthenticated, b"", "unauthorized"),
            (Code::PermissionDenied, b"", "forbidden"),
            (Code::Unimplemented, b"", "not_found"),
            (Code::Internal, b"", "bad_response"),
            (Code::Unknown, b"", "bad_response"),
        ] {
            assert_eq!(word(&of_grpc(code, "", details)), wanted, "{code:?}");
        }
    }
}
