//! The store's file: found or created, checked, and set aside when it is unusable.
//!
//! Owns what is in the state directory, and the difference between a store that is damaged and one that just cannot
//! be opened now: only the former is ever set aside.

use std::cmp::Ordering;
use std::fs::{self, DirBuilder, File, OpenOptions};
use std::io::{self, ErrorKind, Read as _};
use std::os::unix::fs::{DirBuilderExt as _, OpenOptionsExt as _};
use std::panic::{AssertUnwindSafe, catch_unwind};
use std::path::{Path, PathBuf};

use redb::backends::FileBackend;
use redb::{Database, ReadableDatabase as _, TableDefinition, TableError};

use super::rows::Checksum;
use super::{FORMAT, write};

/// The store's file name.
const NAME: &str = "checkpoint.redb";

/// The first bytes of every file of redb.
const MAGIC: &[u8] = b"redb\x1A\x0A\xA9\x0D\x0A";

/// Size of the database's page cache, in bytes.
const CACHE: usize = 8 << 20;

/// Identifies a database as ours, and its format.
pub(super) const META: TableDefinition<'static, &str, &[u8]> = TableDefinition::new("meta");

/// The key of the one entry in [`META`]. Its value is the format number and a checksum.
pub(super) const OURS: &str = "container-security-exporter checkpoint";

/// Why a file is not opened.
enum Refusal {
    /// It cannot be opened now, for this reason.
    Words(String),
    /// It can never be opened.
    Unusable(UnusableFile, String),
}

/// Why a file is unusable; also the suffix of its new name.
#[derive(Clone, Copy)]
enum UnusableFile {
    Damaged,
    Foreign,
    Newer,
    Older,
}

impl UnusableFile {
    const fn as_str(self) -> &'static str {
        match self {
            Self::Damaged => "damaged",
            Self::Foreign => "foreign",
            Self::Newer => "newer",
            Self::Older => "older",
        }
    }

    const fn words(self) -> &'static str {
        match self {
            Self::Damaged => "the checkpoint is damaged",
            Self::Foreign => "the file is not a checkpoint of this exporter",
            Self::Newer => "the checkpoint was written by a newer version of this exporter",
            Self::Older => "the checkpoint was written by an older version of this exporter",
        }
    }
}

/// The path of the store in this directory.
pub(super) fn path(dir: &Path) -> PathBuf {
    dir.join(NAME)
}

/// The error for a store that another process has open.
pub(super) fn in_use(dir: &Path) -> String {
    format!("{} is in use by another process; give each exporter its own state directory", path(dir).display())
}

/// The state directory, created if missing.
pub(super) fn directory(dir: &Path) -> Result<File, String> {
    let made = DirBuilder::new().recursive(true).mode(0o700).create(dir);
    made.and_then(|()| File::open(dir)).map_err(|error| denied(dir, &error))
}

fn denied(path: &Path, error: &io::Error) -> String {
    format!(
        "{} could not be opened: {error}; set state.dir to a writable directory on a disk with space",
        path.display()
    )
}

/// Opens or creates the store in this directory; an unusable one is set aside.
pub(super) fn open(dir: &Path) -> Result<Database, String> {
    let path = path(dir);
    let (unusable, reason) = match found_or_made(&path) {
        Ok(database) => return Ok(database),
        Err(Refusal::Words(words)) => return Err(words),
        Err(Refusal::Unusable(unusable, reason)) => (unusable, reason),
    };
    let aside = dir.join(format!("{NAME}.{}", unusable.as_str()));
    fs::rename(&path, &aside).map_err(|error| {
        format!("{}: {} ({reason}), and setting it aside failed: {error}", path.display(), unusable.words())
    })?;
    tracing::warn!(
        path = %path.display(),
        problem = unusable.words(),
        reason,
        moved_to = %aside.display(),
        "unusable checkpoint set aside, starting without it"
    );
    found_or_made(&path).map_err(|refusal| match refusal {
        Refusal::Words(words) => words,
        Refusal::Unusable(unusable, reason) => {
            format!("{}: {} ({reason}) although it was just created", path.display(), unusable.words())
        }
    })
}

/// Opens a store, or creates it under another name first: a crash meanwhile leaves nothing that looks like a damaged
/// store.
fn found_or_made(path: &Path) -> Result<Database, Refusal> {
    if path.exists() {
        return attempt(path);
    }
    let unfinished = path.with_added_extension("new");
    if let Err(error) = fs::remove_file(&unfinished)
        && error.kind() != ErrorKind::NotFound
    {
        return Err(Refusal::Words(denied(&unfinished, &error)));
    }
    let database = attempt(&unfinished)?;
    fs::rename(&unfinished, path).map_err(|error| Refusal::Words(denied(path, &error)))?;
    Ok(database)
}

