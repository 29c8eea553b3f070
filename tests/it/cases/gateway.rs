//! A Qualys gateway with a few rows, and what a case changes of its answers.

use serde_json::{Value, json};

use super::scripted::{Asked, Reply, Scripted, token};
use super::{Shown, collect};
use crate::process::Home;

/// What a case does with a request, in place of the gateway.
type Instead = Box<dyn Fn(&Asked, usize) -> Option<Reply> + Send + Sync>;

/// The rows of each listing, by the end of its path.
pub(super) struct Gateway {
    rows: Vec<(&'static str, Vec<Value>)>,
    instead: Instead,
}

impl Gateway {
    /// One that has no records.
    pub(super) fn new() -> Self {
        Self { rows: Vec::new(), instead: Box::new(|_, _| None) }
    }

    /// With these rows in a listing, such as `containers/list`.
    pub(super) fn rows(mut self, listing: &'static str, rows: impl IntoIterator<Item = Value>) -> Self {
        self.rows.push((listing, rows.into_iter().collect()));
        self
    }

    /// With these answers in place of its usual ones; each is given the request and how many of its path came before.
    pub(super) fn instead(mut self, answer: impl Fn(&Asked, usize) -> Option<Reply> + Send + Sync + 'static) -> Self {
        self.instead = Box::new(answer);
        self
    }

    /// What one collection of it shows, and what it was asked.
    pub(super) async fn collect(self) -> (Shown, Scripted) {
        let vendor = Scripted::start(move |asked, before| self.answer(asked, before)).await;
        let home = Home::new();
        let source = format!(
            "[limits]\nmax_rejected_percent = 5\n[[source.qualys]]\nname = \"prod\"\nbase_url = \"http://{}\"\nusername = \"u\"\npassword_file = '{}'\n",
            vendor.address,
            home.path("password").display()
        );
        (collect(&home, &source).await, vendor)
    }

    fn answer(&self, asked: &Asked, before: usize) -> Reply {
        if let Some(reply) = (self.instead)(asked, before) {
            return reply;
        }
        if asked.path == "/auth" {
            return Reply::raw(201, "text/plain", token(before));
        }
        let listing = asked.path.strip_prefix("/csapi/v1.3/").unwrap_or_default();
        let rows = self.rows.iter().find(|(name, _)| *name == listing).map(|(_, rows)| rows.as_slice());
        page(asked, rows.unwrap_or_default())
    }
}

/// A page of these rows, by number or, for bulk lists, whole.
fn page(asked: &Asked, rows: &[Value]) -> Reply {
    let size = asked.number("pageSize").unwrap_or(usize::MAX);
    let number = asked.number("pageNumber").unwrap_or(1);
    let page: Vec<_> = rows.iter().skip((number - 1).saturating_mul(size)).take(size).collect();
    if page.is_empty() {
        return Reply::nothing();
    }
    Reply::json(200, &json!({"data": page, "count": rows.len()}))
}

/// A row of the page list of containers.
pub(super) fn container(number: usize) -> Value {
    json!({
        "uuid": format!("c{number}"), "containerId": format!("c{number}"), "name": format!("n{number}"),
        "state": "RUNNING", "imageUuid": "i1", "updated": (1_747_000_000_000_u64 + number as u64).to_string(),
        "criticality": 3, "riskScore": 100, "lastVmScanDate": "1747000000000",
        "vulnerabilities": {"severity5Count": 1, "severity4Count": 0, "severity3Count": 0, "severity2Count": 0, "severity1Count": 0},
    })
}

/// The same container's row of the bulk list.
pub(super) fn placed(number: usize) -> Value {
    json!({
        "uuid": format!("c{number}"), "updated": (1_747_000_000_000_u64 + number as u64).to_string(),
        "cluster": {"name": "c", "k8s": {"pod": {"namespace": "n"}}},
    })
}
