//! Names in a batch: equal ones are told apart, `report.docx` and `report (2).docx`, so that every file can lie beside the
//! others in one folder. A name costs a few rows looked up by key, however many files there are.

use crate::server::refusals::bad_request;
use diesel::prelude::*;

use crate::server::db::Conn;
use crate::server::db::schema::{batch_files, batch_names};
use crate::server::error::Result;

/// Longest part of a path, in bytes.
const LONGEST: usize = 255;

/// Files that a folder may be mistaken for, before it is refused.
const FOLDER_TRIES: i32 = 100;

/// A name for a new file that none in the batch has: `wanted`, or that with a number. Its folders are spoken for then.
pub fn take(conn: &mut Conn, batch: &str, wanted: &str) -> Result<String> {
    let mut parts: Vec<&str> = wanted.split('/').collect();
    let last = parts.pop().unwrap_or(wanted);
    let mut path = String::new();
    for part in parts {
        path = take_folder(conn, batch, &join(&path, part))?;
    }
    take_file(conn, batch, &join(&path, last))
}

fn join(folder: &str, name: &str) -> String {
    if folder.is_empty() { name.to_owned() } else { format!("{folder}/{name}") }
}

fn take_file(conn: &mut Conn, batch: &str, wanted: &str) -> Result<String> {
    let spoken_for = spoken_for(conn, batch, wanted)?;
    if !spoken_for.as_ref().is_some_and(|(folder, _)| *folder) && !is_file(conn, batch, wanted)? {
        return Ok(wanted.to_owned());
    }
    let mut copies = spoken_for.map_or(1, |(_, copies)| copies);
    loop {
        copies += 1;
        let name = numbered(wanted, copies);
        if !is_file(conn, batch, &name)? && !is_folder(conn, batch, &name)? {
            remember(conn, batch, wanted, false, copies)?;
            return Ok(name);
        }
    }
}

/// The same folder for each file that lies in it, unless a file has its name.
fn take_folder(conn: &mut Conn, batch: &str, wanted: &str) -> Result<String> {
    for number in 1..=FOLDER_TRIES {
        let name = if number == 1 { wanted.to_owned() } else { numbered(wanted, number) };
        if !is_file(conn, batch, &name)? {
            if !is_folder(conn, batch, &name)? {
                remember(conn, batch, &name, true, 1)?;
            }
            return Ok(name);
        }
    }
    Err(bad_request("Too many files have the name of this folder. Choose another name for it.".into()))
}

fn is_file(conn: &mut Conn, batch: &str, name: &str) -> Result<bool> {
    let found: Option<String> = batch_files::table
        .filter(batch_files::batch_id.eq(batch))
        .filter(batch_files::name_key.eq(key(name)))
        .select(batch_files::id)
        .first(conn)
        .optional()?;
    Ok(found.is_some())
}

fn is_folder(conn: &mut Conn, batch: &str, name: &str) -> Result<bool> {
    Ok(spoken_for(conn, batch, name)?.is_some_and(|(folder, _)| folder))
}

/// Whether a name is a folder's, and the last number that a copy of it was given.
fn spoken_for(conn: &mut Conn, batch: &str, name: &str) -> Result<Option<(bool, i32)>> {
    let row = batch_names::table.find((batch, key(name)));
    Ok(row.select((batch_names::folder, batch_names::copies)).first(conn).optional()?)
}

fn remember(conn: &mut Conn, batch: &str, name: &str, folder: bool, copies: i32) -> Result<()> {
    match spoken_for(conn, batch, name)? {
        None => diesel::insert_into(batch_names::table)
            .values((
                batch_names::batch_id.eq(batch),
                batch_names::name_key.eq(key(name)),
                batch_names::folder.eq(folder),
                batch_names::copies.eq(copies),
            ))
            .execute(conn)?,
        Some((was_folder, had)) => diesel::update(batch_names::table.find((batch, key(name))))
            .set((batch_names::folder.eq(folder || was_folder), batch_names::copies.eq(copies.max(had))))
            .execute(conn)?,
    };
    Ok(())
}

/// The form in which a name is unique.
pub fn key(name: &str) -> String {
    name.to_lowercase()
}

/// `a/report.docx` as `a/report (2).docx`.
fn numbered(name: &str, number: i32) -> String {
    let (folder, last) = name.rsplit_once('/').map_or(("", name), |(folder, last)| (folder, last));
    let (stem, extension) = match last.rfind('.') {
        Some(dot) if dot > 0 => last.split_at(dot),
        _ => (last, ""),
    };
    let suffix = format!(" ({number}){extension}");
    let mut end = stem.len().min(LONGEST.saturating_sub(suffix.len()));
    while !stem.is_char_boundary(end) {
        end -= 1;
    }
    join(folder, &format!("{}{suffix}", &stem[..end]))
}

#[cfg(test)]
mod tests {
    use super::*;

    #[test]
    fn numbers_stand_before_the_extension() {
        assert_eq!(numbered("report.docx", 2), "report (2).docx");
        assert_eq!(numbered("a/b.c/report", 3), "a/b.c/report (3)");
        assert_eq!(numbered(".profile", 2), ".profile (2)");
        let long = numbered(&format!("{}.docx", "ż".repeat(125)), 1234);
        assert!(long.len() <= LONGEST && long.ends_with("ż (1234).docx"), "{long}");
    }
}
