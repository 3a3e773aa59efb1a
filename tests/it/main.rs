//! Integration tests: a real server on a free port, a data folder of its own for each test, real HTTP.

mod accounts;
mod answers;
mod headers;
mod http_limits;
mod matrix;
mod openapi;
mod public_url;
mod raw;
mod service;
mod signup;
mod smoke;
mod support;
mod throttling;
mod tokens;
