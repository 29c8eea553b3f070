//! A Prometheus exporter of what Qualys Container Security and Prisma Cloud Compute report.
//!
//! Data flows one way, and each module knows only those before it:
//!
//! ```text
//! config ─► client ─► wire + paging + session ─► source ─► record ─► inventory ─► view ─► metric + catalog ─► snapshot ─► output ─► server
//!           paced,    JSON,  listings, log-in    vendors   our       keyed        joins   pure: group,        immutable   rendered
//!           retried   typed  in full                       words     tables               sum, fold                       once each
//! ```
//!
//! [`collect`] decides when each collector runs and how long its last good data is served, [`app`] puts the parts
//! together, and [`telemetry`] holds what the exporter counts about itself. [`checkpoint`] keeps the inventory across a
//! restart.
//!
//! | to add | edit |
//! | --- | --- |
//! | a metric | one row in [`catalog`] |
//! | a label on a field we have | one column of a row |
//! | a label on a new vendor field | wire type and mapping, record, row: one line each |
//! | a collector | one file in the vendor's folder, and its line in the vendor's list |
//! | a vendor | one folder, and its module, field and build line in [`source`] |
//! | an output | one file, and its line in [`output`] |
//! | an option | a field with doc and default in its owner's `Config` |

pub mod setting;

pub mod lock;

pub mod clock;
pub mod random;
pub mod telemetry;

pub mod names;
pub mod record;

pub mod inventory;

pub mod checkpoint;

pub mod client;

pub mod wire;

pub mod paging;

pub mod session;

pub mod labels;

pub mod source;

pub mod view;

pub mod metric;

pub mod catalog;

pub mod snapshot;

pub mod process;

pub mod self_metrics;

pub mod output;

pub mod server;

pub mod collect;

pub mod logging;

pub mod config;

pub mod app;
