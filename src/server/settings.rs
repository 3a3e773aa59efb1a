//! All settings of a server: those of the base, and those that each feature declares for itself.

use clap::Args;

use super::config::Config;
use super::features::{accounts, batches, direct, links, rooms};

#[derive(Args, Clone, Debug)]
#[group(skip)]
pub struct Settings {
    #[command(flatten)]
    pub base: Config,
    #[command(flatten)]
    pub accounts: accounts::Settings,
    #[command(flatten)]
    pub links: links::Settings,
    #[command(flatten)]
    pub batches: batches::Settings,
    #[command(flatten)]
    pub direct: direct::Settings,
    #[command(flatten)]
    pub rooms: rooms::Settings,
}
