//! Connection settings that not every vendor has: a client certificate, and disabled TLS verification.

use std::path::PathBuf;

use reqwest::Identity;
use rustls::crypto::ring;
use rustls::pki_types::pem::PemObject;
use rustls::pki_types::{CertificateDer, PrivateKeyDer};
use rustls::sign::CertifiedKey;

use crate::setting::read_pem;

/// The special settings of a client's connections.
#[derive(Clone, Debug, Default, PartialEq, Eq)]
pub struct Connection {
    /// The certificate that the client presents.
    pub client_certificate: Option<ClientCertificate>,
    /// Whether to accept any server certificate. Anyone in between can then read and change everything.
    pub insecure_skip_verify: bool,
}

/// The files of a client certificate. They are read when a client is built, and not again.
#[derive(Clone, Debug, PartialEq, Eq)]
pub struct ClientCertificate {
    /// PEM file of the certificate, followed by the chain to its authority.
    pub certificate_file: PathBuf,
    /// PEM file of its private key, without a password.
    pub key_file: PathBuf,
}

impl ClientCertificate {
    /// Checks that it is readable and that its key belongs to it; returns which of the two settings is wrong, and why.
    pub fn check(&self) -> Result<(), (&'static str, String)> {
        self.read().map(drop)
    }

    pub(super) fn read(&self) -> Result<Identity, (&'static str, String)> {
        let wrong_certificate = |reason: String| ("client_certificate_file", reason);
        let wrong_key = |reason: String| ("client_key_file", reason);
        let chain = read_pem(&self.certificate_file).map_err(wrong_certificate)?;
        let key = read_pem(&self.key_file).map_err(wrong_key)?;
        let shown = self.certificate_file.display();
        let certificates: Vec<_> = CertificateDer::pem_slice_iter(&chain)
            .collect::<Result<_, _>>()
            .map_err(|_| wrong_certificate(format!("{shown} is not valid PEM")))?;
        if certificates.is_empty() {
            let words = "holds no certificate; one starts with \"-----BEGIN CERTIFICATE-----\"";
            return Err(wrong_certificate(format!("{shown} {words}")));
        }
        let shown = self.key_file.display();
        let der = PrivateKeyDer::from_pem_slice(&key).map_err(|_| {
            let words = "holds no private key in PEM; one starts with \"-----BEGIN PRIVATE KEY-----\", and must not be \
                         protected by a password";
            wrong_key(format!("{shown} {words}"))
        })?;
        // reqwest reports errors only when its client is built, and does not name the file.
        CertifiedKey::from_der(certificates, der, &ring::default_provider())
            .map_err(|error| wrong_key(format!("{shown} cannot be used with the certificate: {error}")))?;
        // If there is more than one key, reqwest takes the last.
        Identity::from_pem(&[chain.as_slice(), b"\n", key.as_slice()].concat())
            .map_err(|_| wrong_key(format!("{shown} cannot be used")))
    }
}

#[cfg(test)]
mod tests {
    use super::*;

    fn check(certificate_file: &str, key_file: &str) -> Result<(), String> {
        let certificate = ClientCertificate { certificate_file: certificate_file.into(), key_file: key_file.into() };
        certificate.check().map_err(|(key, reason)| format!("{key}: {reason}"))
    }

    #[test]
    fn a_client_certificate_must_be_valid_and_match_its_key() {
        const CERTIFICATE: &str = "tests/fixtures/tls/client.pem";
        const KEY: &str = "tests/fixtures/tls/client-key.pem";
        const OTHER_KEY: &str = "tests/fixtures/tls/other-key.pem";
        assert_eq!(check(CERTIFICATE, KEY), Ok(()));
        for (certificate, key, message) in [
            ("tests/no.pem", KEY, "client_certificate_file: cannot read tests/no.pem: "),
            (CERTIFICATE, "pasted", "client_key_file: cannot read the file that it names: "),
            (KEY, KEY, "client_certificate_file: tests/fixtures/tls/client-key.pem holds no certificate"),
            (CERTIFICATE, CERTIFICATE, "client_key_file: tests/fixtures/tls/client.pem holds no private key"),
            (CERTIFICATE, OTHER_KEY, "client_key_file: tests/fixtures/tls/other-key.pem cannot be used with the"),
        ] {
            let found = check(certificate, key).unwrap_err();
            assert!(found.starts_with(message), "{found}");
        }
    }
}
