//! Tests of the dashboards and rules.

#![expect(clippy::unwrap_used, reason = "unreadable input fails the test, and the line shows where")]

mod colours;
mod current;
mod generated;
mod layout;
mod lint;
mod names;
mod promql;
mod queries;
mod rules;
