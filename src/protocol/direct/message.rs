//! What the two ends say to each other inside the encryption.
//!
//! The first byte of a message tells its form: 0 is JSON, told apart by `type`, and 1 is a piece of a file:
//!
//! ```text
//!   1 ‖ flags, 1 byte ‖ file, 4 bytes ‖ offset, 8 bytes ‖ content          flags: 1 = the last piece of this file
//! ```
//!
//! File and offset are repeated in each piece, so that a sender that has lost its place is noticed.

use bytes::{Buf as _, BufMut as _, Bytes};
use serde::{Deserialize, Serialize};
use serde_json::Value;

use super::{End, LARGEST_FRAME, PIECE, seal};

/// Largest text of an [`Offer`], in bytes.
pub const LARGEST_TEXT: usize = 32 << 10;
/// Entries of all [`Offer`]s together.
pub const MOST_ENTRIES: usize = 100_000;
/// Bytes of all paths of an offer.
pub const LARGEST_LIST: usize = 16 << 20;
/// Longest path of an [`Entry`], in bytes: what systems take at most (PATH_MAX).
pub const LONGEST_PATH: usize = 4096;
/// Files of one [`Message::Have`].
pub const MOST_HAD: usize = 500;
/// Longer lists of an [`Accept`] are said as ranges.
const MOST_NUMBERS: usize = 2000;
/// What precedes the content of a piece.
const DATA_HEADER: usize = 14;
const LAST: u8 = 1;

/// See the module.
#[derive(Clone, Debug, PartialEq, Eq, Serialize, Deserialize)]
#[serde(tag = "type", rename_all = "snake_case")]
pub enum Message {
    // The sender says
    /// What there is. A long list comes in several, the last of which says so.
    Offer(Offer),
    /// A piece of a file. The pieces of a file follow one another, and the files come in the order of the offer.
    #[serde(skip)]
    Data(Data),
    /// No content of this entry comes, or no more of it; what has come of it is of no use. The next entry follows.
    Skipped {
        entry: u32,
        reason: Skip,
    },

    // The receiver says
    /// What it seems to have of the offered files, before it accepts: what is the same need not be sent. Much comes in several
    /// messages.
    Have {
        files: Vec<Had>,
    },
    Accept(Accept),
    /// None of it.
    Decline,
    /// How many bytes of content it has verified and written in this session.
    Ack {
        bytes: u64,
        /// How many may be on their way from now on; as many as before if it is left out.
        #[serde(default, skip_serializing_if = "Option::is_none")]
        window: Option<u64>,
    },
    /// Every file that it accepted is in its place.
    Received,

    // Either says
    /// It is there, and has nothing else to say.
    Alive,
    /// Asks for a word at once, which may be [`Message::Alive`].
    Probe,
    /// It is over, as the hub is told, too: on a direct path, where the hub's own word may never come.
    Ended {
        code: End,
    },
    /// It stops for a while, or goes on.
    Paused {
        paused: bool,
    },
    /// It ends the transfer; the reason is for the person on the other side.
    Cancel {
        reason: String,
    },
    /// Where a terminal listens for a direct path: addresses with ports.
    Addresses {
        tcp: Vec<String>,
    },
    /// A step of two pages towards a data channel.
    Rtc {
        #[serde(default, skip_serializing_if = "Option::is_none")]
        description: Option<Value>,
        #[serde(default, skip_serializing_if = "Option::is_none")]
        candidate: Option<Value>,
    },
    /// This was its last frame on the path so far; all that follow come over this one.
    Moved {
        path: u8,
    },
    /// A word of a later version, which this one does without.
    #[serde(other)]
    Unknown,
}

/// See [`Message::Offer`].
#[derive(Clone, Debug, Default, PartialEq, Eq, Serialize, Deserialize)]
pub struct Offer {
    /// A message of its own, which needs no file; in the first offer alone.
    #[serde(default, skip_serializing_if = "Option::is_none")]
    pub text: Option<String>,
    pub entries: Vec<Entry>,
    pub last: bool,
}

