//! The panels on top of every dashboard: whether its numbers can be trusted.

use crate::look::{DATA_AGE, FEW_ARE_GOOD};
use crate::panel::Panel;
use crate::query::of;

/// The age of these collectors' data.
pub(crate) fn data_age(width: u64, collectors: &str) -> Panel {
    let success = of("collector_last_success_timestamp_seconds", &[&format!("collector=~\"{collectors}\"")]);
    Panel::stat(
        width,
        "Data age",
        "How old is the data? \
             Time since the last successful run of the collector that this dashboard needs and whose last success is the oldest, \
         on any of the chosen exporters. Not known: none has ever succeeded, or no exporter answers.",
    )
    .unit("s")
    .scale(DATA_AGE)
    .ask(&format!("time() - min({success})"), "oldest data")
}

/// The number of these collectors whose data is in doubt.
pub(crate) fn in_doubt(width: u64, collectors: &str) -> Panel {
    let matcher = format!("collector=~\"{collectors}\"");
    let (up, complete) = (of("collector_up", &[&matcher]), of("collector_complete", &[&matcher]));
    Panel::stat(
        width,
        "Failing collectors",
        "Which collectors are failing or incomplete? \
             Collectors that this dashboard needs and whose last run failed, or whose data is known to lack records. The dashboard of the \
         exporter says which. Not known: no exporter answers.",
    )
    .scale(FEW_ARE_GOOD)
    .ask(&format!("sum(1 - min by (source, collector) ({up} * {complete}))"), "in doubt")
}
