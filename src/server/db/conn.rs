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
    /// A new file can give room back that its rows have left, see [`Conn::shrink`]. WAL lets readers work beside the one writer; `synchronous=FULL` makes a commit durable before it returns, which
    /// the default of WAL mode does not.
    pub fn open_sqlite(path: &Path) -> Result<Conn, OpenError> {
        let path = path.to_str().ok_or(OpenError::Path)?;
        let mut conn = SqliteConnection::establish(path)?;
        conn.batch_execute(
            "PRAGMA busy_timeout = 10000;
             PRAGMA auto_vacuum = INCREMENTAL;
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

    /// Copies all rows, as they are at this moment, into a new database. Whoever writes meanwhile neither waits nor shows.
    pub fn copy_into(&mut self, path: &Path) -> QueryResult<()> {
        let Conn::Sqlite(conn) = self;
        let path = path.to_string_lossy().replace('\'', "''");
        conn.batch_execute(&format!("VACUUM INTO '{path}'"))
    }

    /// Gives some room back to the disk that rows have left in the file, once it is worth it. False when it is not.
    pub fn shrink(&mut self) -> QueryResult<bool> {
        let Conn::Sqlite(conn) = self;
        let free = pragma(conn, "freelist_count")?;
        let pages = pragma(conn, "page_count")?;
        if free < WORTH_SHRINKING || free < pages / 10 || pragma(conn, "auto_vacuum")? == 0 {
            return Ok(false);
        }
        conn.batch_execute(&format!("PRAGMA incremental_vacuum({SHRUNK_AT_ONCE});"))?;
        Ok(true)
    }

    /// Lets the file of a database from an earlier version shrink from now on, if it is small enough that nobody has to wait.
    pub fn let_shrink(&mut self) -> QueryResult<()> {
        const SMALL_PAGES: i64 = (64 << 20) / 4096;
        let Conn::Sqlite(conn) = self;
        let is_small = pragma(conn, "page_count")? <= SMALL_PAGES;
        if is_small && pragma(conn, "auto_vacuum")? == 0 {
            conn.batch_execute("PRAGMA auto_vacuum = INCREMENTAL; VACUUM;")?;
        }
        Ok(())
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

/// Free pages from which on a file is shrunk, and how many it gives back in one write.
const WORTH_SHRINKING: i64 = 256;
const SHRUNK_AT_ONCE: i64 = 2000;

/// The value of a pragma that is a number.
fn pragma(conn: &mut SqliteConnection, name: &str) -> QueryResult<i64> {
    diesel::select(diesel::dsl::sql::<diesel::sql_types::BigInt>(&format!("* FROM pragma_{name}"))).get_result(conn)
}

#[derive(Debug, thiserror::Error)]
pub enum OpenError {
    #[error("the path is not valid UTF-8")]
    Path,
    #[error(transparent)]
    File(std::io::Error),
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
