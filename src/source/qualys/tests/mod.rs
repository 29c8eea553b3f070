//! The vendor's own samples, through the readers of the collectors.

use std::sync::Arc;

use http::{HeaderMap, StatusCode};

use super::{posture, wire};
use crate::client::Answer;
use crate::inventory::Table;
use crate::names::Name;
use crate::paging::PageSummary;
use crate::record::{BulkListFields, Condition, Container, Control, QdsSeverity, Sensor, Severity, VendorFields};
use crate::source::qualys::containers::{BulkHalf, PageHalf, Staging};
use crate::source::staged::{FromRow, StagedTable};
use crate::source::tests::errors;
use crate::wire::text;

mod delta;
mod governance;
mod image;
mod live;
mod resume;
mod scripted;
mod walk;

/// One of the vendor's samples.
macro_rules! fixture {
    ($name:literal) => {
        include_bytes!(concat!(env!("CARGO_MANIFEST_DIR"), "/tests/fixtures/qualys/", $name))
    };
}

pub(crate) use fixture;

const PAGE: &[u8] = fixture!("containers_page.json");

/// An answer with this body.
pub(crate) fn answer(body: &[u8]) -> Answer {
    Answer { status: StatusCode::OK, headers: HeaderMap::new(), body: body.to_vec().into() }
}

/// Stores a page in the table.
fn store<R: FromRow>(staged: &Arc<StagedTable<R>>, body: &[u8]) -> PageSummary {
    staged.read(wire::rows(&text(body)).unwrap(), body).store()
}

