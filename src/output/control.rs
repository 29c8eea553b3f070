//! Pages for what runs the exporter: whether it is alive, whether it is ready, and to reload its configuration.

use std::sync::Arc;

use futures_util::future::BoxFuture;
use tokio::sync::{mpsc, oneshot};

use super::page::{Page, PageAnswer, PageRequest};
use crate::telemetry::Telemetry;

/// Says that the process is alive.
pub struct Healthy;

impl Page for Healthy {
    fn path(&self) -> &'static str {
        "/-/healthy"
    }

    fn answer<'a>(&'a self, _: PageRequest<'a>) -> BoxFuture<'a, PageAnswer> {
        Box::pin(std::future::ready(PageAnswer::text(200, "healthy\n")))
    }
}

/// Says whether every collector has had its first answer, or failed to get one. A long first walk does not hold it
/// back: the collectors' own families show what is still missing.
pub struct Ready(pub Arc<Telemetry>);

impl Page for Ready {
    fn path(&self) -> &'static str {
        "/-/ready"
    }

    fn answer<'a>(&'a self, _: PageRequest<'a>) -> BoxFuture<'a, PageAnswer> {
        let answer = if self.0.all_answered() {
            PageAnswer::text(200, "ready\n")
        } else {
            PageAnswer::text(503, "waiting for the vendors' first answers\n")
        };
        Box::pin(std::future::ready(answer))
    }
}

/// A request for a reload, with a place for its result.
pub type ReloadRequest = oneshot::Sender<Result<(), String>>;

/// Reloads the configuration and reports the result.
pub struct Reload(pub mpsc::Sender<ReloadRequest>);

impl Page for Reload {
    fn path(&self) -> &'static str {
        "/-/reload"
    }

    fn post(&self) -> bool {
        true
    }

    fn answer<'a>(&'a self, _: PageRequest<'a>) -> BoxFuture<'a, PageAnswer> {
        Box::pin(async {
            let (result, answer) = oneshot::channel();
            if self.0.send(result).await.is_err() {
                return PageAnswer::text(503, "shutting down\n");
            }
            match answer.await {
                Ok(Ok(())) => PageAnswer::text(200, "reloaded\n"),
                Ok(Err(words)) => {
                    PageAnswer::text(500, format!("not reloaded, the old configuration stays:\n{words}\n"))
                }
                Err(_) => PageAnswer::text(503, "shutting down\n"),
            }
        })
    }
}
