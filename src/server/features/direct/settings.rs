//! Direct transfers: codes, and what helps pages to find each other.

use std::time::Duration;

use clap::Args;

use super::ice_server::IceServer;

#[derive(Args, Clone, Debug)]
#[group(skip)]
pub struct Settings {
    /// STUN and TURN servers with which two pages on different networks find a direct way, e.g. stun:stun.example.org or
    /// turn:USER:PASSWORD@HOST; turn:SECRET@HOST with coturn's static-auth-secret
    #[arg(
        long,
        env = "HANDOVER_ICE_SERVERS",
        hide_env_values = true,
        value_name = "SERVER",
        value_delimiter = ',',
        help_heading = "Network"
    )]
    pub ice_servers: Vec<IceServer>,

    /// Codes of direct transfers that may wait at once; one address may have a quarter of them, guests three
    /// quarters
    #[arg(long, env = "HANDOVER_MAX_CODES", default_value_t = 10_000, value_name = "NUMBER", value_parser = clap::value_parser!(u32).range(1..), help_heading = "Limits")]
    pub max_codes: u32,

    /// How long a side of a direct transfer whose connection broke may take to come back
    #[arg(long, env = "HANDOVER_REJOIN_TIME", default_value = "3m", value_name = "TIME", value_parser = humantime::parse_duration, help_heading = "Time limits")]
    pub rejoin_time: Duration,
}
