//! Services that a vendor has at one of several addresses.

use std::sync::Arc;
use std::sync::atomic::{AtomicUsize, Ordering};

use crate::client::{Answer, ApiError, Call, Client};

/// Which of several addresses of a service worked last.
#[derive(Clone, Debug, Default)]
pub(crate) struct Preference(Arc<AtomicUsize>);

impl Preference {
    /// The number of the address that worked last; 0 before one has.
    pub(crate) fn last(&self) -> usize {
        self.0.load(Ordering::Relaxed)
    }

    /// Tries the calls in turn, the one that worked last first; the others follow only after an error with a status that
    /// `is_elsewhere`. If none is answered, returns the first error.
    pub(crate) async fn answer(
        &self,
        client: &Client,
        calls: &[Call],
        is_elsewhere: impl Fn(u16) -> bool,
        none: impl FnOnce() -> ApiError,
    ) -> Result<Answer, ApiError> {
        let preferred = self.last();
        let others = (0..calls.len()).filter(|number| *number != preferred);
        let mut first = None;
        for number in [preferred].into_iter().chain(others) {
            let Some(call) = calls.get(number) else { continue };
            match client.exchange(call, None).answer().await {
                Ok(answer) => {
                    self.0.store(number, Ordering::Relaxed);
                    return Ok(answer);
                }
                Err(error) if error.status().is_some_and(&is_elsewhere) => first = Some(first.unwrap_or(error)),
                Err(error) => return Err(first.unwrap_or(error)),
            }
        }
        Err(first.unwrap_or_else(none))
    }
}
