//! What `upload` and `fetch` show: bars for a person, or events as JSON lines, or next to nothing.

use std::io::IsTerminal as _;
use std::time::{Duration, Instant};

use indicatif::{ProgressBar, ProgressDrawTarget, ProgressStyle};
use serde_json::{Value, json};

use super::output;
use crate::client::{Failure, printable};

/// Between two events of progress.
const TICK: Duration = Duration::from_millis(250);

/// See the module.
#[derive(Clone, Copy, PartialEq, Eq)]
pub enum Renderer {
    Person,
    Json,
    /// Something else is shown.
    Nothing,
}

impl Renderer {
    pub fn of(json: bool) -> Renderer {
        if json { Renderer::Json } else { Renderer::Person }
    }

    /// A line for a person.
    pub fn note(self, line: &str) {
        if self == Renderer::Person {
            output::tell(line);
        }
    }

    /// A line for a program; whoever reads this through a closed pipe has no need of it.
    pub fn event(self, event: &Value) {
        if self == Renderer::Json {
            output::json(&event.to_string());
        }
    }

    pub fn failed(self, file: Option<&str>, failure: &Failure) {
        let mut event = json!({"event": "failed", "code": failure.code(), "msg": failure.to_string()});
        if let Some(file) = file {
            event["file"] = file.into();
        }
        self.event(&event);
    }

    /// The progress of one file of so many bytes, if that is known.
    pub fn meter(self, name: &str, total: Option<u64>) -> Meter {
        let target = match self == Renderer::Person && std::io::stderr().is_terminal() {
            true => ProgressDrawTarget::stderr(),
            false => ProgressDrawTarget::hidden(),
        };
        let bar = ProgressBar::with_draw_target(total, target);
        bar.set_style(match total {
            Some(_) => bar_style("{wide_msg}"),
            None => style("{spinner} {bytes}  {bytes_per_sec}  {wide_msg}"),
        });
        bar.set_message(printable(name));
        Meter { renderer: self, bar, told: Instant::now() }
    }
}

/// A bar with what there is, how fast it goes and how long it takes, and then `rest`.
pub fn bar_style(rest: &str) -> ProgressStyle {
    style(&format!("{{bar:30}} {{bytes}}/{{total_bytes}}  {{bytes_per_sec}}  {{eta}} left  {rest}"))
}

fn style(template: &str) -> ProgressStyle {
    ProgressStyle::with_template(template).unwrap_or_else(|_| ProgressStyle::default_bar())
}

/// See [`Renderer::meter`]. The bar goes when this is dropped.
pub struct Meter {
    renderer: Renderer,
    bar: ProgressBar,
    told: Instant,
}

impl Meter {
    pub fn at(&mut self, bytes: u64) {
        self.bar.set_position(bytes);
        if self.renderer == Renderer::Json && self.told.elapsed() >= TICK {
            self.told = Instant::now();
            self.renderer.event(&json!({"event": "progress", "bytes": bytes, "total": self.bar.length()}));
        }
    }

    /// A line for a person while the bar is there.
    pub fn note(&self, line: &str) {
        self.bar.suspend(|| self.renderer.note(line));
    }
}

impl Drop for Meter {
    fn drop(&mut self) {
        self.bar.finish_and_clear();
    }
}
