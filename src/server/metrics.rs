//! What the server counts, for Prometheus: one registry for each server, so that two in one process never mix.

use std::fmt;
use std::sync::atomic::{AtomicI64, AtomicU64};
use std::time::Duration;

use prometheus_client::encoding::EncodeLabelSet;
use prometheus_client::metrics::counter::Counter;
use prometheus_client::metrics::family::Family;
use prometheus_client::metrics::gauge::Gauge;
use prometheus_client::metrics::histogram::Histogram;
use prometheus_client::registry::{Registry, Unit};

/// The route as it is written in the router, never the path that was asked for: a client cannot make new series.
#[derive(Clone, Debug, PartialEq, Eq, Hash, EncodeLabelSet)]
pub struct RequestLabels {
    pub method: &'static str,
    pub route: &'static str,
    pub status: u32,
}

#[derive(Clone, Debug, PartialEq, Eq, Hash, EncodeLabelSet)]
struct RouteLabel {
    route: &'static str,
}

#[derive(Clone, Debug, PartialEq, Eq, Hash, EncodeLabelSet)]
struct DirectionLabel {
    direction: &'static str,
}

#[derive(Clone, Debug, PartialEq, Eq, Hash, EncodeLabelSet)]
struct StateLabel {
    state: &'static str,
}

type SignedGauge = Gauge<i64, AtomicI64>;

pub struct Metrics {
    registry: Registry,
    requests: Family<RequestLabels, Counter>,
    durations: Family<RouteLabel, Histogram, fn() -> Histogram>,
    bytes_in: Counter<u64, AtomicU64>,
    bytes_out: Counter<u64, AtomicU64>,
    transfers: Family<DirectionLabel, SignedGauge>,
    pub connections: SignedGauge,
    pub hashes_waiting: SignedGauge,
    pub hashes_running: SignedGauge,
    links: Family<StateLabel, SignedGauge>,
    /// As the sweeper counts them.
    pub batches: SignedGauge,
    pub subscribers: SignedGauge,
    /// Files that nothing refers to, as the last sweep found them, and whether they were so many that it stopped.
    pub unknown_files: SignedGauge,
    pub sweep_stopped: SignedGauge,
    pub rooms: SignedGauge,
    pub room_members: SignedGauge,
    direct: Family<StateLabel, SignedGauge>,
    pipes: Family<StateLabel, SignedGauge>,
    readers: Family<StateLabel, SignedGauge>,
    writes_waiting: SignedGauge,
    commits: Counter<u64, AtomicU64>,
    writes: Counter<u64, AtomicU64>,
    commit_seconds: Histogram,
    log_lines_dropped: Counter<u64, AtomicU64>,
}

/// Latency buckets in seconds: from a cached answer to a long transfer.
const SECONDS: [f64; 12] = [0.001, 0.0025, 0.005, 0.01, 0.025, 0.05, 0.1, 0.25, 0.5, 1.0, 5.0, 30.0];

