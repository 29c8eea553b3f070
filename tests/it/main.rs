//! Tests of the program from outside, against simulated vendors.

mod absent;
mod asked;
mod both;
mod cases;
mod circle;
mod cloud;
mod cloud_fault;
mod contract;
mod coverage;
mod delta;
mod exact;
mod failure;
mod fault;
mod http;
mod kept;
mod kill;
mod leak;
mod lifetime;
mod mixture;
mod otlp;
mod outage;
mod page;
mod process;
mod program;
mod quirk;
mod receiver;
mod restart;
mod resume;
mod scrape;
mod shape;
mod state;
mod support;
mod token;
mod trace;
mod window;
mod words;

/// The same allocator as the program: these tests mostly parse expositions into many small strings.
#[global_allocator]
static ALLOCATOR: mimalloc::MiMalloc = mimalloc::MiMalloc;
