//! One-time links.

mod managers;
mod minting;
mod model;
mod races;
mod resume;
