//! The same numbers, pushed by OTLP to a receiver of OpenTelemetry metrics; and the exporter's own traces.
//!
//! A snapshot is encoded with the OpenTelemetry project's own messages, and not put through the instruments of its SDK:
//! those keep series that are gone, lose some past a limit, and cannot mark one as ended.

mod answer;
mod config;
mod encode;
pub mod environment;
#[cfg_attr(not(feature = "grpc"), path = "without_grpc.rs")]
mod grpc;
mod headers;
mod push;
mod reach;
mod resource;
mod send;
#[cfg(test)]
mod tests;
mod told;
#[cfg_attr(not(feature = "traces"), path = "without_traces.rs")]
mod traces;

pub use config::{Compression, Config, Protocol};
pub use headers::Headers;
pub use push::{Pusher, Taker};
pub use reach::Signal;
pub use traces::Traces;
