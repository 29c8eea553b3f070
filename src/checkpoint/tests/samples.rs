//! Records of every kind, with every field set, and with none.

use std::fmt::Write as _;
use std::time::Duration;

use super::*;
use crate::clock::Timestamp;
use crate::inventory::{DataStatus, Make, Record, Visit};
use crate::names::Names;
use crate::record::{
    BulkListFields, Condition, Conditions, Console, Container, Control, Counts, Finding, Findings, Identity, Image,
    ImageBulkFields, ImageName, ImagePageFields, Outcome, PageListFields, Policy, PolicyRule, PostureResource,
    PrismaFields, QdsSeverity, QualysFields, Registry, Report, Score, Sensor, Severity, VendorFields, Vulnerability,
    VulnerabilityStatistics,
};

fn time(millis: i64) -> Option<Timestamp> {
    Timestamp::from_millis(millis)
}

pub(super) fn saved_data() -> SavedData {
    SavedData {
        since: time(1_765_432_109_876).expect("a time"),
        status: DataStatus {
            fields: Arc::default(),
            complete: true,
            records: 100_000,
            walk_duration: Duration::new(3600, 5),
            last_success: time(i64::MAX),
            last_walk: time(i64::MAX),
            note: Some("nothing is wrong — at all".to_owned()),
            last_good_run: 0,
        },
        resume_state: Some(vec![0, 255, 7]),
    }
}