fn attempt(path: &Path) -> Result<Database, Refusal> {
    let file = OpenOptions::new().read(true).write(true).create(true).truncate(false).mode(0o600).open(path);
    let file = file.map_err(|error| Refusal::Words(denied(path, &error)))?;
    // redb promises not to panic while it checks a file; this is for what it does not foresee.
    let opened = catch_unwind(AssertUnwindSafe(|| {
        let mut builder = Database::builder();
        builder.set_cache_size(CACHE).set_check_integrity_on_open(true);
        let database = FileBackend::new(file).and_then(|file| builder.create_with_backend(file))?;
        let unusable = check(&database)?;
        Ok::<_, redb::Error>((database, unusable))
    }));
    match opened {
        Ok(Ok((database, None))) => Ok(database),
        Ok(Ok((_, Some((unusable, reason))))) => Err(Refusal::Unusable(unusable, reason)),
        Ok(Err(error)) => Err(refusal(path, &error)),
        Err(_) => Err(Refusal::Unusable(UnusableFile::Damaged, "its contents are inconsistent".to_owned())),
    }
}

/// Why a file could not be opened, given this error.
#[expect(clippy::wildcard_enum_match_arm, reason = "what is not known to be damage sets nothing aside")]
fn refusal(path: &Path, error: &redb::Error) -> Refusal {
    use redb::Error;
    let unusable = match error {
        Error::DatabaseAlreadyOpen | Error::LockProtocolMismatch => {
            return Refusal::Words(in_use(path.parent().unwrap_or(path)));
        }
        Error::Corrupted(_) => Some(UnusableFile::Damaged),
        Error::Io(error) if matches!(error.kind(), ErrorKind::UnexpectedEof | ErrorKind::InvalidInput) => {
            Some(UnusableFile::Damaged)
        }
        // How redb reports a file that does not start with its magic bytes.
        Error::Io(error) if error.kind() == ErrorKind::InvalidData => Some(what_is_it(path)),
        Error::UpgradeRequired(_)
        | Error::TableTypeMismatch { .. }
        | Error::TypeDefinitionChanged { .. }
        | Error::TableIsMultimap(_) => Some(UnusableFile::Foreign),
        _ => None,
    };
    match unusable {
        Some(unusable) => Refusal::Unusable(unusable, error.to_string()),
        None => Refusal::Words(format!(
            "{} could not be opened: {error}; check that the disk is healthy and has space",
            path.display()
        )),
    }
}

/// What kind of file does not start like one of redb: a truncated or unfinished file starts with a part of the magic
/// bytes or with nothing.
fn what_is_it(path: &Path) -> UnusableFile {
    let mut head = Vec::new();
    let read = File::open(path).and_then(|file| file.take(MAGIC.len() as u64).read_to_end(&mut head));
    let is_ours = read.is_ok() && (MAGIC.starts_with(&head) || head.iter().all(|byte| *byte == 0));
    if is_ours { UnusableFile::Damaged } else { UnusableFile::Foreign }
}

/// Checks that a database is ours and of our format. An empty one becomes ours.
fn check(database: &Database) -> Result<Option<(UnusableFile, String)>, redb::Error> {
    let transaction = database.begin_read()?;
    let table = match transaction.open_table(META) {
        Ok(table) => table,
        Err(TableError::TableDoesNotExist(_)) => {
            if transaction.list_tables()?.next().is_some() || transaction.list_multimap_tables()?.next().is_some() {
                return Ok(Some((UnusableFile::Foreign, "it is another program's database".to_owned())));
            }
            drop(transaction);
            return make(database).map(|()| None);
        }
        Err(error) => return Err(error.into()),
    };
    let Some(sealed) = table.get(OURS)? else {
        return Ok(Some((UnusableFile::Foreign, "it is another program's database".to_owned())));
    };
    let format = Checksum::new(OURS).open(0, sealed.value()).map(<[u8; 4]>::try_from);
    let Ok(Ok(format)) = format else {
        return Ok(Some((UnusableFile::Damaged, "its format number is damaged".to_owned())));
    };
    let format = u32::from_le_bytes(format);
    let unusable = match format.cmp(&FORMAT) {
        Ordering::Less => UnusableFile::Older,
        Ordering::Equal => return Ok(None),
        Ordering::Greater => UnusableFile::Newer,
    };
    Ok(Some((unusable, format!("its format is {format}, this version reads {FORMAT}"))))
}

/// Marks an empty database as ours.
fn make(database: &Database) -> Result<(), redb::Error> {
    let mut ours = FORMAT.to_le_bytes().to_vec();
    Checksum::new(OURS).close(0, &mut ours);
    let transaction = write::begin(database)?;
    transaction.open_table(META)?.insert(OURS, &*ours)?;
    Ok(transaction.commit()?)
}
