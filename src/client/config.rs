//! The settings of the client, and the validation of them and of base URLs.

use std::net::IpAddr;
use std::path::{Path, PathBuf};

use reqwest::{Certificate, Proxy, Url};
use rustls::RootCertStore;
use rustls::pki_types::CertificateDer;
use rustls::pki_types::pem::PemObject;
use serde::{Deserialize, Serialize};

use crate::setting::{ConfigErrors, HumanDuration, read_pem};

/// More retries than this only load a vendor that is failing; the collector runs again anyway.
const MOST_RETRIES: u32 = 20;

/// `[source.<vendor>.http]`: the connection to a vendor.
#[derive(Clone, Debug, PartialEq, Deserialize, Serialize)]
#[serde(default, deny_unknown_fields)]
pub struct Config {
    /// Proxy to use: `http://`, `https://`, `socks5://` or `socks5h://` with host and port, without a password. Unset:
    /// the proxy from the environment (`HTTPS_PROXY`, `ALL_PROXY`, `NO_PROXY`), which may contain a password. Requests
    /// to this machine never use a proxy.
    pub proxy: Option<String>,
    /// PEM file of certificates to trust in addition to the system's, such as that of a proxy that intercepts TLS.
    pub ca_file: Option<PathBuf>,
    /// Longest wait for a connection, TLS included.
    pub connect_timeout: HumanDuration,
    /// Longest silence while a response is awaited or received.
    pub read_timeout: HumanDuration,
    /// Longest time for one request, from connecting to the last byte of its response.
    pub timeout: HumanDuration,
    /// Largest accepted response, in bytes after decompression.
    pub max_body_bytes: u64,
    /// Longest time for which a request that fails with a transient error is retried, with exponential backoff. Each
    /// request has its own: a walk continues as long as it makes progress.
    pub retry_for: HumanDuration,
    /// Maximum number of retries of one request, 0 to 20. Unset: any number within `retry_for`.
    pub retries: Option<u32>,
    /// Longest pause that the vendor may request; a longer one is cut to this.
    pub max_wait: HumanDuration,
}

impl Default for Config {
    fn default() -> Self {
        Self {
            proxy: None,
            ca_file: None,
            connect_timeout: HumanDuration::seconds(10),
            read_timeout: HumanDuration::seconds(30),
            timeout: HumanDuration::seconds(120),
            max_body_bytes: 64 * 1024 * 1024,
            retry_for: HumanDuration::seconds(300),
            retries: None,
            max_wait: HumanDuration::seconds(900),
        }
    }
}

impl Config {
    /// Adds an error for each invalid setting; `at` is their path.
    pub fn check(&self, at: &str, errors: &mut ConfigErrors) {
        if let Some(proxy) = &self.proxy
            && let Err(reason) = read_proxy(proxy)
        {
            errors.add(format!("{at}.proxy"), reason);
        }
        if let Some(path) = &self.ca_file
            && let Err(reason) = read_certificates(path)
        {
            errors.add(format!("{at}.ca_file"), reason);
        }
        for (name, span) in
            [("connect_timeout", self.connect_timeout), ("read_timeout", self.read_timeout), ("timeout", self.timeout)]
        {
            if span.0.is_zero() {
                errors.add(
                    format!("{at}.{name}"),
                    "must be greater than zero; a request without a limit could wait forever",
                );
            }
        }
        if self.max_wait.0.is_zero() {
            errors.add(format!("{at}.max_wait"), "must be greater than zero; the default is 15m");
        }
        if self.max_body_bytes == 0 {
            errors.add(format!("{at}.max_body_bytes"), "must be greater than zero; the default is 67108864 (64 MiB)");
        }
        if self.retries.is_some_and(|retries| retries > MOST_RETRIES) {
            errors.add(
                format!("{at}.retries"),
                format!("must be 0 to {MOST_RETRIES}; a collector that failed runs again anyway"),
            );
        }
    }
}

/// Adds an error if a vendor's base URL is invalid; `at` is its path. The URL is not repeated: it may contain a
/// password.
pub fn check_base_url(url: &str, at: &str, errors: &mut ConfigErrors) {
    if let Err(reason) = read_base_url(url) {
        errors.add(at, reason);
    }
}

