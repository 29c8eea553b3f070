//! The families about the vendor's components: defenders, statistics and the console.

use super::super::Question;
use super::super::answer::{FamilySet, Key, pairs, single};
use super::super::facts::{seconds, word};
use crate::console::Console;

pub(super) fn add<'a>(set: &mut FamilySet<'a>, console: &'a Console, question: &'a Question) {
    let mut records: Vec<(Key, u32)> = Vec::new();
    for defenders in &console.defenders {
        let connected = defenders.connected.unwrap_or(0);
        let disconnected = defenders.deployed.unwrap_or(0).saturating_sub(connected);
        for (status, number) in [("connected", connected), ("disconnected", disconnected)] {
            let open = pairs([
                ("sensor_type", &word(Some(&defenders.category))),
                ("sensor_status", status),
                ("container_runtime_name", "unknown"),
            ]);
            records.push((Key { kept: pairs([("source", &question.source)]), open }, number));
        }
    }
    set.add_grouped("sensors", &records, |members| single(members.iter().copied().map(f64::from).sum()));
    let version = pairs([("source", &question.source), ("console_version", &console.version)]);
    set.add_single("console_info", vec![(0.0, version, 1.0)]);
    let computed =
        seconds(console.statistics_computed()).map(|computed| (0.0, pairs([("source", &question.source)]), computed));
    set.add_single("vulnerability_statistics_timestamp_seconds", computed.into_iter().collect());
    let expiry = seconds(console.licence_expiry).map(|expiry| (0.0, pairs([("source", &question.source)]), expiry));
    set.add_single("console_licence_expiry_timestamp_seconds", expiry.into_iter().collect());
}
