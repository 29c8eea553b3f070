//! What requests are counted, limited and named by.

/// One listing or service of a vendor.
#[derive(Clone, Copy, Debug, PartialEq, Eq)]
pub struct Endpoint {
    /// Its fixed name: a label value, and the word for it in errors and logs.
    pub name: &'static str,
    /// Which of the client's rate limits it falls under.
    pub class: &'static str,
}
