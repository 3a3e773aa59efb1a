//! The application: built once, handed to every worker, its parts replaceable in tests.

use std::sync::Arc;

use tokio::sync::Semaphore;

use crate::server::auth::Throttle;
use crate::server::auth::password::Hasher;
use crate::server::auth::token::Keys;
use crate::server::blobs::{Blobs, Digester};
use crate::server::bus::Bus;
use crate::server::byte_budget::ByteBudget;
use crate::server::clock::Clock;
use crate::server::config::Config;
use crate::server::db::Db;
use crate::server::leases::Transfers;
use crate::server::metrics::Metrics;
use crate::server::places::Shares;
use crate::server::tally::Tally;

pub struct App {
    pub config: Config,
    pub clock: Clock,
    pub db: Db,
    pub blobs: Blobs,
    pub digester: Digester,
    /// Transfers of copies that are given out once.
    pub transfers: Transfers,
    pub bus: Bus,
    /// What is passed on from address to address, and not stored.
    pub budget: ByteBudget,
    /// Uploads that may still begin.
    pub uploads: Shares,
    /// Inspections of large documents that may still begin: each keeps a core busy.
    pub inspections: Arc<Semaphore>,
    /// Checks of readiness that may still begin: on a disk that hangs they do not pile up.
    pub checks: Arc<Semaphore>,
    pub keys: Keys,
    pub hasher: Hasher,
    pub throttle: Throttle,
    /// What is recorded once a minute, however often it comes.
    pub tally: Tally,
    pub metrics: Arc<Metrics>,
}