impl Default for Metrics {
    fn default() -> Self {
        let mut m = Metrics {
            registry: Registry::with_prefix("handover"),
            requests: Family::default(),
            durations: Family::new_with_constructor(|| Histogram::new(SECONDS)),
            bytes_in: Counter::default(),
            bytes_out: Counter::default(),
            transfers: Family::default(),
            connections: Gauge::default(),
            hashes_waiting: Gauge::default(),
            hashes_running: Gauge::default(),
            links: Family::default(),
            batches: Gauge::default(),
            subscribers: Gauge::default(),
            unknown_files: Gauge::default(),
            sweep_stopped: Gauge::default(),
            rooms: Gauge::default(),
            room_members: Gauge::default(),
            direct: Family::default(),
            pipes: Family::default(),
            readers: Family::default(),
            writes_waiting: Gauge::default(),
            commits: Counter::default(),
            writes: Counter::default(),
            commit_seconds: Histogram::new(SECONDS),
            log_lines_dropped: Counter::default(),
        };
        let r = &mut m.registry;
        r.register("http_requests", "Requests answered, by method, route and status", m.requests.clone());
        r.register_with_unit(
            "http_request_duration",
            "From the head of a request to the last byte of its answer",
            Unit::Seconds,
            m.durations.clone(),
        );
        r.register("http_received_bytes", "Bytes read from clients, heads included", m.bytes_in.clone());
        r.register("http_sent_bytes", "Bytes written to clients, heads included", m.bytes_out.clone());
        r.register("http_connections", "Connections open", m.connections.clone());
        r.register("transfers_open", "File transfers that are running", m.transfers.clone());
        r.register("password_hashes_waiting", "Password hashes waiting for a core", m.hashes_waiting.clone());
        r.register("password_hashes_running", "Password hashes being computed", m.hashes_running.clone());
        r.register("links", "One-time links by state", m.links.clone());
        r.register("batches", "Batches that are open", m.batches.clone());
        r.register("subscribers", "Clients that listen for events", m.subscribers.clone());
        r.register("unknown_files", "Files that nothing refers to, at the last sweep", m.unknown_files.clone());
        r.register("sweep_stopped", "1 while the sweep does not dare to move so many", m.sweep_stopped.clone());
        r.register("rooms", "Rooms in which somebody is", m.rooms.clone());
        r.register("room_members", "Members of all rooms", m.room_members.clone());
        r.register(
            "direct_transfers",
            "Direct transfers by state: waiting for a receiver, or paired",
            m.direct.clone(),
        );
        r.register("pipes", "Pipes by state: waiting for the other side, or running", m.pipes.clone());
        r.register("db_readers", "Connections that read, by state", m.readers.clone());
        r.register("db_writes_waiting", "Writes waiting for the next commit", m.writes_waiting.clone());
        r.register("db_commits", "Commits, one sync to disk each", m.commits.clone());
        r.register("db_writes", "Writes; divided by commits, the size of a group", m.writes.clone());
        r.register_with_unit(
            "db_commit_duration",
            "One group, first write to synced",
            Unit::Seconds,
            m.commit_seconds.clone(),
        );
        r.register("log_lines_dropped", "Lines of the log that nobody read in time", m.log_lines_dropped.clone());
        m
    }
}

impl Metrics {
    pub fn request(&self, labels: RequestLabels, duration: Duration) {
        self.durations.get_or_create(&RouteLabel { route: labels.route }).observe(duration.as_secs_f64());
        self.requests.get_or_create(&labels).inc();
    }

    pub fn received(&self, bytes: usize) {
        self.bytes_in.inc_by(bytes as u64);
    }

    pub fn sent(&self, bytes: usize) {
        self.bytes_out.inc_by(bytes as u64);
    }

    /// Counts a transfer as open for as long as the guard lives.
    pub fn transfer(&self, direction: &'static str) -> OpenTransfer {
        let gauge = self.transfers.get_or_create_owned(&DirectionLabel { direction });
        gauge.inc();
        OpenTransfer(gauge)
    }

    pub fn commit(&self, writes: usize, duration: Duration) {
        self.commits.inc();
        self.writes.inc_by(writes as u64);
        self.commit_seconds.observe(duration.as_secs_f64());
    }

    /// Commits and the writes in them so far.
    pub fn commits(&self) -> (u64, u64) {
        (self.commits.get(), self.writes.get())
    }

    pub fn links(&self, state: &'static str, number: i64) {
        self.links.get_or_create(&StateLabel { state }).set(number);
    }

    pub fn direct(&self, waiting: usize, paired: usize) {
        self.direct.get_or_create(&StateLabel { state: "waiting" }).set(waiting as i64);
        self.direct.get_or_create(&StateLabel { state: "paired" }).set(paired as i64);
    }

    pub fn pipes(&self, waiting: usize, running: usize) {
        self.pipes.get_or_create(&StateLabel { state: "waiting" }).set(waiting as i64);
        self.pipes.get_or_create(&StateLabel { state: "running" }).set(running as i64);
    }

    /// Sets how many connections read, how many of them do nothing, and how many writes wait.
    pub fn database(&self, open: u32, idle: u32, waiting: usize) {
        self.readers.get_or_create(&StateLabel { state: "idle" }).set(i64::from(idle));
        self.readers.get_or_create(&StateLabel { state: "busy" }).set(i64::from(open.saturating_sub(idle)));
        self.writes_waiting.set(waiting as i64);
    }

    /// Sets how many lines of the log were dropped so far; it never becomes less.
    pub fn log_lines_dropped(&self, all: u64) {
        self.log_lines_dropped.inc_by(all.saturating_sub(self.log_lines_dropped.get()));
    }

    /// The text that Prometheus reads.
    pub fn render(&self) -> Result<String, fmt::Error> {
        let mut text = String::new();
        prometheus_client::encoding::text::encode(&mut text, &self.registry)?;
        Ok(text)
    }
}

/// A running transfer; see [`Metrics::transfer`].
pub struct OpenTransfer(SignedGauge);

impl Drop for OpenTransfer {
    fn drop(&mut self) {
        self.0.dec();
    }
}
