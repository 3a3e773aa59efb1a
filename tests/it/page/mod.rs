//! The web page, as it is served.

mod assets;