/// A file or an empty folder. Its number is its place in the list, counted from 0.
#[derive(Clone, Debug, Default, PartialEq, Eq, Serialize, Deserialize)]
pub struct Entry {
    /// With its folders, separated by `/`. Data: the receiver decides what it is called there.
    pub path: String,
    /// In bytes; `None` where the sender does not know it, and for a folder.
    pub size: Option<u64>,
    #[serde(default, skip_serializing_if = "std::ops::Not::not")]
    pub folder: bool,
    /// Who may read, write and run it, as the nine bits of POSIX; a receiver gives nobody more than that.
    #[serde(default, skip_serializing_if = "Option::is_none")]
    pub mode: Option<u32>,
    /// When its content was last changed, in seconds since 1970.
    #[serde(default, skip_serializing_if = "Option::is_none")]
    pub modified: Option<i64>,
}

/// Why the content of an entry does not come.
#[derive(Clone, Copy, Debug, PartialEq, Eq, Serialize, Deserialize)]
#[serde(rename_all = "snake_case")]
pub enum Skip {
    /// The receiver has it.
    Same,
    /// It is not any more what was offered.
    Changed,
    /// The sender cannot read it.
    Unreadable,
    /// Of a later version.
    #[serde(other)]
    Unknown,
}

/// See [`Message::Have`].
#[derive(Clone, Debug, PartialEq, Eq, Serialize, Deserialize)]
pub struct Had {
    pub entry: u32,
    /// How much of it there is: all, or the beginning.
    pub offset: u64,
    /// BLAKE3 of that much, in hex.
    pub digest: String,
}

/// See [`Message::Accept`].
#[derive(Clone, Debug, PartialEq, Eq, Serialize, Deserialize)]
pub struct Accept {
    /// The numbers of the entries that are wanted, in order; all if it is left out.
    #[serde(default, skip_serializing_if = "Option::is_none")]
    pub entries: Option<Vec<u32>>,
    /// The same as first and last numbers, in the place of a long list.
    #[serde(default, skip_serializing_if = "Option::is_none")]
    pub ranges: Option<Vec<(u32, u32)>>,
    /// Bytes of content that may be on their way.
    pub window: u64,
    /// Where to begin; at the start of the first one if it is left out.
    #[serde(default, skip_serializing_if = "Option::is_none")]
    pub start: Option<Start>,
}

impl Accept {
    /// Of an offer of `count` entries these.
    pub fn of(wanted: &[u32], count: usize, window: u64, start: Option<Start>) -> Accept {
        let (entries, ranges) = match wanted.len() {
            all if all == count => (None, None),
            1..=MOST_NUMBERS => (Some(wanted.to_vec()), None),
            _ => (None, Some(ranges(wanted))),
        };
        Accept { entries, ranges, window, start }
    }

    /// The numbers that are wanted; `None` when it is none of the `count` that are offered, or they are not in order.
    pub fn wanted(&self, count: usize) -> Option<Vec<u32>> {
        let ends = u32::try_from(count).ok()?;
        let wanted: Vec<u32> = match (&self.entries, &self.ranges) {
            (Some(entries), _) => entries.clone(),
            (None, Some(ranges)) if ranges.iter().all(|(first, last)| first <= last && *last < ends) => {
                let is_in_order = ranges.is_sorted_by(|one, next| one.1 < next.0);
                is_in_order.then(|| numbers(ranges))?
            }
            (None, Some(_)) => return None,
            (None, None) => (0..ends).collect(),
        };
        let is_good = wanted.is_sorted_by(|one, next| one < next) && wanted.last().is_none_or(|last| *last < ends);
        is_good.then_some(wanted)
    }
}

