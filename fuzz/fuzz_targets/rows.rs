//! Turns the bytes of a response into records, through the same code as a collector.
//!
//! The first byte selects the response: a lower-case letter for a complete one and, for listings, the upper-case letter
//! for the rows of a page without their envelope.

#![no_main]

use std::fmt::Debug;
use std::sync::Arc;

use container_security_exporter::client::{Answer, Unreadable};
use container_security_exporter::inventory::Table;
use container_security_exporter::names::Names;
use container_security_exporter::paging::{Page, PageSummary};
use container_security_exporter::record::{Control, Report, Sensor};
use container_security_exporter::source::prisma::containers::StagedContainers;
use container_security_exporter::source::prisma::{self, vulnerabilities};
use container_security_exporter::source::qualys::policies::ListedPolicy;
use container_security_exporter::source::qualys::posture::resources::StagedResources;
use container_security_exporter::source::qualys::two_listings::staging::{Half, Joined, Staging};
use container_security_exporter::source::qualys::{self, policies, posture};
use container_security_exporter::source::staged::{FromRow, StagedTable};
use container_security_exporter::wire::text;
use http::{HeaderMap, StatusCode};
use libfuzzer_sys::{Corpus, fuzz_target};

/// Stands for a secret.
const SECRET: &str = "hunter2";

/// The requested policy, which is the one in the vendor's sample.
const POLICY: &str = "00000000-0000-4000-8000-00000000b001";

