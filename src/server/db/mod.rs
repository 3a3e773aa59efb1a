//! Rows: connections, the one writer, the readers, migrations.
//!
//! `lookup` is for rows by key, `read` for lists and counts, `write` for everything that changes.

mod conn;
mod reserve;
pub mod schema;
pub mod search;
mod statements;
mod writer;

use std::cell::RefCell;
use std::path::Path;
use std::sync::Arc;
use std::thread::JoinHandle;

use diesel::prelude::*;
use diesel::r2d2::{ManageConnection as _, Pool};
use diesel::result::{DatabaseErrorKind, Error as DbError};
use diesel_migrations::{EmbeddedMigrations, MigrationHarness, embed_migrations};
use thread_local::ThreadLocal;

pub use conn::{Conn, OpenError};
use conn::{READER_WAIT, ReaderManager};
pub use reserve::Reserve;
pub use statements::literal;
pub use writer::Writer;

use crate::server::error::{Error, Result};
use crate::server::folder;
use crate::server::metrics::Metrics;

const SQLITE_MIGRATIONS: EmbeddedMigrations = embed_migrations!("migrations/sqlite");

/// Connections that read. Requests wait at most [`READER_WAIT`] for one.
const READERS: u32 = 4;

/// The database: reads go to a pool of readers, writes through the one writer.
pub struct Db {
    manager: ReaderManager,
    /// One connection for each thread that looks up: the server's workers.
    own: ThreadLocal<RefCell<Conn>>,
    readers: Readers,
    writer: Writer,
    reserve: Reserve,
}

/// The connections that read. Clones share them.
#[derive(Clone)]
pub struct Readers(Pool<ReaderManager>);

impl Readers {
    /// Runs a query on this thread. Blocks, at most [`READER_WAIT`] for a connection.
    pub fn read<T>(&self, query: impl FnOnce(&mut Conn) -> Result<T>) -> Result<T> {
        let mut conn = self.0.get().map_err(|cause| Error::Unavailable(Box::new(cause)))?;
        query(&mut conn)
    }

    /// Connections open, and of those idle.
    pub fn state(&self) -> (u32, u32) {
        let state = self.0.state();
        (state.connections, state.idle_connections)
    }
}

/// Why the database cannot be used; each is one line for the person who starts the server.
#[derive(Debug, thiserror::Error)]
pub enum StartError {
    #[error("the database {path} cannot be opened: {cause}")]
    Open { path: String, cause: OpenError },
    #[error("the database {0} was written by a newer version of Handover; start that version, or restore a backup")]
    Newer(String),
    #[error("the database {path} cannot be brought up to date: {cause}")]
    Migrate { path: String, cause: Box<dyn std::error::Error + Send + Sync> },
    #[error("the database {path} cannot be used: {cause}")]
    Pool { path: String, cause: crate::server::error::Cause },
}

impl Db {
    /// Opens the database, brings its schema up to date and starts the writer, whose thread ends (and has then written
    /// everything) once every clone of the `Db` is gone.
    pub fn start(path: &Path, metrics: Arc<Metrics>) -> Result<(Db, JoinHandle<()>), StartError> {
        let mut conn = open_migrated(path)?;
        let name = path.display().to_string();
        if let Err(error) = conn.let_shrink() {
            tracing::warn!(cause = %error, "the file of the database will not shrink");
        }
        let (writer, thread) = Writer::start(conn, metrics)
            .map_err(|cause| StartError::Pool { path: name.clone(), cause: Box::new(cause) })?;
        let manager = ReaderManager { path: path.to_owned() };
        let readers = Pool::builder()
            .max_size(READERS)
            .min_idle(Some(1))
            .connection_timeout(READER_WAIT)
            .test_on_check_out(false)
            .build(manager.clone())
            .map_err(|cause| StartError::Pool { path: name, cause: Box::new(cause) })?;
        let reserve = Reserve::beside(path);
        if let Err(error) = reserve.keep() {
            tracing::warn!(cause = %error, "there is no reserve: on a full disk nothing can be deleted");
        }
        Ok((Db { manager, own: ThreadLocal::new(), readers: Readers(readers), writer, reserve }, thread))
    }

    /// Looks rows up by key, on this thread and a connection of its own. In WAL mode a reader waits for nobody, so such a
    /// look takes some ten microseconds, less than the way to another thread and back; what may take longer is for
    /// [`Db::read`].
    pub fn lookup<T>(&self, query: impl FnOnce(&mut Conn) -> Result<T>) -> Result<T> {
        let conn = self.own.get_or_try(|| self.manager.connect().map(RefCell::new));
        let conn = conn.map_err(|cause| Error::Unavailable(Box::new(cause)))?;
        query(&mut conn.borrow_mut())
    }

    /// Runs a query on a reader, on the blocking pool.
    pub async fn read<T, F>(&self, query: F) -> Result<T>
    where
        T: Send + 'static,
        F: FnOnce(&mut Conn) -> Result<T> + Send + 'static,
    {
        let readers = self.readers();
        actix_web::web::block(move || readers.read(query)).await.map_err(Error::internal)?
    }

    /// The readers, for threads of one's own.
    pub fn readers(&self) -> Readers {
        self.readers.clone()
    }

    /// Runs a write and waits until it is on disk; see [`Writer::write`].
    pub async fn write<T, F>(&self, work: F) -> Result<T>
    where
        T: Send + 'static,
        F: FnOnce(&mut Conn) -> Result<T> + Send + 'static,
    {
        self.writer.write(work).await
    }

