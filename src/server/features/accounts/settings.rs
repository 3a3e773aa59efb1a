//! Who may make an account.

use std::fmt;
use std::str::FromStr;

use clap::Args;

use crate::server::config::Config;

#[derive(Args, Clone, Debug)]
#[group(skip)]
pub struct Settings {
    /// Who may register as an operation user: open, closed or code:SECRET [default: open where the server is for this machine alone, else closed]
    #[arg(
        long,
        env = "HANDOVER_OPERATION_SIGNUP",
        hide_env_values = true,
        value_name = "RULE",
        help_heading = "Accounts"
    )]
    pub operation_signup: Option<OperationSignup>,
}

impl Settings {
    /// The rule for operation sign-up: what was set, else open for this machine alone.
    pub fn operation_signup(&self, config: &Config) -> OperationSignup {
        self.operation_signup.clone().unwrap_or(match config.is_local() {
            true => OperationSignup::Open,
            false => OperationSignup::Closed,
        })
    }
}

/// Who may register as an operation user.
#[derive(Clone, PartialEq, Eq)]
pub enum OperationSignup {
    Open,
    Closed,
    /// Whoever sends this as `signup_code`.
    Code(String),
}

impl FromStr for OperationSignup {
    type Err = String;

    fn from_str(rule: &str) -> Result<Self, String> {
        match rule {
            "open" => Ok(OperationSignup::Open),
            "closed" => Ok(OperationSignup::Closed),
            _ => match rule.strip_prefix("code:") {
                Some(code) if code.chars().count() >= 8 => Ok(OperationSignup::Code(code.to_owned())),
                Some(_) => Err("a sign-up code has at least 8 characters".into()),
                None => Err("the rule is open, closed or code:SECRET".into()),
            },
        }
    }
}

impl fmt::Debug for OperationSignup {
    fn fmt(&self, f: &mut fmt::Formatter<'_>) -> fmt::Result {
        f.write_str(match self {
            OperationSignup::Open => "open",
            OperationSignup::Closed => "closed",
            OperationSignup::Code(_) => "code:…",
        })
    }
}

#[cfg(test)]
mod tests {
    use super::*;

    #[test]
    fn signup_codes_are_long_enough_and_never_shown() {
        assert!("code:short".parse::<OperationSignup>().is_err());
        let rule: OperationSignup = "code:correct horse".parse().unwrap();
        assert!(!format!("{rule:?}").contains("horse"));
    }
}
