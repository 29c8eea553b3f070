//! The OTLP resource: this exporter, distinguished from its replicas.

use std::collections::BTreeMap;

use crate::self_metrics::VERSION;

/// The attributes of the resource: the default ones, overridden by the `configured` ones.
///
/// The instance is the host's name and the port that it serves at, so that it stays the same over a restart, differs
/// between replicas (the name of a pod is its host's), and looks like the `instance` of a scrape.
pub(super) fn attributes(configured: &BTreeMap<String, String>, listen: &str) -> Vec<(String, String)> {
    let mut attributes = BTreeMap::from([
        ("service.name".to_owned(), env!("CARGO_PKG_NAME").to_owned()),
        ("service.version".to_owned(), VERSION.to_owned()),
        ("service.instance.id".to_owned(), instance(&host(), listen)),
    ]);
    attributes.extend(configured.clone());
    attributes.into_iter().collect()
}

/// The name of this machine, or of the container that is one.
fn host() -> String {
    let name = std::fs::read_to_string("/proc/sys/kernel/hostname").unwrap_or_default();
    if name.trim().is_empty() { "localhost".to_owned() } else { name.trim().to_owned() }
}

fn instance(host: &str, listen: &str) -> String {
    listen.rsplit_once(':').map_or_else(|| host.to_owned(), |(_, port)| format!("{host}:{port}"))
}

#[cfg(test)]
mod tests {
    use super::*;

    #[test]
    fn the_instance_is_host_and_port_unless_configured() {
        let found: BTreeMap<_, _> = attributes(&BTreeMap::new(), "127.0.0.1:9877").into_iter().collect();
        assert_eq!(found["service.name"], "container-security-exporter");
        assert_eq!(found["service.instance.id"], format!("{}:9877", host()));
        assert_eq!((instance("pod-0", "[::1]:80").as_str(), instance("pod-0", "").as_str()), ("pod-0:80", "pod-0"));
        let own = BTreeMap::from([
            ("service.instance.id".to_owned(), "a".to_owned()),
            ("deployment.environment.name".to_owned(), "b".to_owned()),
        ]);
        let found: BTreeMap<_, _> = attributes(&own, ":1").into_iter().collect();
        assert_eq!((found["service.instance.id"].as_str(), found.len()), ("a", 4));
    }
}
