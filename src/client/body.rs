//! Reads response bodies up to a limit.

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
    let mut body = Vec::new();
    loop {
        match response.chunk().await {
            Ok(Some(piece)) => body.extend_from_slice(&piece),
            Ok(None) => return (body, BodyEnd::Whole),
            Err(error) => return (body, BodyEnd::Broken(error.without_url())),
        }
        if body.len() as u64 > most {
            return (body, BodyEnd::TooLarge);
        }
    }
}
