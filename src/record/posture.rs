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
    /// Its category, empty where the vendor tells none.
    pub category: Name,
    /// How bad it is when it fails.
    pub severity: Severity,
    /// The vendor's word for that, as a label value.
    pub vendor_severity: Name,
    /// Policies it is part of, each once.
    pub policies: Box<[Name]>,
    /// Resources that passed, failed and were skipped; none where it was never evaluated.
    pub resources: Option<[u64; 3]>,
}

/// What evaluating a control for a resource came to.
#[derive(Clone, Copy, Debug, PartialEq, Eq, Deserialize, Serialize)]
pub enum Outcome {
    /// The resource is as it should be.
    Pass,
    /// It is not.
    Fail,
    /// It was left out.
    Skip,
}

/// One control, evaluated for one resource.
#[derive(Clone, Debug, Deserialize, Serialize)]
pub struct PostureResource {
    /// Kubernetes cluster.
    pub cluster: Name,
    /// Kind of the resource, such as `ServiceAccount`.
    pub kind: Name,
    /// How bad it is when the control fails.
    pub severity: Severity,
    /// The vendor's word for that, as a label value.
    pub vendor_severity: Name,
    /// What it came to.
    pub outcome: Outcome,
    /// When that was found out last.
    pub last_evaluated: Option<Timestamp>,
}
