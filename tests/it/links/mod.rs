//! One-time links.

mod minting;
mod model;
mod races;
mod resume;
