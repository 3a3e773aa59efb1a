//! Integration tests: a real server on a free port, a data folder of its own for each test, real HTTP.

mod accounts;
mod answers;
mod audit;
mod binary;
mod doctor_cli;
mod headers;
mod http_limits;
mod log_lines;
mod matrix;
mod openapi;
mod public_url;
mod raw;
mod serve_cli;
mod service;
mod signup;
mod smoke;
mod support;
mod throttling;
mod tokens;
mod users_cli;
