//! Counts the records that collectors reject, and decides when a run lost too many.

use std::collections::BTreeMap;
use std::sync::Mutex;

use crate::lock::lock;
use crate::telemetry::{Rejection, SourceTelemetry};
use crate::wire::Rejected;

/// The rejected records of an account's collectors.
pub(super) struct RejectedRecords {
    /// Most records of a listing that may be rejected before a run is incomplete, in percent.
    max_percent: f64,
    /// How many records each collector had rejected when that was last logged.
    logged: Mutex<BTreeMap<&'static str, u64>>,
}

impl RejectedRecords {
    pub(super) fn new(max_percent: f64) -> Self {
        Self { max_percent, logged: Mutex::default() }
    }

    /// Counts the rejected rows of a collector's listings, each with the number of read rows; returns why the run is
    /// incomplete if one of them lost too many.
    pub(super) fn count(
        &self,
        telemetry: &SourceTelemetry,
        collector: &'static str,
        listings: &[(Rejected, u64)],
    ) -> Option<String> {
        let mut all = 0;
        for reason in Rejection::ALL {
            let records = listings.iter().map(|(rejected, _)| rejected[reason as usize]).sum();
            telemetry.count_rejected(collector, reason, records);
            all += records;
        }
        if self.is_news(collector, all) {
            let source = telemetry.source();
            tracing::warn!(source, collector, records = all, "unreadable records were skipped");
        }
        let rejected = |rejected: &Rejected| rejected.iter().sum::<u64>();
        let mut listings = listings.iter().map(|(of_each, read)| (rejected(of_each), *read));
        let (rejected, read) = listings.find(|(rejected, read)| self.is_too_many(*rejected, *read))?;
        let limit = self.max_percent;
        Some(format!(
            "Too many rejected records: {rejected} of {read} in one listing cannot be read, more than {limit} % \
             (limits.max_rejected_percent)"
        ))
    }

    #[expect(clippy::cast_precision_loss, reason = "fewer than 2^53 records")]
    fn is_too_many(&self, rejected: u64, read: u64) -> bool {
        rejected > 1 && rejected as f64 * 100.0 > self.max_percent * read as f64
    }

    /// Whether to log it. Such records stay from run to run: logged each time, they would drown out everything else.
    fn is_news(&self, collector: &'static str, records: u64) -> bool {
        records > 0 && lock(&self.logged).insert(collector, records) != Some(records)
    }
}

#[cfg(test)]
mod tests {
    use super::*;

    #[test]
    fn rejected_records_are_logged_when_their_number_changes() {
        let rejected_records = RejectedRecords::new(5.0);
        for (records, news) in [(0, false), (3, true), (3, false), (0, false), (3, false), (4, true), (3, true)] {
            assert_eq!(rejected_records.is_news("containers", records), news, "{records}");
        }
        assert!(rejected_records.is_news("sensors", 3));
    }

    #[test]
    fn one_rejected_record_is_not_too_many() {
        let rejected_records = RejectedRecords::new(5.0);
        for (rejected, read, too_many) in [(1, 1, false), (5, 100, false), (6, 100, true), (2, 3, true), (0, 0, false)]
        {
            assert_eq!(rejected_records.is_too_many(rejected, read), too_many, "{rejected} of {read}");
        }
    }
}
