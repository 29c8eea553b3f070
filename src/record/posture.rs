//! Posture: controls, and the resources they were evaluated for.

use serde::{Deserialize, Serialize};

use super::Severity;
use crate::clock::Timestamp;
use crate::names::Name;

/// A posture control: one rule, evaluated for many resources.
#[derive(Clone, Debug, Deserialize, Serialize)]
pub struct Control {
    /// Its id, as the vendor writes it.
    pub id: Name,
    /// Its name.
    pub name: Name,
    /// Category; empty if the vendor reports none.
    pub category: Name,
    /// Severity of a failure.
    pub severity: Severity,
    /// The vendor's word for that, as a label value.
    pub vendor_severity: Name,
    /// Policies that include it, each once.
    pub policies: Box<[Name]>,
    /// Resources that passed, failed and were skipped; absent if it was never evaluated.
    pub resources: Option<[u64; 3]>,
}

impl Default for Control {
    fn default() -> Self {
        Self {
            id: Name::EMPTY,
            name: Name::EMPTY,
            category: Name::EMPTY,
            severity: Severity::Unknown,
            vendor_severity: Name::UNKNOWN,
            policies: Box::default(),
            resources: None,
        }
    }
}

/// Result of evaluating a control for a resource.
#[derive(Clone, Copy, Debug, PartialEq, Eq, Deserialize, Serialize)]
pub enum Outcome {
    /// The resource complies.
    Pass,
    /// The resource does not comply.
    Fail,
    /// The resource was skipped.
    Skip,
}

/// One control, evaluated for one resource.
#[derive(Clone, Debug, Deserialize, Serialize)]
pub struct PostureResource {
    /// Kubernetes cluster.
    pub cluster: Name,
    /// Kind of the resource, such as `ServiceAccount`.
    pub kind: Name,
    /// Severity of a failure.
    pub severity: Severity,
    /// The vendor's word for that, as a label value.
    pub vendor_severity: Name,
    /// Result.
    pub outcome: Outcome,
    /// Last evaluation.
    pub last_evaluated: Option<Timestamp>,
}
