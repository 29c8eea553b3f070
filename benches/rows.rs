//! Containers in the vendor's JSON, with the sizes and repetitions of a real tenant.

use std::fmt::Write as _;
use std::sync::Arc;

use container_security_exporter::inventory::Table;
use container_security_exporter::record::Container;
use container_security_exporter::source::qualys::containers::{BulkHalf, PageHalf, Staging};

/// The vendor's number of rows per page of the bulk list.
const BULK_ROWS: usize = 250;

/// Rows per page of the page list.
const PAGE_ROWS: usize = 1000;

const CLUSTERS: usize = 3;
const NAMESPACES: usize = 50;
/// The number of containers per host.
pub(crate) const PER_HOST: usize = 40;
const EPOCH_MS: usize = 1_760_000_000_000;

/// A tenant: three clusters of fifty namespaces, whose workloads consist of equal containers.
#[derive(Clone, Copy)]
pub(crate) struct Fleet {
    /// The number of containers.
    pub(crate) containers: usize,
    /// The number of containers per workload.
    pub(crate) replicas: usize,
    /// Whether rows of the bulk list include unread fields, which makes them about 4 KB long.
    pub(crate) whole: bool,
}

struct Place {
    workload: String,
    namespace: String,
    cluster: usize,
    host: usize,
}

impl Fleet {
    fn place(&self, number: usize) -> Place {
        let workload = number / self.replicas;
        Place {
            workload: format!("checkout-service-{workload:06}"),
            namespace: format!("team-payments-{:02}", workload % NAMESPACES),
            cluster: workload / NAMESPACES % CLUSTERS,
            host: number / PER_HOST,
        }
    }

    /// The pages of the bulk list.
    pub(crate) fn bulk(self) -> impl Iterator<Item = String> {
        self.pages(BULK_ROWS, Self::bulk_row, ",\"limit\":250")
    }

    /// The pages of the page list.
    pub(crate) fn page(self) -> impl Iterator<Item = String> {
        self.pages(PAGE_ROWS, Self::page_row, ",\"count\":1000000,\"groups\":null")
    }

    fn pages(self, rows: usize, row: fn(&Self, &mut String, usize), end: &str) -> impl Iterator<Item = String> {
        (0..self.containers).step_by(rows).map(move |first| {
            let mut page = "{\"data\":[".to_owned();
            for number in first..self.containers.min(first + rows) {
                if number > first {
                    page.push(',');
                }
                row(&self, &mut page, number);
            }
            page + "]" + end + "}"
        })
    }

    fn identity(row: &mut String, number: usize, place: &Place) {
        let Place { workload, namespace, .. } = place;
        let (updated, image) = (EPOCH_MS + number, number / 50);
        let state = ["RUNNING", "RUNNING", "RUNNING", "STOPPED"][number / 7 % 4];
        put(
            row,
            format_args!(
                r#"{{"uuid":"{number:08x}-c704-3343-b538-74c7807807a2","containerId":"{number:08x}d98e",
"sha":"{number:08x}d98e69f2f9a5f4f0c1b1c3a5d7e9f1b3d5f7a9c1e3f5b7d9f1a3c5e7",
"name":"k8s_checkout_{workload}-6d4cf56db6-{number:05x}_{namespace}_{number:08x}-5d2b-4c1f-9a57_0",
"imageUuid":"{image:08x}-9a1b-3c2d-8e4f-5a6b7c8d9e0f","state":"{state}","created":"1760000000000","updated":"{updated}","#
            ),
        );
    }

