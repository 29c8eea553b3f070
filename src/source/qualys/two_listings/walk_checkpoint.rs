//! How far a walk of both listings is: kept while it is under way, so that it goes on there after a restart.
//!
//! Owns when that is stored: as often as may be, as long as storing takes a small part of the time. It knows neither a
//! request nor what rows mean.

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

/// After it has stored so long, a walk goes on for this many times as long before it stores again.
const PAUSE: u32 = 9;

/// Where a walk stands: it goes on from here, once it has the records that it had then.
#[derive(Clone, Debug, Deserialize, Serialize)]
pub(crate) struct WalkPosition {
    /// When it began.
    pub(crate) began: Timestamp,
    pub(crate) pages: KeyPosition,
    pub(crate) bulk: CursorPosition,
}

impl WalkPosition {
    /// The start of a walk of all there is.
    pub(crate) fn start(began: Timestamp) -> Self {
        Self { began, pages: KeyPosition::default(), bulk: CursorPosition::default() }
    }
}

/// A walk that was broken off.
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
    /// A walk that stands there, and stores where it stands in `slot`, if there is one.
    pub(crate) fn new(staging: Arc<Staging<R>>, position: WalkPosition, slot: Option<Slot>) -> Self {
        let state = WalkState { position, saving: None, due: Instant::now() };
        Self { staging, slot, state: Arc::new(Mutex::new(state)) }
    }

    /// Where it stands.
    pub(crate) fn position(&self) -> WalkPosition {
        lock(&self.state).position.clone()
    }

    /// Notes that it stands elsewhere now.
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

    /// Stores where it stands, while everything else goes on.
    fn save(&self, slot: Slot) -> JoinHandle<()> {
        let (staging, shared) = (Arc::clone(&self.staging), Arc::clone(&self.state));
        tokio::task::spawn_blocking(move || {
            let began = Instant::now();
            // Read before the records: those may be further on, never behind it.
            let position = postcard::to_stdvec(&lock(&shared).position);
            match position {
                // How it went is the store's to tell.
                Ok(position) => _ = staging.save(&slot, &position),
                Err(error) => tracing::debug!(%error, "a walk's position could not be written"),
            }
            lock(&shared).due = Instant::now() + PAUSE * began.elapsed().max(Duration::from_millis(1));
        })
    }

    /// Waits until nothing is being stored any more.
    pub(crate) async fn settle(&self) {
        let saving = lock(&self.state).saving.take();
        if let Some(saving) = saving {
            // It is over either way.
            _ = saving.await;
        }
    }

    /// A copy of it as it stands, to be continued while its records are used; it is stored, too.
    pub(crate) async fn so_far(&self) -> InterruptedWalk<R> {
        self.store().await;
        InterruptedWalk { position: self.position(), table: self.staging.copy() }
    }

    async fn store(&self) {
        self.settle().await;
        if let Some(slot) = self.slot.clone() {
            // It is over either way.
            _ = self.save(slot).await;
        }
    }

    /// What there is of it, to go on with; it is stored, too.
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
    async fn the_records_that_are_stored_are_never_behind_the_position() {
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
            // Where the walk stands cannot be read for a while, in which it comes on.
            let mut state = lock(&checkpoint.state);
            let saving = checkpoint.save(slot.clone());
            // Time enough for the records to be read, if they were read first.
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
