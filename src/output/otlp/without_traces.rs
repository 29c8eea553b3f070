//! What stands for traces in a build without them. The configuration refuses them before it gets here.

use tracing_subscriber::Layer;

use super::Config;
use crate::clock::Clock;

/// A push of traces that cannot be.
pub enum Traces {}

impl Traces {
    /// None.
    pub fn start(_: &Config, _: &str, _: Clock) -> Result<Option<Self>, String> {
        Ok(None)
    }

    /// Listens to spans.
    pub fn listener<S: tracing::Subscriber>(&self) -> Box<dyn Layer<S> + Send + Sync> {
        match *self {}
    }

    /// Pushes what is left.
    #[expect(clippy::unused_async, reason = "as that of traces")]
    pub async fn stop(self) {
        match self {}
    }
}
