//! How fast a tenant is read, aggregated and rendered, each beside what it is measured against.
//!
//! `cargo bench --bench speed`, or with `-- decode` (`aggregate`, `render`) after it for one part. The summary at the
//! end holds what was measured to the project's marks, by the best run of each.

mod aggregate;
mod best;
mod decode;
mod render;
mod rows;
mod tenant;

fn main() {
    divan::main();
    decode::summary();
    aggregate::summary();
    render::summary();
}
