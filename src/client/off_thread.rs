//! Moves work that blocks or takes long off the async threads.

use super::endpoint::Endpoint;
use super::error::ApiError;
use crate::telemetry::Failure;

/// Does the work, which is part of a call to `endpoint`, on a blocking thread. A panic continues in the caller.
pub async fn off_thread<T: Send + 'static>(
    endpoint: &'static Endpoint,
    work: impl FnOnce() -> T + Send + 'static,
) -> Result<T, ApiError> {
    match tokio::task::spawn_blocking(work).await {
        Ok(done) => Ok(done),
        Err(error) => match error.try_into_panic() {
            Ok(panic) => std::panic::resume_unwind(panic),
            Err(_) => Err(ApiError::new(endpoint, Failure::Internal, "the program is stopping")),
        },
    }
}