/// Numbers in order, as the first and the last of those that follow each other.
pub fn ranges(numbers: &[u32]) -> Vec<(u32, u32)> {
    let mut ranges: Vec<(u32, u32)> = Vec::new();
    for number in numbers {
        match ranges.last_mut() {
            Some((_, last)) if last.checked_add(1) == Some(*number) => *last = *number,
            _ => ranges.push((*number, *number)),
        }
    }
    ranges
}

/// What [`ranges`] has made ranges of.
pub fn numbers(ranges: &[(u32, u32)]) -> Vec<u32> {
    ranges.iter().flat_map(|(first, last)| *first..=*last).collect()
}

/// Where a transfer goes on.
#[derive(Clone, Debug, PartialEq, Eq, Serialize, Deserialize)]
pub struct Start {
    /// The number of the first entry that is not complete; one past the last when all are.
    pub entry: u32,
    /// How much of it is there.
    pub offset: u64,
    /// BLAKE3 of that much, in hex. A sender whose file begins with anything else begins at offset 0.
    #[serde(default, skip_serializing_if = "Option::is_none")]
    pub digest: Option<String>,
}

/// See [`Message::Data`].
#[derive(Clone, Debug, PartialEq, Eq)]
pub struct Data {
    pub entry: u32,
    pub offset: u64,
    pub last: bool,
    pub content: Bytes,
}

impl Message {
    /// The message after one free byte, for [`seal::Sealer::seal`].
    ///
    /// # Errors
    /// When it does not fit into a frame.
    pub fn encode(&self) -> Result<Vec<u8>, TooLong> {
        let buffer = match self {
            Message::Data(data) => {
                let mut buffer = Data::buffer(data.entry, data.offset);
                buffer.extend_from_slice(&data.content);
                Data::finish(buffer, data.last)
            }
            message => {
                let mut buffer = vec![0, 0];
                serde_json::to_writer(&mut buffer, message).map_err(|_| TooLong)?;
                buffer
            }
        };
        if buffer.len() + seal::OVERHEAD > LARGEST_FRAME { Err(TooLong) } else { Ok(buffer) }
    }

    /// Reads what a sealed frame held; `None` if it is none of ours.
    pub fn parse(mut bytes: Bytes) -> Option<Message> {
        match bytes.try_get_u8().ok()? {
            0 => serde_json::from_slice(&bytes).ok(),
            1 => {
                let flags = bytes.try_get_u8().ok()?;
                let (entry, offset) = (bytes.try_get_u32().ok()?, bytes.try_get_u64().ok()?);
                let ordered = flags & !LAST == 0 && bytes.len() <= PIECE && offset.checked_add(PIECE as u64).is_some();
                ordered.then(|| Message::Data(Data { entry, offset, last: flags == LAST, content: bytes }))
            }
            _ => None,
        }
    }
}

impl Data {
    /// A buffer for a piece, which is read straight into it behind what is there already.
    pub fn buffer(entry: u32, offset: u64) -> Vec<u8> {
        let mut buffer = Vec::with_capacity(1 + DATA_HEADER + PIECE + seal::OVERHEAD);
        buffer.put_slice(&[0, 1, 0]);
        buffer.put_u32(entry);
        buffer.put_u64(offset);
        buffer
    }

    /// Completes a buffer for [`seal::Sealer::seal`].
    pub fn finish(mut buffer: Vec<u8>, last: bool) -> Vec<u8> {
        buffer[2] = if last { LAST } else { 0 };
        buffer
    }
}

/// A message does not fit into a frame.
#[derive(Clone, Copy, Debug, PartialEq, Eq, thiserror::Error)]
#[error("the message is too long")]
pub struct TooLong;

/// Why something cannot be offered, for whoever wants to send it.
#[derive(Clone, Debug, PartialEq, Eq, thiserror::Error)]
pub enum Unofferable {
    #[error(
        "{0} files and folders are more than the {MOST_ENTRIES} that a transfer takes; send them in parts, or packed: \
         tar c FOLDER | handover send - --name folder.tar"
    )]
    TooMany(usize),
    #[error("the names of these {0} files are longer than a transfer takes; send them in parts, or packed as one file")]
    TooLong(usize),
    #[error("a text of {0} bytes is longer than the {LARGEST_TEXT} that a transfer takes; send it as a file")]
    LongText(usize),
    #[error("the name {0}… is longer than a transfer takes")]
    LongPath(String),
}

