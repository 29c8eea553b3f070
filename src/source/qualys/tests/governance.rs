//! Resources behind posture, reports and policies: the vendor's own samples, and odd ones.

use std::sync::Arc;

use super::{answer, fixture, store};
use crate::clock::Timestamp;
use crate::names::{Name, Names};
use crate::record::{Outcome, PostureResource, Registry, Report, Severity};
use crate::source::qualys::policies::rules::Rules;
use crate::source::qualys::policies::{ListedPolicy, read_rules, split};
use crate::source::qualys::posture::resources::StagedResources;
use crate::source::qualys::wire::{self, PolicyRow};
use crate::source::staged::StagedTable;
use crate::telemetry::Rejection;
use crate::wire::{Nested, text};

fn page(rows: &str) -> String {
    format!(r#"{{"data":[{rows}]}}"#)
}

fn words<const N: usize>(names: &Names, all: [Name; N]) -> [&str; N] {
    all.map(|name| names.text(name))
}

#[test]
fn the_sample_of_resources() {
    let resources = Arc::<StagedResources>::default();
    let seen = resources.read(&answer(fixture!("k8s_postures_count.json")), 1).unwrap().store();
    assert_eq!((seen.sent, seen.new, seen.count, resources.only_numbers()), (4, 4, Some(4), false));
    let again = resources.read(&answer(fixture!("k8s_postures_count.json")), 2).unwrap().store();
    assert_eq!(again.new, 0, "they were seen");
    let table = resources.table.take();
    let rows: Vec<&PostureResource> = table.iter().map(|(_, row)| row).collect();
    assert_eq!(rows.iter().map(|row| row.outcome == Outcome::Fail).collect::<Vec<_>>(), [true, false, false, false]);
    for row in &rows {
        assert_eq!((row.severity, table.names.text(row.cluster)), (Severity::High, "example-cluster"));
        assert_eq!(table.names.text(row.vendor_severity), "high");
        assert_eq!(row.last_evaluated.map(Timestamp::millis), Some(1_744_347_768_000));
    }
    let kinds: Vec<_> = rows.iter().map(|row| table.names.text(row.kind)).collect();
    assert_eq!(kinds, ["ServiceAccount", "ClusterRoleBinding", "ClusterRoleBinding", "ClusterRoleBinding"]);
}

#[test]
fn a_resource_is_known_by_its_identity() {
    let resources = Arc::<StagedResources>::default();
    let rows = [
        r#"{"cid":1,"clusterUid":"c","resourceUid":"u","resourceId":"i","status":"PASS"}"#,
        // The same resource by its uid, then others: by control, cluster, id, type and name.
        r#"{"cid":"1","clusterUid":"c","resourceUid":"u","resourceId":"j","status":"FAIL"}"#,
        r#"{"cid":2,"clusterUid":"c","resourceUid":"u","status":"PASS"}"#,
        r#"{"cid":1,"clusterUid":"d","resourceUid":"u","status":"PASS"}"#,
        r#"{"cid":1,"clusterUid":"c","resourceUid":null,"resourceId":"u","status":"PASS"}"#,
        r#"{"cid":1,"clusterUid":"c","resourceType":"Role","resourceName":"u","status":"PASS"}"#,
        r#"{"cid":1,"clusterUid":"c","resourceType":"Group","resourceName":"u","status":"PASS"}"#,
        r#"{"cid":1,"resourceName":"u","status":"Skipped"}"#,
        r#"{"cid":1,"clusterUid":"c","resourceId":"i","resourceType":"Role","resourceName":"u","status":"PASS"}"#,
    ];
    let seen = resources.read(&answer(page(&rows.join(",")).as_bytes()), 1).unwrap().store();
    assert_eq!((seen.taken, seen.new, seen.rejected.len()), (9, 8, 0));
    let table = resources.table.take();
    let outcomes: Vec<_> = table.iter().map(|(_, row)| row.outcome).collect();
    assert_eq!((outcomes[0], outcomes[6]), (Outcome::Fail, Outcome::Skip), "of two rows, the later one");
    let row = &table.iter().next().unwrap().1;
    assert_eq!(words(&table.names, [row.cluster, row.kind, row.vendor_severity]), ["", "", "unknown"]);
    assert_eq!(row.severity, Severity::Unknown);
}

#[test]
fn the_last_evaluation_of_a_resource_counts() {
    let row = |status: &str, evaluated: &str| {
        format!(r#"{{"cid":1,"resourceUid":"u","status":"{status}","lastEvaluated":{evaluated}}}"#)
    };
    for (rows, outcome, evaluated) in [
        ([row("FAIL", "2000"), row("PASS", "1000")], Outcome::Fail, Some(2000)),
        ([row("PASS", "1000"), row("FAIL", "2000")], Outcome::Fail, Some(2000)),
        ([row("FAIL", "2000"), row("PASS", "null")], Outcome::Fail, Some(2000)),
        ([row("PASS", "null"), row("FAIL", "2000")], Outcome::Fail, Some(2000)),
        ([row("PASS", "2000"), row("FAIL", "2000")], Outcome::Fail, Some(2000)),
        ([row("PASS", "null"), row("FAIL", "null")], Outcome::Fail, None),
    ] {
        // On one page, and on two of them.
        let one = Arc::<StagedResources>::default();
        let seen = one.read(&answer(page(&rows.join(",")).as_bytes()), 1).unwrap().store();
        assert_eq!((seen.taken, seen.new, seen.fresh), (2, 1, 1), "{rows:?}");
        let two = Arc::<StagedResources>::default();
        for (number, row) in (1..).zip(&rows) {
            two.read(&answer(page(row).as_bytes()), number).unwrap().store();
        }
        for resources in [one, two] {
            let table = resources.table.take();
            let known: Vec<_> = table.iter().map(|(_, row)| (row.outcome, row.last_evaluated)).collect();
            assert_eq!(known, [(outcome, evaluated.and_then(Timestamp::from_millis))], "{rows:?}");
        }
    }
}

#[test]
fn uncountable_resources_are_left_out() {
    for (row, why) in [
        (r#"{"cid":null,"resourceUid":"u","status":"PASS"}"#, Rejection::Unidentified),
        (r#"{"cid":[1],"resourceUid":"u","status":"PASS"}"#, Rejection::Unidentified),
        (r#"{"cid":1,"resourceUid":"u","status":["PASS"]}"#, Rejection::Unreadable),
        (r#"{"cid":1,"resourceUid":"u","status":"ERROR"}"#, Rejection::Unreadable),
        (r#"{"cid":1,"resourceUid":"u","status":null}"#, Rejection::Unreadable),
        (r#"{"cid":1,"resourceUid":"u"}"#, Rejection::Unreadable),
    ] {
        let resources = Arc::<StagedResources>::default();
        let good = r#"{"cid":1,"resourceUid":"v","status":"PASS"}"#;
        let seen = resources.read(&answer(page(&format!("{row},{good}")).as_bytes()), 1).unwrap().store();
        let reasons: Vec<_> = seen.rejected.iter().map(|reject| reject.why).collect();
        assert_eq!((resources.table.take().len(), reasons), (1, vec![why]), "{row}");
    }
}

#[test]
fn rows_without_a_resource_count_individually() {
    let resources = Arc::<StagedResources>::default();
    let rows = [
        r#"{"cid":1,"resourceType":"Role","status":"PASS"}"#,
        r#"{"cid":1,"resourceType":"Role","status":"PASS"}"#,
        r#"{"cid":1,"resourceUid":"","resourceId":{},"status":"FAIL","lastEvaluated":"soon"}"#,
    ];
    let body = page(&rows.join(","));
    let seen = resources.read(&answer(body.as_bytes()), 1).unwrap().store();
    assert_eq!((seen.taken, seen.new), (3, 3));
    // The same page again adds nothing.
    let seen = resources.read(&answer(body.as_bytes()), 2).unwrap().store();
    assert_eq!((seen.new, seen.fresh, resources.table.take().len()), (0, 0, 3));
}

#[test]
fn numbers_without_rows_do_not_count_as_resources() {
    let numbers = br#"{"data":[],"count":2,"groups":{"status":{"FAIL":12}}}"#;
    let resources = Arc::<StagedResources>::default();
    let seen = resources.read(&answer(numbers), 1).unwrap().store();
    assert_eq!((seen.sent, seen.count, resources.only_numbers()), (0, None, true));
    let resources = Arc::<StagedResources>::default();
    assert!(resources.read(&answer(numbers), 2).unwrap_err().0.contains("the page before it had"));
    assert!(!resources.only_numbers());
    for none in [&br#"{"data":[],"count":0,"groups":{}}"#[..], b""] {
        assert_eq!(resources.read(&answer(none), 1).unwrap().store().sent, 0);
        assert!(!resources.only_numbers());
    }
    assert!(resources.read(&answer(b"<html>"), 1).is_err());
}

#[test]
fn the_sample_of_reports() {
    let staged = Arc::<StagedTable<Report>>::default();
    let seen = store(&staged, fixture!("reports.json"));
    let table = staged.take();
    assert_eq!((seen.sent, seen.new, seen.count), (6, 6, Some(6)));
    let report = table.get("00000000-0000-11f0-8000-00000000f101").unwrap();
    let [template, status, scheduled] = words(&table.names, [report.template, report.status, report.scheduled]);
    assert_eq!((template, status, scheduled), ("cs_container_vulnerability", "completed", "true"));
    assert_eq!(report.created.map(Timestamp::millis), Some(1_742_204_700_000));
    assert_eq!(report.expires.map(Timestamp::millis), Some(1_749_980_700_000));
    let report = table.get("00000000-0000-11f0-8000-00000000f103").unwrap();
    assert_eq!(table.names.text(report.scheduled), "false");
    let kept: Vec<_> = table.names.iter().map(|(_, text)| text).collect();
    assert_eq!(kept, ["", "unknown", "cs_container_vulnerability", "completed", "true", "false"], "and nobody's name");
}

#[test]
fn registries_count_what_the_vendor_counts() {
    let staged = Arc::<StagedTable<Registry>>::default();
    let seen = store(&staged, fixture!("registry.json"));
    assert_eq!((seen.sent, seen.new, seen.count), (1, 1, Some(1)));
    let odd =
        r#"{"registryUri":"a","totalImages":"7","totalScannedImages":null},{"registryUuid":"b","registryUri":null},{}"#;
    let seen = store(&staged, page(odd).as_bytes());
    assert_eq!((seen.new, seen.rejected.len()), (2, 1));
    let table = staged.take();
    let shown = ["5f2cb9a0-0000-4000-8000-000000000001", "a", "b"].map(|key| {
        let registry = table.get(key).unwrap();
        (table.names.text(registry.uri), registry.images)
    });
    assert_eq!(shown, [("https://docker.io", Some([340, 310, 120])), ("a", Some([7, 0, 0])), ("", None)]);
}

#[test]
fn odd_reports() {
    let staged = Arc::<StagedTable<Report>>::default();
    let rows = r#"{"reportUuid":"a","isScheduled":null,"expireOn":null,"recipient":["who"],"filter":{}},
        {"reportUuid":"b","isScheduled":"true","status":"In Progress"},{"reportUuid":null},
        {"reportUuid":"c","isScheduled":"weekly"}"#;
    let seen = store(&staged, page(rows).as_bytes());
    let table = staged.take();
    assert_eq!((seen.taken, seen.rejected.len(), table.len()), (4, 0, 4));
    let [a, b, c] = ["a", "b", "c"].map(|id| table.get(id).unwrap());
    assert_eq!(table.names.text(c.scheduled), "unknown");
    assert_eq!(words(&table.names, [a.template, a.status, a.scheduled]), ["unknown"; 3]);
    assert_eq!(words(&table.names, [b.status, b.scheduled]), ["in_progress", "true"]);
    assert!(a.created.is_none() && a.expires.is_none());
}

#[test]
fn the_samples_of_policies() {
    const ID: &str = "00000000-0000-4000-8000-00000000b001";
    let staged = Arc::<StagedTable<ListedPolicy>>::default();
    let seen = store(&staged, fixture!("centralized_policy.json"));
    assert_eq!((seen.taken, seen.count), (1, Some(1)));
    let (table, wanting) = split(&staged.take());
    assert_eq!(wanting, [(ID.into(), Timestamp::from_millis(1_741_869_341_208))].into());
    let policy = table.get(ID).unwrap();
    let [name, kind, mode] = words(&table.names, [policy.name, policy.kind, policy.mode]);
    assert_eq!((name, kind, mode), ("CPM Block older image demo", "k8s_admission_controller", "active"));
    assert!(policy.rules.is_empty() && policy.image_age_limit_days.is_none());

    let detail = answer(fixture!("centralized_policy_detail.json"));
    let mut names = Names::default();
    let (rules, limit) = read_rules(ID, &detail).unwrap().in_words(&mut names);
    assert_eq!((rules.len(), limit), (1, Some(1000.0)));
    let [kind, action, enabled] = words(&names, [rules[0].kind, rules[0].action, rules[0].enabled]);
    assert_eq!((kind, action, enabled), ("imagescan_vuln_restricted_older_images", "fail", "true"));
}

#[test]
fn another_policy_does_not_provide_rules() {
    for body in ["", "{}", "null", "[]", r#"{"uuid":"other","centralizedPolicyRules":[]}"#, "<html>"] {
        assert!(read_rules("a", &answer(body.as_bytes())).is_err(), "{body}");
    }
    let why = |body: &str| read_rules("a", &answer(body.as_bytes())).unwrap_err().0;
    assert!(why(r#"{"uuid":"other"}"#).contains("not the requested policy"));
    let mut names = Names::default();
    let (rules, limit) = read_rules("a", &answer(br#"{"uuid":"a"}"#)).unwrap().in_words(&mut names);
    assert!(rules.is_empty() && limit.is_none());
}

#[test]
fn a_policy_in_the_list_may_have_its_rules() {
    let staged = Arc::<StagedTable<ListedPolicy>>::default();
    let rows = r#"{"uuid":"a","centralizedPolicyRules":[{"type":"X","isEnabled":null,"metaData":"any text"},null],
            "exclusionPolicyRules":[{"type":"Y Z","action":"ALLOW","isEnabled":false}]},
        {"uuid":"b","centralizedPolicyRules":[],"policyMode":null},
        {"uuid":"c","centralizedPolicyRules":null,"updated":null},
        {"uuid":"d","centralizedPolicyRules":[{"type":"X","isEnabled":"perhaps"}]}"#;
    let seen = store(&staged, page(rows).as_bytes());
    assert_eq!((seen.taken, seen.rejected.len()), (4, 0));
    let (table, wanting) = split(&staged.take());
    assert_eq!(wanting, [("c".into(), None)].into());
    let names = &table.names;
    let policy = table.get("a").unwrap();
    let rules: Vec<_> = policy.rules.iter().map(|rule| words(names, [rule.kind, rule.action, rule.enabled])).collect();
    assert_eq!(rules, [["x", "unknown", "unknown"], ["y_z", "allow", "false"]]);
    assert_eq!(words(names, [policy.name, policy.kind, policy.mode]), ["", "unknown", "unknown"]);
    // A later row of the same policy may leave them out, or have them.
    for body in [rows, r#"{"uuid":"c","centralizedPolicyRules":[]},{"uuid":"b","updated":7}"#] {
        store(&staged, page(body).as_bytes());
    }
    assert_eq!(split(&staged.take()).1, [("b".into(), Timestamp::from_millis(7))].into());
}

#[test]
fn the_strictest_enabled_age_limit_counts() {
    let rule = |kind: &str, enabled: &str, meta_data: &str| {
        format!(r#"{{"type":"{kind}","isEnabled":{enabled},"metaData":{meta_data}}}"#)
    };
    let older = |enabled: &str, days: &str| {
        rule("IMAGESCAN_VULN_RESTRICTED_OLDER_IMAGES", enabled, &format!("{{\"value\":{days}}}"))
    };
    for (rules, exclusions, limit) in [
        (vec![older("true", "30"), older("true", "\"7\""), older("true", "90")], vec![], Some(7.0)),
        (vec![older("true", "30"), older("false", "7"), older("null", "7")], vec![], Some(30.0)),
        (vec![older("true", "30")], vec![older("true", "7")], Some(30.0)),
        (vec![older("true", "30"), rule("OTHER", "true", "{\"value\":7}")], vec![], Some(30.0)),
        (vec![older("true", "null"), older("true", "[7]")], vec![], None),
        (vec![rule("OTHER", "true", "7")], vec![], None),
    ] {
        let json = format!(
            r#"{{"uuid":"a","centralizedPolicyRules":[{}],"exclusionPolicyRules":[{}]}}"#,
            rules.join(","),
            exclusions.join(",")
        );
        let row = serde_json::from_str::<Nested<PolicyRow<'_>>>(&json).unwrap().0.unwrap();
        assert_eq!(Rules::of(&row).in_words(&mut Names::default()).1, limit, "{json}");
    }
    // A rule in a page of a list is read from the page's text, not from a separate text.
    let body = page(&format!(r#"{{"uuid":"a","centralizedPolicyRules":[{}]}},null"#, older("true", "30")));
    let text = text(body.as_bytes());
    let row = wire::rows::<PolicyRow<'_>>(&text).unwrap().into_keyed().next().unwrap();
    assert_eq!(Rules::of(&row).in_words(&mut Names::default()).1, Some(30.0));
}
