//! What a page is: a path and an answer. The list of pages stands elsewhere; the server knows none by name.

use bytes::Bytes;
use futures_util::future::BoxFuture;

/// What a page sees of a request: the headers that may change its answer, several lines of one joined by commas.
#[derive(Clone, Copy, Debug, Default)]
pub struct PageRequest<'a> {
    /// The media types that the client takes.
    pub accept: Option<&'a str>,
    /// The compressions that the client takes.
    pub accept_encoding: Option<&'a str>,
    /// How long a scraper waits, in seconds, as it was sent.
    pub scrape_timeout: Option<&'a str>,
}

/// What a page answers.
#[derive(Clone, Debug, PartialEq, Eq)]
pub struct PageAnswer {
    /// The HTTP status.
    pub status: u16,
    /// The body's media type.
    pub content_type: &'static str,
    /// The body's compression, if it is compressed.
    pub encoding: Option<&'static str>,
    /// Whether the answer depends on what the client takes, so that a cache must not give it to another.
    pub negotiated: bool,
    /// The body.
    pub body: Bytes,
}

impl PageAnswer {
    /// A short plain text.
    pub fn text(status: u16, body: impl Into<Bytes>) -> Self {
        Self { status, content_type: "text/plain; charset=utf-8", encoding: None, negotiated: false, body: body.into() }
    }
}

/// One page of the server.
pub trait Page: Send + Sync {
    /// Its path, whole; queries are ignored.
    fn path(&self) -> &str;

    /// Whether it does something, and so answers POST and PUT and not GET and HEAD.
    fn post(&self) -> bool {
        false
    }

    /// Its answer now. It must not block; the client may go away before it is ready, which drops it.
    fn answer<'a>(&'a self, request: PageRequest<'a>) -> BoxFuture<'a, PageAnswer>;
}
