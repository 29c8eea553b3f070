//! Resources that the console returns in a single response: defenders, statistics, licence.

use serde_json::{Value, json};

use super::moment::moment;
use super::writing::{damaged, list, thin_out};
use crate::console::{Console, Vulnerability};
use crate::random::Random;

/// The summary of defenders; null if there are none.
pub(super) fn defenders(console: &Console) -> Value {
    let random = &mut Random::of(console.seed(), "console", "defenders");
    let own = console.defenders.iter().map(|row| {
        json!({
            "category": row.category, "connected": row.connected, "deployed": row.deployed, "licensed": row.deployed,
        })
    });
    let strays = console
        .stray_defender_rows
        .iter()
        .map(|stray| damaged(json!({"category": stray.id, "connected": 1, "deployed": 1}), stray.damage, "category"));
    let mut rows: Value = own.chain(strays).collect();
    thin_out(&mut rows, random);
    if rows.as_array().is_some_and(Vec::is_empty) { Value::Null } else { rows }
}

/// The newest vulnerability statistics and possibly an older one, in any order; null if there are none.
pub(super) fn vulnerabilities(console: &Console) -> Value {
    let random = &mut Random::of(console.seed(), "console", "vulnerabilities");
    let strays = console.stray_vulnerability_rows.iter().map(|stray| {
        let sound = json!({"cve": stray.id, "impactedResourcesCnt": 99, "status": "affected", "riskFactors": {}});
        damaged(sound, stray.damage, "cve")
    });
    let own = console.vulnerabilities.iter().map(|row| vulnerability(row, random));
    let rows: Vec<Value> = own.chain(strays).collect();
    if console.statistics_computed().is_none() {
        return if random.percent(50) { Value::Null } else { json!([]) };
    }
    let mut days = vec![day(console.now_ms(), rows, random)];
    if !console.older_vulnerabilities.is_empty() {
        let rows = console.older_vulnerabilities.iter().map(|row| vulnerability(row, random)).collect();
        let place = random.below(2);
        days.insert(place, day(console.now_ms() - 86_400_000, rows, random));
    }
    let mut days = Value::Array(days);
    thin_out(&mut days, random);
    days
}

fn day(modified: i64, rows: Vec<Value>, random: &mut Random) -> Value {
    json!({
        "_id": "2025-06-15", "modified": moment(Some(modified), random),
        "images": {"vulnerabilities": list(rows, random), "cveCount": 3},
        "hosts": {"vulnerabilities": [{"cve": "CVE-1999-0001", "impactedResourcesCnt": 77, "status": "affected"}]},
        "containers": null, "functions": null,
    })
}

fn vulnerability(row: &Vulnerability, random: &mut Random) -> Value {
    let factors = row.risk_factors.as_ref();
    let factors = factors.map(|names| names.iter().map(|name| (name.clone(), json!({}))).collect::<Value>());
    json!({
        "cve": row.cve, "impactedResourcesCnt": row.images, "status": row.status, "riskFactors": factors,
        "description": "A flaw was found in…", "impactedResourceType": "image", "riskScore": random.count(100),
        "highestCVSS": 9.8, "highestRiskFactors": {}, "impactedPkgs": null, "exposedService": false,
    })
}

/// The number of vulnerabilities in the newest statistics.
pub(super) fn total(console: &Console) -> usize {
    console.vulnerabilities.len() + console.stray_vulnerability_rows.len()
}

/// At most `limit` vulnerabilities of each day, from `offset` on.
pub(super) fn page(mut days: Value, offset: usize, limit: usize) -> Value {
    for day in days.as_array_mut().into_iter().flatten() {
        if let Some(rows) = day.pointer_mut("/images/vulnerabilities").filter(|rows| rows.is_array()) {
            let page: Vec<Value> = rows.as_array().into_iter().flatten().skip(offset).take(limit).cloned().collect();
            *rows = if page.is_empty() { Value::Null } else { page.into() };
        }
    }
    days
}

/// The licence.
pub(super) fn licence(console: &Console) -> Value {
    let random = &mut Random::of(console.seed(), "console", "licence");
    let mut licence = json!({
        "_id": "twistlock_license", "type": "enterprise", "customer_id": "acme",
        "expiration_date": moment(console.licence_expiry, random), "issue_date": "2024-01-01T00:00:00Z",
        "workloads": 1000,
    });
    thin_out(&mut licence, random);
    licence
}
