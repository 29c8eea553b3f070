//! One way to ask: which exporters, which sources, and no container counted twice.
//!
//! Two replicas of the exporter may serve the same source, so nothing is ever added up over exporters: [`each`] adds up
//! within one exporter and takes the highest of what the exporters say of a source. Which labels group containers is
//! configured; adding up before comparing is right whatever they are. Sources are added up: where two of them watch the
//! same containers, a dashboard must be narrowed to one, and the overview shows when that seems to be the case.
//!
//! `job` and `instance` are compared as Grafana escapes values by itself. Other variables hold names that vendors chose,
//! with quotes in them too, which that does not escape in every version: they are written as a regular expression into a
//! string between backquotes, where nothing else needs to be escaped. Series that came by OTLP may have neither `job` nor
//! `instance`; `.*`, which is what All stands for, matches that as well, and clusters without a name likewise.

/// What distinguishes exporters. The last one is what a receiver of OTLP keeps that makes no `job` and `instance` of it.
const EXPORTER: &str = "job, instance, service_instance_id";

/// Running containers only: deleted ones stay visible in the data.
pub(crate) const RUNNING: &str = "state=\"running\"";
/// Of the chosen clusters.
pub(crate) const CLUSTER: &str = "k8s_cluster_name=~`${cluster:regex}`";
/// Of the chosen clusters and namespaces.
pub(crate) const PLACE: &str = "k8s_cluster_name=~`${cluster:regex}`,k8s_namespace_name=~`${namespace:regex}`";
/// Running containers of the chosen clusters and namespaces.
pub(crate) const HERE: &str =
    "state=\"running\",k8s_cluster_name=~`${cluster:regex}`,k8s_namespace_name=~`${namespace:regex}`";

/// Labels of a namespace's row.
pub(crate) const OF_NAMESPACE: &[&str] = &["source", "k8s_cluster_name", "k8s_namespace_name"];
/// Labels of a cluster's row.
pub(crate) const OF_CLUSTER: &[&str] = &["source", "k8s_cluster_name"];

/// Series of a family of the exporter itself, of the chosen exporters.
pub(crate) fn own(family: &str, matchers: &[&str]) -> String {
    select(family, &[&["job=~\"$job\"", "instance=~\"$instance\""], matchers].concat())
}

/// Series of a family that is about a source, of the chosen exporters and sources.
pub(crate) fn of(family: &str, matchers: &[&str]) -> String {
    own(family, &[&["source=~`${source:regex}`"], matchers].concat())
}

fn select(family: &str, matchers: &[&str]) -> String {
    let prefix = if family.starts_with("process_") { "" } else { "container_security_" };
    format!("{prefix}{family}{{{}}}", matchers.join(","))
}

/// What is counted, by source and these labels: added up within an exporter, the highest of the exporters.
pub(crate) fn each(by: &[&str], selector: &str) -> String {
    let by = with_source(by);
    format!("max by ({by}) (sum by ({EXPORTER}, {by}) ({selector}))")
}

/// What is counted, by these labels, added up over sources.
pub(crate) fn total(by: &[&str], selector: &str) -> String {
    if by.contains(&"source") {
        return each(by, selector);
    }
    if by.is_empty() {
        return format!("sum({})", each(by, selector));
    }
    format!("sum by ({}) ({})", by.join(", "), each(by, selector))
}

/// The highest, by these labels; it does not matter how many exporters report it.
pub(crate) fn highest(by: &[&str], selector: &str) -> String {
    reduced("max", by, selector)
}

/// The lowest, by these labels.
pub(crate) fn lowest(by: &[&str], selector: &str) -> String {
    reduced("min", by, selector)
}

fn reduced(how: &str, by: &[&str], selector: &str) -> String {
    if by.is_empty() { format!("{how}({selector})") } else { format!("{how} by ({}) ({selector})", by.join(", ")) }
}

/// How long ago the earliest of these times was, by these labels.
pub(crate) fn age(by: &[&str], selector: &str) -> String {
    format!("time() - {}", lowest(by, selector))
}

/// How many more there are than a while ago, of sources of which both ends are known and whole: what an incomplete run
/// left out, and so is a source that came or went.
pub(crate) fn change(by: &[&str], selector: &str, collectors: &str, ago: &str) -> String {
    let (now, then) = (each(by, selector), each(by, &format!("{selector} offset {ago}")));
    let whole = |offset: &str| {
        let complete = of("collector_complete", &[&format!("collector=~\"{collectors}\"")]);
        format!("(min by (source) (max by (source, collector) ({complete}{offset})) == 1)")
    };
    let change =
        format!("({now} - {then}) and on (source) {} and on (source) {}", whole(""), whole(&format!(" offset {ago}")));
    if by.contains(&"source") { change } else { format!("{} ({change})", sum_by(by)) }
}

/// The same, and NaN where it is unknown, so that a table has its column and says so.
pub(crate) fn change_or_unknown(by: &[&str], selector: &str, collectors: &str, ago: &str) -> String {
    format!("{} or {} * NaN", change(by, selector, collectors, ago), total(by, selector))
}

/// The share that `part` is of `whole`, both with these labels, where there is anything at all.
pub(crate) fn share(part: &str, whole: &str) -> String {
    format!("{part} / ({whole} > 0)")
}

/// How often per second a counter counts, by these labels. Every exporter asks the vendor for itself, so these are added up.
pub(crate) fn rate(by: &[&str], selector: &str) -> String {
    format!("{} (rate({selector}[$__rate_interval]))", sum_by(by))
}

/// How much a counter counted in the time that the dashboard shows, by these labels, over all exporters.
pub(crate) fn in_range(by: &[&str], selector: &str) -> String {
    format!("{} (increase({selector}[$__range]))", sum_by(by))
}

fn sum_by(by: &[&str]) -> String {
    if by.is_empty() { "sum".to_owned() } else { format!("sum by ({})", by.join(", ")) }
}

fn with_source(by: &[&str]) -> String {
    let mut all = vec!["source"];
    all.extend(by.iter().filter(|label| **label != "source"));
    all.join(", ")
}
