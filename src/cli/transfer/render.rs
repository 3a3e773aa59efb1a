//! What a person, or a program, sees of a transfer.

use std::io::{IsTerminal as _, Write as _};
use std::time::Duration;

use bytesize::ByteSize;
use indicatif::{MultiProgress, ProgressBar, ProgressDrawTarget, ProgressStyle};

use super::code_page;
use super::progress::FileProgress;
use crate::cli::progress::bar_style;
use crate::cli::{output, qr};
use crate::client::Server;
use crate::client::direct::{Event, Summary, WhyNot};
use crate::client::printable;
use crate::protocol::direct::message::Skip;

/// Of what was left out, what is told once more at the end.
const LISTED: usize = 20;
const RELAYED: &str = "relayed";
const DIRECT: &str = "direct";

/// Shows events.
pub struct Renderer {
    form: Form,
    /// Standard output is taken by what is received.
    output_is_taken: bool,
    qr: bool,
    bars: MultiProgress,
    all: Option<ProgressBar>,
    /// Whether there are several files, and the bar of the one that is under way.
    several: bool,
    one: Option<ProgressBar>,
    progress: FileProgress,
    /// How much of all content is there. `None` where another process has begun, until it is told.
    there: Option<u64>,
    /// Which way the content goes, in a word.
    way: &'static str,
    /// What does not come, and why.
    left_out: Vec<String>,
}

#[derive(Clone, Copy, PartialEq, Eq)]
enum Form {
    Json,
    Bars,
    Lines,
}

impl Renderer {
    pub fn sending(json: bool, qr: bool) -> Renderer {
        Renderer::new(json, qr, false)
    }

    pub fn receiving(json: bool, output_is_taken: bool) -> Renderer {
        Renderer::new(json, false, output_is_taken)
    }

    fn new(json: bool, qr: bool, output_is_taken: bool) -> Renderer {
        let form = match (json && !output_is_taken, std::io::stderr().is_terminal()) {
            (true, _) => Form::Json,
            (false, true) => Form::Bars,
            (false, false) => Form::Lines,
        };
        let target = if form == Form::Bars { ProgressDrawTarget::stderr() } else { ProgressDrawTarget::hidden() };
        let bars = MultiProgress::with_draw_target(target);
        Renderer {
            form,
            output_is_taken,
            qr,
            bars,
            all: None,
            several: false,
            one: None,
            progress: FileProgress::default(),
            there: Some(0),
            way: RELAYED,
            left_out: Vec::new(),
        }
    }

    /// The bars, to be put aside while somebody is asked.
    pub fn bars(&self) -> MultiProgress {
        self.bars.clone()
    }

    /// A line for a person.
    pub fn note(&self, line: &str) {
        if self.form != Form::Json {
            self.bars.suspend(|| output::tell(line));
        }
    }

    pub fn tell(&mut self, event: Event) {
        match self.form {
            Form::Json => json(&event),
            _ => self.show(event),
        }
    }

    fn show(&mut self, event: Event) {
        match event {
            Event::Code { code, page_url, expires_in } => self.code(&code, &page_url, expires_in),
            Event::Resumed { code } => {
                self.there = None;
                self.note(&format!("Going on with the transfer of the code {code}."));
            }
            Event::NotResumed { code, why } => self.note(&format!("{} Here is a new one.", why_not(&code, why))),
            Event::TimeLeft { seconds } => self.time_left(seconds),
            Event::PeerJoined => {
                self.clear();
                self.note("The other side is there.");
            }
            Event::Confirmed | Event::Offered { .. } => {}
            Event::Text { text } => self.text(&text),
            Event::Accepted { files, bytes } => self.begin(files, bytes),
            Event::FileStarted { entry, path, size, offset } => {
                self.progress.started(entry, path, size, offset, self.there);
            }
            Event::Progress { entry, bytes, .. } => self.progress(entry, bytes),
            Event::Path { direct } => self.path(direct),
            Event::FileDone { path, .. } => self.note(&format!("  {}", printable(&path))),
            Event::PeerPaused { paused: true } => self.note("The other side pauses."),
            Event::PeerPaused { paused: false } => self.note("The other side goes on."),
            Event::PeerStalled { seconds } => self.note(&format!("Nothing from the other side for {seconds} s …")),
            Event::PeerLost { grace } => {
                let grace = humantime::format_duration(Duration::from_secs(grace));
                self.note(&format!("The other side's connection broke; waiting up to {grace} for it …"));
            }
            Event::PeerBack => self.note("The other side is back."),
            Event::ConnectionLost => self.note("The connection to the server broke; trying again …"),
            Event::ConnectionBack => self.note("Connected again."),
            Event::FileSkipped { path, reason, .. } => self.skipped(&path, reason),
            Event::Kept { path, bytes } => self.note(&format!(
                "What has come is kept as {}, {}: receive into the same folder again to go on.",
                printable(&path),
                ByteSize(bytes)
            )),
            Event::Done(summary) => {
                self.clear();
                self.note(&done(&summary));
                for left_out in &self.left_out {
                    self.note(&format!("  left out: {left_out}"));
                }
            }
            Event::Failed { .. } => self.clear(), // main says why
        }
    }

