//! Who may make an account.

use std::fmt;
use std::str::FromStr;

use clap::Args;

use crate::server::auth::Role;
use crate::server::config::Config;

#[derive(Args, Clone, Debug)]
#[group(skip)]
pub struct Settings {
    /// Who may register as a client user: open, closed or code:SECRET [default: open where the server is for this machine alone, else closed]
    #[arg(
        long,
        env = "HANDOVER_CLIENT_SIGNUP",
        hide_env_values = true,
        value_name = "RULE",
        help_heading = "Accounts"
    )]
    pub client_signup: Option<Signup>,

    /// Who may register as an operation user, likewise
    #[arg(
        long,
        env = "HANDOVER_OPERATION_SIGNUP",
        hide_env_values = true,
        value_name = "RULE",
        help_heading = "Accounts"
    )]
    pub operation_signup: Option<Signup>,
}

impl Settings {
    /// The rule for sign-up as a user of `role`: what was set, else open for this machine alone.
    pub fn signup(&self, role: Role, config: &Config) -> Signup {
        let set = match role {
            Role::Client => &self.client_signup,
            Role::Operation => &self.operation_signup,
        };
        set.clone().unwrap_or(match config.is_local() {
            true => Signup::Open,
            false => Signup::Closed,
        })
    }
}

/// Who may make an account by themselves.
#[derive(Clone, PartialEq, Eq)]
pub enum Signup {
    Open,
    Closed,
    /// Whoever sends this as `signup_code`.
    Code(String),
}

impl Signup {
    /// The rule without what is secret of it: open, closed or code.
    pub fn word(&self) -> &'static str {
        match self {
            Signup::Open => "open",
            Signup::Closed => "closed",
            Signup::Code(_) => "code",
        }
    }
}

impl FromStr for Signup {
    type Err = String;

    fn from_str(rule: &str) -> Result<Self, String> {
        match rule {
            "open" => Ok(Signup::Open),
            "closed" => Ok(Signup::Closed),
            _ => match rule.strip_prefix("code:") {
                Some(code) if code.chars().count() >= 8 => Ok(Signup::Code(code.to_owned())),
                Some(_) => Err("a sign-up code has at least 8 characters".into()),
                None => Err("the rule is open, closed or code:SECRET".into()),
            },
        }
    }
}

impl fmt::Debug for Signup {
    fn fmt(&self, f: &mut fmt::Formatter<'_>) -> fmt::Result {
        f.write_str(match self {
            Signup::Open => "open",
            Signup::Closed => "closed",
            Signup::Code(_) => "code:…",
        })
    }
}

#[cfg(test)]
mod tests {
    use super::*;

    #[test]
    fn signup_codes_are_long_enough_and_never_shown() {
        assert!("code:short".parse::<Signup>().is_err());
        let rule: Signup = "code:correct horse".parse().unwrap();
        assert!(!format!("{rule:?}").contains("horse"));
    }
}
