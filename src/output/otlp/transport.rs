//! One request to the receiver, over either protocol.

use std::io::Write as _;
use std::time::Duration;

use bytes::Bytes;
use flate2::write::GzEncoder;
use http::{HeaderMap, HeaderValue, header};

use super::answer::{Verdict, of_http};
use super::receiver::ReceiverConfig;
use super::{Compression, Protocol, grpc};
use crate::client::Poster;
use crate::clock::Clock;
use crate::telemetry::{Failure, PushFailure};

/// Fast, and within a few percent of what slower levels receiver.
const LEVEL: flate2::Compression = flate2::Compression::new(4);

/// A connection to the receiver.
pub(super) enum Transport {
    /// Over HTTP.
    Http {
        /// The client.
        poster: Poster,
        /// Whether bodies are compressed.
        compression: Compression,
        /// What dates in answers are compared with.
        clock: Clock,
    },
    /// Over gRPC.
    Grpc(grpc::Client),
}

impl Transport {
    /// The configured transport.
    pub(super) fn new(receiver: &ReceiverConfig, clock: Clock) -> Result<Self, String> {
        match receiver.protocol {
            Protocol::Http => {
                let poster = Poster::new(&receiver.target, receiver.ca_file.as_deref(), receiver.certificate.as_ref())?;
                Ok(Self::Http { poster, compression: receiver.compression, clock })
            }
            Protocol::Grpc => Ok(Self::Grpc(grpc::Client::new(receiver)?)),
        }
    }

    /// Whether requests are to be compressed before they are sent.
    pub(super) fn wants_gzip(&self) -> bool {
        matches!(self, Self::Http { compression: Compression::Gzip, .. })
    }

    /// Sends one request, compressed if that is wanted, and returns the outcome.
    pub(super) async fn send(&self, mut headers: HeaderMap, body: Bytes, patience: Duration) -> Verdict {
        match self {
            Self::Grpc(client) => client.send(headers, body, patience).await,
            Self::Http { poster, clock, .. } => {
                headers.insert(header::CONTENT_TYPE, HeaderValue::from_static("application/x-protobuf"));
                if self.wants_gzip() {
                    headers.insert(header::CONTENT_ENCODING, HeaderValue::from_static("gzip"));
                }
                match poster.post(headers, body, patience, clock.now()).await {
                    Ok(posted) => of_http(&posted),
                    Err((failure, words)) => of_failure(failure, words),
                }
            }
        }
    }
}

/// What it means that no answer came.
fn of_failure(failure: Failure, words: String) -> Verdict {
    match failure {
        Failure::Timeout => Verdict::transient(PushFailure::Timeout, words, None),
        Failure::Unreachable => Verdict::transient(PushFailure::Unreachable, words, None),
        Failure::Tls => Verdict::failed(PushFailure::Tls, words),
        Failure::BadResponse => Verdict::failed(PushFailure::BadResponse, words),
        Failure::Incomplete
        | Failure::Unauthorized
        | Failure::Forbidden
        | Failure::NotFound
        | Failure::RateLimited
        | Failure::TooLarge
        | Failure::Internal => Verdict::failed(PushFailure::Internal, words),
    }
}

/// Compresses a request. Takes a while for a large one: not for an async thread.
pub(super) fn gzip(body: &[u8]) -> std::io::Result<Vec<u8>> {
    let mut encoder = GzEncoder::new(Vec::new(), LEVEL);
    encoder.write_all(body)?;
    encoder.finish()
}
