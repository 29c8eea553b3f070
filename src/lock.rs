//! Locks for plain data that no holder leaves half-written.

use std::sync::{Mutex, MutexGuard, PoisonError};

/// Locks. That another holder panicked does not matter to data that is changed in one step.
pub fn lock<T>(mutex: &Mutex<T>) -> MutexGuard<'_, T> {
    mutex.lock().unwrap_or_else(PoisonError::into_inner)
}
