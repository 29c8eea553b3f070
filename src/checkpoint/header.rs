//! The header of a collector's stored data: whose it is, how good it is, and what must follow it.
//!
//! Owns the bytes of a header. It knows no file.

use serde::{Deserialize, Serialize};

use super::rows::Checksum;
use crate::clock::Timestamp;
use crate::inventory::DataStatus;

/// What precedes the data of one path.
#[derive(Clone, Debug, Deserialize, Serialize)]
pub struct Header {
    /// Identifies the account, and the choice of what to keep of its records.
    pub identity: u64,
    /// The vendor's name.
    pub vendor: String,
    /// The kind of data.
    pub content: Content,
    /// The expected contents of every table.
    pub tables: Vec<Stored>,
}

/// The data of one path.
#[derive(Clone, Debug, Deserialize, Serialize)]
pub enum Content {
    /// Served data.
    Served {
        /// The build of the program that wrote it: for another build, the position where the collector resumes may mean
        /// something else.
        build: String,
        /// How good it is, and where the collector resumes.
        data: SavedData,
    },
    /// What an unfinished walk has read so far.
    Walk {
        /// The build of the program that walks: for another build, its position may mean something else.
        build: String,
        /// Where the walk resumes, which only the walk itself understands.
        position: Vec<u8>,
    },
}

/// The saved state of served data, besides its tables.
#[derive(Clone, Debug, PartialEq, Eq, Deserialize, Serialize)]
pub struct SavedData {
    /// When it was first served.
    pub since: Timestamp,
    /// How good it is.
    pub status: DataStatus,
    /// Where the collector resumes, which only the collector understands.
    pub resume_state: Option<Vec<u8>>,
}

/// The stored contents of one table.
#[derive(Clone, Debug, PartialEq, Eq, Deserialize, Serialize)]
pub struct Stored {
    /// The table's field in [`crate::inventory::Tables`].
    pub table: String,
    /// The number of its rows.
    pub rows: u64,
    /// Their checksum.
    pub rows_sum: u32,
    /// The number of its names.
    pub names: u64,
    /// Their checksum.
    pub names_sum: u32,
}

impl Header {
    /// The bytes of this header at this path.
    pub fn write(&self, path: &str) -> Result<Vec<u8>, String> {
        let mut bytes = postcard::to_stdvec(self).map_err(|error| error.to_string())?;
        Checksum::new(path).close(0, &mut bytes);
        Ok(bytes)
    }

    /// Reads the header at this path from untrusted bytes.
    pub fn read(path: &str, bytes: &[u8]) -> Result<Self, String> {
        Self::decode(Checksum::new(path).open(0, bytes)?)
    }

    /// Reads a header without a checksum, as [`Self::read`] does.
    pub fn decode(bytes: &[u8]) -> Result<Self, String> {
        match postcard::take_from_bytes(bytes) {
            Ok((header, [])) => Ok(header),
            Ok(_) => Err("a header has trailing bytes".to_owned()),
            Err(error) => Err(error.to_string()),
        }
    }
}
