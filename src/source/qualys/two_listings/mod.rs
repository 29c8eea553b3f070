//! The collector of records that two listings tell of: both are walked at the same time into one table.

use std::sync::atomic::AtomicU64;
use std::sync::atomic::Ordering::Relaxed;
use std::sync::{Arc, Mutex, OnceLock};
use std::time::Duration;

use futures_util::future::BoxFuture;
use tokio::time::Instant;

use crate::checkpoint::{Saved, Slot};
use crate::client::{Answer, ApiError, Call};
use crate::clock::{Clock, Timestamp};
use crate::inventory::{Table, Tables};
use crate::lock::lock;
use crate::paging::{
    CursorPosition, KeyAsk, KeyPosition, PageSummary, WalkObserver, WalkSummary, by_cursor, by_key, changed_since,
};
use crate::source::qualys::session::{Listing, Session};
use crate::source::{Collect, CollectOutput, WalkKind, off_thread};
use crate::telemetry::Failure;
use delta::{Known, Walk, compare};
use link::next;
use staging::{Joined, Staging};
use walk_checkpoint::{Keeping, Position, Unfinished};

pub(crate) mod delta;
pub mod link;
pub mod staging;
pub(crate) mod walk_checkpoint;

/// Rows per page of a page list: the most the vendor gives.
const PAGE_SIZE: u64 = 1000;

/// Rows per page of a bulk list: the most the vendor gives.
const BULK_LIMIT: u64 = 250;

/// As few rows as are asked for where larger pages are too large.
const LEAST_BULK_LIMIT: u64 = 10;

/// Records whose two listings are known.
pub(crate) trait Paired: Joined + Sync {
    /// The collector's name.
    const NAME: &'static str;
    /// The page list, and where it is.
    const PAGES: (&'static Listing, &'static str);
    /// The bulk list, and where it is.
    const BULK: (&'static Listing, &'static str);

    /// The table among the others.
    fn tables(table: Arc<Table<Self>>) -> Tables;

    /// The same, taken out from among them.
    fn table(tables: Tables) -> Option<Arc<Table<Self>>>;
}

/// Walks both listings: all of them at first and now and then, and in between what has changed.
pub(crate) struct Pair<R: Paired> {
    session: Arc<Session>,
    wanted: R::Wanted,
    clock: Clock,
    /// How long what is known is kept fresh by what changed only.
    full_resync: Duration,
    /// Rows per page of the bulk list. Its rows are as large as what is installed; where a page is larger than an
    /// answer may be, the next run asks for half as many.
    bulk_limit: AtomicU64,
    /// What changes are put over; nothing if all is to be walked.
    known: Mutex<Option<Arc<Known<R>>>>,
    /// A walk of all that was broken off, to go on with.
    unfinished: Mutex<Option<Unfinished<R>>>,
    /// Where a walk of all is kept while it is under way.
    slot: OnceLock<Slot>,
}

/// What a walk of both listings came to.
struct Came<R> {
    table: Arc<Table<R>>,
    missing: Option<String>,
    /// What the walks of the page list and of the bulk list amount to.
    walked: [WalkSummary; 2],
    /// When the first page came, by the vendor's clock.
    date: Option<Timestamp>,
}

impl<R> Came<R> {
    /// Rows of the page list that could not be taken.
    fn unread(&self) -> u64 {
        let [pages, _] = &self.walked;
        pages.rejected.iter().sum()
    }
}

impl<R: Paired> Pair<R> {
    pub(crate) fn new(session: Arc<Session>, wanted: R::Wanted, clock: Clock, full_resync: Duration) -> Self {
        Self {
            session,
            wanted,
            clock,
            full_resync,
            bulk_limit: AtomicU64::new(BULK_LIMIT),
            known: Mutex::default(),
            unfinished: Mutex::default(),
            slot: OnceLock::new(),
        }
    }

