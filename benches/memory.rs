//! How much memory a container takes all told: record, key, index and its part of the names.
//!
//! Measured as the growth of what the system says is resident, and held to the project's mark.

mod resident;
mod rows;

use rows::Fleet;

const FLEET: Fleet = Fleet { containers: 300_000, replicas: 5, whole: false };

/// Most bytes that a container may take.
const MARK: u64 = 400;

fn resident_bytes() -> u64 {
    resident::kibibytes("self", "VmRSS").expect("the system reports a process's memory") * 1024
}

#[expect(clippy::print_stdout, reason = "it is what a benchmark is run for")]
fn main() {
    // What is allocated once is not a container's.
    drop(Fleet { containers: 1000, ..FLEET }.containers());
    let before = resident_bytes();
    let table = FLEET.containers();
    let each = resident_bytes().saturating_sub(before) / table.len() as u64;
    let (containers, names) = (table.len(), table.names.iter().count());
    println!("memory: {each} bytes a container, of {containers} containers with {names} names; at most {MARK}");
    assert!(each <= MARK, "a container takes {each} bytes");
}
