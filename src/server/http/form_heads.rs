//! The heads of a form's parts as real clients write them, put into the form that the parser of forms knows.
//!
//! Mail libraries fold long headers and leave blanks behind a delimiter (RFC 2046 section 5.1.1 allows both); names come in
//! other character sets, and with Windows paths in them. Contents pass as they are.

use std::pin::Pin;
use std::task::{Context, Poll, ready};

use actix_web::error::PayloadError;
use bytes::{Buf as _, Bytes, BytesMut};
use futures_util::Stream;
use percent_encoding::{NON_ALPHANUMERIC, utf8_percent_encode};

use crate::protocol::disposition::{Disposition, Unreadable, extended};

/// Header of a part whose file name cannot be read; its value is what can be shown of it, percent-encoded.
pub const UNREADABLE: &str = "x-unreadable-filename";

/// Longest head that is looked into, and most blanks behind a delimiter. What is longer is the parser's to refuse.
const LARGEST_HEAD: usize = 16 << 10;
const MOST_BLANKS: usize = 256;

/// A form whose heads are put right while it passes.
pub struct Heads<S> {
    inner: S,
    delimiter: Vec<u8>,
    /// Read and not passed on yet.
    held: BytesMut,
    /// What of `held` is not the client's: a form may begin with its delimiter, which else begins a line.
    added: usize,
    place: Place,
    ended: bool,
}

#[derive(Clone, Copy, PartialEq, Eq)]
enum Place {
    /// In a content, or before the first part.
    Content,
    /// Behind a delimiter, up to the end of the part's headers.
    Head,
    /// Behind the last delimiter.
    Epilogue,
}

impl<S> Heads<S> {
    pub fn new(boundary: &str, inner: S) -> Heads<S> {
        Heads {
            inner,
            delimiter: [b"\r\n--", boundary.as_bytes()].concat(),
            held: BytesMut::from(&b"\r\n"[..]),
            added: 2,
            place: Place::Content,
            ended: false,
        }
    }

    /// What can be passed on now; `None` where more has to come first.
    fn pass(&mut self) -> Option<Bytes> {
        let passed = match self.place {
            Place::Content => self.pass_content()?,
            Place::Head => self.pass_head()?,
            // Nothing that is read, and no reason to refuse a form (RFC 2046 section 5.1.1).
            Place::Epilogue => {
                self.held.clear();
                return None;
            }
        };
        Some(passed)
    }

    fn pass_content(&mut self) -> Option<Bytes> {
        let Some(at) = find(&self.held, &self.delimiter) else {
            // A delimiter may have begun.
            let keep = if self.ended { 0 } else { self.delimiter.len() - 1 };
            let free = self.held.len().saturating_sub(keep);
            return (free > self.added).then(|| self.take(free));
        };
        if at > self.added {
            return Some(self.take(at));
        }
        if at > 0 {
            // What was added is not needed: there is a line break of the client's.
            self.held.advance(std::mem::take(&mut self.added));
        }
        let behind = &self.held[self.delimiter.len()..];
        let is_last = behind.starts_with(b"--");
        let blanks = &behind[if is_last { 2 } else { 0 }..];
        let count = blanks.iter().take_while(|byte| matches!(byte, b' ' | b'\t')).count();
        let rest = &blanks[count..];
        let is_undecided = behind == b"-" || (rest.len() < 2 && b"\r\n".starts_with(rest));
        if is_undecided && !self.ended && count <= MOST_BLANKS {
            return None;
        }
        let is_line = count <= MOST_BLANKS && (rest.starts_with(b"\r\n") || is_last && rest.is_empty());
        let line = self.take(self.delimiter.len() + if is_last { 2 } else { 0 });
        match (is_line, is_last) {
            (true, true) => {
                self.place = Place::Epilogue;
                // The parser reads the first delimiter by lines, and in a form without parts the last one is the first.
                return Some([&line, &b"\r\n"[..]].concat().into());
            }
            (true, false) => {
                self.held.advance(count);
                self.place = Place::Head;
            }
            (false, _) => {}
        }
        Some(line)
    }

