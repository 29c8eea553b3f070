//! The collector of records that are spread over two listings: both are walked at the same time into one table.

use std::sync::atomic::AtomicU64;
use std::sync::atomic::Ordering::Relaxed;
use std::sync::{Arc, Mutex, OnceLock};
use std::time::Duration;

use futures_util::future::BoxFuture;
use tokio::task::spawn_blocking;
use tokio::time::Instant;

use crate::checkpoint::{Saved, Slot};
use crate::client::{Answer, ApiError, Call};
use crate::clock::{Clock, Timestamp};
use crate::inventory::{Table, Tables};
use crate::lock::lock;
use crate::paging::{
    CursorPosition, KeyAsk, KeyPosition, Page, WalkObserver, WalkSummary, by_cursor, by_key, changed_since,
};
use crate::record::FieldCounts;
use crate::source::qualys::session::{Listing, Session};
use crate::source::{Collect, CollectOutput, WalkKind};
use crate::telemetry::Failure;
use crate::wire;
use delta::{DeltaBase, FullWalk, compare};
use link::next;
use staging::{Half, Joined, Staging};
use walk_checkpoint::{InterruptedWalk, WalkCheckpoint, WalkPosition};

pub(crate) mod delta;
pub mod link;
pub mod staging;
pub(crate) mod walk_checkpoint;

/// Rows per page of a page list: the vendor's maximum.
const PAGE_SIZE: u64 = 1000;

/// Rows per page of a bulk list: the vendor's maximum.
const BULK_LIMIT: u64 = 250;

/// The smallest bulk page that is requested when larger pages are too large.
const LEAST_BULK_LIMIT: u64 = 10;

/// A kind of record with a page list and a bulk list.
pub(crate) trait TwoListed: Joined + Sync {
    /// The collector's name.
    const NAME: &'static str;
    /// The page list, and its path.
    const PAGES: (&'static Listing, &'static str);
    /// The bulk list, and its path.
    const BULK: (&'static Listing, &'static str);

    /// Wraps the table as [`Tables`].
    fn tables(table: Arc<Table<Self>>) -> Tables;

    /// Takes the table out of [`Tables`].
    fn table(tables: Tables) -> Option<Arc<Table<Self>>>;
}

/// Walks both listings: completely at first and from time to time, and only the changes in between.
pub(crate) struct TwoListings<R: TwoListed> {
    session: Arc<Session>,
    wanted: R::Wanted,
    clock: Clock,
    /// How long only changes are read between two full walks.
    full_resync: Duration,
    /// Rows per page of the bulk list. A row grows with the installed software; if a page exceeds the response limit,
    /// the next run requests half as many rows.
    bulk_limit: AtomicU64,
    /// The number of records of the last complete run.
    usual: Mutex<Option<u64>>,
    /// The base for a delta; `None` if a full walk is due.
    known: Mutex<Option<Arc<DeltaBase<R>>>>,
    /// An interrupted full walk, to be resumed.
    interrupted: Mutex<Option<InterruptedWalk<R>>>,
    /// The slot that stores a full walk while it is under way.
    slot: OnceLock<Slot>,
}

/// The result of a walk of both listings.
struct WalkResult<R> {
    table: Arc<Table<R>>,
    missing: Option<String>,
    /// Why the bulk list is incomplete, if a request failed.
    failed: Option<ApiError>,
    /// The results of the walks of the page list and of the bulk list.
    walked: [WalkSummary; 2],
    /// When the first page was sent, by the vendor's clock.
    date: Option<Timestamp>,
}

impl<R> WalkResult<R> {
    /// Rows of the page list that the vendor counts and that are not in the table: rejected or repeated.
    fn unread(&self) -> u64 {
        let [pages, _] = &self.walked;
        pages.rejected.iter().sum::<u64>() + pages.repeated
    }
}

impl<R: TwoListed> TwoListings<R> {
    pub(crate) fn new(session: Arc<Session>, wanted: R::Wanted, clock: Clock, full_resync: Duration) -> Self {
        Self {
            session,
            wanted,
            clock,
            full_resync,
            bulk_limit: AtomicU64::new(BULK_LIMIT),
            usual: Mutex::default(),
            known: Mutex::default(),
            interrupted: Mutex::default(),
            slot: OnceLock::new(),
        }
    }

