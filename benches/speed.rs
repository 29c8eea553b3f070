//! The speed of reading, aggregating and rendering a tenant, each compared with a baseline.
//!
//! Run `cargo bench --bench speed`, with `-- decode` (or `aggregate`, `render`) for one part. The summary at the end
//! has the best run of each, for comparison with the project's limits.

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
