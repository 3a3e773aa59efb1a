//! Integration tests: a real server on a free port, a data folder of its own for each test, real HTTP.

mod smoke;
mod support;