/// The envelopes that vendors put around the rows of a page.
const DATA: [&str; 2] = [r#"{"data":["#, "]}"];
const BARE: [&str; 2] = ["[", "]"];
const DAILY: [&str; 2] = [r#"[{"images":{"vulnerabilities":["#, "]}}]"];

fuzz_target!(|data: &[u8]| -> Corpus {
    let Some((kind, body)) = data.split_first() else { return Corpus::Reject };
    let check = Check { body, rows_alone: kind.is_ascii_uppercase() };
    match kind.to_ascii_lowercase() {
        b'a' => check.halves::<qualys::containers::PageHalf>(&["team".to_owned()].into()),
        b'b' => check.halves::<qualys::containers::BulkHalf>(&["team".to_owned()].into()),
        b'c' => check.halves::<qualys::images::PageHalf>(&()),
        b'd' => check.halves::<qualys::images::BulkHalf>(&()),
        b'e' => check.paged::<Sensor>(),
        b'f' => check.paged::<Control>(),
        b'g' => check.listing(
            DATA,
            Arc::<StagedResources>::default,
            |resources, answer| resources.read(answer, 1),
            |resources| shown(&resources.table.take()) + &resources.only_numbers().to_string(),
        ),
        b'h' => check.paged::<Report>(),
        b'i' => check.paged::<ListedPolicy>(),
        b'j' => check.listing(
            BARE,
            || Arc::new(StagedContainers::new(["team".to_owned()].into())),
            StagedContainers::read,
            |staged| {
                let (containers, controls) = staged.finish();
                shown(&containers) + &shown(&controls)
            },
        ),
        b'k' => check.listing(BARE, Arc::default, prisma::images::read, |staged| shown(&staged.take())),
        b'l' => check.listing(
            DAILY,
            Arc::default,
            |staged, answer| Ok(vulnerabilities::read(staged, answer)?.0),
            |staged| shown(&staged.take()),
        ),
        _ if check.rows_alone => return Corpus::Reject,
        b'm' => check.single(|answer| {
            prisma::sensors::read(answer).map(|read| (shown(&read.table), read.rejected, read.fields))
        }),
        b'n' => check.single(posture::read_category),
        b'o' => check.single(|answer| {
            let mut names = Names::default();
            let rules = policies::read_rules(POLICY, answer)?.in_words(&mut names);
            Ok((rules, text_of(&names)))
        }),
        b'p' => check.single(prisma::version::read_version),
        b'q' => check.single(prisma::console::read_license),
        _ => return Corpus::Reject,
    }
    Corpus::Keep
});

/// The summary of a page.
#[derive(Debug, PartialEq)]
struct Seen {
    sent: usize,
    taken: usize,
    rejected: usize,
    fresh: usize,
    new: usize,
    /// A representation of its rows.
    keys: Vec<u64>,
}

impl From<PageSummary> for Seen {
    fn from(seen: PageSummary) -> Self {
        let nameless = seen.rejected.iter().filter(|reject| reject.text.is_none()).count();
        assert_eq!(seen.nameless.len(), nameless);
        assert!(seen.nameless.is_sorted_by(|one, next| one < next));
        assert!(seen.nameless.last().is_none_or(|last| *last < seen.sent));
        assert_eq!(seen.keys.len(), seen.taken);
        assert!(seen.updated.is_none_or(|(least, greatest)| least <= greatest));
        let PageSummary { sent, taken, rejected, fresh, new, keys, .. } = seen;
        Self { sent, taken, rejected: rejected.len(), fresh, new, keys }
    }
}

struct Check<'a> {
    body: &'a [u8],
    rows_alone: bool,
}

impl Check<'_> {
    /// A response that is not a listing.
    fn single<T: Debug>(&self, read: impl Fn(&Answer) -> Result<T, Unreadable>) {
        let answer = answer(&[self.body]);
        let result = read(&answer);
        if let Err(unreadable) = &result {
            is_for_people(unreadable);
        }
        assert_eq!(format!("{result:?}"), format!("{:?}", read(&answer)), "the same response gives the same result");
    }

    /// A page of one of two listings. Records exist only if they are in the page list, so that half is read as well.
    fn halves<H: Half>(&self, wanted: &<H::Record as Joined>::Wanted)
    where
        H::Record: Debug,
    {
        self.listing(
            DATA,
            || Staging::<H::Record>::new(wanted.clone()),
            |staging, answer| {
                let page = staging.read::<H>(&answer.body)?;
                if let Ok(page) = staging.read::<<H::Record as Joined>::Page>(&answer.body) {
                    page.store();
                }
                Ok(page)
            },
            |staging| shown(&staging.finish().0),
        );
    }

    /// A page of a listing in which each row is a record.
    fn paged<R: FromRow + Debug>(&self) {
        self.listing(
            DATA,
            Arc::<StagedTable<R>>::default,
            |staged, answer| {
                let text = text(&answer.body);
                Ok(staged.read(qualys::wire::rows(&text)?, &answer.body))
            },
            |staged| shown(&staged.take()),
        );
    }

    /// A page: `read` reads it into the staging that `new` creates, and `shown` shows the stored rows.
    fn listing<S>(
        &self,
        [open, close]: [&str; 2],
        new: impl Fn() -> S,
        read: impl Fn(&S, &Answer) -> Result<Page, Unreadable>,
        shown: impl Fn(S) -> String,
    ) {
        let read = |answer: &Answer| {
            let staged = new();
            let page = Seen::from(read(&staged, answer).inspect_err(is_for_people).ok()?.store());
            assert_eq!(page.taken + page.rejected, page.sent, "each row is either taken or rejected: {page:?}");
            assert!(page.new <= page.fresh && page.fresh <= page.taken, "{page:?}");
            let again = Seen::from(read(&staged, answer).expect("the page is readable").store());
            assert_eq!((again.fresh, again.new), (0, 0), "a repeated page must not add records");
            assert_eq!(again.keys, page.keys);
            Some((page, shown(staged)))
        };
        if !self.rows_alone {
            let answer = answer(&[self.body]);
            assert_eq!(read(&answer), read(&answer), "the same page gives the same result");
            return;
        }
        let page = read(&answer(&[open.as_bytes(), self.body, close.as_bytes()]));
        let Some((page, records)) = page.filter(|(page, _)| page.sent > 0) else { return };
        // An unreadable row makes the reader decode all others one by one.
        let more = read(&answer(&[open.as_bytes(), b"null,", self.body, close.as_bytes()]));
        let expected = Seen { sent: page.sent + 1, rejected: page.rejected + 1, ..page };
        assert_eq!(more, Some((expected, records)), "a row must not affect others");
    }
}

fn answer(parts: &[&[u8]]) -> Answer {
    Answer { status: StatusCode::OK, headers: HeaderMap::new(), body: parts.concat().into() }
}

fn is_for_people(Unreadable(words): &Unreadable) {
    assert!(!words.contains(SECRET) && words.len() < 200, "{words}");
}

fn shown<R: Debug>(table: &Table<R>) -> String {
    format!("{:?} {}", table.iter().collect::<Vec<_>>(), text_of(&table.names))
}

fn text_of(names: &Names) -> String {
    format!("{:?}", names.iter().collect::<Vec<_>>())
}
