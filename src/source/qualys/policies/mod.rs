//! The collector of centralized policies. If the list leaves out a policy's rules, they are read from its own page.

use std::collections::HashSet;
use std::sync::{Arc, Mutex};

use futures_util::future::BoxFuture;

use crate::checkpoint::{Saved, Slot};
use crate::client::{Answer, ApiError, Call, Endpoint, Unreadable};
use crate::clock::Timestamp;
use crate::inventory::{Table, Tables};
use crate::labels::word;
use crate::lock::lock;
use crate::names::Names;
use crate::paging::WalkSummary;
use crate::record::Policy;
use crate::source::qualys::listing::by_page::PagedListing;
use crate::source::qualys::listing::details::{DetailPages, Wanted, fetch_due};
use crate::source::qualys::listing::optional_listing::{OptionalListing, Presence};
use crate::source::qualys::session::{Listing, Session};
use crate::source::qualys::wire::PolicyRow;
use crate::source::staged::FromRow;
use crate::source::{Collect, CollectOutput};
use crate::telemetry::Failure;
use crate::wire::{Nested, text};
use rules::Rules;

pub(crate) mod rules;

/// The list of policies.
pub(crate) const LIST: Listing = Listing {
    endpoint: Endpoint { name: "centralized_policy", class: "other" },
    what: "centralized policies",
    permission: "to view centralized policies",
};

/// A policy's own page.
pub(crate) const POLICY: Listing =
    Listing { endpoint: Endpoint { name: "centralized_policy_detail", class: "other" }, ..LIST };

/// The collector's name.
pub(crate) const NAME: &str = "policies";

const PAGES: PagedListing = PagedListing {
    listing: &LIST,
    path: "/csapi/v1.3/centralizedPolicy",
    // No maximum is documented; the vendor's samples of similar lists request this many.
    size: 50,
    number_names: &["pageNumber"],
    size_names: &["pageSize"],
    sort: None,
};

/// Walks the list of policies.
pub(crate) struct Policies {
    session: Arc<Session>,
    /// Rules by policy, with the time of the policy's last change as their version.
    rules: Mutex<DetailPages<Timestamp, Option<Rules>>>,
    presence: OptionalListing,
}

impl Policies {
    pub(crate) fn new(session: Arc<Session>) -> Self {
        Self { session, rules: Mutex::default(), presence: OptionalListing::default() }
    }

    async fn run(&self, progress: &(dyn Fn() + Sync)) -> Result<CollectOutput, ApiError> {
        let read = PAGES.read::<ListedPolicy>(&self.session, &self.presence.answered, progress).await;
        let ((listed, walked), note) = match self.presence.judge(&self.session, &LIST, read)? {
            Presence::Present(read) => (read, None),
            Presence::Absent(words) => ((Table::default(), WalkSummary::default()), Some(words)),
        };
        let too_many = self.session.count_rejected(NAME, &[(walked.rejected, walked.read)]);
        let (mut table, wanting) = split(&listed);
        let missing = self.fill_rules(&mut table, &wanting, progress).await;
        let (records, policies) = (table.len(), Some(Arc::new(table)));
        let tables = Tables { policies, ..Tables::default() };
        let fields = crate::wire::fields::<PolicyRow<'_>>(&walked.fields);
        Ok(CollectOutput {
            missing: walked.missing.or(too_many).or(missing),
            note,
            fields,
            ..CollectOutput::full(records, tables)
        })
    }

