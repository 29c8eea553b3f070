//! Simulated vendors for the tests of `container-security-exporter`.
//!
//! - [`tenant`]: what is true of a Qualys account, in plain words;
//! - [`console`]: the same for a Prisma Cloud Compute console;
//! - [`server`]: the vendors' APIs over that truth, with their oddities and with faults on demand;
//! - [`oracle`]: the metrics that the contract asks for, computed slowly and obviously from the truth;
//! - [`exposition`]: a strict parser of what an exporter serves, to compare with the oracle;
//! - [`folder`]: a temporary folder for the programs that start it.
//!
//! Nothing here is shared with the exporter: two independent readings of the contract have to agree.

pub mod console;
pub mod exposition;
pub mod folder;
mod nasty;
pub mod oracle;
mod random;
pub mod server;
pub mod tenant;

/// Strings planted wherever the vendor sends or takes a secret; none may ever leave the exporter.
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
