//! Tests of the program from outside, against the simulated vendor.

mod contract;
mod coverage;
mod exact;
mod failure;
mod leak;
mod lifetime;
mod page;
mod process;
mod program;
mod quirk;
mod shape;
mod support;
