//! What is stored of a collector as a whole: whose it is, how it stands, and what must be there of it.
//!
//! Owns the bytes of a header. It knows no file.

use serde::{Deserialize, Serialize};

use super::rows::Seal;
use crate::clock::Timestamp;
use crate::inventory::DataStatus;

/// What stands before the data of one place.
#[derive(Clone, Debug, Deserialize, Serialize)]
pub struct Header {
    /// Stands for the account, and for what is kept of its records.
    pub identity: u64,
    /// The vendor's word.
    pub vendor: String,
    /// What the data are.
    pub content: Content,
    /// What there must be of every table.
    pub tables: Vec<Stored>,
}

/// What the data of one place are.
#[derive(Clone, Debug, Deserialize, Serialize)]
pub enum Content {
    /// Data that are served.
    Served {
        /// The build of the program that wrote them: to another one, where the collector goes on may mean something else.
        build: String,
        /// How good they are, and where the collector resumes.
        data: SavedData,
    },
    /// What an unfinished walk has so far.
    Walk {
        /// The build of the program that walks: to another one its position may mean something else.
        build: String,
        /// Where the walk goes on, which only the walk itself understands.
        position: Vec<u8>,
    },
}

/// What is saved of served data besides its tables.
#[derive(Clone, Debug, PartialEq, Eq, Deserialize, Serialize)]
pub struct SavedData {
    /// Since when it is served.
    pub since: Timestamp,
    /// How good it is.
    pub status: DataStatus,
    /// Where the collector resumes, which only the collector understands.
    pub resume_state: Option<Vec<u8>>,
}

/// How much is stored of one table.
#[derive(Clone, Debug, PartialEq, Eq, Deserialize, Serialize)]
pub struct Stored {
    /// The table's field in [`crate::inventory::Tables`].
    pub table: String,
    /// How many rows it has.
    pub rows: u64,
    /// The sum over them.
    pub rows_sum: u32,
    /// How many names it has.
    pub names: u64,
    /// The sum over them.
    pub names_sum: u32,
}

impl Header {
    /// The bytes of this header in the place of this path.
    pub fn write(&self, path: &str) -> Result<Vec<u8>, String> {
        let mut bytes = postcard::to_stdvec(self).map_err(|error| error.to_string())?;
        Seal::new(path).close(0, &mut bytes);
        Ok(bytes)
    }

    /// Reads a header of the place of this path. Any bytes whatever may be given to it.
    pub fn read(path: &str, bytes: &[u8]) -> Result<Self, String> {
        Self::decode(Seal::new(path).open(0, bytes)?)
    }

    /// Reads a header that has no checksum, as [`Self::read`] does.
    pub fn decode(bytes: &[u8]) -> Result<Self, String> {
        match postcard::take_from_bytes(bytes) {
            Ok((header, [])) => Ok(header),
            Ok(_) => Err("a header has more than a header".to_owned()),
            Err(error) => Err(error.to_string()),
        }
    }
}
