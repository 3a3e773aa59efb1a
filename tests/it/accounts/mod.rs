//! Who may sign up and in.

mod registration;
mod signup;
mod throttling;
mod tokens;
