//! How long links live.

use std::time::Duration;

use clap::Args;

#[derive(Args, Clone, Debug)]
#[group(skip)]
pub struct Settings {
    /// How long a one-time link lives when the client asks for nothing else
    #[arg(long, env = "HANDOVER_LINK_LIFE", default_value = "10m", value_name = "TIME", value_parser = humantime::parse_duration, help_heading = "Limits")]
    pub link_life: Duration,

    /// The longest life of a link that a client may ask for
    #[arg(long, env = "HANDOVER_MAX_LINK_LIFE", default_value = "7days", value_name = "TIME", value_parser = humantime::parse_duration, help_heading = "Limits")]
    pub max_link_life: Duration,
}
