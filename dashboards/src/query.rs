//! Queries of the chosen exporters and sources that do not count a container twice.
//!
//! Two replicas of the exporter may serve the same source, so nothing is ever summed over exporters: [`each`] sums
//! within one exporter and takes the highest value of a source over the exporters. The labels of containers are
//! configurable; summing before comparing is right for all of them. Sources are summed: where two of them watch the
//! same containers, a dashboard must be narrowed to one, and the overview shows when that seems to be the case.
//!
//! `job` and `instance` are compared as Grafana escapes values by default. Other variables hold names chosen by
//! vendors, with quotes in them too, which Grafana does not escape in every version: they are written as a regular
//! expression into a string between backquotes, which needs no other escaping. Series that came by OTLP may have
//! neither `job` nor `instance`; `.*`, which stands for All, matches that as well, and likewise clusters without a
//! name.

/// The labels that distinguish exporters. Receivers of OTLP that do not set `job` and `instance` keep the last one.
const EXPORTER: &str = "job, instance, service_instance_id";

/// Running containers only: deleted ones stay visible in the data.
pub(crate) const RUNNING: &str = "state=\"running\"";
/// Matches the chosen clusters.
pub(crate) const CLUSTER: &str = "k8s_cluster_name=~`${cluster:regex}`";
/// Matches the chosen clusters and namespaces.
pub(crate) const PLACE: &str = "k8s_cluster_name=~`${cluster:regex}`,k8s_namespace_name=~`${namespace:regex}`";
/// Matches running containers of the chosen clusters and namespaces.
pub(crate) const HERE: &str =
    "state=\"running\",k8s_cluster_name=~`${cluster:regex}`,k8s_namespace_name=~`${namespace:regex}`";

/// Labels of a namespace's row.
pub(crate) const OF_NAMESPACE: &[&str] = &["source", "k8s_cluster_name", "k8s_namespace_name"];
/// Labels of a cluster's row.
pub(crate) const OF_CLUSTER: &[&str] = &["source", "k8s_cluster_name"];

/// Series of a family about the exporter itself, for the chosen exporters.
pub(crate) fn own(family: &str, matchers: &[&str]) -> String {
    select(family, &[&["job=~\"$job\"", "instance=~\"$instance\""], matchers].concat())
}

/// Series of a family about a source, for the chosen exporters and sources.
pub(crate) fn of(family: &str, matchers: &[&str]) -> String {
    own(family, &[&["source=~`${source:regex}`"], matchers].concat())
}

fn select(family: &str, matchers: &[&str]) -> String {
    let prefix = if family.starts_with("process_") { "" } else { "container_security_" };
    format!("{prefix}{family}{{{}}}", matchers.join(","))
}

/// A count by source and these labels: summed within an exporter, then the highest of the exporters.
pub(crate) fn each(by: &[&str], selector: &str) -> String {
    let by = with_source(by);
    format!("max by ({by}) (sum by ({EXPORTER}, {by}) ({selector}))")
}

/// A count by these labels, summed over sources.
pub(crate) fn total(by: &[&str], selector: &str) -> String {
    if by.contains(&"source") {
        return each(by, selector);
    }
    if by.is_empty() {
        return format!("sum({})", each(by, selector));
    }
    format!("sum by ({}) ({})", by.join(", "), each(by, selector))
}

/// The highest value by these labels, whichever exporters report it.
pub(crate) fn highest(by: &[&str], selector: &str) -> String {
    reduced("max", by, selector)
}

/// The lowest value by these labels.
pub(crate) fn lowest(by: &[&str], selector: &str) -> String {
    reduced("min", by, selector)
}

fn reduced(how: &str, by: &[&str], selector: &str) -> String {
    if by.is_empty() { format!("{how}({selector})") } else { format!("{how} by ({}) ({selector})", by.join(", ")) }
}

/// The time since the earliest of these timestamps, by these labels.
pub(crate) fn age(by: &[&str], selector: &str) -> String {
    format!("time() - {}", lowest(by, selector))
}

/// The change of a count over a time, for sources with complete data at both ends: this leaves out records that an
/// incomplete run missed, and sources that came or went.
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

/// The same, or NaN where it is unknown, so that a table shows its column.
pub(crate) fn change_or_unknown(by: &[&str], selector: &str, collectors: &str, ago: &str) -> String {
    format!("{} or {} * NaN", change(by, selector, collectors, ago), total(by, selector))
}

/// The share of `part` in `whole`, both with these labels, where `whole` is not zero.
pub(crate) fn share(part: &str, whole: &str) -> String {
    format!("{part} / ({whole} > 0)")
}

/// The rate of a counter per second, by these labels. It is summed, since every exporter sends its own requests.
pub(crate) fn rate(by: &[&str], selector: &str) -> String {
    format!("{} (rate({selector}[$__rate_interval]))", sum_by(by))
}

/// The increase of a counter over the dashboard's time range, by these labels, over all exporters.
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
