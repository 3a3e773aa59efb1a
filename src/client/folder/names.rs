//! Names that files get here.

use std::io;

use rustix::io::Errno;

use crate::protocol::file_name::FileName;

/// Longest name that file systems take, in bytes.
pub const LONGEST: usize = 255;
/// Names that are tried: `a.txt`, `a (2).txt` …
pub const TRIES: u32 = 10_000;

/// Tries numbers until a name is not taken.
pub fn first_free<T>(mut attempt: impl FnMut(u32) -> Result<T, Errno>) -> io::Result<T> {
    for number in 1..TRIES {
        match attempt(number) {
            Err(Errno::EXIST) => {}
            result => return Ok(result?),
        }
    }
    Err(io::ErrorKind::AlreadyExists.into())
}

/// `a.txt`, `a (2).txt` …, cut so that it fits.
pub fn numbered(name: &str, number: u32, longest: usize) -> String {
    let (stem, extension) = match name.rfind('.') {
        Some(dot) if dot > 0 && name.len() - dot <= 16 => name.split_at(dot),
        _ => (name, ""),
    };
    let number = if number < 2 { String::new() } else { format!(" ({number})") };
    let mut end = stem.len().min(longest.saturating_sub(number.len() + extension.len()));
    while !stem.is_char_boundary(end) {
        end -= 1;
    }
    format!("{}{number}{extension}", &stem[..end])
}

/// The name, without folders, of a file that others call `offered`.
pub fn local_name(offered: &str) -> String {
    local(FileName::new(offered).as_ref().map_or("", FileName::as_str))
}

/// A sender's path as a relative one of harmless parts. A first part that begins with a dot would be hidden from whoever
/// looks at the folder, and some of such files are read and run by themselves (`.bashrc`): the dot is replaced.
pub fn local(offered: &str) -> String {
    let path = FileName::with_all_folders(offered).map_or_else(|| "file".to_owned(), FileName::into_inner);
    match path.strip_prefix('.') {
        Some(rest) => format!("_{rest}"),
        None => path,
    }
}
