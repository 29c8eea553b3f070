//! Consistency checks for the samples of a histogram.

use super::{Exposition, alike};

/// Checks that every histogram's buckets are cumulative up to `+Inf`, and that this bucket is the count.
pub(super) fn check(exposition: &Exposition) -> Result<(), String> {
    for family in exposition.families.iter().filter(|family| family.kind == "histogram") {
        let name = &family.name;
        let counts = alike(&exposition.samples, &format!("{name}_count"), "le");
        let buckets = alike(&exposition.samples, &format!("{name}_bucket"), "le");
        if !counts.keys().eq(buckets.keys()) {
            return Err(format!("histogram {name}: buckets and counts differ in their labels"));
        }
        for (labels, buckets) in buckets {
            let mut bounds = Vec::new();
            for bucket in &buckets {
                let bound: f64 = bucket.labels["le"]
                    .parse()
                    .map_err(|_| format!("histogram {name}: a bound that is not a number"))?;
                bounds.push(bound);
            }
            let values: Vec<f64> = buckets.iter().map(|bucket| bucket.value).collect();
            if !bounds.is_sorted_by(|one, next| one < next) || !values.is_sorted() {
                return Err(format!("histogram {name}: buckets are not cumulative"));
            }
            let is_whole = bounds.last() == Some(&f64::INFINITY)
                && values.last() == counts[&labels].first().map(|count| &count.value);
            if !is_whole {
                return Err(format!("histogram {name}: the last bucket differs from the count"));
            }
        }
    }
    Ok(())
}
