//! Requests over gRPC, which were encoded before: the messages are bytes here.

use std::error::Error;
use std::path::Path;
use std::time::Duration;

use bytes::{Buf, BufMut, Bytes};
use http::HeaderMap;
use http::uri::PathAndQuery;
use tonic::client::Grpc;
use tonic::codec::{Codec, CompressionEncoding, DecodeBuf, Decoder, EncodeBuf, Encoder};
use tonic::metadata::MetadataMap;
use tonic::transport::{Certificate, Channel, ClientTlsConfig, Endpoint, Identity};
use tonic::{Request, Status};

use super::Compression;
use super::answer::{Verdict, of_grpc, of_message};
use super::receiver::ReceiverConfig;
use crate::client::provide_cryptography;
use crate::telemetry::PushFailure;

/// Most connections are there in less.
const CONNECT: Duration = Duration::from_secs(10);

/// A client of one receiver. It connects when it is used first.
pub(super) struct Client {
    grpc: Grpc<Channel>,
    method: PathAndQuery,
}

impl Client {
    /// A client of this receiver. It goes through no proxy.
    pub(super) fn new(receiver: &ReceiverConfig) -> Result<Self, String> {
        provide_cryptography();
        let read =
            |path: &Path| std::fs::read(path).map_err(|error| format!("cannot read {}: {error}", path.display()));
        let endpoint = Endpoint::from_shared(receiver.target.clone()).map_err(|_| "endpoint is not an absolute URL")?;
        let agent = concat!("container-security-exporter/", env!("CARGO_PKG_VERSION"));
        let mut endpoint = endpoint.connect_timeout(CONNECT).user_agent(agent).map_err(|error| error.to_string())?;
        if endpoint.uri().scheme_str() == Some("https") {
            let mut tls = ClientTlsConfig::new().with_native_roots();
            if let Some(path) = &receiver.ca_file {
                tls = tls.ca_certificate(Certificate::from_pem(read(path)?));
            }
            if let Some(certificate) = &receiver.certificate {
                let (chain, key) = (read(&certificate.certificate_file)?, read(&certificate.key_file)?);
                tls = tls.identity(Identity::from_pem(chain, key));
            }
            endpoint =
                endpoint.tls_config(tls).map_err(|error| format!("TLS cannot be set up: {}", innermost(&error)))?;
        }
        let grpc = Grpc::new(endpoint.connect_lazy()).accept_compressed(CompressionEncoding::Gzip);
        Ok(Self {
            grpc: match receiver.compression {
                Compression::Gzip => grpc.send_compressed(CompressionEncoding::Gzip),
                Compression::None => grpc,
            },
            method: receiver.kind.method(),
        })
    }

    /// Sends one request and returns the outcome.
    pub(super) async fn send(&self, headers: HeaderMap, body: Bytes, patience: Duration) -> Verdict {
        let mut grpc = self.grpc.clone();
        let mut request = Request::new(body);
        *request.metadata_mut() = MetadataMap::from_headers(headers);
        request.set_timeout(patience);
        let answer = async {
            grpc.ready().await.map_err(|error| Status::from_error(error.into()))?;
            grpc.unary(request, self.method.clone(), Raw).await
        };
        match tokio::time::timeout(patience, answer).await {
            Ok(Ok(answer)) => of_message(answer.get_ref()),
            Ok(Err(status)) => {
                of_transport(&status).unwrap_or_else(|| of_grpc(status.code(), status.message(), status.details()))
            }
            Err(_) => Verdict::transient(PushFailure::Timeout, "timed out waiting for the response", None),
        }
    }
}

/// What a status means that was not sent by the receiver, but made here because it could not be asked.
fn of_transport(status: &Status) -> Option<Verdict> {
    let error = status.source()?;
    if !error.is::<tonic::transport::Error>() {
        return None;
    }
    let words = innermost(error);
    let mut next = Some(error);
    while let Some(cause) = next {
        // The client's own clock, which runs beside ours.
        if cause.is::<tonic::TimeoutExpired>() {
            return Some(Verdict::transient(PushFailure::Timeout, words, None));
        }
        // `source` of an I/O error skips the error it wraps.
        let wrapped = cause.downcast_ref::<std::io::Error>().and_then(|error| error.get_ref());
        if cause.is::<rustls::Error>() || wrapped.is_some_and(<dyn Error + Send + Sync>::is::<rustls::Error>) {
            return Some(Verdict::failed(PushFailure::Tls, words));
        }
        next = cause.source();
    }
    Some(Verdict::transient(PushFailure::Unreachable, words, None))
}

/// The innermost reason of an error: the outer ones say only that there is one.
fn innermost(mut error: &(dyn Error + 'static)) -> String {
    while let Some(cause) = error.source() {
        error = cause;
    }
    error.to_string()
}

/// Messages as they are.
struct Raw;

impl Codec for Raw {
    type Encode = Bytes;
    type Decode = Bytes;
    type Encoder = Self;
    type Decoder = Self;

    fn encoder(&mut self) -> Self {
        Self
    }

    fn decoder(&mut self) -> Self {
        Self
    }
}

impl Encoder for Raw {
    type Item = Bytes;
    type Error = Status;

    fn encode(&mut self, message: Bytes, into: &mut EncodeBuf<'_>) -> Result<(), Status> {
        into.put(message);
        Ok(())
    }
}

impl Decoder for Raw {
    type Item = Bytes;
    type Error = Status;

    fn decode(&mut self, from: &mut DecodeBuf<'_>) -> Result<Option<Bytes>, Status> {
        Ok(Some(from.copy_to_bytes(from.remaining())))
    }
}
