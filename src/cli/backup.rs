//! `handover backup FOLDER`: copies rows and files of one moment, beside a running server.

use std::path::Path;

use bytesize::ByteSize;

use super::{Outcome, say};
use crate::server::backup::{Copied, make};
use crate::server::config::Config;

pub fn run(config: &Config, goal: &Path) -> Outcome {
    let Copied { files, bytes, missing } = make(config, goal)?;
    say(&format!("Copied all rows and {files} files ({}) to {}.", ByteSize(bytes), goal.display()))?;
    match missing {
        0 => Ok(()),
        missing => Err(format!("{missing} files have a row and were not found; the copy has their rows alone").into()),
    }
}
