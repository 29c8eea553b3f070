//! The request that the vendors' modules see, their response, and how the response is sent.

use std::collections::VecDeque;
use std::io::Write;
use std::pin::Pin;
use std::task::{Context, Poll, ready};
use std::time::Duration;

use bytes::Bytes;
use flate2::Compression;
use flate2::write::GzEncoder;
use hyper::body::Frame;
use hyper::http::request::Parts;
use tokio::time::{Sleep, sleep};

/// A request with its complete body.
pub(crate) struct Call {
    pub(crate) method: String,
    pub(crate) path: String,
    pub(crate) query: Vec<(String, String)>,
    /// The query as it was sent.
    pub(crate) raw_query: String,
    pub(crate) body: Bytes,
    headers: hyper::HeaderMap,
}

impl Call {
    pub(crate) fn new(head: &Parts, body: Bytes) -> Self {
        let raw_query = head.uri.query().unwrap_or_default().to_owned();
        Self {
            method: head.method.to_string(),
            path: head.uri.path().to_owned(),
            query: form_pairs(&raw_query),
            raw_query,
            body,
            headers: head.headers.clone(),
        }
    }

    pub(crate) fn header(&self, name: &str) -> Option<&str> {
        self.headers.get(name)?.to_str().ok()
    }

    pub(crate) fn parameter(&self, name: &str) -> Option<&str> {
        self.query.iter().find(|(key, _)| key == name).map(|(_, value)| value.as_str())
    }

    pub(crate) fn accepts_gzip(&self) -> bool {
        self.header("accept-encoding").is_some_and(|accepted| accepted.contains("gzip"))
    }

    /// Turns a request for any page into one for the first.
    pub(crate) fn rewind(&mut self) {
        self.query.retain(|(key, _)| !matches!(key.as_str(), "pageNumber" | "pageNo" | "paginationQuery" | "offset"));
    }
}

/// The pairs of an `application/x-www-form-urlencoded` text.
pub(crate) fn form_pairs(text: &str) -> Vec<(String, String)> {
    text.split('&')
        .filter(|pair| !pair.is_empty())
        .map(|pair| {
            let (key, value) = pair.split_once('=').unwrap_or((pair, ""));
            (form_decoded(key), form_decoded(value))
        })
        .collect()
}

fn form_decoded(text: &str) -> String {
    let mut bytes = text.bytes();
    let mut decoded = Vec::with_capacity(text.len());
    while let Some(byte) = bytes.next() {
        decoded.push(match byte {
            b'+' => b' ',
            b'%' => {
                let mut digit = || bytes.next().and_then(|digit| char::from(digit).to_digit(16)).unwrap_or(0);
                let value = digit() * 16 + digit();
                u8::try_from(value).expect("two hexadecimal digits")
            }
            other => other,
        });
    }
    String::from_utf8_lossy(&decoded).into_owned()
}

/// Encodes a form value.
pub(crate) fn form_encoded(text: &str) -> String {
    text.bytes()
        .map(|byte| match byte {
            b' ' => String::from("+"),
            b'a'..=b'z' | b'A'..=b'Z' | b'0'..=b'9' | b'-' | b'_' | b'.' | b'*' => char::from(byte).to_string(),
            other => format!("%{other:02X}"),
        })
        .collect()
}

/// A vendor's response.
pub(crate) struct Answer {
    pub(crate) status: u16,
    pub(crate) headers: Vec<(String, String)>,
    pub(crate) body: Bytes,
}

impl Answer {
    pub(crate) fn empty(status: u16) -> Self {
        Self { status, headers: Vec::new(), body: Bytes::new() }
    }

    pub(crate) fn text(status: u16, content_type: &str, body: impl Into<Bytes>) -> Self {
        Self::empty(status).with_body(content_type, body)
    }

    pub(crate) fn json(status: u16, body: impl Into<Bytes>) -> Self {
        Self::text(status, "application/json;charset=UTF-8", body)
    }