    /// Adds the rules of the `wanting` policies to the table; returns why some are missing.
    async fn fill_rules(
        &self,
        table: &mut Table<Policy>,
        wanting: &Wanted<Timestamp>,
        progress: &(dyn Fn() + Sync),
    ) -> Option<String> {
        let why = fetch_due(&self.rules, wanting, progress, |id| self.ask_rules(id)).await;
        let mut details = lock(&self.rules);
        let mut gone = HashSet::new();
        for (id, rules) in details.known() {
            let Some(rules) = rules else {
                gone.insert(id.to_owned());
                continue;
            };
            let fields = rules.in_words(&mut table.names);
            if let Some(policy) = table.get_mut(id) {
                (policy.rules, policy.image_age_limit_days) = fields;
            }
        }
        let lacking = wanting.len() - details.len();
        for id in &gone {
            details.forget(id);
        }
        if gone.len() == wanting.len() && !gone.is_empty() {
            // Policies disappear one by one; where no page exists, the listing of pages is what is missing.
            return Some(format!("the rules of {} policies were not found", gone.len()));
        }
        if !gone.is_empty() {
            // Deleted after they were listed.
            let listed = std::mem::take(table);
            *table = Table::with_names(listed.names.clone());
            for (key, policy) in listed.iter().filter(|(key, _)| !gone.contains(&key.to_string())) {
                table.put_under(key.clone(), policy.clone());
            }
        }
        let why = why.map_or_else(|| "their ids cannot be requested".to_owned(), |error| error.to_string());
        (lacking > 0).then(|| format!("the rules of {lacking} policies were not readable: {why}"))
    }

    /// The rules of a policy; none if it does not exist any more.
    async fn ask_rules(&self, id: &str) -> Result<Option<Rules>, ApiError> {
        let call = Call::get(&POLICY.endpoint, format!("/csapi/v1.3/centralizedPolicy/{id}"));
        let id: Box<str> = id.into();
        let rules = self.session.call(&POLICY, call, Arc::new(move |answer: &Answer| read_rules(&id, answer))).await;
        match rules {
            Ok(rules) => Ok(Some(rules)),
            Err(error) if error.failure == Failure::NotFound => Ok(None),
            Err(error) => Err(error),
        }
    }
}

/// The rules on the page of this policy.
pub fn read_rules(id: &str, answer: &Answer) -> Result<Rules, Unreadable> {
    let text = text(&answer.body);
    match serde_json::from_str::<Nested<PolicyRow<'_>>>(&text) {
        // Only a page that names the policy can show that it has no rules.
        Ok(Nested(Some(policy))) if policy.uuid.get() == id => Ok(Rules::of(&policy)),
        Ok(_) => Err(Unreadable("the answer is not the requested policy".to_owned())),
        Err(_) => Err(Unreadable("the answer is not a policy".to_owned())),
    }
}

/// A policy in the list.
#[derive(Debug)]
pub struct ListedPolicy {
    /// The policy, with its rules if the list has them.
    pub policy: Policy,
    /// Whether the list leaves out its rules.
    lacks_rules: bool,
    updated: Option<Timestamp>,
}

impl FromRow for ListedPolicy {
    type Row<'a> = PolicyRow<'a>;

    fn from_row(names: &mut Names, row: &PolicyRow<'_>) -> Self {
        let lacks_rules = row.centralized_policy_rules.0.is_none();
        let (rules, image_age_limit_days) =
            if lacks_rules { Default::default() } else { Rules::of(row).in_words(names) };
        let policy = Policy {
            name: names.intern(row.policy_name.get()),
            kind: word(names, row.policy_type.get()),
            mode: word(names, row.policy_mode.get()),
            rules,
            image_age_limit_days,
        };
        Self { policy, lacks_rules, updated: row.updated.0 }
    }
}

/// The policies, and those of them whose rules are missing.
pub(crate) fn split(listed: &Table<ListedPolicy>) -> (Table<Policy>, Wanted<Timestamp>) {
    let mut wanting = Wanted::new();
    let mut table = Table::with_names(listed.names.clone());
    for (key, ListedPolicy { policy, lacks_rules, updated }) in listed.iter() {
        if *lacks_rules {
            wanting.insert(key.to_string().into(), *updated);
        }
        table.put_under(key.clone(), policy.clone());
    }
    (table, wanting)
}

impl Collect for Policies {
    fn collect<'a>(&'a self, progress: &'a (dyn Fn() + Sync)) -> BoxFuture<'a, Result<CollectOutput, ApiError>> {
        Box::pin(self.run(progress))
    }

    fn resume(&self, _: Slot, saved: Saved) {
        self.presence.remember(&saved, |tables| tables.policies.as_ref());
    }
}
