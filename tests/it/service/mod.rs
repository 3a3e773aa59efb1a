//! What the people who run it ask for.

mod health;
mod openapi;