    async fn run(&self, progress: &(dyn Fn() + Sync)) -> Result<CollectOutput, ApiError> {
        let interrupted =
            lock(&self.interrupted).take().filter(|walk| self.age(walk.position.began) < self.full_resync);
        let known = lock(&self.known).clone().filter(|known| Instant::now() < known.last.resync);
        let began = self.clock.now();
        let output = match (interrupted, known) {
            (Some(interrupted), _) => self.go_on(interrupted, progress).await?,
            (None, Some(known)) => self.catch_up(&known, began, progress).await?,
            (None, None) => None,
        };
        if let Some(output) = output {
            return Ok(output);
        }
        let staging = Staging::new(self.wanted.clone());
        let checkpoint = WalkCheckpoint::new(staging, WalkPosition::start(began), self.slot.get().cloned());
        match self.walk(&checkpoint, None, progress).await {
            Ok(came) => self.output(came, began, None).await,
            Err(error) => {
                self.interrupt(checkpoint, &error).await;
                Err(error)
            }
        }
    }

    /// Resumes an interrupted walk. `None` if a full walk is needed after all.
    async fn go_on(
        &self,
        interrupted: InterruptedWalk<R>,
        progress: &(dyn Fn() + Sync),
    ) -> Result<Option<CollectOutput>, ApiError> {
        let InterruptedWalk { mut position, table } = interrupted;
        let began = position.began;
        let staging = Staging::resumed(table, self.wanted.clone());
        position.pages = position.pages.with_keys(staging.listed());
        let checkpoint = WalkCheckpoint::new(staging, position, self.slot.get().cloned());
        let result = match self.count().await {
            Ok(counted) => self.walk(&checkpoint, None, progress).await.map(|came| (counted, came)),
            Err(error) => Err(error),
        };
        match result {
            // Where the bulk list failed again, the page list is shown, and the next run continues.
            Ok((counted, came)) if came.missing.is_none() || came.failed.as_ref().is_some_and(can_continue) => {
                let expected = came.table.len() as u64 + came.unread();
                // Records that were purged since the interruption are still among its records.
                if self.counts_fewer(counted, expected).await.unwrap_or(true) {
                    *lock(&self.interrupted) = None;
                    return Ok(None);
                }
                let output = self.output(came, began, None).await?;
                Ok(Some(CollectOutput { walk_kind: WalkKind::Resumed, ..output }))
            }
            Err(error) if can_continue(&error) => {
                self.interrupt(checkpoint, &error).await;
                Err(error)
            }
            Ok(_) | Err(_) => Ok(None),
        }
    }

    /// Keeps a walk that failed, for the next run or the next process to continue.
    async fn interrupt(&self, checkpoint: WalkCheckpoint<R>, error: &ApiError) {
        let walk = checkpoint.broken_off().await;
        if can_continue(error) {
            *lock(&self.interrupted) = Some(walk);
        }
    }

    /// Whether the vendor counts fewer records than are known, because some were purged. `counted` dates from before
    /// all of them were known.
    async fn counts_fewer(&self, counted: Option<u64>, known: u64) -> Result<bool, ApiError> {
        let fewer = |counted: Option<u64>| counted.is_some_and(|counted| compare(counted, known).is_lt());
        // Some known records may be newer than the first count.
        Ok(fewer(counted) && fewer(self.count().await?))
    }

    /// Reads what has changed. `None` if a full walk is needed after all.
    async fn catch_up(
        &self,
        known: &DeltaBase<R>,
        began: Timestamp,
        progress: &(dyn Fn() + Sync),
    ) -> Result<Option<CollectOutput>, ApiError> {
        match self.changes(known, progress).await {
            Ok(Ok(came)) => self.output(came, began, Some(known)).await.map(Some),
            Ok(Err(why)) => {
                tracing::debug!(collector = R::NAME, why, "starting a full walk");
                Ok(None)
            }
            // For example because the vendor does not accept the filter.
            Err(error) if error.failure == Failure::BadResponse => {
                tracing::debug!(collector = R::NAME, why = %error, "starting a full walk");
                Ok(None)
            }
            Err(error) => Err(error),
        }
    }