/// Reads a base URL, or returns what is wrong with it.
pub(super) fn read_base_url(url: &str) -> Result<Url, String> {
    const FORM: &str = "write it as in \"https://gateway.example.com\" or \"https://host/prefix\"";
    let url = Url::parse(url).map_err(|error| format!("is not an absolute URL ({error}); {FORM}"))?;
    if !matches!(url.scheme(), "https" | "http") || url.host_str().is_none() {
        return Err(format!("is not an https:// URL; {FORM}"));
    }
    if !url.username().is_empty() || url.password().is_some() {
        return Err(format!("contains a user name or password; use their own settings; {FORM}"));
    }
    if url.query().is_some() || url.fragment().is_some() {
        return Err(format!("must end before \"?\" and \"#\"; {FORM}"));
    }
    if url.path().contains("//") {
        return Err(format!("contains \"//\" in its path; {FORM}"));
    }
    if url.scheme() == "http" && !is_loopback(&url) {
        return Err("must start with https://, because credentials are sent there; http:// is for this machine only \
             (localhost, 127.0.0.0/8, [::1])"
            .to_owned());
    }
    Ok(url)
}

/// Whether a URL's host is this machine, judged by its name alone, without a DNS lookup.
pub(super) fn is_loopback(url: &Url) -> bool {
    let Some(host) = url.host_str() else {
        return false;
    };
    let bare = host.trim_start_matches('[').trim_end_matches(']');
    host == "localhost" || bare.parse::<IpAddr>().is_ok_and(|address| address.is_loopback())
}

/// Reads the setting `proxy`, or returns what is wrong with it.
pub(super) fn read_proxy(proxy: &str) -> Result<Proxy, String> {
    const FORM: &str = "write it as in \"http://proxy.example.com:3128\"";
    let url = Url::parse(proxy).map_err(|error| format!("is not an absolute URL ({error}); {FORM}"))?;
    if !matches!(url.scheme(), "http" | "https" | "socks5" | "socks5h") || url.host_str().is_none() {
        return Err(format!("is not an http://, https://, socks5:// or socks5h:// URL; {FORM}"));
    }
    // The configuration can be shown on a page, so only a `SecretPlace` setting may hold a secret.
    if !url.username().is_empty() || url.password().is_some() {
        return Err(
            "holds a user name or password, which would be shown with the configuration; leave this setting out \
             and put the whole URL into the environment variable HTTPS_PROXY"
                .to_owned(),
        );
    }
    Proxy::all(url).map_err(|_| format!("cannot be used; {FORM}"))
}

/// Checks a file of trusted certificates; returns what is wrong with it.
pub fn check_ca_file(path: &Path) -> Result<(), String> {
    read_certificates(path).map(drop)
}

/// Reads the certificates of `ca_file`, or returns what is wrong with them.
pub(super) fn read_certificates(path: &Path) -> Result<Vec<Certificate>, String> {
    let shown = path.display();
    let pem = read_pem(path)?;
    // Also added to a separate store, because reqwest checks certificates only when its client is built.
    let mut store = RootCertStore::empty();
    let mut certificates = Vec::new();
    for found in CertificateDer::pem_slice_iter(&pem) {
        let found = found.map_err(|_| format!("{shown} is not valid PEM"))?;
        certificates.push(Certificate::from_der(&found).map_err(|_| format!("{shown} holds no certificate"))?);
        let number = certificates.len();
        store.add(found).map_err(|error| format!("certificate {number} in {shown} cannot be used: {error}"))?;
    }
    if certificates.is_empty() {
        return Err(format!("{shown} holds no certificate; one starts with \"-----BEGIN CERTIFICATE-----\""));
    }
    Ok(certificates)
}

#[cfg(test)]
pub(super) mod tests {
    use super::*;

    /// The authority that signed the certificate of the test server.
    pub(in super::super) const CA: &str = "\
-----BEGIN CERTIFICATE-----
MIIBRTCB7aADAgECAgEBMAoGCCqGSM49BAMCMBIxEDAOBgNVBAMMB3Rlc3QgQ0Ew
IBcNMDAwMTAxMDAwMDAwWhgPMjA5OTEyMzEwMDAwMDBaMBIxEDAOBgNVBAMMB3Rl
c3QgQ0EwWTATBgcqhkjOPQIBBggqhkjOPQMBBwNCAATe2RNXIyBjpZvOx7QRaeUd
AFFmUbVPciuIOfP5OyKX2XwBBCOW7zdJHir4P2gpo7NIbig2Rcj3n+jcURMpWOcZ
ozIwMDAPBgNVHRMBAf8EBTADAQH/MB0GA1UdDgQWBBTwmUsHHt3mCGmJoJ8FBS83
I9zwhzAKBggqhkjOPQQDAgNHADBEAiA/C7IQ4pNjVCVUj531RfAmcrxft7Nn80yc
zz+jv4L/vwIgAi4+Br+HM7z2kBfRNJbDepCmxMpF68eUq0MEP+mPG4w=
-----END CERTIFICATE-----
";

