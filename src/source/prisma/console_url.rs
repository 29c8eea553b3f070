//! Recognises what is often configured instead of a console's address.

/// What is wrong with `base_url`, up to the words that say what to write instead; `None` if it may be a console's.
pub(super) fn instead_of(base_url: &str) -> Option<&'static str> {
    let (host, path) = parts(base_url)?;
    let (first, domain) = host.split_once('.').unwrap_or_default();
    // app2.eu, api.anz and the like; the product itself lives at prismacloud.io, .cn and the like.
    let is_cloud = domain.split('.').any(|part| part == "prismacloud");
    let digits_after = |prefix| first.strip_prefix(prefix).is_some_and(|rest| rest.bytes().all(|b| b.is_ascii_digit()));
    if is_cloud && (digits_after("app") || digits_after("api")) {
        return Some("is the address of Prisma Cloud's web interface or API; Compute has its own console: write");
    }
    let is_api = path.split('/').any(|part| part.eq_ignore_ascii_case("api"));
    is_api.then_some("must end before \"/api\": the version goes into api_version, and the rest is added; write")
}

/// Whether the URL is a host of the vendor's cloud, which many tenants share, without a tenant's path.
pub(super) fn is_without_tenant(base_url: &str) -> bool {
    parts(base_url)
        .is_some_and(|(host, path)| host.ends_with(".cloud.twistlock.com") && path.trim_matches('/').is_empty())
}

/// The host, lower-cased, and the path.
fn parts(base_url: &str) -> Option<(String, &str)> {
    let (_, rest) = base_url.split_once("://")?;
    let rest = rest.split(['?', '#']).next()?;
    let (host, path) = rest.split_once('/').unwrap_or((rest, ""));
    Some((host.split(':').next()?.to_ascii_lowercase(), path))
}

#[cfg(test)]
mod tests {
    use super::*;

    #[test]
    fn other_addresses_than_a_consoles_are_recognised() {
        for console in [
            "https://console.example.com:8083",
            "https://us-east1.cloud.twistlock.com/us-2-158286553",
            "https://api.example.com/prisma/",
            "https://apps.prismacloud.example.com/x",
            "no url",
        ] {
            assert!(instead_of(console).is_none() && !is_without_tenant(console), "{console}");
        }
        for (other, words) in [
            ("https://app.prismacloud.io", "web interface"),
            ("https://APP2.eu.prismacloud.io/compute?x=y", "web interface"),
            ("https://api.anz.prismacloud.io", "web interface"),
            ("https://api0.prismacloud.io", "web interface"),
            ("https://console:8083/api/v1", "must end before"),
            ("https://us-east1.cloud.twistlock.com/us-2-1/api/v30.00/containers", "must end before"),
        ] {
            assert!(instead_of(other).unwrap_or_default().contains(words), "{other}");
        }
        assert!(is_without_tenant("https://us-east1.cloud.twistlock.com/"));
        assert!(is_without_tenant("https://us-east1.cloud.twistlock.com"));
    }
}
