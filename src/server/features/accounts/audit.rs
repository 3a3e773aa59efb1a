//! GET /api/audit: the audit, in pages, as JSON or CSV.

use crate::server::refusals::bad_request;
use actix_web::http::header::{CONTENT_DISPOSITION, HeaderName};
use actix_web::{HttpResponse, web};
use chrono::{DateTime, NaiveDateTime, TimeDelta, Utc};
use diesel::prelude::*;
use serde::{Deserialize, Serialize};
use utoipa::ToSchema;

use crate::protocol::disposition::attachment;
use crate::server::app::App;
use crate::server::audit::Action;
use crate::server::db::Conn;
use crate::server::db::schema::audit;
use crate::server::error::{Error, Result};
use crate::server::http::gate::Operation;
use crate::server::http::paging::{Paging, cut};

#[derive(Deserialize)]
pub struct Filter {
    action: Option<String>,
    actor: Option<String>,
    subject: Option<String>,
    since: Option<DateTime<Utc>>,
    until: Option<DateTime<Utc>>,
    #[serde(default)]
    format: Format,
    // serde_urlencoded cannot read numbers through #[serde(flatten)]
    limit: Option<i64>,
    cursor: Option<String>,
}

#[derive(Clone, Copy, Default, Deserialize, PartialEq)]
#[serde(rename_all = "lowercase")]
enum Format {
    #[default]
    Json,
    Csv,
}

#[derive(Queryable, Selectable, Serialize, ToSchema)]
#[diesel(table_name = audit)]
#[schema(as = AuditEntry)]
pub struct Row {
    id: String,
    #[serde(serialize_with = "utc")]
    #[schema(value_type = DateTime<Utc>)]
    at: NaiveDateTime,
    action: String,
    /// The name of the user, as it was then
    actor: Option<String>,
    /// What was acted on: a file, a link, a user
    subject: Option<String>,
    detail: Option<String>,
    address: Option<String>,
    request_id: Option<String>,
    /// How often the same happened in this minute, where that is counted
    count: i32,
}

fn utc<S: serde::Serializer>(time: &NaiveDateTime, serializer: S) -> Result<S::Ok, S::Error> {
    time.and_utc().serialize(serializer)
}

#[derive(Serialize, ToSchema)]
#[schema(as = AuditPage)]
pub struct Page {
    entries: Vec<Row>,
    /// The cursor of the next page, or null
    next: Option<String>,
}

pub async fn list(app: web::Data<App>, _: Operation, filter: web::Query<Filter>) -> Result<HttpResponse> {
    let filter = filter.into_inner();
    if let Some(action) = &filter.action
        && !Action::ALL.iter().any(|known| known.as_str() == action)
    {
        return Err(bad_request("There is no such action.".into()));
    }
    let paging = Paging { limit: filter.limit, cursor: filter.cursor.clone() };
    let (limit, before, format) = (paging.limit()?, paging.before()?, filter.format);
    let mut entries = app.db.read(move |conn| page(conn, &filter, &before, limit + 1)).await?;
    let next = cut(&mut entries, limit, |row| &row.id);
    match format {
        Format::Json => Ok(HttpResponse::Ok().json(Page { entries, next })),
        Format::Csv => csv(&entries, next),
    }
}

fn page(conn: &mut Conn, filter: &Filter, before: &str, limit: i64) -> Result<Vec<Row>> {
    let (since, until) = (filter.since.map(|at| at.naive_utc()), filter.until.map(|at| at.naive_utc()));
    // Of two ends of a range SQLite looks one up, and tries the other on each row.
    let end = until.map(|until| first_after(conn, until)).transpose()?.flatten();
    let end = end.as_deref().map_or(before, |end| end.min(before));
    let mut query = audit::table.filter(audit::id.lt(end)).order(audit::id.desc()).limit(limit).into_boxed();
    if let Some(action) = &filter.action {
        query = query.filter(audit::action.eq(action));
    }
    if let Some(actor) = &filter.actor {
        query = query.filter(audit::actor.eq(actor));
    }
    if let Some(subject) = &filter.subject {
        query = query.filter(audit::subject.eq(subject));
    }
    if let Some(since) = since {
        query = query.filter(audit::at.ge(since));
        if let Some(start) = last_before(conn, since)? {
            query = query.filter(audit::id.gt(start));
        }
    }
    if let Some(until) = until {
        query = query.filter(audit::at.lt(until));
    }
    Ok(query.select(Row::as_select()).load(conn)?)
}

/// The row behind all that happened before `until`.
fn first_after(conn: &mut Conn, until: NaiveDateTime) -> Result<Option<String>> {
    let after = audit::table.filter(audit::at.ge(moved(until, NaiveDateTime::MAX, SLACK))).order(audit::at);
    Ok(after.select(audit::id).first(conn).optional()?)
}

/// The row before all that happened since then.
fn last_before(conn: &mut Conn, since: NaiveDateTime) -> Result<Option<String>> {
    let earlier = audit::table.filter(audit::at.lt(moved(since, NaiveDateTime::MIN, -SLACK))).order(audit::at.desc());
    Ok(earlier.select(audit::id).first(conn).optional()?)
}

/// Rows lie in the order in which they were written, which is that of their times but for the time that a write waits: this
/// is more. So a list that is narrowed by time begins and ends where the time does, wherever that is in the table.
const SLACK: TimeDelta = TimeDelta::hours(1);

/// A time that much later, or the end of time.
fn moved(time: NaiveDateTime, end: NaiveDateTime, by: TimeDelta) -> NaiveDateTime {
    time.checked_add_signed(by).unwrap_or(end)
}

/// CSV (RFC 4180). The cursor of the next page is in a header, because the format has no place for it.
fn csv(entries: &[Row], next: Option<String>) -> Result<HttpResponse> {
    let mut writer = csv::Writer::from_writer(Vec::new());
    let header = ["id", "at", "action", "actor", "subject", "detail", "address", "request_id", "count"];
    writer.write_record(header).map_err(Error::internal)?;
    for row in entries {
        let at = row.at.and_utc().to_rfc3339();
        let field = |value: &Option<String>| harmless(value.as_deref().unwrap_or_default());
        let record = [
            row.id.clone(),
            at,
            row.action.clone(),
            field(&row.actor),
            field(&row.subject),
            field(&row.detail),
            field(&row.address),
            field(&row.request_id),
            row.count.to_string(),
        ];
        writer.write_record(record).map_err(Error::internal)?;
    }
    let text = writer.into_inner().map_err(|error| Error::Internal(error.to_string().into()))?;
    let mut response = HttpResponse::Ok();
    if let Some(next) = next {
        response.insert_header((HeaderName::from_static("x-next-cursor"), next));
    }
    Ok(response
        .content_type("text/csv; charset=utf-8")
        .insert_header((CONTENT_DISPOSITION, attachment("audit.csv")))
        .body(text))
}

/// A text that a spreadsheet does not take for a formula (OWASP, "CSV Injection").
fn harmless(text: &str) -> String {
    match text.starts_with(['=', '+', '-', '@', '\t', '\r']) {
        true => format!("'{text}"),
        false => text.to_owned(),
    }
}

#[cfg(test)]
mod tests {
    use super::harmless;

    #[test]
    fn formulas_are_defused() {
        assert_eq!(harmless("=HYPERLINK(\"x\").docx"), "'=HYPERLINK(\"x\").docx");
        assert_eq!(harmless("report.docx"), "report.docx");
    }
}
