//! Faults on demand: what can go wrong between a vendor and its client.

use std::io::Write;
use std::sync::Arc;
use std::time::Duration;

use flate2::Compression;
use flate2::write::GzEncoder;
use tokio::sync::Semaphore;

use super::answer::{Answer, Call, Delivery};

/// A fault for some of the requests.
#[derive(Clone, Debug)]
pub struct Fault {
    /// A part of the path and query, as sent, of the affected requests.
    pub path_contains: String,
    /// The number of affected requests; `usize::MAX` for all until the fault is cleared.
    pub times: usize,
    /// The number of matching requests that pass first.
    pub skip: usize,
    /// What happens to the affected requests.
    pub kind: FaultKind,
}

/// What happens to a request.
#[derive(Clone, Debug)]
pub enum FaultKind {
    /// A response with this status, headers and body.
    Status(u16, Vec<(String, String)>, String),
    /// A response with this status and an HTML page, as an edge proxy sends.
    Html(u16),
    /// Status 200 without a body.
    Empty,
    /// The JSON of the response is truncated, in well-formed HTTP.
    Truncate,
    /// The connection breaks in the middle of the body.
    Reset,
    /// The response is delayed.
    Stall(Duration),
    /// The second half of the response's body is delayed.
    StallInside(Duration),
    /// All tokens are revoked, including the request's own, before the regular response.
    Revoke,
    /// The response waits for a permit, or until the semaphore is closed.
    Hold(Arc<Semaphore>),
    /// Status 200 with a body that is not JSON.
    Garbage,
    /// A redirect to this location.
    Redirect(String),
    /// Status 200 with JSON of this many bytes.
    BigBody(usize),
    /// Status 200 with gzip that expands to this many bytes.
    GzipBomb(usize),
    /// The first page, whichever page was requested.
    RepeatPage,
    /// The regular response without these headers (lower case), such as `link`.
    WithoutHeader(String),
    /// The state takes a step to this time, in Unix milliseconds, before the regular response.
    Step(i64),
    /// The regular response with this header (lower case) replaced by this value.
    WithHeader(String, String),
}

impl FaultKind {
    /// The response to send, given the regular one.
    pub(super) fn apply(self, truth: impl FnOnce() -> Answer) -> Delivery {
        let answer = match self {
            Self::Status(status, headers, body) => {
                let answer = Answer { status, headers, body: body.into() };
                let has_type = answer.headers.iter().any(|(name, _)| name.eq_ignore_ascii_case("content-type"));
                if has_type { answer } else { answer.with_header("content-type", "application/json") }
            }
            Self::Html(status) => {
                Answer::text(status, "text/html", "<html><body><h1>Bad Gateway</h1><hr>edge</body></html>")
            }
            Self::Empty => Answer::json(200, ""),
            Self::Truncate => {
                let mut answer = truth();
                answer.body.truncate(answer.body.len() / 2);
                answer
            }
            Self::Reset => return Delivery { broken: true, ..Delivery::plain(truth()) },
            Self::StallInside(delay) => return Delivery { silence: Some(delay), ..Delivery::plain(truth()) },
            Self::Stall(_) | Self::Hold(_) | Self::Revoke | Self::RepeatPage | Self::Step(_) => truth(),
            Self::Garbage => Answer::json(200, &b"\xff\xfe\x00{]\x01garbage"[..]),
            Self::Redirect(location) => Answer::empty(302).with_header("location", location),
            Self::BigBody(bytes) => {
                return Delivery { filler: bytes, ..Delivery::plain(Answer::json(200, "{\"data\":[")) };
            }
            Self::GzipBomb(bytes) => Answer::json(200, gzip_bomb(bytes)).with_header("content-encoding", "gzip"),
            Self::WithoutHeader(unwanted) => {
                let mut answer = truth();
                answer.headers.retain(|(name, _)| *name != unwanted);
                answer
            }
            Self::WithHeader(name, value) => {
                let mut answer = truth();
                answer.headers.retain(|(own, _)| *own != name);
                answer.with_header(&name, value)
            }
        };
        Delivery::plain(answer)
    }
}

fn gzip_bomb(bytes: usize) -> Vec<u8> {
    const BLANK: &[u8] = &[b' '; 64 * 1024];
    let mut encoder = GzEncoder::new(Vec::new(), Compression::fast());
    encoder.write_all(b"{\"data\":[").expect("writing to memory");
    let mut left = bytes;
    while left > 0 {
        let length = left.min(BLANK.len());
        encoder.write_all(&BLANK[..length]).expect("writing to memory");
        left -= length;
    }
    encoder.finish().expect("writing to memory")
}

/// The pending faults.
#[derive(Debug, Default)]
pub(super) struct Faults {
    pending: Vec<Fault>,
}

impl Faults {
    pub(super) fn add(&mut self, fault: Fault) {
        self.pending.push(fault);
    }

    pub(super) fn clear(&mut self) {
        self.pending.clear();
    }

    /// The fault for this request, if any; the one added first wins.
    pub(super) fn strike(&mut self, call: &Call) -> Option<FaultKind> {
        let target = format!("{}?{}", call.path, call.raw_query);
        for fault in &mut self.pending {
            if fault.times == 0 || !target.contains(&fault.path_contains) {
                continue;
            }
            if fault.skip > 0 {
                fault.skip -= 1;
                continue;
            }
            if fault.times != usize::MAX {
                fault.times -= 1;
            }
            return Some(fault.kind.clone());
        }
        None
    }
}
