//! Rooms: how many, how large, how long, how fast.

use std::time::Duration;

use bytesize::ByteSize;
use clap::Args;

#[derive(Args, Clone, Debug)]
#[group(skip)]
pub struct Settings {
    /// Rooms at once; one account, or the guests of one address, may have a quarter of them
    #[arg(long, env = "HANDOVER_MAX_ROOMS", default_value_t = 10_000, value_name = "NUMBER", value_parser = clap::value_parser!(u32).range(1..), help_heading = "Limits")]
    pub max_rooms: u32,

    /// Members of a room
    #[arg(long, env = "HANDOVER_MAX_ROOM_MEMBERS", default_value_t = 1_000, value_name = "NUMBER", value_parser = clap::value_parser!(u32).range(1..=100_000), help_heading = "Limits")]
    pub max_room_members: u32,

    /// What all messages and files of a room may have together
    #[arg(long, env = "HANDOVER_MAX_ROOM_SIZE", default_value = "5GiB", value_name = "SIZE", help_heading = "Limits")]
    pub max_room_size: ByteSize,

    /// How long a room lives without a word
    #[arg(long, env = "HANDOVER_ROOM_LIFE", default_value = "24h", value_name = "TIME", value_parser = humantime::parse_duration, help_heading = "Limits")]
    pub room_life: Duration,

    /// Messages a second that a member of a room may send for long; five times as many at once
    #[arg(long, env = "HANDOVER_ROOM_MESSAGE_RATE", default_value_t = 5, value_name = "NUMBER", value_parser = clap::value_parser!(u32).range(1..=1_000_000), help_heading = "Limits")]
    pub room_message_rate: u32,

    /// How long a member of a room whose connection broke may take to come back, before it has left
    #[arg(long, env = "HANDOVER_ROOM_GRACE", default_value = "60s", value_name = "TIME", value_parser = humantime::parse_duration, help_heading = "Time limits")]
    pub room_grace: Duration,
}
