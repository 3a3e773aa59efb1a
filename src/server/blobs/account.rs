//! Whose room a file takes, and the limits on it.

use crate::server::refusals::quota_exceeded;
use std::net::IpAddr;

use bytesize::ByteSize;

use crate::server::config::Quota;
use crate::server::error::Result;
use crate::server::places::Holder;

/// What a disk gives out at least, in bytes.
const BLOCK: u64 = 4 << 10;

/// What a file of `size` bytes takes of its account: whole blocks, and an empty one takes one too.
pub fn cost(size: u64) -> u64 {
    size.div_ceil(BLOCK).max(1).saturating_mul(BLOCK)
}

/// The pot of everybody, and that of all guests.
pub const EVERYBODY: &str = "";
const GUESTS: &str = "guest:";

/// A user, or the guests behind one address, as the table `usage` names them.
#[derive(Clone, Debug, PartialEq, Eq)]
pub struct Account(String);

/// A sum with a limit that a file counts against.
pub struct Pot<'a> {
    pub key: &'a str,
    pub whose: &'static str,
    pub limit: u64,
}

impl Account {
    /// The account of a user, by id.
    pub fn user(id: &str) -> Account {
        Account(id.to_owned())
    }

    /// The account of the guests of `network`, as [`crate::server::shares::network_of`] gives it.
    pub fn guest(network: IpAddr) -> Account {
        Account(format!("{GUESTS}{network}"))
    }

    /// The account that [`Account::key`] was taken of.
    pub fn of_key(key: String) -> Account {
        Account(key)
    }

    pub fn key(&self) -> &str {
        &self.0
    }

    /// Who is at work when somebody at `address` uploads for this account.
    pub fn holder(&self, address: IpAddr) -> Holder {
        match self.0.starts_with(GUESTS) {
            true => Holder::Address(address),
            false => Holder::User(self.0.clone()),
        }
    }

    /// What a file of this account counts against, from the narrowest to the widest.
    pub fn pots(&self, quota: &Quota) -> Vec<Pot<'_>> {
        let all = Pot { key: EVERYBODY, whose: "The server's", limit: quota.total };
        match self.0.starts_with(GUESTS) {
            true => vec![
                Pot { key: &self.0, whose: "Your", limit: quota.guest },
                Pot { key: GUESTS, whose: "The guests'", limit: quota.guests },
                all,
            ],
            false => vec![Pot { key: &self.0, whose: "Your", limit: quota.user }, all],
        }
    }
}

impl Pot<'_> {
    /// Whether `bytes` more fit beside those that are used.
    pub fn check(&self, bytes: u64, used: u64) -> Result<()> {
        match used.saturating_add(bytes) > self.limit {
            true => Err(quota_exceeded(self.whose, ByteSize(self.limit), ByteSize(used))),
            false => Ok(()),
        }
    }
}
