//! What every feature needs of HTTP, and nothing of what they do with it.

pub mod connection;
pub mod copy_lease;
pub mod cors;
pub mod download;
pub mod expect;
pub mod file_body;
pub mod form;
mod form_heads;
pub mod gate;
pub mod headers;
pub mod hold;
pub mod json;
pub mod log;
mod no_request;
pub mod openapi;
pub mod origin;
pub mod paging;
pub mod peer;
pub mod range;
pub mod request_id;
pub mod route;
pub mod slow_body;
pub mod socket;
pub mod splice;