/// Cuts a list into offers that fit into a frame each.
///
/// # Errors
/// [`Unofferable`].
pub fn offers(text: Option<String>, entries: Vec<Entry>) -> Result<Vec<Offer>, Unofferable> {
    // JSON writes a byte with six at most, `\u0000`.
    const ROOM: usize = PIECE / 6;
    if let Some(text) = text.as_ref().filter(|text| text.len() > LARGEST_TEXT) {
        return Err(Unofferable::LongText(text.len()));
    }
    if entries.len() > MOST_ENTRIES {
        return Err(Unofferable::TooMany(entries.len()));
    }
    if entries.iter().map(|entry| entry.path.len()).sum::<usize>() > LARGEST_LIST {
        return Err(Unofferable::TooLong(entries.len()));
    }
    // A text has the first one for itself.
    let mut used = if text.is_some() { ROOM } else { 0 };
    let mut last = Offer { text, ..Offer::default() };
    let mut offers = Vec::new();
    for entry in entries {
        if entry.path.len() > LONGEST_PATH {
            return Err(Unofferable::LongPath(entry.path.chars().take(60).collect()));
        }
        let length = entry.path.len() + 24;
        if used + length > ROOM {
            offers.push(std::mem::take(&mut last));
            used = 0;
        }
        used += length;
        last.entries.push(entry);
    }
    offers.push(Offer { last: true, ..last });
    Ok(offers)
}

#[cfg(test)]
mod tests {
    use serde_json::json;

    use super::*;

    fn read(message: &Message) -> Option<Message> {
        Message::parse(Bytes::from(message.encode().unwrap()).slice(1..))
    }

    #[test]
    fn messages_read_as_they_are_written() {
        let entry = Entry { path: "a/ż.txt".into(), size: Some(1 << 40), mode: Some(0o750), ..Entry::default() };
        let start = Start { entry: 3, offset: 7, digest: Some("ab".into()) };
        for message in [
            Message::Offer(Offer { text: Some("hi".into()), entries: vec![entry], last: true }),
            Message::Data(Data { entry: 9, offset: 1 << 40, last: true, content: Bytes::from_static(b"content") }),
            Message::Data(Data { entry: 0, offset: 0, last: false, content: vec![7; PIECE].into() }),
            Message::Accept(Accept { entries: Some(vec![0, 2]), ranges: None, window: 1 << 20, start: Some(start) }),
            Message::Accept(Accept { entries: None, ranges: None, window: 1, start: None }),
            Message::Skipped { entry: 3, reason: Skip::Changed },
            Message::Have { files: vec![Had { entry: 3, offset: 7, digest: "ab".into() }] },
            Message::Decline,
            Message::Ack { bytes: 1 << 33, window: None },
            Message::Ack { bytes: 0, window: Some(1 << 26) },
            Message::Probe,
            Message::Ended { code: End::Cancelled },
            Message::Received,
            Message::Alive,
            Message::Paused { paused: true },
            Message::Cancel { reason: "no".into() },
            Message::Addresses { tcp: vec!["192.168.1.5:41234".into(), "[fd00::1]:1".into()] },
            Message::Rtc { description: Some(json!({"type": "offer", "sdp": "v=0"})), candidate: None },
            Message::Moved { path: 1 },
        ] {
            assert_eq!(read(&message), Some(message));
        }
    }

