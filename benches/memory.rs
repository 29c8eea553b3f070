//! The total memory per container: record, key, index and its share of the names.
//!
//! Measured as the growth of resident memory, and compared with the project's limit.

mod resident;
mod rows;

use rows::Fleet;

const FLEET: Fleet = Fleet { containers: 300_000, replicas: 5, whole: false };

/// The limit in bytes per container.
const MARK: u64 = 400;

fn resident_bytes() -> u64 {
    resident::kibibytes("self", "VmRSS").expect("the system reports a process's memory") * 1024
}

#[expect(clippy::print_stdout, reason = "a benchmark prints its results")]
fn main() {
    // Memory that is allocated once does not count.
    drop(Fleet { containers: 1000, ..FLEET }.containers());
    let before = resident_bytes();
    let table = FLEET.containers();
    let each = resident_bytes().saturating_sub(before) / table.len() as u64;
    let (containers, names) = (table.len(), table.names.iter().count());
    println!("memory: {each} bytes per container, for {containers} containers with {names} names; at most {MARK}");
    assert!(each <= MARK, "{each} bytes per container exceed the limit of {MARK}");
}
