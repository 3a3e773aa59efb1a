//! `handover files`: what is on the desk.

use std::io::{IsTerminal as _, Write as _};

use bytesize::ByteSize;
use chrono::{DateTime, Utc};
use reqwest::Method;
use serde::Deserialize;
use serde_json::Value;
use unicode_width::UnicodeWidthStr as _;

use super::login::Desk;
use super::run::run_to_end;
use super::{Outcome, output};
use crate::client::{Api, Failure, answer, printable};

#[derive(clap::Args)]
pub struct Args {
    /// Only names that contain this, in any letter case
    #[arg(long, short, value_name = "TEXT")]
    search: Option<String>,

    /// One JSON object a line, as the API has it
    #[arg(long)]
    json: bool,

    #[command(flatten)]
    desk: Desk,
}

/// A document as the API lists it.
#[derive(Deserialize)]
pub struct File {
    pub filename: String,
    version: i64,
    size: u64,
    uploaded_by: String,
    uploaded_at: DateTime<Utc>,
}

/// A page of the list.
#[derive(Deserialize)]
struct Page<T> {
    files: Vec<T>,
    next: Option<String>,
}

pub fn run(args: Args) -> Outcome {
    let search = args.search.unwrap_or_default();
    let api = args.desk.api()?;
    if args.json {
        return run_to_end(each_page(&api, &search, |files: Vec<Value>| {
            let lines: String = files.iter().map(|file| output::escaped(&format!("{file}\n"))).collect();
            write(&lines)
        }))
        .map_err(Into::into);
    }
    let mut all: Vec<File> = Vec::new();
    run_to_end(each_page(&api, &search, |files| {
        all.extend(files);
        Ok(true)
    }))?;
    if all.is_empty() && std::io::stderr().is_terminal() {
        output::tell(&format!("There are no files{}.", if search.is_empty() { "" } else { " of such a name" }));
    }
    write(&table(&all))?;
    Ok(())
}

/// The documents whose names contain `search`, at most a page of them.
pub async fn found(api: &Api, search: &str) -> Result<Vec<File>, Failure> {
    let page: Page<File> = answer(api.request(Method::GET, &["files"], &[("q", search)])).await?;
    Ok(page.files)
}

/// Reads page after page, for as long as `take` wants more.
async fn each_page<T: serde::de::DeserializeOwned>(
    api: &Api,
    search: &str,
    mut take: impl FnMut(Vec<T>) -> Result<bool, Failure>,
) -> Result<(), Failure> {
    let mut cursor = String::new();
    loop {
        let mut query = vec![("q", search), ("limit", "200")];
        if !cursor.is_empty() {
            query.push(("cursor", cursor.as_str()));
        }
        let page: Page<T> = answer(api.request(Method::GET, &["files"], &query)).await?;
        if !take(page.files)? {
            return Ok(());
        }
        match page.next {
            Some(next) => cursor = next,
            None => return Ok(()),
        }
    }
}

fn table(files: &[File]) -> String {
    let heading = ["NAME", "VERSION", "SIZE", "UPLOADED (UTC)", "BY"].map(str::to_owned);
    let rows = files.iter().map(|file| {
        let size = ByteSize(file.size).to_string();
        let uploaded_at = file.uploaded_at.format("%Y-%m-%d %H:%M").to_string();
        [printable(&file.filename), file.version.to_string(), size, uploaded_at, printable(&file.uploaded_by)]
    });
    let rows: Vec<_> = std::iter::once(heading).chain(rows).collect();
    let width = |column: usize| rows.iter().map(|row| row[column].width()).max().unwrap_or_default();
    let [n, v, s, u] = std::array::from_fn(width);
    let mut text = String::new();
    for [name, version, size, uploaded_at, by] in &rows {
        // The formatter counts characters; a terminal gives some two columns, and some none.
        let space = " ".repeat(n - name.width());
        text += &format!("{name}{space}  {version:>v$}  {size:>s$}  {uploaded_at:u$}  {by}\n");
    }
    text
}

/// Writes to standard output; false if nobody reads on.
fn write(text: &str) -> Result<bool, Failure> {
    match std::io::stdout().write_all(text.as_bytes()) {
        Ok(()) => Ok(true),
        Err(error) if error.kind() == std::io::ErrorKind::BrokenPipe => Ok(false),
        Err(error) => Err(Failure::Local(format!("standard output cannot be written: {error}"))),
    }
}

#[cfg(test)]
mod tests {
    use super::*;

    #[test]
    fn columns_line_up_in_every_script() {
        let file = |filename: &str, version, size| File {
            filename: filename.to_owned(),
            version,
            size,
            uploaded_by: "olga".into(),
            uploaded_at: DateTime::UNIX_EPOCH,
        };
        let text = table(&[file("見積書.xlsx", 12, 5), file("report.docx", 1, 3 << 20), file("a\u{1b}[2Jb", 1, 1)]);
        let column = |line: &str, word: &str| line[..line.find(word).unwrap()].width();
        let lines: Vec<_> = text.lines().collect();
        assert_eq!(lines.len(), 4);
        for line in &lines[1..] {
            assert_eq!(column(line, "1970-01-01 00:00  olga"), column(lines[0], "UPLOADED"), "{text}");
        }
        assert!(lines[1].starts_with("見積書.xlsx       12  "), "{text}");
        assert!(!text.contains('\u{1b}'));
    }
}