    fn code(&mut self, code: &str, page_url: &str, expires_in: u64) {
        let link = format!("{page_url}#{code}");
        if self.qr
            && self.form == Form::Bars
            && let Some(qr) = qr::draw(&link)
        {
            self.note(&qr);
        }
        // A bare code is looked up at the server on the receiver's machine.
        let is_here = code_page(page_url).is_none_or(|server| server.is(&Server::default()));
        let terminal = if is_here { code.to_owned() } else { format!("'{link}'") };
        let life = humantime::format_duration(Duration::from_secs(expires_in));
        self.note(&format!(
            "Code:     {code}\nTerminal: handover receive {terminal}\nBrowser:  {link}\nWaiting for the receiver, up to {life}."
        ));
    }

    fn time_left(&mut self, seconds: u64) {
        let style = if seconds <= 60 { "{spinner} {msg:.red}" } else { "{spinner} {msg}" };
        let bar = self.bar(ProgressBar::new_spinner);
        bar.set_style(ProgressStyle::with_template(style).unwrap_or_else(|_| ProgressStyle::default_spinner()));
        bar.set_message(format!("{}:{:02} left", seconds / 60, seconds % 60));
        bar.tick();
    }

    fn begin(&mut self, files: u64, bytes: u64) {
        self.clear();
        self.note(&format!("{files} files, {}, {}:", ByteSize(bytes), self.way));
        self.several = files > 1;
        let (way, several) = (self.way, self.several);
        let bar = self.bar(|| ProgressBar::new(bytes));
        bar.set_style(bar_style(if several { "{prefix}, in all" } else { "{prefix}  {wide_msg}" }));
        bar.set_prefix(way);
    }

    fn progress(&mut self, entry: Option<u32>, bytes: u64) {
        self.there = Some(bytes);
        let Some(all) = &self.all else { return };
        all.set_position(bytes);
        let Some((path, there, size)) = entry.and_then(|entry| self.progress.at(entry, bytes)) else { return };
        let path = printable(path);
        if !self.several {
            return all.set_message(path);
        }
        let one = self.one.get_or_insert_with(|| {
            let one = self.bars.insert_before(all, ProgressBar::new(0));
            one.set_style(bar_style("{wide_msg}"));
            one
        });
        one.set_length(size.unwrap_or(there));
        one.set_position(there);
        if one.message() != path {
            one.set_message(path);
            one.reset_eta(); // it has not come here in no time
        }
    }

    /// Told each time that it changes, also where there are no bars.
    fn path(&mut self, direct: bool) {
        let before = std::mem::replace(&mut self.way, if direct { DIRECT } else { RELAYED });
        if let Some(all) = &self.all {
            all.set_prefix(self.way);
        }
        if before != self.way {
            self.note(&format!("The way to the other side is {}.", self.way));
        }
    }

    fn skipped(&mut self, path: &str, reason: Skip) {
        let why = match reason {
            Skip::Same => return self.note(&format!("  {} (there already)", printable(path))),
            Skip::Changed => "it has changed since it was offered",
            Skip::Unreadable => "its sender cannot read it",
            Skip::Unknown => "its sender does not say why",
        };
        let left_out = format!("{}: {why}", printable(path));
        self.note(&format!("  left out: {left_out}"));
        if self.left_out.len() < LISTED {
            self.left_out.push(left_out);
        }
    }

    fn text(&self, text: &str) {
        if self.output_is_taken {
            self.note(&output::printable_lines(text));
        } else {
            let text = if output::may_be_seen() { output::printable_lines(text) } else { text.to_owned() };
            // Whoever reads this through a closed pipe has no need of it.
            let _ = self.bars.suspend(|| writeln!(std::io::stdout(), "{text}"));
        }
    }

    fn bar(&mut self, make: impl FnOnce() -> ProgressBar) -> &ProgressBar {
        let bars = &self.bars;
        self.all.get_or_insert_with(|| bars.add(make()))
    }

    fn clear(&mut self) {
        for bar in [self.one.take(), self.all.take()].into_iter().flatten() {
            bar.finish_and_clear();
            self.bars.remove(&bar);
        }
    }
}

fn done(summary: &Summary) -> String {
    let Summary { files, bytes, seconds, skipped, same } = *summary;
    let rate = ByteSize((bytes as f64 / seconds.max(0.001)) as u64);
    let mut beside = String::new();
    if same > 0 {
        beside += &format!("; {same} were there already");
    }
    if skipped > 0 {
        beside += &format!("; {skipped} left out");
    }
    format!("Done: {files} files, {} in {seconds:.1} s ({rate}/s), verified{beside}.", ByteSize(bytes))
}

fn why_not(code: &str, why: WhyNot) -> String {
    match why {
        WhyNot::FilesChanged => format!("The code {code} ends: what it was for has changed since."),
        WhyNot::Gone => format!("The code {code} has ended meanwhile."),
        WhyNot::Away => format!("The connection was away for too long, and the code {code} has ended."),
        WhyNot::Restarted => format!("The server was started anew, and the code {code} has ended."),
    }
}

fn json(event: &Event) {
    if let Ok(line) = serde_json::to_string(event) {
        output::json(&line);
    }
}
