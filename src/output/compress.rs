//! Gzip of an answer whose larger part is compressed once and used many times.
//!
//! A scrape's answer is the snapshot's families, which do not change, followed by what is true at this moment only.
//! The first part is compressed when the snapshot is taken and ends at a byte's boundary; the second is appended to
//! it, so that what goes out is one ordinary gzip member and a scrape compresses a few kilobytes.

use bytes::{BufMut, Bytes, BytesMut};
use flate2::{Compress, Compression, Crc, FlushCompress, Status};

/// Fast, and within a few percent of what slower levels reach on an exposition.
const LEVEL: Compression = Compression::new(4);

/// Magic, deflate, no flags, no time, no hint, unknown system.
const HEADER: [u8; 10] = [0x1f, 0x8b, 8, 0, 0, 0, 0, 0, 0, 0xff];

/// A text with its compressed form, to which more can be appended.
#[derive(Debug)]
pub struct Head {
    /// The text itself.
    pub plain: Bytes,
    /// None if it could not be compressed; then it goes out as it is.
    deflated: Option<Vec<u8>>,
    crc: Crc,
}

impl Head {
    /// Compresses a text. Takes a while for a large one: not for an async thread.
    pub fn new(text: String) -> Self {
        Self { deflated: deflate(text.as_bytes(), FlushCompress::Sync), crc: crc(text.as_bytes()), plain: text.into() }
    }

    /// The text with `tail` after it.
    pub fn with(&self, tail: &[u8]) -> Bytes {
        let mut all = BytesMut::with_capacity(self.plain.len() + tail.len());
        all.extend_from_slice(&self.plain);
        all.extend_from_slice(tail);
        all.freeze()
    }

    /// The text with `tail` after it, as one gzip member; none if it cannot be compressed.
    pub fn gzip_with(&self, tail: &[u8]) -> Option<Bytes> {
        let head = self.deflated.as_ref()?;
        let deflated = deflate(tail, FlushCompress::Finish)?;
        let mut sum = Crc::new();
        sum.combine(&self.crc);
        sum.combine(&crc(tail));
        let mut all = BytesMut::with_capacity(HEADER.len() + head.len() + deflated.len() + 8);
        all.extend_from_slice(&HEADER);
        all.extend_from_slice(head);
        all.extend_from_slice(&deflated);
        all.put_u32_le(sum.sum());
        all.put_u32_le(sum.amount());
        Some(all.freeze())
    }
}

fn crc(bytes: &[u8]) -> Crc {
    let mut crc = Crc::new();
    crc.update(bytes);
    crc
}

/// Raw deflate of `bytes`: ended for good, or at a byte's boundary so that more can follow.
fn deflate(bytes: &[u8], end: FlushCompress) -> Option<Vec<u8>> {
    let mut compress = Compress::new(LEVEL, false);
    let mut out = Vec::with_capacity(bytes.len() / 8 + 256);
    let mut rest = bytes;
    loop {
        let before = compress.total_in();
        let status = compress.compress_vec(rest, &mut out, end).ok()?;
        let read = usize::try_from(compress.total_in() - before).unwrap_or(usize::MAX);
        rest = rest.get(read..).unwrap_or_default();
        // Room left in the output says that everything was written to it.
        let flushed = rest.is_empty() && out.len() < out.capacity();
        if status == Status::StreamEnd || (end == FlushCompress::Sync && flushed) {
            return Some(out);
        }
        out.reserve(out.capacity().max(256));
    }
}

#[cfg(test)]
mod tests {
    use std::io::Read as _;

    use proptest::prelude::*;

    use super::*;

    proptest! {
        #[test]
        fn one_member_holds_both_parts(head in ".{0,400}", times in 0_usize..400, tail in ".{0,200}") {
            let head = head.repeat(times);
            let gzip = Head::new(head.clone()).gzip_with(tail.as_bytes()).unwrap();
            let mut decoder = flate2::bufread::GzDecoder::new(&gzip[..]);
            let mut text = String::new();
            decoder.read_to_string(&mut text).unwrap();
            prop_assert_eq!(text, head + &tail);
            // Nothing is left: a client that reads one member reads everything.
            prop_assert!(decoder.into_inner().is_empty());
        }
    }
}
