//! Reads response bodies up to a limit.

use bytes::Bytes;
use reqwest::Response;

/// How a body ended.
pub(super) enum BodyEnd {
    Whole,
    TooLarge,
    Broken(reqwest::Error),
}

/// Receives a body piece by piece, because its decompressed size is only known then. Stops after the piece that makes
/// it larger than `most`; the connection is closed when the response is dropped before its end.
pub(super) async fn receive(response: &mut Response, most: u64) -> (Vec<u8>, BodyEnd) {
    let mut pieces = Pieces::default();
    loop {
        match response.chunk().await {
            Ok(Some(piece)) => pieces.push(piece),
            Ok(None) => return (pieces.joined(), BodyEnd::Whole),
            Err(error) => return (pieces.joined(), BodyEnd::Broken(error.without_url())),
        }
        if pieces.bytes as u64 > most {
            return (pieces.joined(), BodyEnd::TooLarge);
        }
    }
}

/// The pieces of a body. A vector that grows with them would take up to three times their size.
#[derive(Default)]
struct Pieces {
    pieces: Vec<Bytes>,
    bytes: usize,
}

impl Pieces {
    fn push(&mut self, piece: Bytes) {
        self.bytes += piece.len();
        self.pieces.push(piece);
    }

    /// The whole body. Each piece is released once it is copied.
    fn joined(self) -> Vec<u8> {
        let mut body = Vec::with_capacity(self.bytes);
        self.pieces.into_iter().for_each(|piece| body.extend_from_slice(&piece));
        body
    }
}
