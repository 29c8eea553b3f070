//! Paths in the database: source, collector, and which of its two areas.
//!
//! Owns the names of the database's own tables. Only the name of a source can contain a slash, and it comes first.

use redb::{ReadOnlyTable, ReadTransaction, TableDefinition, TableError};

/// All headers, by path.
pub(super) const HEADERS: TableDefinition<'static, &str, &[u8]> = TableDefinition::new("headers");

/// A list of rows or names, in order.
pub(super) type List<'a> = TableDefinition<'a, u64, &'static [u8]>;

/// Which data of a collector.
#[derive(Clone, Copy, Debug, PartialEq, Eq)]
pub(super) enum Area {
    /// The served data.
    Served,
    /// The data that an unfinished walk has read so far.
    Walk,
}

impl Area {
    const fn as_str(self) -> &'static str {
        match self {
            Self::Served => "served",
            Self::Walk => "walk",
        }
    }
}

/// The path of some data of one collector.
#[derive(Clone, Debug, PartialEq, Eq, PartialOrd, Ord)]
pub(super) struct StorePath {
    path: String,
}

impl StorePath {
    pub(super) fn new(source: &str, collector: &str, area: Area) -> Self {
        Self { path: format!("{source}/{collector}/{}", area.as_str()) }
    }

    /// The path of a header.
    pub(super) fn of_header(path: &str) -> Option<Self> {
        (path.matches('/').count() >= 2).then(|| Self { path: path.to_owned() })
    }

    /// The path that a table of the database belongs to, if it holds rows or names.
    pub(super) fn of_table(name: &str) -> Option<Self> {
        let (table, _) = name.rsplit_once('/')?;
        let (path, _) = table.rsplit_once('/')?;
        Self::of_header(path)
    }

    pub(super) fn is_of(&self, source: &str, collector: &str) -> bool {
        let of = self.path.rsplit_once('/').and_then(|(of, _)| of.rsplit_once('/'));
        of == Some((source, collector))
    }

    /// The key of its header.
    pub(super) fn as_str(&self) -> &str {
        &self.path
    }

    /// The name of the list of a table's rows.
    pub(super) fn rows(&self, table: &str) -> String {
        format!("{}/{table}/rows", self.path)
    }

    /// The name of the list of a table's names.
    pub(super) fn names(&self, table: &str) -> String {
        format!("{}/{table}/names", self.path)
    }
}

/// The headers, if there is any.
pub(super) fn headers(
    transaction: &ReadTransaction,
) -> Result<Option<ReadOnlyTable<&'static str, &'static [u8]>>, redb::Error> {
    there(transaction.open_table(HEADERS))
}

/// The list of this name, if there is one.
pub(super) fn list(
    transaction: &ReadTransaction,
    name: &str,
) -> Result<Option<ReadOnlyTable<u64, &'static [u8]>>, redb::Error> {
    there(transaction.open_table(List::new(name)))
}

fn there<T>(opened: Result<T, TableError>) -> Result<Option<T>, redb::Error> {
    match opened {
        Ok(table) => Ok(Some(table)),
        Err(TableError::TableDoesNotExist(_)) => Ok(None),
        Err(error) => Err(error.into()),
    }
}
