//! What stands for gRPC in a build without it. The configuration refuses the protocol before it gets here.

use std::time::Duration;

use bytes::Bytes;
use http::HeaderMap;

use super::answer::Verdict;
use super::config::WITHOUT_GRPC;
use super::receiver::ReceiverConfig;

/// A client that cannot be.
pub(super) enum Client {}

impl Client {
    /// Refuses.
    pub(super) fn new(_: &ReceiverConfig) -> Result<Self, &'static str> {
        Err(WITHOUT_GRPC)
    }

    #[expect(clippy::unused_async, reason = "as that of gRPC")]
    pub(super) async fn send(&self, _: HeaderMap, _: Bytes, _: Duration) -> Verdict {
        match *self {}
    }
}
