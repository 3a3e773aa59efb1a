//! Integration tests: a real server on a free port, a data folder of its own for each test, real HTTP.

mod accounts;
mod answers;
mod signup;
mod smoke;
mod support;
mod throttling;
mod tokens;
