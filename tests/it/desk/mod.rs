//! Uploads, the gate in front of them, and the list.

mod broken_uploads;
mod digests;
mod gate;
mod list;
mod names;
mod notes;
mod quotas;
mod search;
mod uploads;
mod versions;