    /// Reads what has changed since `known` and applies it; otherwise returns why that may be incomplete.
    async fn changes(
        &self,
        known: &DeltaBase<R>,
        progress: &(dyn Fn() + Sync),
    ) -> Result<Result<WalkResult<R>, &'static str>, ApiError> {
        // Counted before the changes: records that are new by then are among them.
        let counted = self.count().await?;
        let staging = Staging::over(Arc::clone(&known.table), self.wanted.clone());
        let position =
            WalkPosition { pages: KeyPosition::changed_since(known.pages), ..WalkPosition::start(known.last.walked) };
        let mut came = self.walk(&WalkCheckpoint::new(staging, position, None), Some(known.bulk), progress).await?;
        if let Some(error) = came.failed.take() {
            return Err(error);
        }
        if came.missing.is_some() {
            return Ok(Err("the changes could not be read completely"));
        }
        if !came.walked.iter().all(|walked| walked.rejects_only(&known.last.unreadable)) {
            return Ok(Err("a changed record is unreadable, and its known version is outdated"));
        }
        let expected = known.to_be_counted(&came.table);
        if counted.is_some_and(|counted| compare(counted, expected).is_gt()) {
            return Ok(Err("the vendor counts more records than are known"));
        }
        if self.counts_fewer(counted, expected).await? {
            return Ok(Err("the vendor counts fewer records than are known: some were purged"));
        }
        Ok(Ok(came))
    }

    /// The number of records, if the vendor reports it.
    async fn count(&self) -> Result<Option<u64>, ApiError> {
        let aside = Staging::new(self.wanted.clone());
        let page = self.page(KeyAsk { since: None, number: 1, size: 1 }, aside).await?.summary;
        Ok(if page.sent == 0 { Some(0) } else { page.count })
    }

    /// Walks both listings from the checkpoint's position; of the bulk list only changes `since` that time, if given.
    async fn walk(
        &self,
        checkpoint: &WalkCheckpoint<R>,
        since: Option<Timestamp>,
        progress: &(dyn Fn() + Sync),
    ) -> Result<WalkResult<R>, ApiError> {
        let (staging, from) = (&checkpoint.staging, checkpoint.position());
        let moved = |at: &KeyPosition| checkpoint.moved(|position| position.pages = at.clone());
        let observer = WalkObserver { page: progress, position: &moved };
        let fetch = |ask| -> BoxFuture<'_, _> { Box::pin(self.page(ask, Arc::clone(staging))) };
        let pages = by_key(&R::PAGES.0.endpoint, PAGE_SIZE, from.pages, observer, &fetch);
        let limit = self.bulk_limit.load(Relaxed);
        let moved = |at: &CursorPosition| checkpoint.moved(|position| position.bulk = at.clone());
        let observer = WalkObserver { page: progress, position: &moved };
        let fetch = |cursor| -> BoxFuture<'_, _> { Box::pin(self.bulk(since, cursor, limit, Arc::clone(staging))) };
        let bulk = by_cursor(&R::BULK.0.endpoint, limit, from.bulk.with_usual(*lock(&self.usual)), observer, &fetch);
        // If one of them fails, the other is still read to its end: the next run does not have to.
        let (pages, bulk) = tokio::join!(pages, bulk);
        let pages = pages?;
        // The next step goes through the records, and must not wait for the disk.
        checkpoint.settle().await;
        let bulk = match bulk {
            Ok(bulk) => bulk.finish(&|| staging.lacks_bulk(), &|last| staging.cursor_behind(last)).await,
            Err(error) => Err(error),
        };
        checkpoint.settle().await;
        let date = staging.date();
        let (bulk, failed) = bulk.map_or_else(|error| (WalkSummary::default(), Some(error)), |bulk| (bulk, None));
        if let Some(error) = &failed
            && can_continue(error)
            && since.is_none()
        {
            let walk = checkpoint.so_far().await;
            *lock(&self.interrupted) = Some(walk);
        }
        let staging = Arc::clone(staging);
        let finished = spawn_blocking(move || staging.finish()).await;
        let (table, missing) = finished.map_err(|error| ApiError::unfinished(&R::PAGES.0.endpoint, error))?;
        Ok(WalkResult {
            table: Arc::new(table),
            missing: failed
                .as_ref()
                .map(|error| format!("the page list is known, but not the bulk list: {error}"))
                .or_else(|| pages.missing.clone())
                .or_else(|| bulk.missing.clone())
                .or(missing),
            failed,
            walked: [pages, bulk],
            date,
        })
    }

    /// Publishes the result of a run that began at `began`; `over` is the base that it was applied to.
    async fn output(
        &self,
        came: WalkResult<R>,
        began: Timestamp,
        over: Option<&DeltaBase<R>>,
    ) -> Result<CollectOutput, ApiError> {
        let [pages, bulk] = &came.walked;
        let too_many =
            self.session.count_rejected(R::NAME, &[(pages.rejected, pages.read), (bulk.rejected, bulk.read)]);
        // Those of an incremental run are known from the full walk before it.
        let missing = came.missing.clone().or(too_many.filter(|_| over.is_none()));
        let mut fields = wire::fields::<<R::Page as Half>::Row<'static>>(&pages.fields);
        fields = fields.and(&wire::fields::<<R::Bulk as Half>::Row<'static>>(&bulk.fields));
        if let Some(known) = over {
            fields = fields.and(&known.last.fields);
        }
        let mut resume_state = None;
        if missing.is_none() {
            *lock(&self.usual) = Some(came.table.len() as u64);
            let walk = || FullWalk {
                unread: came.unread(),
                unreadable: Arc::new(pages.unreadable.union(&bulk.unreadable).copied().collect()),
                walked: began,
                resync: self.resync(began),
                fields: FieldCounts::default(),
            };
            let last = over.map_or_else(walk, |known| known.last.clone());
            let last = FullWalk { fields: fields.clone(), ..last };
            let table = Arc::clone(&came.table);
            let began = came.date.map_or(began, |date| date.min(began));
            let known = spawn_blocking(move || DeltaBase::new(table, began, last)).await;
            let known = known.map_err(|error| ApiError::unfinished(&R::PAGES.0.endpoint, error))?;
            resume_state = known.as_ref().and_then(DeltaBase::resume_state);
            *lock(&self.known) = known.map(Arc::new);
        } else if let Some(slot) = self.slot.get().cloned().filter(|_| lock(&self.interrupted).is_none()) {
            // An incomplete walk cannot be resumed. The store logs a failure.
            let dropped = spawn_blocking(move || slot.drop_walk()).await;
            _ = dropped.map_err(|error| ApiError::unfinished(&R::PAGES.0.endpoint, error))?;
        }
        Ok(CollectOutput {
            records: came.table.len() as u64,
            tables: R::tables(came.table),
            walk_kind: if over.is_none() { WalkKind::Full } else { WalkKind::Incremental },
            missing,
            failure: came.failed.map_or(Failure::Incomplete, |error| error.failure),
            note: None,
            fields,
            resume_state,
        })
    }

    /// When the walk after the one that began at this time is due.
    fn resync(&self, began: Timestamp) -> Instant {
        Instant::now() + self.full_resync.saturating_sub(self.age(began))
    }

    fn age(&self, time: Timestamp) -> Duration {
        self.clock.now().since(time)
    }

    async fn page(&self, ask: KeyAsk, staging: Arc<Staging<R>>) -> Result<Page, ApiError> {
        let (listing, path) = R::PAGES;
        let mut call = Call::get(&listing.endpoint, path)
            .query("pageNumber", ask.number.to_string())
            .query("pageSize", ask.size.to_string())
            .query("sort", "updated:asc");
        if let Some(filter) = ask.filter() {
            call = call.query("filter", filter);
        }
        let decode = move |answer: &Answer| {
            staging.came(answer.date());
            staging.read::<R::Page>(&answer.body)
        };
        self.session.call(listing, call, Arc::new(decode)).await
    }

    async fn bulk(
        &self,
        since: Option<Timestamp>,
        cursor: Option<String>,
        limit: u64,
        staging: Arc<Staging<R>>,
    ) -> Result<Page, ApiError> {
        let (listing, path) = R::BULK;
        let mut call = Call::get(&listing.endpoint, path).query("limit", limit.to_string());
        if let Some(since) = since {
            call = call.query("filter", changed_since(since));
        }
        if let Some(cursor) = cursor {
            call = call.query("paginationQuery", cursor);
        }
        let decode = move |answer: &Answer| {
            staging.came(answer.date());
            let mut page = staging.read::<R::Bulk>(&answer.body)?;
            page.summary.next = next(&answer.headers);
            Ok(page)
        };
        let page = self.session.call(listing, call, Arc::new(decode)).await;
        if page.as_ref().is_err_and(|error| error.failure == Failure::TooLarge) {
            self.bulk_limit.store((limit / 2).max(LEAST_BULK_LIMIT), Relaxed);
        }
        page
    }
}

