//! Checkpoints a walk of both listings while it is under way, so that it resumes after a restart.
//!
//! Owns when the checkpoint is written: as often as possible while writing takes a small part of the time. It knows
//! neither requests nor the meaning of rows.

use std::sync::{Arc, Mutex};
use std::time::Duration;

use serde::{Deserialize, Serialize};
use tokio::task::JoinHandle;
use tokio::time::Instant;

use super::staging::{Joined, Staging};
use crate::checkpoint::Slot;
use crate::clock::Timestamp;
use crate::inventory::Table;
use crate::lock::lock;
use crate::paging::{CursorPosition, KeyPosition};

/// How many times as long as the last write took a walk continues before the next write.
const PAUSE: u32 = 9;

/// The position of a walk. The walk can resume from here if it still has the records that it had then.
#[derive(Clone, Debug, Deserialize, Serialize)]
pub(crate) struct WalkPosition {
    /// When it began.
    pub(crate) began: Timestamp,
    pub(crate) pages: KeyPosition,
    pub(crate) bulk: CursorPosition,
}

impl WalkPosition {
    /// The start of a full walk.
    pub(crate) fn start(began: Timestamp) -> Self {
        Self { began, pages: KeyPosition::default(), bulk: CursorPosition::default() }
    }
}

/// An interrupted walk.
#[derive(Debug)]
pub(crate) struct InterruptedWalk<R> {
    pub(crate) position: WalkPosition,
    pub(crate) table: Table<R>,
}

/// A walk under way.
pub(crate) struct WalkCheckpoint<R: Joined> {
    pub(crate) staging: Arc<Staging<R>>,
    slot: Option<Slot>,
    state: Arc<Mutex<WalkState>>,
}

struct WalkState {
    position: WalkPosition,
    saving: Option<JoinHandle<()>>,
    due: Instant,
}

impl<R: Joined> WalkCheckpoint<R> {
    /// Creates the checkpoint of a walk at `position`, which is stored in `slot`, if there is one.
    pub(crate) fn new(staging: Arc<Staging<R>>, position: WalkPosition, slot: Option<Slot>) -> Self {
        let state = WalkState { position, saving: None, due: Instant::now() };
        Self { staging, slot, state: Arc::new(Mutex::new(state)) }
    }

    /// The current position.
    pub(crate) fn position(&self) -> WalkPosition {
        lock(&self.state).position.clone()
    }

    /// Changes the position, and stores it when a write is due.
    pub(crate) fn moved(&self, change: impl FnOnce(&mut WalkPosition)) {
        let mut state = lock(&self.state);
        change(&mut state.position);
        let Some(slot) = &self.slot else { return };
        let is_saving = state.saving.as_ref().is_some_and(|saving| !saving.is_finished());
        if is_saving || Instant::now() < state.due {
            return;
        }
        state.saving = Some(self.save(slot.clone()));
    }

    /// Stores the walk in the background.
    fn save(&self, slot: Slot) -> JoinHandle<()> {
        let (staging, shared) = (Arc::clone(&self.staging), Arc::clone(&self.state));
        tokio::task::spawn_blocking(move || {
            let began = Instant::now();
            // Read before the records: those may be ahead of the position, never behind it.
            let position = postcard::to_stdvec(&lock(&shared).position);
            match position {
                // The store logs a failure.
                Ok(position) => _ = staging.save(&slot, &position),
                Err(error) => tracing::debug!(%error, "walk position could not be serialised"),
            }
            lock(&shared).due = Instant::now() + PAUSE * began.elapsed().max(Duration::from_millis(1));
        })
    }

    /// Waits for the write in progress.
    pub(crate) async fn settle(&self) {
        let saving = lock(&self.state).saving.take();
        if let Some(saving) = saving {
            // Finished either way.
            _ = saving.await;
        }
    }

    /// A copy of the walk so far, to be continued while its records are used; it is stored, too.
    pub(crate) async fn so_far(&self) -> InterruptedWalk<R> {
        self.store().await;
        InterruptedWalk { position: self.position(), table: self.staging.copy() }
    }

    async fn store(&self) {
        self.settle().await;
        if let Some(slot) = self.slot.clone() {
            // Finished either way.
            _ = self.save(slot).await;
        }
    }

    /// Stores the interrupted walk and returns it, to be resumed.
    pub(crate) async fn broken_off(self) -> InterruptedWalk<R> {
        self.store().await;
        InterruptedWalk { position: self.position(), table: self.staging.so_far() }
    }
}

#[cfg(test)]
mod tests {
    use super::*;
    use crate::checkpoint::Store;
    use crate::record::{Container, Vendor};
    use crate::source::qualys::containers::PageHalf;

    #[tokio::test]
    async fn stored_records_are_never_behind_the_position() {
        let dir = tempfile::tempdir().unwrap();
        let store = Store::open(dir.path()).unwrap();
        let slot = store.slot("account", Vendor::Qualys, "containers", 1);
        let time = |millis| Timestamp::from_millis(millis).unwrap();
        let checkpoint = WalkCheckpoint::new(Staging::<Container>::new([].into()), WalkPosition::start(time(1)), None);
        let row = |at: i64| {
            let body = format!(r#"{{"data":[{{"uuid":"{at}","updated":"{at}"}}]}}"#);
            checkpoint.staging.read::<PageHalf>(body.as_bytes()).unwrap().store();
        };
        row(1);
        let saving = {
            // The position is locked for a while, in which the walk advances.
            let mut state = lock(&checkpoint.state);
            let saving = checkpoint.save(slot.clone());
            // Enough time for the records to be read, if they were read first.
            for other in 0..20 {
                let slot = store.slot("account", Vendor::Qualys, "images", other);
                slot.save_walk(&Table::<Container>::default(), &[]).unwrap();
            }
            row(2);
            state.position.began = time(2);
            saving
        };
        saving.await.unwrap();
        let (tables, position) = slot.load().walk.unwrap();
        let position: WalkPosition = postcard::from_bytes(&position).unwrap();
        assert_eq!((position.began, tables.containers.unwrap().len()), (time(2), 2));
    }
}
