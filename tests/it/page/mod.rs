//! The web page: how it is served, and how it is built.

mod assets;
mod floors;