    /// Like [`Db::write`], for what makes room and for the way there: on a full disk it gives up the reserve, and tries once
    /// more.
    pub async fn write_from_reserve<T, F>(&self, work: F) -> Result<T>
    where
        T: Send + 'static,
        F: Fn(&mut Conn) -> Result<T> + Clone + Send + 'static,
    {
        let result = self.write(work.clone()).await;
        if !result.as_ref().is_err_and(is_full) {
            return result;
        }
        tracing::warn!("the disk is full; the reserve is given up");
        let reserve = self.reserve();
        let given_up = actix_web::web::block(move || reserve.give_up()).await.map_err(Error::internal)?;
        given_up.map_err(|error| Error::Unavailable(Box::new(error)))?;
        self.write(work).await
    }

    /// Gives room back to the disk that rows have left in the file of the database.
    pub async fn shrink(&self) -> Result<()> {
        while self.write(|conn| Ok(conn.shrink()?)).await? {}
        Ok(())
    }

    /// The reserve, which the sweep makes whole again.
    pub fn reserve(&self) -> Reserve {
        self.reserve.clone()
    }

    /// The writer, for what must go on after a request has ended.
    pub fn writer(&self) -> &Writer {
        &self.writer
    }
}

/// Opens the database at `path` for a command that works alone, and brings its schema up to date. Nobody else can read it
/// from then on, whatever folder it lies in.
pub fn open_migrated(path: &Path) -> Result<Conn, StartError> {
    let name = path.display().to_string();
    let closed = |cause| StartError::Open { path: name.clone(), cause: OpenError::File(cause) };
    folder::keep_private(path).map_err(closed)?;
    // SQLite gives its other files the mode of the first, but leaves those of an earlier version as they are.
    for beside in ["-wal", "-shm", "-reserve"] {
        let mut name = path.as_os_str().to_owned();
        name.push(beside);
        folder::keep_private_if_there(Path::new(&name)).map_err(closed)?;
    }
    let mut conn = Conn::open_sqlite(path).map_err(|cause| StartError::Open { path: name.clone(), cause })?;
    if pending(&mut conn, &name)? > 0 {
        let Conn::Sqlite(sqlite) = &mut conn;
        sqlite
            .run_pending_migrations(SQLITE_MIGRATIONS)
            .map_err(|cause| StartError::Migrate { path: name.clone(), cause })?;
    }
    Ok(conn)
}

/// Opens the database at `path` without changing anything, and counts the migrations that it lacks.
pub fn open_to_look(path: &Path) -> Result<(Conn, usize), StartError> {
    let name = path.display().to_string();
    let mut conn = Conn::open_sqlite_to_look(path).map_err(|cause| StartError::Open { path: name.clone(), cause })?;
    let pending = pending(&mut conn, &name)?;
    Ok((conn, pending))
}

/// How many migrations the database lacks.
fn pending(conn: &mut Conn, name: &str) -> Result<usize, StartError> {
    let unreadable = |cause| StartError::Open { path: name.to_owned(), cause: OpenError::Query(cause) };
    let applied = applied(conn).map_err(unreadable)?;
    let known: Vec<_> = diesel::migration::MigrationSource::<diesel::sqlite::Sqlite>::migrations(&SQLITE_MIGRATIONS)
        .map_err(|cause| StartError::Migrate { path: name.to_owned(), cause })?
        .iter()
        .map(|migration| migration.name().version().to_string())
        .collect();
    match applied.iter().all(|version| known.contains(version)) {
        true => Ok(known.len() - applied.len()),
        false => Err(StartError::Newer(name.to_owned())),
    }
}

/// The migrations that the database has seen. Diesel's own list makes its table when it is missing.
fn applied(conn: &mut Conn) -> diesel::QueryResult<Vec<String>> {
    let named = sqlite_master::table.filter(sqlite_master::name.eq("__diesel_schema_migrations"));
    match named.count().get_result::<i64>(conn)? {
        0 => Ok(Vec::new()),
        _ => __diesel_schema_migrations::table.select(__diesel_schema_migrations::version).load(conn),
    }
}

diesel::table! {
    sqlite_master (name) {
        name -> Text,
    }
}

diesel::table! {
    __diesel_schema_migrations (version) {
        version -> Text,
    }
}

/// Runs `work` as one durable transaction on a connection of one's own (a command's, not the server's).
pub fn write_alone<T>(conn: &mut Conn, work: impl FnOnce(&mut Conn) -> Result<T>) -> Result<T> {
    conn.begin_write()?;
    let result = conn.transaction(work);
    match &result {
        Ok(_) => conn.commit()?,
        Err(_) => conn.rollback()?,
    }
    result
}

/// Which unique column a write ran into, if it failed for that reason: the one place where the wording of the databases
/// is known. SQLite names the column (`users.username_key`), PostgreSQL the constraint.
pub fn unique_violation(error: &DbError) -> Option<String> {
    match error {
        DbError::DatabaseError(DatabaseErrorKind::UniqueViolation, info) => {
            Some(info.constraint_name().unwrap_or_else(|| info.message()).to_owned())
        }
        _ => None,
    }
}

/// Whether a write failed because the disk of the database is full. Nothing of it was kept then.
pub fn is_full(error: &Error) -> bool {
    let message = |error: &DbError| match error {
        DbError::DatabaseError(_, info) => info.message() == "database or disk is full",
        _ => false,
    };
    match error {
        Error::Unavailable(cause) => cause.downcast_ref::<Arc<DbError>>().is_some_and(|error| message(error)),
        Error::Internal(cause) => cause.downcast_ref::<DbError>().is_some_and(message),
        _ => false,
    }
}

#[cfg(test)]
mod tests;