    async fn run(&self, progress: &(dyn Fn() + Sync)) -> Result<CollectOutput, ApiError> {
        let unfinished = lock(&self.unfinished).take().filter(|walk| self.age(walk.position.began) < self.full_resync);
        let known = lock(&self.known).clone().filter(|known| Instant::now() < known.last.resync);
        let began = self.clock.now();
        let output = match (unfinished, known) {
            (Some(unfinished), _) => self.go_on(unfinished, progress).await?,
            (None, Some(known)) => self.catch_up(&known, began, progress).await?,
            (None, None) => None,
        };
        if let Some(output) = output {
            return Ok(output);
        }
        let staging = Staging::new(self.wanted.clone());
        let keeping = Keeping::new(staging, Position::start(began), self.slot.get().cloned());
        match self.walk(&keeping, None, progress).await {
            Ok(came) => self.output(came, began, None).await,
            Err(error) => {
                // For another process: this one begins anew, for it would not see what is purged until the vendor is back.
                keeping.broken_off().await;
                Err(error)
            }
        }
    }

    /// Goes on with a walk that was broken off. None if all are to be walked after all.
    async fn go_on(
        &self,
        unfinished: Unfinished<R>,
        progress: &(dyn Fn() + Sync),
    ) -> Result<Option<CollectOutput>, ApiError> {
        let Unfinished { mut position, table } = unfinished;
        let began = position.began;
        let staging = Staging::resumed(table, self.wanted.clone());
        position.pages = position.pages.with_keys(staging.listed());
        let keeping = Keeping::new(staging, position, self.slot.get().cloned());
        let result = match self.count().await {
            Ok(counted) => self.walk(&keeping, None, progress).await.map(|came| (counted, came)),
            Err(error) => Err(error),
        };
        match result {
            Ok((counted, came)) if came.missing.is_none() => {
                let expected = came.table.len() as u64 + came.unread();
                // What was purged since it was broken off is among its records still.
                if self.counts_fewer(counted, expected).await.unwrap_or(true) {
                    return Ok(None);
                }
                let output = self.output(came, began, None).await?;
                Ok(Some(CollectOutput { walk_kind: WalkKind::Resumed, ..output }))
            }
            Err(error) if error.failure != Failure::BadResponse => {
                *lock(&self.unfinished) = Some(keeping.broken_off().await);
                Err(error)
            }
            Ok(_) | Err(_) => Ok(None),
        }
    }

    /// Whether the vendor counts fewer records than are known: some were purged. `counted` is from before all of them
    /// were known.
    async fn counts_fewer(&self, counted: Option<u64>, known: u64) -> Result<bool, ApiError> {
        let fewer = |counted: Option<u64>| counted.is_some_and(|counted| compare(counted, known).is_lt());
        // Some that are known now may have been new to the first count.
        Ok(fewer(counted) && fewer(self.count().await?))
    }

    /// Asks for what has changed. None if all are to be walked after all.
    async fn catch_up(
        &self,
        known: &Known<R>,
        began: Timestamp,
        progress: &(dyn Fn() + Sync),
    ) -> Result<Option<CollectOutput>, ApiError> {
        match self.changes(known, progress).await {
            Ok(Ok(came)) => self.output(came, began, Some(known)).await.map(Some),
            Ok(Err(why)) => {
                tracing::debug!(collector = R::NAME, why, "walking all again");
                Ok(None)
            }
            // Such as a vendor that does not take the filter.
            Err(error) if error.failure == Failure::BadResponse => {
                tracing::debug!(collector = R::NAME, why = %error, "walking all again");
                Ok(None)
            }
            Err(error) => Err(error),
        }
    }

