//! Tests of the program from outside, against the simulated vendors.

mod absent;
mod asked;
mod both;
mod cloud;
mod cloud_fault;
mod contract;
mod coverage;
mod delta;
mod exact;
mod failure;
mod http;
mod leak;
mod lifetime;
mod mixture;
mod otlp;
mod page;
mod process;
mod program;
mod quirk;
mod receiver;
mod scrape;
mod shape;
mod support;
