//! What every request runs: the first row of a query, INSERT and UPDATE, each compiled once for a connection and kept.
//!
//! Diesel's own `first` and `execute` do the same on a [`Conn`] at twice the cost. A connection of several databases writes
//! out the text of each statement two times, kept or not; here the statement goes to the database in use as it is. And
//! Diesel compiles an UPDATE anew each time, since its text may depend on what is set.

use diesel::dsl::sql;
use diesel::expression::SqlLiteral;
use diesel::prelude::*;
use diesel::query_builder::{AsChangeset, AstPass, InsertStatement, IntoUpdateTarget, QueryFragment, QueryId};
use diesel::query_dsl::methods::{ExecuteDsl, LimitDsl, LoadQuery};
use diesel::sql_types::Text;
use diesel::sqlite::Sqlite;

use super::Conn;

/// A word that stands in a statement as it is. SQLite takes an index over some of the rows only where the statement itself
/// says that it wants no others, which a bound value does not.
pub fn literal(word: &'static str) -> SqlLiteral<Text> {
    sql(&format!("'{word}'"))
}

impl Conn {
    /// The first row that `query` finds.
    ///
    /// # Errors
    /// `NotFound` when there is none; see [`OptionalExtension`].
    pub fn first<'q, Q, R>(&mut self, query: Q) -> QueryResult<R>
    where
        Q: LimitDsl<Output: LoadQuery<'q, SqliteConnection, R>>,
    {
        match self {
            Conn::Sqlite(conn) => LimitDsl::limit(query, 1).get_result(conn),
        }
    }

    /// Inserts a row.
    pub fn insert<T, R>(&mut self, table: T, row: R) -> QueryResult<usize>
    where
        T: Table,
        R: Insertable<T>,
        InsertStatement<T, R::Values>: ExecuteDsl<SqliteConnection>,
    {
        match self {
            Conn::Sqlite(conn) => ExecuteDsl::execute(diesel::insert_into(table).values(row), conn),
        }
    }

    /// Makes `changes` to the rows of `target`, a table with or without filters. Returns how many rows these are.
    pub fn update<T, C>(&mut self, target: T, changes: C) -> QueryResult<usize>
    where
        T: IntoUpdateTarget<Table: QuerySource<FromClause: QueryFragment<Sqlite>>, WhereClause: QueryFragment<Sqlite>>,
        C: AsChangeset<Target = T::Table, Changeset: QueryFragment<Sqlite>>,
    {
        let target = target.into_update_target();
        let update =
            Update { table: target.table.from_clause(), changes: changes.as_changeset(), filter: target.where_clause };
        match self {
            Conn::Sqlite(conn) => update.execute(conn),
        }
    }
}

/// An UPDATE that is kept, under its text.
struct Update<T, C, F> {
    table: T,
    changes: C,
    filter: F,
}

impl<T, C, F> QueryFragment<Sqlite> for Update<T, C, F>
where
    T: QueryFragment<Sqlite>,
    C: QueryFragment<Sqlite>,
    F: QueryFragment<Sqlite>,
{
    fn walk_ast<'b>(&'b self, mut out: AstPass<'_, 'b, Sqlite>) -> QueryResult<()> {
        out.push_sql("UPDATE ");
        self.table.walk_ast(out.reborrow())?;
        out.push_sql(" SET ");
        self.changes.walk_ast(out.reborrow())?;
        self.filter.walk_ast(out)
    }
}

impl<T, C, F> QueryId for Update<T, C, F> {
    type QueryId = ();

    const HAS_STATIC_QUERY_ID: bool = false;
}

impl<T, C, F> RunQueryDsl<SqliteConnection> for Update<T, C, F> {}