    fn errors(config: &Config) -> Vec<String> {
        let mut errors = ConfigErrors::default();
        config.check("http", &mut errors);
        errors.0.into_iter().map(|error| format!("{} {}", error.key, error.reason)).collect()
    }

    fn base_url(url: &str) -> Result<(), String> {
        let mut errors = ConfigErrors::default();
        check_base_url(url, "base_url", &mut errors);
        errors.0.pop().map_or(Ok(()), |error| Err(error.reason))
    }

    #[test]
    fn the_defaults_are_valid_and_survive_a_round_trip() {
        assert_eq!(errors(&Config::default()), [""; 0]);
        let json = serde_json::to_string(&Config::default()).unwrap();
        assert_eq!(serde_json::from_str::<Config>(&json).unwrap(), Config::default());
        assert_eq!(serde_json::from_str::<Config>("{}").unwrap(), Config::default());
        assert!(serde_json::from_str::<Config>(r#"{"tiemout":"1s"}"#).is_err());
    }

    #[test]
    fn all_errors_are_reported_at_once() {
        let zero = HumanDuration::seconds(0);
        let wrong = Config {
            proxy: Some("proxy:3128".to_owned()),
            ca_file: Some("/nonexistent/ca.pem".into()),
            connect_timeout: zero,
            read_timeout: zero,
            timeout: zero,
            max_body_bytes: 0,
            retry_for: HumanDuration::seconds(0),
            retries: Some(21),
            max_wait: zero,
        };
        let found = errors(&wrong);
        let keys: Vec<_> = found.iter().filter_map(|error| error.split(' ').next()).collect();
        let all =
            ["proxy", "ca_file", "connect_timeout", "read_timeout", "timeout", "max_wait", "max_body_bytes", "retries"];
        assert_eq!(keys, all.map(|key| format!("http.{key}")));
        let secret = Config { proxy: Some("http://jdoe:hunter2@proxy:3128".to_owned()), ..Config::default() };
        let found = errors(&secret).concat();
        assert!(found.contains("HTTPS_PROXY") && !found.contains("hunter2"), "{found}");
    }

    #[test]
    fn a_certificate_file_must_contain_certificates() {
        let file = tempfile::NamedTempFile::new().unwrap();
        let broken = CA.replace("MII", "AAA");
        for (pem, wrong) in [
            (CA, ""),
            ("", "holds no certificate"),
            ("no PEM at all", "holds no certificate"),
            ("-----BEGIN CERTIFICATE-----\n!\n-----END CERTIFICATE-----\n", "not valid PEM"),
            (&broken, "certificate 1 in"),
        ] {
            std::fs::write(file.path(), pem).unwrap();
            let found = errors(&Config { ca_file: Some(file.path().to_owned()), ..Config::default() }).concat();
            assert!(found.contains(wrong) && found.is_empty() == wrong.is_empty(), "{pem:?}: {found}");
        }
    }

    #[test]
    fn only_a_secure_and_plain_base_url_is_accepted() {
        for right in [
            "https://gateway.qg1.apps.qualys.com",
            "https://region.cloud.twistlock.com/tenant-1/",
            "https://console:8083",
            "http://localhost:8080",
            "http://127.0.0.1:1",
            "http://127.9.9.9/x",
            "http://[::1]:80/",
        ] {
            assert_eq!(base_url(right), Ok(()), "{right}");
        }
        for (wrong, reason) in [
            ("", "absolute"),
            ("gateway.qualys.com", "absolute"),
            ("//gateway.qualys.com", "absolute"),
            ("ftp://gateway.qualys.com", "not an https://"),
            ("https://", "absolute"),
            ("https://jdoe:hunter2@host", "user name"),
            ("https://jdoe@host", "user name"),
            ("https://host?token=hunter2", "must end before"),
            ("https://host/#top", "must end before"),
            ("https://host//", "contains \"//\""),
            ("https://host/a//b", "contains \"//\""),
            ("http://gateway.qualys.com", "must start with https://"),
            ("http://localhost.evil.example", "must start with https://"),
            ("http://127.0.0.1.evil.example", "must start with https://"),
            ("http://10.0.0.1", "must start with https://"),
            ("http://[::2]", "must start with https://"),
        ] {
            let found = base_url(wrong).unwrap_err();
            assert!(found.contains(reason) && !found.contains("hunter2"), "{wrong}: {found}");
        }
    }
}