/// A page row for each of the bulk rows, so that they exist.
fn staged(promote: &[&str], bulk: &[u8], uuids: &[&str]) -> Table<Container> {
    let staging = Staging::new(promote.iter().map(|key| (*key).to_owned()).collect());
    let rows: Vec<String> = uuids.iter().map(|uuid| format!(r#"{{"uuid":"{uuid}"}}"#)).collect();
    staging.read::<PageHalf>(format!(r#"{{"data":[{}]}}"#, rows.join(",")).as_bytes()).unwrap().store();
    let seen = staging.read::<BulkHalf>(bulk).unwrap().store();
    assert_eq!((seen.taken, seen.rejected.len()), (uuids.len(), 0));
    staging.finish().0
}

fn bulk_fields<'a>(table: &'a Table<Container>, uuid: &str) -> (&'a BulkListFields, impl Fn(Name) -> &'a str) {
    let bulk = table.get(uuid).unwrap().bulk.as_ref().unwrap();
    (bulk, |name| table.names.text(name))
}

#[test]
fn the_page_lists_sample() {
    let staging = Staging::new(["team".to_owned()].into());
    let seen = staging.read::<PageHalf>(PAGE).unwrap().store();
    assert_eq!((seen.sent, seen.taken, seen.fresh, seen.count), (1, 1, 1, Some(1)));
    assert_eq!(staging.read::<PageHalf>(PAGE).unwrap().store().fresh, 0, "it was seen");
    let (table, _) = staging.finish();
    let container = table.get("00000000-0000-3000-8000-00000000c001").unwrap();
    let known = container.page.as_ref().unwrap();
    let text = |name| table.names.text(name);
    let VendorFields::Qualys(fields) = &known.vendor else { panic!("of another vendor") };
    assert_eq!(fields.findings, Some([6, 4, 2, 3, 0].into()));
    assert_eq!(fields.checks, Some([0, 0, 0].into()));
    assert_eq!(
        (fields.risk.get(), fields.qds.get(), fields.qds_severity),
        (Some(258.0), Some(95.0), QdsSeverity::Critical)
    );
    assert_eq!((text(known.state), text(fields.criticality), text(known.cluster)), ("deleted", "3", "example-cluster"));
    assert_eq!((known.identity.id(), known.identity.name()), ("d838bcb60001", "propagation-example"));
    assert_eq!(known.updated.unwrap().millis(), 1_721_714_109_665);
    assert!(known.conditions.hold(Condition::VulnerabilityPropagated));
    assert!(!known.conditions.hold(Condition::Root) && !known.conditions.hold(Condition::Excepted));
    assert!(known.last_scan.is_none() && container.bulk.is_none());
}

#[test]
fn the_bulk_lists_sample() {
    let uuid = "00000000-0000-3000-8000-00000000c002";
    let promote = ["org.opencontainers.image.version", "team"];
    let table = staged(&promote, fixture!("containers_list.json"), &[uuid]);
    let (known, text) = bulk_fields(&table, uuid);
    assert_eq!((text(known.host_name), text(known.origin)), ("localhost.localdomain", "general"));
    assert_eq!(text(known.sensor), "00000000-0000-4000-8000-00000000e002");
    assert_eq!((text(known.namespace), text(known.cluster), text(known.cloud_provider)), ("", "", ""));
    assert_eq!(known.labels.iter().map(|name| text(*name)).collect::<Vec<_>>(), ["22.04", ""]);
    assert!(known.conditions.hold(Condition::Root) && !known.conditions.hold(Condition::Privileged));
    assert!(table.names.iter().all(|(_, text)| text != "EXAMPLE_PASSWORD=never-decoded"));
}

#[test]
fn the_samples_of_details() {
    let [flannel, fargate, spring] =
        ["c003", "c004", "c005"].map(|end| format!("00000000-0000-3000-8000-00000000{end}"));
    let table = staged(&["tier"], fixture!("containers_list_details.json"), &[&flannel, &fargate, &spring]);
    let (known, text) = bulk_fields(&table, &flannel);
    assert_eq!((text(known.namespace), text(known.node)), ("kube-flannel", "ip-192-0-2-3"));
    assert_eq!((text(known.workload_kind), text(known.workload_name)), ("DaemonSet", "kube-flannel-ds"));
    assert_eq!((text(known.cloud_provider), text(known.cloud_account), text(known.cloud_region)), ("aws", "", ""));
    assert_eq!(text(known.labels[0]), "node", "a label of the pod");
    assert_eq!(known.last_scan.unwrap().millis(), 1_683_575_890_303);
    assert!(known.conditions.hold(Condition::Excepted));

    let (known, text) = bulk_fields(&table, &fargate);
    assert_eq!((text(known.host_name), text(known.sensor), text(known.origin)), ("", "", "serverless_fargate"));
    assert_eq!((text(known.cloud_account), text(known.cloud_region)), ("000000000004", "us-west-2"));
    assert_eq!((text(known.namespace), text(known.node)), ("default", ""));
    assert!(!known.conditions.hold(Condition::Excepted));

    let (known, text) = bulk_fields(&table, &spring);
    assert_eq!((text(known.cluster), text(known.workload_kind)), ("example-cluster", ""));
    assert_eq!((text(known.cloud_account), text(known.cloud_region)), ("000000000005", "us-east-1"));
}

#[test]
fn the_newest_version_stays_and_the_page_list_decides_what_exists() {
    let staging = Staging::new([].into());
    let row =
        |updated: &str, state: &str| format!(r#"{{"data":[{{"uuid":"a","updated":{updated},"state":"{state}"}}]}}"#);
    for (updated, state, fresh) in
        [("5", "A", 1), ("4", "OLD", 0), ("null", "UNTIMED", 0), ("5", "B", 0), ("7", "C", 1), ("6", "LATE", 0)]
    {
        assert_eq!(staging.read::<PageHalf>(row(updated, state).as_bytes()).unwrap().store().fresh, fresh, "{state}");
    }
    staging.read::<BulkHalf>(br#"{"data":[{"uuid":"a"},{"uuid":"only here"}]}"#).unwrap().store();
    let (table, _) = staging.finish();
    assert_eq!(table.len(), 1);
    let container = table.get("a").unwrap();
    assert_eq!(table.names.text(container.page.as_ref().unwrap().state), "c");
    assert_eq!(table.names.text(container.bulk.as_ref().unwrap().origin), "unknown");
}

#[test]
fn a_containers_own_label_wins_unless_it_is_null() {
    let bulk = |own: &str| {
        format!(
            r#"{{"data":[{{"uuid":"a","label":{own},"cluster":{{"k8s":{{"pod":{{"label":[{{"key":"team","value":"pod"}}]}}}}}}}}]}}"#
        )
    };
    for (own, expected) in [
        ("null", "pod"),
        (r#"[{"key":"team","value":null}]"#, "pod"),
        (r#"[{"key":"other","value":"x"},null]"#, "pod"),
        (r#"[{"key":"team","value":""}]"#, ""),
        (r#"[{"key":"team","value":5}]"#, "5"),
    ] {
        let table = staged(&["team"], bulk(own).as_bytes(), &["a"]);
        let (known, text) = bulk_fields(&table, "a");
        assert_eq!(text(known.labels[0]), expected, "{own}");
    }
}

#[test]
fn rows_of_the_cluster_sensor_have_another_placement() {
    let row = br#"{"data":[{"uuid":"a","imageUuid":null,"imageDigest":"sha256:d","imageSha":"s","host":null,
        "sensorUuid":"own","label":[{"key":"io.kubernetes.pod.namespace","value":"shop"}]}]}"#;
    let table = staged(&[], row, &["a"]);
    let (known, text) = bulk_fields(&table, "a");
    assert_eq!([known.image, known.sensor, known.namespace].map(text), ["d s", "own", "shop"]);
    let row = br#"{"data":[{"uuid":"a","host":{"sensorUuid":"host"},"sensorUuid":"own","cluster":{"k8s":{"pod":{"namespace":"pod"}}},
        "label":[{"key":"io.kubernetes.pod.namespace","value":"shop"}]}]}"#;
    let table = staged(&[], row, &["a"]);
    let (known, text) = bulk_fields(&table, "a");
    assert_eq!([known.image, known.sensor, known.namespace].map(text), ["", "host", "pod"]);
}

#[test]
fn the_sensors_sample() {
    let staged = Arc::<StagedTable<Sensor>>::default();
    let seen = store(&staged, fixture!("sensors.json"));
    let table = staged.take();
    assert_eq!((seen.sent, seen.fresh, seen.count), (3, 3, Some(3)));
    let name = |name| table.names.text(name);
    let live = table.get("00000000-0000-4000-8000-00000000e101").unwrap();
    assert!(live.registered);
    assert_eq!((name(live.runtime), name(live.runtime_version)), ("cri-o", "1.17.4"));
    assert_eq!((name(live.kind), name(live.status), name(live.version)), ("general", "provisioned", "1.3.3-50"));
    assert_eq!(live.last_checkin.unwrap().millis(), 1_594_223_378_021);
    let ghost = table.get("00000000-0000-4000-8000-00000000e102").unwrap();
    assert!(!ghost.registered);
    assert_eq!((ghost.host_name, name(ghost.runtime), name(ghost.runtime_version)), (live.host_name, "unknown", ""));
}

#[test]
fn the_posture_samples() {
    let staged = Arc::<StagedTable<Control>>::default();
    let seen = store(&staged, fixture!("k8s_postures_list.json"));
    let table = staged.take();
    assert_eq!((seen.sent, seen.fresh, seen.count), (3, 3, Some(3)));
    let control = table.get("45049").unwrap();
    assert_eq!(control.resources, Some([21, 0, 0]));
    assert_eq!((control.severity, table.names.text(control.vendor_severity)), (Severity::Medium, "medium"));
    assert_eq!(control.policies.len(), 1);
    assert_eq!(table.get("45144").unwrap().resources, Some([0, 10, 0]));

    let odd = r#"{"data":[{"cid":"x","policyNames":["b","a","b",null],"criticality":"Very Bad","passControls":null},
        {"cid":7,"failedControls":"3","skippedControls":[2]},{"cid":null}]}"#;
    let seen = store(&staged, odd.as_bytes());
    let table = staged.take();
    assert_eq!((seen.taken, seen.rejected.len()), (2, 1));
    let control = table.get("x").unwrap();
    assert_eq!((control.resources, control.severity), (None, Severity::Unknown));
    assert_eq!(table.names.text(control.vendor_severity), "very_bad");
    assert_eq!(control.policies.iter().map(|name| table.names.text(*name)).collect::<Vec<_>>(), ["b", "a"]);
    assert_eq!(table.get("7").unwrap().resources, Some([0, 3, 0]));

    assert_eq!(posture::read_category(&answer(fixture!("k8s_postures_control.json"))).unwrap(), "SYSTEM DEFINED");
    assert_eq!(posture::read_category(&answer(b"{}")).unwrap(), "");
    assert!(posture::read_category(&answer(b"<html>")).is_err());
}

#[test]
fn all_config_errors_are_reported_at_once() {
    let file = tempfile::NamedTempFile::new().unwrap();
    std::fs::write(file.path(), "secret\n").unwrap();
    let path = file.path().display();
    let gateway = "[[qualys]]\nname = \"a\"\nbase_url = \"https://gateway.qg1.apps.qualys.com\"\n";
    let good = format!("{gateway}username = \"u\"\npassword_file = \"{path}\"\n");
    assert_eq!(errors(&good), "");
    assert_eq!(errors(&format!("{gateway}token_file = \"{path}\"\n")), "");
    assert_eq!(errors(&format!("{gateway}client_id = \"c\"\nclient_secret_file = \"{path}\"\n")), "");
    assert_eq!(errors(&format!("{gateway}username_file = \"{path}\"\npassword_file = \"{path}\"\n")), "");
    for (toml, message) in [
        ("[[qualys]]".to_owned(), "source.qualys[0].name: must be set"),
        ("[[qualys]]".to_owned(), "source.qualys[0].base_url: must be set"),
        ("[[qualys]]".to_owned(), "source.qualys[0].username: no credentials are configured"),
        (format!("{good}{good}"), "source.qualys[1].name: another source has this name"),
        (format!("{good}token_file = \"{path}\""), "more than one way to log in"),
        (format!("{gateway}username = \"u\""), "source.qualys[0].password_file: must be set"),
        (format!("{gateway}password_env = \"P\""), "source.qualys[0].username: must be set"),
        (format!("{gateway}client_id = \"c\""), "source.qualys[0].client_secret_file: must be set"),
        (format!("{gateway}client_secret_env = \"c\""), "source.qualys[0].client_id: must be set"),
        (format!("{gateway}token_env = \"CSE_TEST_NOT_SET\""), "source.qualys[0].token_env: the environment variable"),
        (format!("{gateway}token_file = \"/no/such/file\""), "source.qualys[0].token_file: cannot read"),
        (format!("{gateway}token_file = \"x\"\ntoken_env = \"X\""), "token_env is set too; give one of the two"),
        (format!("{good}interval = \"10ms\""), "source.qualys[0].interval: must be at least 1s"),
        (
            ["containers", "images", "sensors", "posture", "reports", "policies"]
                .iter()
                .fold(good.clone(), |toml, name| format!("{toml}[qualys.collectors.{name}]\ninterval = \"0s\"\n")),
            "source.qualys[0].collectors.containers.interval: must be at least 1s\n\
             source.qualys[0].collectors.images.interval: must be at least 1s\n\
             source.qualys[0].collectors.sensors.interval: must be at least 1s\n\
             source.qualys[0].collectors.posture.interval: must be at least 1s\n\
             source.qualys[0].collectors.reports.interval: must be at least 1s\n\
             source.qualys[0].collectors.policies.interval: must be at least 1s\n",
        ),
        (good.replace("https://gateway.", "https://qualysapi."), "\"https://gateway.qg1.apps.qualys.com\""),
        (good.replace("https://gateway.", "ftp://gateway."), "source.qualys[0].base_url: "),
        (format!("{good}[qualys.http]\ntimeout = \"0s\""), "source.qualys[0].http.timeout: "),
    ] {
        let found = errors(&toml);
        assert!(found.contains(message), "{toml}\n{found}");
    }
}