    /// The head begins with the end of the delimiter's line.
    fn pass_head(&mut self) -> Option<Bytes> {
        match find(&self.held, b"\r\n\r\n") {
            Some(end) => {
                self.place = Place::Content;
                // All of it at once: who it is and what it is called decides before any content comes. The line break
                // before the content may also be the one before a delimiter, so it stays to be looked at.
                let head = self.held.split_to(end + 4);
                let rest = std::mem::replace(&mut self.held, BytesMut::from(&b"\r\n"[..]));
                self.held.unsplit(rest);
                self.added = 2;
                Some([&put_right(&head[..end + 2]), &b"\r\n"[..]].concat().into())
            }
            None if self.held.len() > LARGEST_HEAD || self.ended => {
                self.place = Place::Content;
                self.pass_content()
            }
            None => None,
        }
    }

    /// Takes so much of what is held, without what was added to it.
    fn take(&mut self, length: usize) -> Bytes {
        let mut taken = self.held.split_to(length);
        taken.advance(std::mem::take(&mut self.added));
        taken.freeze()
    }
}

/// A part's head with every header on one line, and with a disposition that is plain ASCII.
fn put_right(head: &[u8]) -> Bytes {
    let mut lines: Vec<Vec<u8>> = Vec::new();
    for line in head.split(|byte| *byte == b'\n').map(|line| line.strip_suffix(b"\r").unwrap_or(line)) {
        match (lines.last_mut(), line) {
            (Some(last), [b' ' | b'\t', ..]) if !last.is_empty() => {
                last.push(b' ');
                last.extend_from_slice(line.trim_ascii_start());
            }
            _ => lines.push(line.to_vec()),
        }
    }
    let lines = lines.into_iter().map(|line| match value(&line, "content-disposition").map(Disposition::parse) {
        Some(disposition) => written(&disposition).unwrap_or(line),
        None => line,
    });
    lines.collect::<Vec<_>>().join(&b"\r\n"[..]).into()
}

/// The value of the header `name`, if `line` is that.
fn value<'a>(line: &'a [u8], name: &str) -> Option<&'a [u8]> {
    let colon = line.iter().position(|byte| *byte == b':')?;
    line[..colon].trim_ascii_end().eq_ignore_ascii_case(name.as_bytes()).then(|| line[colon + 1..].trim_ascii())
}

/// A disposition of a form as the parser reads it; `None` where it is no such thing.
fn written(disposition: &Disposition) -> Option<Vec<u8>> {
    let field = disposition.field().filter(|_| disposition.kind == "form-data")?;
    let quoted = field.replace(['\r', '\n'], "").replace('\\', "\\\\").replace('"', "\\\"");
    let mut line = format!("Content-Disposition: form-data; name=\"{quoted}\"");
    match disposition.file_name() {
        Ok(None) => {}
        Ok(Some(name)) if name.is_empty() => line += "; filename=\"\"",
        Ok(Some(name)) => line += &format!("; filename*={}", extended(&name)),
        Err(Unreadable(shown)) => {
            line += &format!("\r\n{UNREADABLE}: {}", utf8_percent_encode(&shown, NON_ALPHANUMERIC));
        }
    }
    Some(line.into_bytes())
}

fn find(text: &[u8], what: &[u8]) -> Option<usize> {
    memchr::memmem::find(text, what)
}

impl<S: Stream<Item = Result<Bytes, PayloadError>> + Unpin> Stream for Heads<S> {
    type Item = Result<Bytes, PayloadError>;

    fn poll_next(mut self: Pin<&mut Self>, cx: &mut Context<'_>) -> Poll<Option<Self::Item>> {
        let this = &mut *self;
        loop {
            if let Some(passed) = this.pass() {
                if passed.is_empty() {
                    continue;
                }
                return Poll::Ready(Some(Ok(passed)));
            }
            if this.ended {
                return Poll::Ready(None);
            }
            match ready!(Pin::new(&mut this.inner).poll_next(cx)) {
                Some(Ok(piece)) => this.held.extend_from_slice(&piece),
                Some(Err(error)) => return Poll::Ready(Some(Err(error))),
                None => this.ended = true,
            }
        }
    }
}

