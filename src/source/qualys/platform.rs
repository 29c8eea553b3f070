//! The vendor's platforms: their API hosts, and what is often configured instead.

/// Suffixes of the platforms' hosts whose gateway is `gateway.<suffix>` (Qualys: "Identify your platform").
const PLATFORMS: [&str; 14] = [
    "qg1.apps.qualys.com",
    "qg2.apps.qualys.com",
    "qg3.apps.qualys.com",
    "qg4.apps.qualys.com",
    "qg1.apps.qualys.eu",
    "qg2.apps.qualys.eu",
    "qg3.apps.qualys.it",
    "qg1.apps.qualys.in",
    "qg1.apps.qualys.ca",
    "qg1.apps.qualys.ae",
    "qg1.apps.qualys.co.uk",
    "qg1.apps.qualys.com.au",
    "qg1.apps.qualysksa.com",
    "gov1.qualys.us",
];

/// Hosts of the first platforms, which do not contain a platform name.
const UNNAMED: [(&str, &str); 2] = [("qualys.com", "qg1.apps.qualys.com"), ("qualys.eu", "qg1.apps.qualys.eu")];

/// The gateway that was probably meant, if `base_url` is the address of the web interface or of the classic API.
pub(super) fn gateway_instead_of(base_url: &str) -> Option<String> {
    let (_, rest) = base_url.split_once("://")?;
    let host = rest.split(['/', ':', '?', '#']).next()?.to_ascii_lowercase();
    let (first, domain) = host.split_once('.')?;
    if !matches!(first, "qualysguard" | "qualysapi") {
        return None;
    }
    let unnamed = UNNAMED.iter().find(|(known, _)| *known == domain).map(|(_, platform)| *platform);
    Some(match unnamed.or_else(|| PLATFORMS.into_iter().find(|platform| *platform == domain)) {
        Some(platform) => format!("https://gateway.{platform}"),
        // A private platform.
        None => format!("https://qualysgateway.{domain}"),
    })
}

/// The part of the path of `base_url` that calls add themselves, if it is there: what was copied is a call's address.
pub(super) fn path_added(base_url: &str) -> Option<&'static str> {
    let (_, rest) = base_url.split_once("://")?;
    let (_, path) = rest.split_once('/')?;
    let is = |wanted: &str| path.split(['/', '?', '#']).any(|part| part.eq_ignore_ascii_case(wanted));
    ["csapi", "auth"].into_iter().find(|part| is(part))
}

#[cfg(test)]
mod tests {
    use super::*;

    #[test]
    fn the_path_of_a_call_is_recognised() {
        for (pasted, part) in [
            ("https://gateway.qg1.apps.qualys.com/csapi/v1.3", Some("csapi")),
            ("https://gateway.qg1.apps.qualys.com/csapi", Some("csapi")),
            ("https://gateway.qg1.apps.qualys.com/auth/", Some("auth")),
            ("https://gateway.qg1.apps.qualys.com", None),
            ("https://csapi.corp.example/qualys/authority", None),
            ("", None),
        ] {
            assert_eq!(path_added(pasted), part, "{pasted}");
        }
    }

    #[test]
    fn a_pasted_web_address_names_its_gateway() {
        for (pasted, meant) in [
            ("https://qualysapi.qualys.com", Some("https://gateway.qg1.apps.qualys.com")),
            ("https://qualysguard.qualys.eu/", Some("https://gateway.qg1.apps.qualys.eu")),
            ("https://QualysAPI.qg2.apps.qualys.com:443/csapi", Some("https://gateway.qg2.apps.qualys.com")),
            ("https://qualysguard.qg1.apps.qualys.co.uk/portal", Some("https://gateway.qg1.apps.qualys.co.uk")),
            ("https://qualysapi.gov1.qualys.us", Some("https://gateway.gov1.qualys.us")),
            ("https://qualysapi.corp.example", Some("https://qualysgateway.corp.example")),
            ("https://gateway.qg1.apps.qualys.com", None),
            ("https://qualysgateway.corp.example", None),
            ("http://127.0.0.1:8080", None),
            ("", None),
        ] {
            assert_eq!(gateway_instead_of(pasted).as_deref(), meant, "{pasted}");
        }
    }
}
