//! The unit by which requests are counted, limited and named.

/// One listing or service of a vendor.
#[derive(Clone, Copy, Debug, PartialEq, Eq)]
pub struct Endpoint {
    /// Its fixed name: a label value, and its name in errors and logs.
    pub name: &'static str,
    /// The client's rate limit that it falls under.
    pub class: &'static str,
}