#[cfg(test)]
mod tests {
    use futures_util::{FutureExt as _, StreamExt as _};

    use super::*;

    /// What becomes of a form that comes in pieces of `size` bytes.
    async fn passed(form: &[u8], size: usize) -> String {
        let pieces: Vec<Result<Bytes, PayloadError>> =
            form.chunks(size).map(|piece| Ok(Bytes::copy_from_slice(piece))).collect();
        let heads = Heads::new("x", futures_util::stream::iter(pieces));
        let passed: Vec<u8> = heads.map(Result::unwrap).collect::<Vec<_>>().await.concat();
        String::from_utf8(passed).unwrap()
    }

    #[actix_rt::test]
    async fn heads_are_put_right_and_contents_are_not_touched() {
        for (form, expected) in [
            (
                &b"--x \t\r\nContent-Disposition: form-data; name=\"file\";\r\n filename=\"report.docx\"\r\n\r\n--x y\r\n--x--  \r\n"[..],
                "--x\r\nContent-Disposition: form-data; name=\"file\"; filename*=UTF-8''report.docx\r\n\r\n--x y\r\n--x--\r\n",
            ),
            (
                b"before\r\n--x\r\ncontent-disposition:form-data;name=f;filename=\"C:\\a\xdc.docx\"\r\nContent-Type: a/b\r\n\r\n\r\n--x\r\n\r\nno head\r\n--x--",
                "before\r\n--x\r\nContent-Disposition: form-data; name=\"f\"; filename*=UTF-8''C%3A%5Ca%C3%9C.docx\r\nContent-Type: a/b\r\n\r\n\r\n--x\r\n\r\nno head\r\n--x--\r\n",
            ),
            (
                b"--x\r\nContent-Disposition: form-data; name=\"a%22b\"; filename=\"\x8c\xa9\"\r\n\r\n1\r\n--xy\r\n2\r\n--x",
                "--x\r\nContent-Disposition: form-data; name=\"a\\\"b\"\r\nx-unreadable-filename: %EF%BF%BD%EF%BF%BD\r\n\r\n1\r\n--xy\r\n2\r\n--x",
            ),
            (b"\r\n--x\r\n\r\n\r\n--x--", "\r\n--x\r\n\r\n\r\n--x--\r\n"),
            (b"--x--\r\n", "--x--\r\n"),
            (b"--x--", "--x--\r\n"),
            (b"no form at all", "no form at all"),
            (b"--x\r\nContent-Disposition: form-data; na", "--x\r\nContent-Disposition: form-data; na"),
            (b"", ""),
        ] {
            for size in 1..=form.len().max(1) {
                assert_eq!(passed(form, size).await, expected, "in pieces of {size}");
            }
        }
    }

    #[actix_rt::test]
    async fn a_head_passes_before_any_content_comes() {
        let head = "--x\r\nContent-Disposition: form-data; name=\"file\"; filename=\"\"\r\n\r\n";
        let come = futures_util::stream::iter([Ok(Bytes::from_static(head.as_bytes()))]);
        let mut heads = Heads::new("x", come.chain(futures_util::stream::pending()));
        let mut passed = Vec::new();
        while let Some(piece) = heads.next().now_or_never() {
            passed.extend_from_slice(&piece.unwrap().unwrap());
        }
        assert_eq!(String::from_utf8(passed).unwrap(), head);
    }

    #[actix_rt::test]
    async fn what_has_no_end_is_not_kept() {
        let head = [&b"--x\r\nX: "[..], &[b'a'; 100_000]].concat();
        assert_eq!(passed(&head, 1000).await.len(), head.len());
        let blanks = [&b"--x"[..], &[b' '; 1000], b"\r\n\r\n"].concat();
        assert_eq!(passed(&blanks, 10).await.len(), blanks.len());
    }
}
