//! The defenders of a console, and its vulnerability statistics.

use super::record::{Defenders, Vulnerability};
use crate::random::Random;

const CATEGORIES: &[&str] = &["docker", "daemonset", "hostDefender", "appEmbedded", "Serverless Fargate"];
const STATUSES: &[&str] = &["fixed in 1.2", "Fixed in 2.4.1, 2.5", "affected", "", "needed", "not fixed", "deferred"];

/// Generates one row for each category.
pub(super) fn defenders(random: &mut Random) -> Vec<Defenders> {
    let row = |(index, category): (usize, &&str)| {
        let deployed = random.count(60);
        // Some of the vendor's numbers contradict each other, and some are missing.
        let connected = if index == 2 { deployed + 3 } else { random.count(deployed) };
        let is_silent = index == 3;
        Defenders {
            category: String::from(*category),
            connected: (!is_silent).then_some(connected),
            deployed: Some(deployed),
        }
    };
    CATEGORIES.iter().enumerate().map(row).collect()
}

/// Generates many vulnerabilities: few are widespread, some are in no image at all, and some have two rows.
pub(super) fn vulnerabilities(random: &mut Random) -> Vec<Vulnerability> {
    let mut rows = Vec::new();
    for number in 0..120 {
        let row = vulnerability(number, random);
        if random.percent(5) {
            rows.push(Vulnerability { images: Some(random.count(90)), ..row.clone() });
        }
        rows.push(row);
    }
    rows
}

fn vulnerability(number: usize, random: &mut Random) -> Vulnerability {
    let risk_factors = match random.below(4) {
        0 => None,
        1 => Some(Vec::new()),
        2 => Some(vec![String::from("Attack complexity: low"), String::from("Has fix")]),
        _ => Some(vec![String::from("DoS - High"), String::from("Recent vulnerability")]),
    };
    Vulnerability {
        cve: format!("CVE-20{}-{}", 15 + random.below(11), 10_000 + number),
        images: (!random.percent(5)).then(|| if random.percent(70) { random.count(9) } else { random.count(90) }),
        status: (!random.percent(10)).then(|| String::from(random.word(STATUSES))),
        risk_factors,
    }
}
