//! The connection: one enum over the databases we speak to, and how each is opened.

use std::path::{Path, PathBuf};
use std::time::Duration;

use diesel::connection::{AnsiTransactionManager, SimpleConnection, TransactionManager};
use diesel::prelude::*;
use diesel::r2d2::{ManageConnection, R2D2Connection};
use percent_encoding::{AsciiSet, CONTROLS, utf8_percent_encode};

/// A connection to whichever database is in use. Model functions take `&mut Conn` and never learn which it is.
#[derive(diesel::MultiConnection)]
pub enum Conn {
    Sqlite(SqliteConnection),
}

impl Conn {
    /// Opens the SQLite database at `path`, which is made when it is missing.
    ///
    /// WAL lets readers work beside the one writer; `synchronous=FULL` makes a commit durable before it returns, which
    /// the default of WAL mode does not.
    pub fn open_sqlite(path: &Path) -> Result<Conn, OpenError> {
        let path = path.to_str().ok_or(OpenError::Path)?;
        let mut conn = SqliteConnection::establish(path)?;
        conn.batch_execute(
            "PRAGMA busy_timeout = 10000;
             PRAGMA journal_mode = WAL;
             PRAGMA synchronous = FULL;
             PRAGMA foreign_keys = ON;
             PRAGMA trusted_schema = OFF;",
        )?;
        Ok(Conn::Sqlite(conn))
    }

    /// Opens the SQLite database at `path` to look at it: nothing is written, not even beside it.
    pub fn open_sqlite_to_look(path: &Path) -> Result<Conn, OpenError> {
        /// What has a meaning of its own in SQLite's URIs (https://www.sqlite.org/uri.html).
        const RESERVED: &AsciiSet = &CONTROLS.add(b'%').add(b'?').add(b'#');
        let name = path.to_str().ok_or(OpenError::Path)?;
        // Without a log nobody has it open; SQLite would make one to look at a database in WAL mode.
        let in_use = Path::new(&format!("{name}-wal")).exists();
        let mode = if in_use { "mode=ro" } else { "immutable=1" };
        let host = if path.is_absolute() { "//" } else { "" };
        let mut conn =
            SqliteConnection::establish(&format!("file:{host}{}?{mode}", utf8_percent_encode(name, RESERVED)))?;
        conn.batch_execute("PRAGMA busy_timeout = 3000; PRAGMA query_only = ON; PRAGMA trusted_schema = OFF;")?;
        Ok(Conn::Sqlite(conn))
    }

    /// Starts a transaction that may write. SQLite's plain BEGIN takes the write lock only at the first write, and then
    /// fails at once when somebody else wrote since; BEGIN IMMEDIATE waits its turn.
    pub fn begin_write(&mut self) -> QueryResult<()> {
        match self {
            Conn::Sqlite(conn) => AnsiTransactionManager::begin_transaction_sql(conn, "BEGIN IMMEDIATE"),
        }
    }

    pub fn commit(&mut self) -> QueryResult<()> {
        <Self as Connection>::TransactionManager::commit_transaction(self)
    }

    pub fn rollback(&mut self) -> QueryResult<()> {
        <Self as Connection>::TransactionManager::rollback_transaction(self)
    }
}

#[derive(Debug, thiserror::Error)]
pub enum OpenError {
    #[error("the path is not valid UTF-8")]
    Path,
    #[error(transparent)]
    Connect(#[from] ConnectionError),
    #[error(transparent)]
    Query(#[from] diesel::result::Error),
}

/// Opens connections for the pool of readers, all of them read-only: what writes goes through the writer.
#[derive(Clone)]
pub struct ReaderManager {
    pub path: PathBuf,
}

impl ManageConnection for ReaderManager {
    type Connection = Conn;
    type Error = OpenError;

    fn connect(&self) -> Result<Conn, OpenError> {
        let mut conn = Conn::open_sqlite(&self.path)?;
        conn.batch_execute("PRAGMA query_only = ON;")?;
        Ok(conn)
    }

    fn is_valid(&self, conn: &mut Conn) -> Result<(), OpenError> {
        Ok(conn.batch_execute("SELECT 1")?)
    }

    fn has_broken(&self, conn: &mut Conn) -> bool {
        std::thread::panicking() || conn.is_broken()
    }
}

/// Time a reader may wait for a free connection before the request is answered with 503.
pub const READER_WAIT: Duration = Duration::from_secs(3);
