//! The application: built once, handed to every worker, its parts replaceable in tests.

use std::sync::Arc;

use tokio::sync::Semaphore;

use crate::auth::Throttle;
use crate::auth::password::Hasher;
use crate::auth::token::Keys;
use crate::blobs::{Blobs, Digester};
use crate::bus::Bus;
use crate::clock::Clock;
use crate::config::Config;
use crate::db::Db;
use crate::metrics::Metrics;

pub struct App {
    pub config: Config,
    pub clock: Clock,
    pub db: Db,
    pub blobs: Blobs,
    pub digester: Digester,
    pub bus: Bus,
    /// Uploads that may still begin.
    pub uploads: Semaphore,
    pub keys: Keys,
    pub hasher: Hasher,
    pub throttle: Throttle,
    pub metrics: Arc<Metrics>,
}
