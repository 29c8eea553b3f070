//! The landing page: what this is, where its pages are, and how each collector is doing.

use std::fmt::Write as _;
use std::sync::Arc;
use std::time::Duration;

use arc_swap::ArcSwapOption;
use futures_util::future::BoxFuture;

use super::Output;
use super::page::{Page, PageAnswer, PageRequest};
use crate::self_metrics::{SelfMetrics, VERSION};
use crate::setting::HumanDuration;
use crate::snapshot::Snapshot;
use crate::view::CollectorReading;

/// The landing page.
pub(super) struct Status {
    telemetry_path: String,
    self_metrics: Arc<SelfMetrics>,
    snapshot: ArcSwapOption<Snapshot>,
}

impl Status {
    /// The page, which links to the metrics at `telemetry_path`.
    pub(super) fn new(telemetry_path: &str, self_metrics: Arc<SelfMetrics>) -> Self {
        Self { telemetry_path: telemetry_path.to_owned(), self_metrics, snapshot: ArcSwapOption::empty() }
    }

    fn render(&self) -> String {
        let now = self.self_metrics.clock.now();
        let snapshot = self.snapshot.load();
        let collectors = snapshot.as_ref().map(|snapshot| self.self_metrics.collectors(snapshot)).unwrap_or_default();
        let mut rows = String::new();
        for reading in &collectors {
            let CollectorReading { source, vendor, collector, runs, data } = reading;
            let ago = data.last_success.map(|last| HumanDuration(Duration::from_secs(now.since(last).as_secs())));
            let ago = ago.map_or("never".to_owned(), |ago| format!("{ago} ago"));
            let (up, complete, records) = (word(reading.is_up()), word(data.complete), data.records);
            let (source, error, note) = (escape(source), words(runs.last_error.as_ref()), words(data.note.as_ref()));
            // Writing to a string does not fail.
            _ = writeln!(
                rows,
                "<tr><td>{source}</td><td>{vendor}</td><td>{collector}</td><td>{up}</td><td>{complete}</td>\
                 <td>{records}</td><td>{ago}</td><td>{error}</td><td>{note}</td></tr>"
            );
        }
        format!(
            "<!DOCTYPE html>\n<html lang=\"en\"><head><meta charset=\"utf-8\"><title>container-security-exporter</title>\n\
             <style>body{{font-family:sans-serif;margin:2rem}}td,th{{padding:.2rem .8rem .2rem 0;text-align:left}}</style>\
             </head>\n<body><h1>container-security-exporter</h1>\n<p>Version {VERSION}</p>\n\
             <ul><li><a href=\"{metrics}\">Metrics</a></li><li><a href=\"/-/healthy\">Healthy</a></li>\
             <li><a href=\"/-/ready\">Ready</a></li></ul>\n<h2>Collectors</h2>\n\
             <table><tr><th>source</th><th>vendor</th><th>collector</th><th>up</th><th>complete</th>\
             <th>records</th><th>last success</th><th>last error</th><th>note</th></tr>\n{rows}</table></body></html>\n",
            metrics = escape(&self.telemetry_path),
        )
    }
}

impl Output for Status {
    fn take(&self, snapshot: &Arc<Snapshot>) {
        self.snapshot.store(Some(Arc::clone(snapshot)));
    }
}

impl Page for Arc<Status> {
    fn path(&self) -> &'static str {
        "/"
    }

    fn answer<'a>(&'a self, _: PageRequest<'a>) -> BoxFuture<'a, PageAnswer> {
        let page = PageAnswer { content_type: "text/html; charset=utf-8", ..PageAnswer::text(200, self.render()) };
        Box::pin(std::future::ready(page))
    }
}

fn word(holds: bool) -> &'static str {
    if holds { "yes" } else { "no" }
}

fn words(words: Option<&String>) -> String {
    words.map(|words| escape(words)).unwrap_or_default()
}

fn escape(text: &str) -> String {
    text.replace('&', "&amp;").replace('<', "&lt;").replace('>', "&gt;").replace('"', "&quot;")
}