    /// What has changed since `known`, put over it; otherwise why that may not be all.
    async fn changes(
        &self,
        known: &Known<R>,
        progress: &(dyn Fn() + Sync),
    ) -> Result<Result<Came<R>, &'static str>, ApiError> {
        // Before the changes: what is new by then is among them.
        let counted = self.count().await?;
        let staging = Staging::over(Arc::clone(&known.table), self.wanted.clone());
        let position =
            Position { pages: KeyPosition::changed_since(known.pages), ..Position::start(known.last.walked) };
        let came = self.walk(&Keeping::new(staging, position, None), Some(known.bulk), progress).await?;
        if came.missing.is_some() {
            return Ok(Err("what changed could not be read whole"));
        }
        if !came.walked.iter().all(|walked| walked.rejects_only(&known.last.unreadable)) {
            return Ok(Err("a record that changed cannot be read, and what is known of it is no longer true"));
        }
        let expected = known.to_be_counted(&came.table);
        if counted.is_some_and(|counted| compare(counted, expected).is_gt()) {
            return Ok(Err("the vendor counts records that are not known"));
        }
        if self.counts_fewer(counted, expected).await? {
            return Ok(Err("the vendor counts fewer records than are known: some were purged"));
        }
        Ok(Ok(came))
    }

    /// How many records there are, if the vendor tells.
    async fn count(&self) -> Result<Option<u64>, ApiError> {
        let aside = Arc::new(Staging::new(self.wanted.clone()));
        let page = self.page(KeyAsk { since: None, number: 1, size: 1 }, aside).await?;
        Ok(if page.sent == 0 { Some(0) } else { page.count })
    }

    /// Walks both listings from where the walk stands; of the bulk list only what changed `since`, if there is such a
    /// time.
    async fn walk(
        &self,
        keeping: &Keeping<R>,
        since: Option<Timestamp>,
        progress: &(dyn Fn() + Sync),
    ) -> Result<Came<R>, ApiError> {
        let (staging, from) = (&keeping.staging, keeping.position());
        let moved = |at: &KeyPosition| keeping.moved(|position| position.pages = at.clone());
        let follow = WalkObserver { page: progress, position: &moved };
        let pages =
            by_key(&R::PAGES.0.endpoint, PAGE_SIZE, from.pages, follow, |ask| self.page(ask, Arc::clone(staging)));
        let limit = self.bulk_limit.load(Relaxed);
        let moved = |at: &CursorPosition| keeping.moved(|position| position.bulk = at.clone());
        let follow = WalkObserver { page: progress, position: &moved };
        let bulk = by_cursor(&R::BULK.0.endpoint, limit, from.bulk, follow, |cursor| {
            self.bulk(since, cursor, limit, Arc::clone(staging))
        });
        let (pages, bulk) = tokio::try_join!(pages, bulk)?;
        // What follows goes through the records, and is not to wait for the disk.
        keeping.settle().await;
        let bulk = bulk.finish(|| staging.lacks_bulk(), |last| staging.cursor_behind(last)).await?;
        keeping.settle().await;
        let date = staging.date();
        let staging = Arc::clone(staging);
        let (table, missing) = off_thread(&R::PAGES.0.endpoint, move || staging.finish()).await?;
        Ok(Came {
            table: Arc::new(table),
            missing: pages.missing.clone().or_else(|| bulk.missing.clone()).or(missing),
            walked: [pages, bulk],
            date,
        })
    }

    /// Takes over what a run that began at `began` came to; `over` tells what it was put over.
    async fn output(
        &self,
        came: Came<R>,
        began: Timestamp,
        over: Option<&Known<R>>,
    ) -> Result<CollectOutput, ApiError> {
        let [pages, bulk] = &came.walked;
        let rejected = std::array::from_fn(|reason| pages.rejected[reason] + bulk.rejected[reason]);
        self.session.count_rejected(R::NAME, rejected);
        let mut resume_state = None;
        if came.missing.is_none() {
            let walk = || Walk {
                unread: came.unread(),
                unreadable: Arc::new(pages.unreadable.union(&bulk.unreadable).copied().collect()),
                walked: began,
                resync: self.resync(began),
            };
            let last = over.map_or_else(walk, |known| known.last.clone());
            let table = Arc::clone(&came.table);
            let began = came.date.map_or(began, |date| date.min(began));
            let known = off_thread(&R::PAGES.0.endpoint, move || Known::new(table, began, last)).await?;
            resume_state = known.as_ref().and_then(Known::resume_state);
            *lock(&self.known) = known.map(Arc::new);
        } else if let Some(slot) = self.slot.get().cloned() {
            // It cannot be gone on with. How that went is the store's to tell.
            _ = off_thread(&R::PAGES.0.endpoint, move || slot.drop_walk()).await?;
        }
        Ok(CollectOutput {
            records: came.table.len() as u64,
            tables: R::tables(came.table),
            walk_kind: if over.is_none() { WalkKind::Full } else { WalkKind::Incremental },
            missing: came.missing,
            note: None,
            resume_state,
        })
    }

    /// When the walk after the one that began then is due.
    fn resync(&self, began: Timestamp) -> Instant {
        Instant::now() + self.full_resync.saturating_sub(self.age(began))
    }

    fn age(&self, time: Timestamp) -> Duration {
        self.clock.now().since(time)
    }

    async fn page(&self, ask: KeyAsk, staging: Arc<Staging<R>>) -> Result<PageSummary, ApiError> {
        let (listing, path) = R::PAGES;
        let mut call = Call::get(&listing.endpoint, path)
            .query("pageNumber", ask.number.to_string())
            .query("pageSize", ask.size.to_string())
            .query("sort", "updated:asc");
        if let Some(filter) = ask.filter() {
            call = call.query("filter", filter);
        }
        let read = move |answer: &Answer| {
            staging.came(answer.date());
            staging.take::<R::Page>(&answer.body)
        };
        self.session.call(listing, call, read).await
    }

    async fn bulk(
        &self,
        since: Option<Timestamp>,
        cursor: Option<String>,
        limit: u64,
        staging: Arc<Staging<R>>,
    ) -> Result<PageSummary, ApiError> {
        let (listing, path) = R::BULK;
        let mut call = Call::get(&listing.endpoint, path).query("limit", limit.to_string());
        if let Some(since) = since {
            call = call.query("filter", changed_since(since));
        }
        if let Some(cursor) = cursor {
            call = call.query("paginationQuery", cursor);
        }
        let read = move |answer: &Answer| {
            staging.came(answer.date());
            let seen = staging.take::<R::Bulk>(&answer.body)?;
            Ok(PageSummary { next: next(&answer.headers), ..seen })
        };
        let page = self.session.call(listing, call, read).await;
        if page.as_ref().is_err_and(|error| error.failure == Failure::TooLarge) {
            self.bulk_limit.store((limit / 2).max(LEAST_BULK_LIMIT), Relaxed);
        }
        page
    }
}

impl<R: Paired> Collect for Pair<R> {
    fn collect<'a>(&'a self, progress: &'a (dyn Fn() + Sync)) -> BoxFuture<'a, Result<CollectOutput, ApiError>> {
        Box::pin(self.run(progress))
    }

    fn resume(&self, slot: Slot, saved: Saved) {
        let since = saved.served.as_ref().map(|(_, data)| data.since);
        let served = saved.served.and_then(|(tables, data)| Some((R::table(tables)?, data.resume_state?)));
        let known = served
            .and_then(|(table, resume_state)| Known::restored(table, &resume_state, |walked| self.resync(walked)));
        let walk = saved.walk.and_then(|(tables, position)| {
            let position: Position = postcard::from_bytes(&position).ok()?;
            Some(Unfinished { position, table: Arc::unwrap_or_clone(R::table(tables)?) })
        });
        // One that began before what is served came is not the walk that was under way.
        *lock(&self.unfinished) = walk.filter(|walk| since.is_none_or(|since| walk.position.began >= since));
        *lock(&self.known) = known.map(Arc::new);
        // There is none yet: it is resumed once.
        _ = self.slot.set(slot);
    }
}
