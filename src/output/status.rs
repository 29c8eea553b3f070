//! The landing page: what this is, where its pages are, and how each collector is doing.

use std::fmt::Write as _;
use std::sync::Arc;
use std::time::Duration;

use futures_util::future::BoxFuture;

use super::page::{Page, PageAnswer, PageRequest};
use crate::own::{Own, VERSION};
use crate::setting::HumanDuration;
use crate::telemetry::CollectorReading;

/// The landing page.
pub(super) struct Status {
    telemetry_path: String,
    own: Arc<Own>,
}

impl Status {
    /// The page, which links to the metrics at `telemetry_path`.
    pub(super) fn new(telemetry_path: &str, own: Arc<Own>) -> Self {
        Self { telemetry_path: telemetry_path.to_owned(), own }
    }

    fn render(&self) -> String {
        let now = self.own.clock.now();
        let (sources, _) = self.own.telemetry.read();
        let mut rows = String::new();
        for source in &sources {
            for CollectorReading { source: name, collector, state } in &source.collectors {
                let ago = state.last_success.map(|last| now.millis().saturating_sub(last.millis()));
                let ago = ago.map_or("never".to_owned(), |millis| {
                    let seconds = u64::try_from(millis / 1000).unwrap_or(0);
                    format!("{} ago", HumanDuration(Duration::from_secs(seconds)))
                });
                let (up, complete) = (word(state.up), word(state.complete));
                let (name, error, note) = (escape(name), words(state.last_error.as_ref()), words(state.note.as_ref()));
                // Writing to a string does not fail.
                _ = writeln!(
                    rows,
                    "<tr><td>{name}</td><td>{vendor}</td><td>{collector}</td><td>{up}</td><td>{complete}</td>\
                     <td>{records}</td><td>{ago}</td><td>{error}</td><td>{note}</td></tr>",
                    vendor = source.vendor,
                    records = state.records,
                );
            }
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

impl Page for Status {
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
