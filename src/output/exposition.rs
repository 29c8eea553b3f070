//! The metrics page: OpenMetrics or text, plain or gzip, rendered and compressed once per snapshot.
//!
//! What depends on the moment of the scrape (ages, the exporter's own families) is rendered at the scrape and comes
//! after what does not.

use std::sync::Arc;
use std::time::Duration;

use arc_swap::ArcSwapOption;
use futures_util::future::BoxFuture;
use tokio::time::timeout;

use super::compress::Head;
use super::negotiate::{Format, accepts_gzip, format};
use super::page::{Page, PageAnswer, PageRequest};
use super::{Output, openmetrics, text};
use crate::metric::Series;
use crate::self_metrics::SelfMetrics;
use crate::snapshot::Snapshot;

/// What a scraper is taken to wait for that does not say: what Prometheus waits for by default.
const USUAL_PATIENCE: Duration = Duration::from_secs(10);

/// A scrape is answered so much before the scraper gives it up.
const MARGIN: Duration = Duration::from_millis(500);

/// Nobody is kept waiting for longer, whatever they say: connections are cut some time after.
const LONGEST_WAIT: Duration = Duration::from_secs(100);

/// Sees to it that what is published is not too old.
pub trait Refresh: Send + Sync {
    /// Ends once it is not; that can take long.
    fn refresh(&self) -> BoxFuture<'_, ()>;
}

/// How long a scrape may wait, given the timeout that the scraper sends.
fn patience(scrape_timeout: Option<&str>) -> Duration {
    let said = scrape_timeout.and_then(|seconds| seconds.trim().parse::<f64>().ok());
    let said = said.and_then(|seconds| Duration::try_from_secs_f64(seconds).ok());
    said.unwrap_or(USUAL_PATIENCE).saturating_sub(MARGIN).min(LONGEST_WAIT)
}

/// The metrics page, and the output that fills it.
pub struct Exposition {
    path: String,
    self_metrics: Arc<SelfMetrics>,
    refresh: Option<Arc<dyn Refresh>>,
    rendered: ArcSwapOption<Rendered>,
}

impl Exposition {
    /// The page at `path`; it answers 503 until it has taken its first snapshot. With `refresh`, it is refreshed for
    /// each scrape, as far as the scraper waits for that.
    pub fn new(path: &str, self_metrics: Arc<SelfMetrics>, refresh: Option<Arc<dyn Refresh>>) -> Self {
        Self { path: path.to_owned(), self_metrics, refresh, rendered: ArcSwapOption::empty() }
    }
}

impl Output for Exposition {
    fn take(&self, snapshot: &Arc<Snapshot>) {
        self.rendered.store(Some(Arc::new(Rendered::new(Arc::clone(snapshot)))));
    }
}

impl Page for Arc<Exposition> {
    fn path(&self) -> &str {
        &self.path
    }

    fn answer<'a>(&'a self, request: PageRequest<'a>) -> BoxFuture<'a, PageAnswer> {
        let format = format(request.accept);
        let gzip = accepts_gzip(request.accept_encoding);
        Box::pin(async move {
            if let Some(refresh) = &self.refresh {
                // In time or not: the data carries its age.
                _ = timeout(patience(request.scrape_timeout), refresh.refresh()).await;
            }
            let Some(rendered) = self.rendered.load_full() else {
                return PageAnswer::text(503, "starting\n");
            };
            let self_metrics = Arc::clone(&self.self_metrics);
            let answer = tokio::task::spawn_blocking(move || rendered.answer(&self_metrics, format, gzip));
            answer.await.unwrap_or_else(|_| PageAnswer::text(500, "the metrics could not be rendered; see the log\n"))
        })
    }
}

/// One snapshot with what of it can be rendered ahead. A format that cannot be rendered is none.
struct Rendered {
    snapshot: Arc<Snapshot>,
    openmetrics: Option<Head>,
    text: Head,
}

impl Rendered {
    fn new(snapshot: Arc<Snapshot>) -> Self {
        let only = |series: &Series| !series.depends_on_time();
        // The time does not matter for what does not depend on it.
        let openmetrics = openmetrics::write(&snapshot.families, only, 0.0);
        let text = text::write(&snapshot.families, only, 0.0);
        Self { openmetrics: openmetrics.ok().map(Head::new), text: Head::new(text), snapshot }
    }

    fn answer(&self, self_metrics: &SelfMetrics, format: Format, gzip: bool) -> PageAnswer {
        let now = self_metrics.clock.now().seconds();
        let own = Arc::new(self_metrics.evaluate(&self.snapshot));
        let aging = Series::depends_on_time;
        let rendered = match format {
            Format::OpenMetrics => self.openmetrics.as_ref().and_then(|head| {
                let mut tail = openmetrics::write(&self.snapshot.families, aging, now).ok()?;
                tail += &openmetrics::write(&own, |_| true, now).ok()?;
                tail += &openmetrics::end();
                Some((head, tail, openmetrics::CONTENT_TYPE))
            }),
            Format::Text => {
                let mut tail = text::write(&self.snapshot.families, aging, now);
                tail += &text::write(&own, |_| true, now);
                Some((&self.text, tail, text::CONTENT_TYPE))
            }
        };
        let Some((head, tail, content_type)) = rendered else {
            return PageAnswer::text(500, "the metrics could not be rendered\n");
        };
        let compressed = gzip.then(|| head.gzip_with(tail.as_bytes())).flatten();
        PageAnswer {
            status: 200,
            content_type,
            encoding: compressed.as_ref().map(|_| "gzip"),
            negotiated: true,
            body: compressed.unwrap_or_else(|| head.with(tail.as_bytes())),
        }
    }
}

/// The whole exposition as text, for a terminal.
pub fn print(snapshot: &Snapshot, self_metrics: &SelfMetrics) -> String {
    let now = self_metrics.clock.now().seconds();
    let mut text = text::write(&snapshot.families, |_| true, now);
    text += &text::write(&self_metrics.evaluate(snapshot), |_| true, now);
    text
}

#[cfg(test)]
mod tests {
    use super::*;

    #[test]
    fn a_scrape_waits_a_little_less_than_its_scraper() {
        let waits = |said| patience(said).as_millis();
        assert_eq!((waits(Some("10.000000")), waits(Some(" 2.25 ")), waits(Some("0.3"))), (9500, 1750, 0));
        for nonsense in [None, Some(""), Some("10s"), Some("-1"), Some("NaN"), Some("inf"), Some("1e300"), Some("5, 6")]
        {
            assert_eq!(waits(nonsense), 9500, "{nonsense:?}");
        }
        assert_eq!(waits(Some("3600")), 100_000);
    }
}
