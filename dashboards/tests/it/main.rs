//! What the dashboards and rules are held to.

#![expect(clippy::unwrap_used, reason = "what cannot be read here has failed the test, and the line says where")]

mod colours;
mod current;
mod generated;
mod layout;
mod lint;
mod names;
mod promql;
mod queries;
mod rules;