    pub(crate) fn with_header(mut self, name: &str, value: impl Into<String>) -> Self {
        self.headers.push((String::from(name), value.into()));
        self
    }

    fn with_body(mut self, content_type: &str, body: impl Into<Bytes>) -> Self {
        self.body = body.into();
        self.with_header("content-type", content_type)
    }
}

/// A response and how it is sent.
pub(crate) struct Delivery {
    pub(crate) answer: Answer,
    /// Whether the connection breaks in the middle of the body.
    pub(crate) broken: bool,
    /// A pause in the middle of the body.
    pub(crate) silence: Option<Duration>,
    /// Filler sent after the body, in bytes.
    pub(crate) filler: usize,
}

impl Delivery {
    pub(crate) fn plain(answer: Answer) -> Self {
        Self { answer, broken: false, silence: None, filler: 0 }
    }

    pub(crate) fn into_response(mut self, gzip: bool) -> hyper::Response<Body> {
        if gzip && !self.answer.body.is_empty() && self.filler == 0 && !self.is_encoded() {
            let mut encoder = GzEncoder::new(Vec::new(), Compression::fast());
            encoder.write_all(&self.answer.body).expect("writing to memory");
            self.answer.body = encoder.finish().expect("writing to memory").into();
            self.answer = self.answer.with_header("content-encoding", "gzip");
        }
        let mut response = hyper::Response::builder().status(self.answer.status);
        for (name, value) in &self.answer.headers {
            response = response.header(name, value);
        }
        let Self { answer: Answer { mut body, .. }, broken, silence, filler } = self;
        let mut pieces = VecDeque::new();
        if broken || silence.is_some() {
            pieces.push_back(Piece::Data(body.split_to(body.len() / 2)));
            // Data sent before a break needs a moment to reach the wire.
            pieces.push_back(Piece::Silence(Box::pin(sleep(silence.unwrap_or(Duration::from_millis(1))))));
        }
        if broken {
            pieces.push_back(Piece::Break);
        } else if !body.is_empty() {
            pieces.push_back(Piece::Data(body));
        }
        response.body(Body { pieces, filler }).expect("valid status and headers")
    }

    fn is_encoded(&self) -> bool {
        self.answer.headers.iter().any(|(name, _)| name == "content-encoding")
    }
}

/// A body in pieces.
pub(crate) struct Body {
    pieces: VecDeque<Piece>,
    filler: usize,
}

enum Piece {
    Data(Bytes),
    Silence(Pin<Box<Sleep>>),
    /// Breaks the connection.
    Break,
}

const FILLER: &[u8] = &[b' '; 64 * 1024];

impl hyper::body::Body for Body {
    type Data = Bytes;
    type Error = std::io::Error;

    fn poll_frame(mut self: Pin<&mut Self>, context: &mut Context<'_>) -> Poll<Option<std::io::Result<Frame<Bytes>>>> {
        if let Some(Piece::Silence(silence)) = self.pieces.front_mut() {
            ready!(silence.as_mut().poll(context));
            self.pieces.pop_front();
        }
        match self.pieces.pop_front() {
            Some(Piece::Data(data)) => return Poll::Ready(Some(Ok(Frame::data(data)))),
            Some(Piece::Break) => return Poll::Ready(Some(Err(std::io::ErrorKind::ConnectionReset.into()))),
            Some(Piece::Silence(_)) | None => {}
        }
        if self.filler == 0 {
            return Poll::Ready(None);
        }
        let length = self.filler.min(FILLER.len());
        self.filler -= length;
        Poll::Ready(Some(Ok(Frame::data(Bytes::from_static(&FILLER[..length])))))
    }

    fn is_end_stream(&self) -> bool {
        self.pieces.is_empty() && self.filler == 0
    }
}

#[cfg(test)]
mod tests {
    use super::{form_encoded, form_pairs};

    #[test]
    fn form_values_survive() {
        let value = "updated>=5 AND not uuid: [a,b] ü&+=%";
        assert_eq!(form_pairs(&format!("a=&q={}", form_encoded(value)))[1].1, value);
    }
}
