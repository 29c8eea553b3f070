//! Simulated vendors for the tests of `container-security-exporter`.
//!
//! - [`tenant`]: the state of a Qualys account, independent of its API;
//! - [`console`]: the same for a Prisma Cloud Compute console;
//! - [`server`]: the vendors' APIs over that state, with their oddities, and with faults on demand;
//! - [`oracle`]: the metrics that the contract requires, computed from that state in a slow and obvious way;
//! - [`exposition`]: a strict parser of the exporter's output, for comparison with the oracle;
//! - [`folder`]: a temporary folder for the programs that start the simulator.
//!
//! The simulator does not share code with the exporter: two independent readings of the contract must agree.

pub mod console;
pub mod exposition;
pub mod folder;
mod nasty;
pub mod oracle;
mod random;
pub mod server;
pub mod tenant;

/// Strings planted wherever the vendor sends or accepts a secret. None may ever leave the exporter.
pub const SECRET_MARKERS: &[&str] = &[
    "S3CR3T-environment",
    "S3CR3T-argument",
    "S3CR3T-recipient",
    "S3CR3T-password",
    "S3CR3T-client",
    "S3CR3T-static-token",
    "S3CR3T-jwt-signature",
    "S3CR3T-process",
    "S3CR3T-prisma-password",
    "S3CR3T-prisma-token",
];