fn table<R: Record>(fill: impl FnOnce(&mut Names) -> Vec<(&'static str, R)>) -> Arc<Table<R>> {
    let mut table = Table::default();
    for (key, record) in fill(&mut table.names) {
        assert!(table.put(key, record), "{key} stands twice");
    }
    Arc::new(table)
}

/// Every table. Every optional field is set in some record, and unset in another one.
pub(super) fn every() -> Tables {
    Tables {
        containers: Some(table(containers)),
        images: Some(table(images)),
        vulnerabilities: Some(table(|names| {
            let of = |id, images, yes| Vulnerability { id, images, in_use: yes, fixable: !yes };
            vec![("CVE-1", of(names.intern("CVE-1"), 0, false)), ("CVE-2", of(names.intern("ŧwo"), u64::MAX, true))]
        })),
        vulnerability_statistics: Some(table(|_| {
            vec![("images", VulnerabilityStatistics { computed: time(1_700_000_000_000).expect("a time") })]
        })),
        sensors: Some(table(|names| {
            let of = |uuid, registered, last_checkin| Sensor {
                uuid,
                registered,
                host_name: Name::EMPTY,
                kind: Name::UNKNOWN,
                status: uuid,
                version: Name::EMPTY,
                runtime: uuid,
                runtime_version: Name::EMPTY,
                last_checkin,
            };
            let uuid = names.intern("a90b7cb5-c704-3343-b538-74c7807807a2");
            vec![("a90b7cb5-c704-3343-b538-74c7807807a2", of(uuid, true, time(1))), ("", of(Name::EMPTY, false, None))]
        })),
        defenders: Some(table(|names| {
            let kind = names.intern("daemonset");
            vec![("daemonset", Defenders { kind, connected: 3, deployed: u64::MAX })]
        })),
        controls: Some(table(|names| {
            let of = |severity, policies: &[Name], resources| Control {
                name: Name::UNKNOWN,
                severity,
                policies: policies.into(),
                resources,
                ..Control::default()
            };
            vec![
                ("1", of(Severity::Critical, &[], None)),
                ("2", of(Severity::High, &[Name::EMPTY, names.intern("CIS")], Some([1, 200, u64::MAX]))),
                ("3", of(Severity::Medium, &[], Some([0; 3]))),
                ("4", of(Severity::Low, &[], None)),
                ("5", of(Severity::Info, &[], None)),
                ("6", of(Severity::Unknown, &[], None)),
            ]
        })),
        posture_resources: Some(table(|_| {
            let of = |outcome, last_evaluated| PostureResource {
                cluster: Name::EMPTY,
                kind: Name::UNKNOWN,
                severity: Severity::Low,
                vendor_severity: Name::EMPTY,
                outcome,
                last_evaluated,
            };
            vec![("1", of(Outcome::Pass, time(1))), ("2", of(Outcome::Fail, None)), ("3", of(Outcome::Skip, None))]
        })),
        reports: Some(table(|names| {
            let of = |created, expires, scheduled| Report {
                template: Name::EMPTY,
                scheduled,
                created,
                expires,
                ..Report::default()
            };
            let yes = names.intern("true");
            vec![("1", of(time(1), None, yes)), ("2", of(None, time(2), Name::UNKNOWN))]
        })),
        registries: Some(table(|names| {
            let of = |uri, images| Registry { uri, images };
            vec![("1", of(names.intern("docker.io"), Some([3, 2, u64::MAX]))), ("2", of(Name::EMPTY, None))]
        })),
        policies: Some(table(|names| {
            let rule = PolicyRule { kind: names.intern("VULN"), action: Name::EMPTY, enabled: Name::UNKNOWN };
            let of = |rules: &[PolicyRule], image_age_limit_days| Policy {
                mode: Name::EMPTY,
                rules: rules.into(),
                image_age_limit_days,
                ..Policy::default()
            };
            vec![("1", of(&[], None)), ("2", of(&[rule, rule], Some(30.5)))]
        })),
        console: Some(table(|names| {
            vec![("console", Console { version: names.intern("33.01.137"), licence_expiry: time(99) })]
        })),
    }
}

fn containers(names: &mut Names) -> Vec<(&'static str, Container)> {
    const CONDITIONS: [Condition; 13] = [
        Condition::Privileged,
        Condition::Root,
        Condition::Drifted,
        Condition::VulnerabilityPropagated,
        Condition::ExposedToWorld,
        Condition::Instrumented,
        Condition::Excepted,
        Condition::Agentless,
        Condition::Infrastructure,
        Condition::RuntimeProtected,
        Condition::WaasSupported,
        Condition::WaasEnabled,
        Condition::WaasUnprotected,
    ];
    let all = CONDITIONS.iter().fold(Conditions::default(), |all, one| all.with(*one, Some(true)));
    let listed = |vendor, identity, updated, conditions| Container {
        page: Some(PageListFields {
            updated,
            identity,
            state: Name::UNKNOWN,
            image: Name::EMPTY,
            cluster: Name::EMPTY,
            conditions,
            last_scan: updated,
            vendor,
        }),
        bulk: None,
    };
    let qualys = |qds_severity, findings: Option<[u64; 5]>, checks: Option<[u64; 3]>, risk, qds| {
        VendorFields::Qualys(QualysFields {
            criticality: Name::UNKNOWN,
            findings: findings.map(Counts::from),
            checks: checks.map(Counts::from),
            risk: Score::new(risk),
            qds: Score::new(qds),
            qds_severity,
        })
    };
    let prisma = |compliance_issues: Option<[u64; 4]>, compliance_risk, keeps_passed_checks| {
        VendorFields::Prisma(PrismaFields {
            runtime: Name::EMPTY,
            compliance_issues: compliance_issues.map(Counts::from),
            compliance_risk: Score::new(compliance_risk),
            keeps_passed_checks,
        })
    };
    let (none, some) = (Conditions::default(), Conditions::default().with(Condition::Root, Some(false)));
    let placed = names.intern("kube-system");
    let bulk_fields = |labels: &[Name], updated| BulkListFields {
        updated,
        cluster: placed,
        namespace: placed,
        node: Name::EMPTY,
        workload_kind: placed,
        workload_name: Name::UNKNOWN,
        host_name: placed,
        host_arch: Name::UNKNOWN,
        image: placed,
        sensor: placed,
        cloud_provider: placed,
        cloud_account: placed,
        cloud_region: placed,
        origin: placed,
        labels: labels.into(),
        conditions: all,
        last_scan: updated,
    };
    let full =
        qualys(QdsSeverity::Critical, Some([1, 2, 3, 4, u32::MAX.into()]), Some([0, 300, 1]), Some(1000.0), Some(0.5));
    vec![
        ("a90b7cb5-c704-3343-b538-74c7807807a2", listed(full, Identity::new("647ae732d98e", "web-é"), time(1), all)),
        ("b", listed(qualys(QdsSeverity::High, None, None, None, None), Identity::new("", ""), None, none)),
        ("c", listed(qualys(QdsSeverity::Medium, None, None, Some(0.0), None), Identity::new("é", ""), None, some)),
        ("d", listed(qualys(QdsSeverity::Low, None, None, None, None), Identity::new("", "名"), None, some)),
        ("e", listed(qualys(QdsSeverity::Unknown, None, None, None, None), Identity::new("1", "2"), None, some)),
        ("f", listed(prisma(Some([0, 1, 2, 3]), Some(9.25), Some(true)), Identity::new("f", "f"), None, some)),
        ("g", listed(prisma(None, None, Some(false)), Identity::new("g", "g"), None, some)),
        ("h", listed(prisma(None, None, None), Identity::new("h", "h"), None, some)),
        ("i", Container { page: None, bulk: Some(bulk_fields(&[], None)) }),
        ("名", Container { page: None, bulk: Some(bulk_fields(&[placed, Name::EMPTY], time(5))) }),
        ("", Container::default()),
    ]
}

fn images(names: &mut Names) -> Vec<(&'static str, Image)> {
    let name = Some(ImageName { registry: Name::UNKNOWN, repository: names.intern("library/nginx") });
    let vulnerability = names.intern("CVE-1");
    let page = |name, in_use, findings, size| ImagePageFields {
        updated: time(1),
        ids: [Name::UNKNOWN, vulnerability].into(),
        name,
        registry: vulnerability,
        in_use,
        scan_status: Name::UNKNOWN,
        scan_failed: in_use,
        findings,
        risk: Score::NONE,
        size: Score::new(size),
        created: None,
        last_scan: time(2),
    };
    let bulk = |name, findings| ImageBulkFields {
        updated: None,
        ids: [vulnerability].into(),
        name,
        registry: Name::UNKNOWN,
        findings,
    };
    let finding = |fixable| Finding { vulnerability, fixable };
    let findings =
        Findings { counts: [[1, 2], [3, 4], [5, u32::MAX]], distinct: [finding(true), finding(false)].into() };
    let of = |page, bulk| Image { page, bulk };
    vec![
        ("a", of(Some(page(name, true, Some([5; 5].into()), Some(1e9))), Some(bulk(name, Some(findings))))),
        ("b", of(Some(page(None, false, None, None)), Some(bulk(None, None)))),
        ("c", Image::default()),
    ]
}

/// The contents of these tables in a form that can be compared: which tables exist, their names and their rows, in
/// order.
pub(super) fn shown(tables: &Tables) -> String {
    struct Show(String);
    impl Visit for Show {
        type Error = std::fmt::Error;
        fn visit<R: Record>(&mut self, table: &Arc<Table<R>>) -> Result<(), Self::Error> {
            writeln!(self.0, "{}: {:?}", R::TABLE, table.names.iter().collect::<Vec<_>>())?;
            table.iter().try_for_each(|row| writeln!(self.0, "  {row:?}"))
        }
    }
    let mut show = Show(String::new());
    tables.each(&mut show).expect("text can be added to");
    show.0
}

#[test]
fn there_is_a_sample_of_every_table() {
    struct Named(Vec<&'static str>);
    impl Make for Named {
        type Error = ();
        fn make<R: Record>(&mut self) -> Result<Option<Table<R>>, ()> {
            self.0.push(R::TABLE);
            Ok(None)
        }
    }
    let mut all = Named(Vec::new());
    Tables::made(&mut all).expect("none fails");
    let text = shown(&every());
    let shown: Vec<_> = text.lines().filter(|line| !line.starts_with(' ')).collect();
    assert_eq!(shown.len(), all.0.len());
    assert!(all.0.iter().zip(shown).all(|(table, line)| line.starts_with(&format!("{table}: "))));
}
