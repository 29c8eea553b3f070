//! OTLP: pushes the same numbers as `/metrics`, and the exporter's own traces.
//!
//! A snapshot is encoded with the OpenTelemetry project's protobuf messages and bypasses the instruments of its SDK:
//! those keep series that are gone, drop series past a limit, and cannot send stale markers.

mod answer;
mod config;
mod encode;
pub mod environment;
#[cfg_attr(not(feature = "grpc"), path = "without_grpc.rs")]
mod grpc;
mod headers;
mod push;
mod receiver;
mod resource;
mod sent_series;
#[cfg(test)]
mod tests;
#[cfg_attr(not(feature = "traces"), path = "without_traces.rs")]
mod traces;
mod transport;

pub use config::{Compression, Config, Protocol};
pub use headers::Headers;
pub use push::{PushSubscriber, Pusher};
pub use receiver::Signal;
pub use traces::Traces;
