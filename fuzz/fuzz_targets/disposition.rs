//! The name that a server's Content-Disposition gives a download: one harmless part of a path comes of it, or none.
#![no_main]

use handover::client::folder::local_name;
use handover::protocol::disposition::{attachment, name_of};
use libfuzzer_sys::fuzz_target;

fuzz_target!(|data: &[u8]| {
    let name = local_name(&name_of(data).unwrap_or_default());
    assert!((1..=255).contains(&name.len()) && !name.starts_with('.'), "{name:?}");
    assert!(!name.contains(['/', '\\']) && !name.chars().any(char::is_control), "{name:?}");
    // What we write is read as it was meant.
    if let Ok(given) = std::str::from_utf8(data)
        && !given.is_empty()
    {
        assert_eq!(name_of(attachment(given).as_bytes()).as_deref(), Some(given));
    }
});
