//! What the boards and rules are held to.

mod boards;
mod colours;
mod current;
mod layout;
mod lint;
mod names;
mod promql;
mod queries;
mod rules;