    fn scores(row: &mut String, number: usize) {
        let (risk, qds, criticality) = (number % 1001, number % 101, number % 5 + 1);
        let exceptions = if number.is_multiple_of(9) { r#"[{"uuid":"x","assignmentType":"MANUAL"}]"# } else { "null" };
        put(
            row,
            format_args!(
                r#""riskScore":{risk},"riskScoreCalculatedDate":1722355883371,"maxQdsScore":{qds},"qdsSeverity":"HIGH",
"criticality":{criticality},"isRoot":{},"isVulnPropagated":false,"exceptions":{exceptions},"#,
                number.is_multiple_of(2)
            ),
        );
    }

    fn host(row: &mut String, host: usize) {
        put(
            row,
            format_args!(
                r#""host":{{"sensorUuid":"{}","hostname":"{}","ipAddress":"192.0.2.2","uuid":null,
"lastUpdated":"2024-08-22T10:52:22.065Z"}}"#,
                sensor_key(host),
                host_name(host)
            ),
        );
    }

    fn page_row(&self, row: &mut String, number: usize) {
        let place = self.place(number);
        Self::identity(row, number, &place);
        Self::scores(row, number);
        let (few, many) = (number % 3, number % 40);
        put(
            row,
            format_args!(
                r#""cluster":{{"name":"production-{}","uid":"u"}},"vulnerabilities":{{"severity5Count":{few},
"severity4Count":{few},"severity3Count":{many},"severity2Count":{many},"severity1Count":null}},
"compliance":{{"passCount":{many},"failCount":{few},"errorCount":0}},"lastVmScanDate":"1760000500000","#,
                place.cluster
            ),
        );
        Self::host(row, place.host);
        row.push('}');
    }

    fn bulk_row(&self, row: &mut String, number: usize) {
        let place = self.place(number);
        Self::identity(row, number, &place);
        Self::scores(row, number);
        if self.whole {
            unread(row, number);
        }
        let Place { workload, namespace, cluster, host } = &place;
        put(
            row,
            format_args!(
                r#""label":[{{"key":"app.kubernetes.io/name","value":"checkout"}},{{"key":"app.kubernetes.io/part-of","value":"shop"}},
{{"key":"team","value":"payments"}},{{"key":"org.opencontainers.image.version","value":"22.04"}}],
"cluster":{{"name":"production-{cluster}","uid":"u","type":"KUBERNETES","k8s":{{"project":null,"node":{{"name":"{}","isMaster":false}},
"pod":{{"name":"{workload}-6d4cf56db6-{number:05x}","uuid":null,"namespace":"{namespace}",
"namespaceMetadata":{{"labels":["kubernetes.io/metadata.name:x"],"annotations":null}},
"label":[{{"key":"app","value":"checkout"}},{{"key":"pod-template-hash","value":"6d4cf56db6"}}],
"controller":[{{"uuid":null,"name":"{workload}","type":"Deployment"}}]}}}}}},
"cloudProvider":{{"aws.ec2.region.code":"us-east-1","aws.ec2.accountId":"362440600222","aws.ec2.instanceId":"i-1"}},
"lastScanned":"1760000400000","isDrift":false,"privileged":{},"isExposedToWorld":null,"isInstrumented":false,"source":"GENERAL","#,
                host_name(*host),
                number.is_multiple_of(11)
            ),
        );
        Self::host(row, place.host);
        row.push('}');
    }

    /// Its containers as the exporter stores them.
    pub(crate) fn containers(self) -> Table<Container> {
        let staging = Staging::new(Arc::default());
        for page in self.page() {
            staging.read::<PageHalf>(page.as_bytes()).expect("a page of the page list").store();
        }
        for page in self.bulk() {
            staging.read::<BulkHalf>(page.as_bytes()).expect("a page of the bulk list").store();
        }
        let (table, _) = staging.finish();
        assert_eq!(table.len(), self.containers, "every row is taken");
        assert!(table.iter().all(|(_, container)| container.bulk.is_some()), "both listings must have every container");
        table
    }
}

pub(crate) fn sensor_key(host: usize) -> String {
    format!("{host:08x}-65fd-4c8c-a2d6-0eb3e9b6c5f4")
}

pub(crate) fn host_name(host: usize) -> String {
    format!("ip-10-{}-{}.us-east-1.compute.internal", host / 250, host % 250)
}

/// The unread fields of a real row, which are most of its bytes.
fn unread(row: &mut String, number: usize) {
    row.push_str(r#""environment":["PATH=/usr/local/sbin:/usr/local/bin:/usr/sbin:/usr/bin:/sbin:/bin""#);
    for at in 0..14 {
        put(row, format_args!(r#","CHECKOUT_SERVICE_PORT_{at}_TCP=tcp://172.20.{at}.1:443""#));
    }
    row.push_str(r#"],"arguments":["--config","/etc/app \"quoted\".yaml"],"command":"/bin/app","vulnerabilities":["#);
    for at in 0..6 {
        let qid = 105_144 + at;
        put(
            row,
            format_args!(
                r##"{{"qid":{qid},"result":"#table cols=\"3\"\nbash 5.1 5.2","software":[{{"name":"bash","version":"5.1-6ubuntu1"}}],"firstFound":1722355883371}},"##
            ),
        );
    }
    put(row, format_args!(r#"{{"qid":{number},"result":null,"software":null}}],"softwares":["#));
    for at in 0..12 {
        put(row, format_args!(r#"{{"name":"libssl{at}","version":"3.0.2-0ubuntu1.{at}","fixVersion":null}},"#));
    }
    row.push_str(r#"{"name":"zlib1g","version":"1:1.2.11","fixVersion":null}],"portMapping":null,"users":["root"],"#);
}

fn put(row: &mut String, text: std::fmt::Arguments<'_>) {
    row.write_fmt(text).expect("writing to a string does not fail");
}
