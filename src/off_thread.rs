//! Moves work that blocks or takes long off the async threads.

/// Does the work on a blocking thread; none if it panicked, which the log says, or if the program is stopping.
pub async fn off_thread<T: Send + 'static>(work: impl FnOnce() -> T + Send + 'static) -> Option<T> {
    tokio::task::spawn_blocking(work).await.ok()
}