    #[test]
    fn what_is_not_a_message_is_refused() {
        for bad in [&b""[..], b"\0{", b"\0{}", b"\x01\0", b"\x02", b"\x01\x02\0\0\0\0\0\0\0\0\0\0\0\0"] {
            assert_eq!(Message::parse(Bytes::from_static(bad)), None, "{bad:?}");
        }
        let later = Message::parse(Bytes::from_static(b"\0{\"type\":\"wave\",\"hand\":[1]}"));
        assert_eq!(later, Some(Message::Unknown), "what a later version says is none of a failure");
        let far = [&[1, 0, 0, 0, 0, 0], &u64::MAX.to_be_bytes()[..]].concat();
        assert_eq!(Message::parse(far.into()), None, "an offset whose end cannot be counted");
    }

    #[test]
    fn long_lists_are_cut_into_frames() {
        let entry = |i: usize| Entry {
            path: format!("{i}{}", "\u{1}".repeat(1000)),
            size: Some(u64::MAX),
            folder: true,
            mode: Some(u32::MAX),
            modified: Some(i64::MIN),
        };
        let entries: Vec<_> = (0..1000).map(entry).collect();
        let text = Some("\u{1}".repeat(10_000));
        let cut = offers(text.clone(), entries.clone()).unwrap();
        assert!(cut.len() > 50 && cut.iter().filter(|offer| offer.last).count() == 1 && cut.last().unwrap().last);
        let read: Vec<_> = cut.into_iter().map(|offer| read(&Message::Offer(offer)).unwrap()).collect();
        assert!(matches!(&read[0], Message::Offer(offer) if offer.text == text));
        let all = read.into_iter().flat_map(|message| match message {
            Message::Offer(offer) => offer.entries,
            other => panic!("{other:?}"),
        });
        assert!(all.eq(entries));
        assert_eq!(offers(None, vec![]).unwrap(), [Offer { last: true, ..Offer::default() }]);
    }

    #[test]
    fn short_names_with_all_there_is_to_say_fit_too() {
        let entry = |_| Entry {
            path: "x".into(),
            size: Some(u64::MAX),
            folder: true,
            mode: Some(u32::MAX),
            modified: Some(i64::MIN),
        };
        for offer in offers(None, (0..5000).map(entry).collect()).unwrap() {
            Message::Offer(offer).encode().unwrap();
        }
    }

    #[test]
    fn what_is_too_much_is_said_in_numbers() {
        let refused = |text: Option<String>, entries: Vec<Entry>| offers(text, entries).unwrap_err().to_string();
        let entry = |path: String| Entry { path, ..Entry::default() };
        let many = refused(None, vec![Entry::default(); MOST_ENTRIES + 1]);
        assert!(many.contains("100001") && many.contains("100000") && many.contains("tar"), "{many}");
        assert!(refused(Some("x".repeat(LARGEST_TEXT + 1)), vec![]).contains("32769"));
        assert!(refused(None, vec![entry("x".repeat(LONGEST_PATH + 1))]).contains("xxx"));
        assert!(refused(None, vec![entry("x".repeat(LONGEST_PATH)); 5000]).contains("5000"));
    }

    #[test]
    fn any_choice_fits_into_a_frame_that_follows_the_offer() {
        let all: Vec<u32> = (0..100_000).collect();
        for wanted in [&all[..], &all[1..], &all[..3], &[]] {
            let accept = Accept::of(wanted, all.len(), 1, None);
            assert!(Message::Accept(accept.clone()).encode().is_ok(), "{}", wanted.len());
            assert_eq!(accept.wanted(all.len()).unwrap(), wanted);
        }
        let bad = |entries: Option<Vec<u32>>, ranges: Option<Vec<(u32, u32)>>| {
            Accept { entries, ranges, window: 1, start: None }.wanted(10).is_none()
        };
        assert!(bad(Some(vec![10]), None) && bad(Some(vec![1, 1]), None) && bad(Some(vec![2, 1]), None));
        assert!(
            bad(None, Some(vec![(0, u32::MAX)]))
                && bad(None, Some(vec![(3, 2)]))
                && bad(None, Some(vec![(1, 3), (3, 4)]))
        );
    }
}
