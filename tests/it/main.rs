//! Tests of the program from outside, against the simulated vendor.

mod exact;
mod support;
