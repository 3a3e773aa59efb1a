//! What a batch may hold, and for how long.

use std::time::Duration;

use bytesize::ByteSize;
use clap::Args;

#[derive(Args, Clone, Debug)]
#[group(skip)]
pub struct Settings {
    /// Largest batch, all of its files together
    #[arg(
        long,
        env = "HANDOVER_MAX_BATCH_SIZE",
        default_value = "20GiB",
        value_name = "SIZE",
        help_heading = "Limits"
    )]
    pub max_batch_size: ByteSize,

    /// Files of a batch; a download of all as a ZIP takes some 200 bytes of memory for each
    #[arg(long, env = "HANDOVER_MAX_BATCH_FILES", default_value_t = 10_000, value_name = "NUMBER", value_parser = clap::value_parser!(u32).range(1..=1_000_000), help_heading = "Limits")]
    pub max_batch_files: u32,

    /// How long a batch lives when its maker asks for nothing else
    #[arg(long, env = "HANDOVER_BATCH_LIFE", default_value = "7days", value_name = "TIME", value_parser = humantime::parse_duration, help_heading = "Limits")]
    pub batch_life: Duration,

    /// The longest life of a batch that its maker may ask for
    #[arg(long, env = "HANDOVER_MAX_BATCH_LIFE", default_value = "30days", value_name = "TIME", value_parser = humantime::parse_duration, help_heading = "Limits")]
    pub max_batch_life: Duration,
}
