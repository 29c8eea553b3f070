//! `[server]`: the listen address and the path of the metrics.

use std::io;
use std::net::{IpAddr, Ipv6Addr};

use serde::{Deserialize, Serialize};
use tokio::net::TcpListener;

use crate::setting::ConfigErrors;

/// The HTTP server. Changes need a restart.
#[derive(Clone, Debug, PartialEq, Eq, Deserialize, Serialize)]
#[serde(default, deny_unknown_fields)]
pub struct Config {
    /// Address to listen on: `host:port`, `[ipv6]:port`, or `:port` for all interfaces. Empty: nothing is served.
    pub listen: String,
    /// Path of the metrics page.
    pub telemetry_path: String,
}

impl Default for Config {
    fn default() -> Self {
        Self { listen: "127.0.0.1:9877".to_owned(), telemetry_path: "/metrics".to_owned() }
    }
}

impl Config {
    /// Whether anything is served.
    pub fn is_on(&self) -> bool {
        !self.listen.is_empty()
    }

    /// Adds the errors of this table, whose key is `at`.
    pub fn check(&self, at: &str, errors: &mut ConfigErrors) {
        if self.is_on() && host_and_port(&self.listen).is_none() {
            errors.add(
                format!("{at}.listen"),
                "is not an address with a port; write it as \"127.0.0.1:9877\", \"[::1]:9877\" or \":9877\"",
            );
        }
        let path = &self.telemetry_path;
        let plain = |byte: u8| byte.is_ascii_alphanumeric() || b"/-._~".contains(&byte);
        if !path.starts_with('/') || !path.bytes().all(plain) {
            let reason = "is not a path; start it with \"/\" and use only letters, digits and \"-._~/\"";
            errors.add(format!("{at}.telemetry_path"), reason);
        } else if path == "/" || path.starts_with("/-/") {
            let reason = "is reserved: \"/\" and paths under \"/-/\" are the exporter's own pages";
            errors.add(format!("{at}.telemetry_path"), reason);
        }
    }
}

/// Binds the configured address.
pub async fn bind(config: &Config) -> io::Result<TcpListener> {
    let explain = |error: io::Error| {
        let why = [
            (io::ErrorKind::AddrInUse, "the address is already in use"),
            (io::ErrorKind::AddrNotAvailable, "the address does not belong to this machine"),
            (io::ErrorKind::PermissionDenied, "permission denied; ports below 1024 need CAP_NET_BIND_SERVICE"),
        ];
        let why = why.iter().find(|(kind, _)| *kind == error.kind());
        let why = why.map_or_else(|| error.to_string(), |(_, why)| (*why).to_owned());
        io::Error::new(error.kind(), format!("cannot listen on {}: {why}", config.listen))
    };
    let Some((host, port)) = host_and_port(&config.listen) else {
        return Err(explain(io::Error::new(io::ErrorKind::InvalidInput, "not an address with a port")));
    };
    if host.is_empty() {
        // On Linux this accepts IPv4 as well; a machine without IPv6 does not have this address.
        return match TcpListener::bind((Ipv6Addr::UNSPECIFIED, port)).await {
            Err(error) if error.kind() != io::ErrorKind::AddrInUse => TcpListener::bind(("0.0.0.0", port)).await,
            bound => bound,
        }
        .map_err(explain);
    }
    TcpListener::bind((host, port)).await.map_err(explain)
}

/// The parts of `host:port`, without the brackets of an IPv6 address.
fn host_and_port(text: &str) -> Option<(&str, u16)> {
    let (host, port) = text.rsplit_once(':')?;
    let digits = (1..=5).contains(&port.len()) && port.bytes().all(|byte| byte.is_ascii_digit());
    let port = port.parse().ok().filter(|_| digits)?;
    if let Some(address) = host.strip_prefix('[') {
        let address = address.strip_suffix(']')?;
        return address.parse::<Ipv6Addr>().is_ok().then_some((address, port));
    }
    let name = |byte: u8| byte.is_ascii_alphanumeric() || b"-._".contains(&byte);
    let numeric = !host.is_empty() && host.bytes().all(|byte| byte.is_ascii_digit() || byte == b'.');
    let good = if numeric { host.parse::<IpAddr>().is_ok() } else { host.bytes().all(name) };
    good.then_some((host, port))
}

#[cfg(test)]
mod tests {
    use super::*;

    #[test]
    fn addresses_have_the_forms_that_exporters_accept() {
        for (text, parts) in [
            ("127.0.0.1:9877", Some(("127.0.0.1", 9877))),
            ("0.0.0.0:0", Some(("0.0.0.0", 0))),
            (":9877", Some(("", 9877))),
            ("[::1]:9877", Some(("::1", 9877))),
            ("localhost:65535", Some(("localhost", 65535))),
            ("host-1.example.com:80", Some(("host-1.example.com", 80))),
            ("", None),
            ("9877", None),
            ("127.0.0.1", None),
            ("127.0.0.1:", None),
            ("127.0.0.1:65536", None),
            ("127.0.0.1:+80", None),
            ("127.0.0.1:-1", None),
            ("127.0.0.256:80", None),
            ("127.0.0:80", None),
            ("::1:9877", None),
            ("[::1:9877", None),
            ("[localhost]:9877", None),
            ("http://localhost:9877", None),
            ("local host:9877", None),
        ] {
            assert_eq!(host_and_port(text), parts, "{text}");
        }
    }

    #[test]
    fn paths_that_cannot_be_served_are_refused() {
        for (path, good) in [
            ("/metrics", true),
            ("/a/b.c-d_e~", true),
            ("/", false),
            ("/-/ready", false),
            ("metrics", false),
            ("", false),
            ("/metrics?x", false),
            ("/metrics#x", false),
            ("/met rics", false),
            ("/m%65trics", false),
            ("/métrics", false),
        ] {
            let mut errors = ConfigErrors::default();
            let config = Config { telemetry_path: path.to_owned(), ..Config::default() };
            config.check("server", &mut errors);
            assert_eq!(errors.0.is_empty(), good, "{path}");
        }
    }

    #[tokio::test]
    async fn a_taken_address_is_reported_in_plain_words() {
        let listen = |listen: String| Config { listen, ..Config::default() };
        let first = bind(&listen("localhost:0".to_owned())).await.unwrap();
        let address = first.local_addr().unwrap().to_string();
        let error = bind(&listen(address.clone())).await.unwrap_err();
        assert_eq!(error.to_string(), format!("cannot listen on {address}: the address is already in use"));
        let error = bind(&listen("192.0.2.1:0".to_owned())).await.unwrap_err();
        assert_eq!(error.to_string(), "cannot listen on 192.0.2.1:0: the address does not belong to this machine");
        bind(&listen(":0".to_owned())).await.unwrap();
    }
}