/// Whether a walk that ended with this error can be continued from where it stopped. What the vendor answered there may
/// be what makes the rest impossible, unless the vendor itself failed.
fn can_continue(error: &ApiError) -> bool {
    error.failure != Failure::BadResponse || error.status().is_some_and(|status| status >= 500)
}

impl<R: TwoListed> Collect for TwoListings<R> {
    fn collect<'a>(&'a self, progress: &'a (dyn Fn() + Sync)) -> BoxFuture<'a, Result<CollectOutput, ApiError>> {
        Box::pin(self.run(progress))
    }

    fn resume(&self, slot: Slot, saved: Saved) {
        let complete = saved.served.as_ref().filter(|(_, data)| data.status.complete);
        let since = complete.map(|(_, data)| data.since);
        let served = saved.served.and_then(|(tables, data)| Some((R::table(tables)?, data.resume_state?)));
        let known = served
            .and_then(|(table, resume_state)| DeltaBase::restored(table, &resume_state, |walked| self.resync(walked)));
        let walk = saved.walk.and_then(|(tables, position)| {
            let position: WalkPosition = postcard::from_bytes(&position).ok()?;
            Some(InterruptedWalk { position, table: Arc::unwrap_or_clone(R::table(tables)?) })
        });
        // A walk that began before the served data was collected is outdated.
        *lock(&self.interrupted) = walk.filter(|walk| since.is_none_or(|since| walk.position.began >= since));
        *lock(&self.known) = known.map(Arc::new);
        // The slot is still unset: `resume` is called once.
        _ = self.slot.set(slot);
    }
}
