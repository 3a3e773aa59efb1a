//! Settings: each is a flag and an environment variable, read and checked once at the start.

use std::fmt;
use std::net::{IpAddr, SocketAddr};
use std::path::{Path, PathBuf};
use std::str::FromStr;
use std::time::Duration;

use bytesize::ByteSize;
use clap::{Args, ValueEnum};
use ipnet::IpNet;

/// Where the rows and the secrets are: what every command that touches them needs.
#[derive(Args, Clone, Debug)]
pub struct Store {
    /// Folder for the database, the files and the keys; made when it is missing
    #[arg(long, env = "HANDOVER_DATA", default_value = "./data", value_name = "FOLDER")]
    pub data: PathBuf,

    /// Database; sqlite:PATH is the one kind so far [default: sqlite:DATA/handover.db]
    #[arg(long, env = "HANDOVER_DATABASE_URL", hide_env_values = true, value_name = "URL")]
    pub database_url: Option<DatabaseUrl>,
}

impl Store {
    pub fn database_path(&self) -> PathBuf {
        match &self.database_url {
            Some(DatabaseUrl::Sqlite(path)) => path.clone(),
            None => self.data.join("handover.db"),
        }
    }
}

/// All settings of a server.
#[derive(Args, Clone, Debug)]
pub struct Config {
    /// Address and port to listen on
    #[arg(
        long,
        env = "HANDOVER_BIND",
        default_value = "127.0.0.1:5000",
        value_name = "ADDRESS",
        help_heading = "Network"
    )]
    pub bind: SocketAddr,

    #[command(flatten)]
    pub store: Store,

    /// Where file contents are kept; file:FOLDER is the one kind so far [default: file:DATA/blobs]
    #[arg(long, env = "HANDOVER_BLOBS_URL", hide_env_values = true, value_name = "URL")]
    pub blobs_url: Option<BlobsUrl>,

    /// Address under which people reach the server, with its path, e.g. https://files.example.org/handover
    #[arg(long, env = "HANDOVER_PUBLIC_URL", value_name = "URL", help_heading = "Network")]
    pub public_url: Option<PublicUrl>,

    /// Whether `handover send` and `receive` find the server by themselves on the local network (mDNS); auto: not on public addresses
    #[arg(
        long,
        env = "HANDOVER_ANNOUNCE",
        value_enum,
        default_value_t = Announce::Auto,
        value_name = "RULE",
        help_heading = "Network"
    )]
    pub announce: Announce,

    /// Networks of the reverse proxies whose X-Forwarded-For is believed, e.g. 127.0.0.1/32,10.0.0.0/8
    #[arg(long, env = "HANDOVER_TRUSTED_PROXIES", value_name = "CIDR", value_delimiter = ',', value_parser = parse_network, help_heading = "Network")]
    pub trusted_proxies: Vec<IpNet>,

    /// Origins of other web sites whose pages may call the API, e.g. https://intranet.example.org
    #[arg(long, env = "HANDOVER_CORS_ORIGINS", value_name = "ORIGIN", value_delimiter = ',', help_heading = "Network")]
    pub cors_origins: Vec<String>,

    /// Who may read /metrics: local, which is this machine, or open
    #[arg(
        long,
        env = "HANDOVER_METRICS",
        value_enum,
        default_value_t = MetricsAccess::Local,
        value_name = "RULE",
        help_heading = "Network"
    )]
    pub metrics: MetricsAccess,

    /// What opens /metrics from elsewhere, as a bearer token; 16 characters or more
    #[arg(
        long,
        env = "HANDOVER_METRICS_TOKEN",
        hide_env_values = true,
        value_name = "SECRET",
        value_parser = parse_metrics_token,
        help_heading = "Network"
    )]
    pub metrics_token: Option<MetricsToken>,

    /// File with the secret that tokens are signed with, 32 bytes or more [default: DATA/keys/token.key, made at the first start]
    #[arg(long, env = "HANDOVER_SECRET_FILE", value_name = "FILE", help_heading = "Accounts")]
    pub secret_file: Option<PathBuf>,

    /// How long a sign-in lasts
    #[arg(long, env = "HANDOVER_SESSION_LIFE", default_value = "12h", value_name = "TIME", value_parser = humantime::parse_duration, help_heading = "Accounts")]
    pub session_life: Duration,

    /// Logins that may wait for their turn to be hashed; past it clients are asked to come back
    #[arg(long, env = "HANDOVER_HASH_QUEUE", default_value_t = 64, value_name = "NUMBER", value_parser = clap::value_parser!(u16).range(1..), help_heading = "Accounts")]
    pub hash_queue: u16,

    /// Whether people without an account may make batches, send directly, and make and join rooms: allow or deny [default: allow where the server is for this machine alone, else deny]
    #[arg(long, env = "HANDOVER_GUESTS", value_enum, value_name = "RULE", help_heading = "Accounts")]
    pub guests: Option<Guests>,

    /// Largest file
    #[arg(long, env = "HANDOVER_MAX_FILE_SIZE", default_value = "2GiB", value_name = "SIZE", help_heading = "Limits")]
    pub max_file_size: ByteSize,

    /// What one user may store
    #[arg(long, env = "HANDOVER_USER_QUOTA", default_value = "100GiB", value_name = "SIZE", help_heading = "Limits")]
    pub user_quota: ByteSize,

    /// What the guests behind one address may store
    #[arg(long, env = "HANDOVER_GUEST_QUOTA", default_value = "5GiB", value_name = "SIZE", help_heading = "Limits")]
    pub guest_quota: ByteSize,

    /// What all guests together may store
    #[arg(long, env = "HANDOVER_GUESTS_QUOTA", default_value = "50GiB", value_name = "SIZE", help_heading = "Limits")]
    pub guests_quota: ByteSize,

    /// What all users and guests together may store
    #[arg(long, env = "HANDOVER_TOTAL_QUOTA", default_value = "1TiB", value_name = "SIZE", help_heading = "Limits")]
    pub total_quota: ByteSize,

    /// Space on the disk that uploads leave free
    #[arg(
        long,
        env = "HANDOVER_FREE_SPACE_FLOOR",
        default_value = "500MiB",
        value_name = "SIZE",
        help_heading = "Limits"
    )]
    pub free_space_floor: ByteSize,

    /// How long deleted files, and files that nothing refers to, lie in the trash of the folder for files
    #[arg(long, env = "HANDOVER_TRASH_LIFE", default_value = "7days", value_name = "TIME", value_parser = humantime::parse_duration, help_heading = "Limits")]
    pub trash_life: Duration,

    /// Percent of all files that a sweep may take because nothing refers to them; where it would take more, and more than a hundred, it stops
    #[arg(long, env = "HANDOVER_SWEEP_LIMIT", default_value_t = 5, value_name = "PERCENT", value_parser = clap::value_parser!(u8).range(..=100), help_heading = "Limits")]
    pub sweep_limit: u8,

    /// How long the code of a direct transfer waits for its receiver, and each side of a pipe for the other
    #[arg(long, env = "HANDOVER_CODE_LIFE", default_value = "10m", value_name = "TIME", value_parser = humantime::parse_duration, help_heading = "Limits")]
    pub code_life: Duration,

    /// Direct transfers at once, and as many pipes, each of which takes up to 0.5 MiB of memory; one address may have a quarter of them
    #[arg(long, env = "HANDOVER_MAX_TRANSFERS", default_value_t = 1_000, value_name = "NUMBER", value_parser = clap::value_parser!(u32).range(1..), help_heading = "Limits")]
    pub max_transfers: u32,

    /// What the direct transfers and pipes from one address may pass through the server in a day
    #[arg(long, env = "HANDOVER_DIRECT_QUOTA", default_value = "1TiB", value_name = "SIZE", help_heading = "Limits")]
    pub direct_quota: ByteSize,

    /// What all direct transfers together may pass through the server in a day
    #[arg(
        long,
        env = "HANDOVER_DIRECT_TOTAL_QUOTA",
        default_value = "20TiB",
        value_name = "SIZE",
        help_heading = "Limits"
    )]
    pub direct_total_quota: ByteSize,

    /// How long the audit is kept
    #[arg(long, env = "HANDOVER_AUDIT_LIFE", default_value = "400days", value_name = "TIME", value_parser = humantime::parse_duration, help_heading = "Limits")]
    pub audit_life: Duration,

    /// Connections at once
    #[arg(long, env = "HANDOVER_MAX_CONNECTIONS", default_value_t = 20_000, value_name = "NUMBER", value_parser = clap::value_parser!(u32).range(1..), help_heading = "Limits")]
    pub max_connections: u32,

    /// Uploads at once; each takes up to 1 MiB of memory
    #[arg(long, env = "HANDOVER_MAX_UPLOADS", default_value_t = 256, value_name = "NUMBER", value_parser = clap::value_parser!(u16).range(1..), help_heading = "Limits")]
    pub max_uploads: u16,

    /// Time for the head of a request to arrive
    #[arg(long, env = "HANDOVER_HEAD_TIMEOUT", default_value = "10s", value_name = "TIME", value_parser = humantime::parse_duration, help_heading = "Time limits")]
    pub head_timeout: Duration,

    /// What an upload must bring in a second, on average over each stall-timeout
    #[arg(
        long,
        env = "HANDOVER_LEAST_RATE",
        default_value = "256B",
        value_name = "SIZE",
        help_heading = "Time limits"
    )]
    pub least_rate: ByteSize,

    /// Time in which a running transfer, either way, must move at least one byte
    #[arg(long, env = "HANDOVER_STALL_TIMEOUT", default_value = "60s", value_name = "TIME", value_parser = humantime::parse_duration, help_heading = "Time limits")]
    pub stall_timeout: Duration,

    /// How long an idle connection is kept open
    #[arg(long, env = "HANDOVER_KEEP_ALIVE", default_value = "75s", value_name = "TIME", value_parser = humantime::parse_duration, help_heading = "Time limits")]
    pub keep_alive: Duration,

    /// Time that running transfers get after a stop was asked for
    #[arg(long, env = "HANDOVER_GRACE", default_value = "30s", value_name = "TIME", value_parser = humantime::parse_duration, help_heading = "Time limits")]
    pub grace: Duration,

    /// Form of the log on standard error
    #[arg(long, env = "HANDOVER_LOG", value_enum, default_value_t = LogFormat::Text, value_name = "FORM", help_heading = "Log")]
    pub log: LogFormat,

    /// What is logged: error, warn, info, debug, or a filter such as info,handover::links=debug
    #[arg(long, env = "HANDOVER_LOG_FILTER", default_value = "info", value_name = "FILTER", help_heading = "Log")]
    pub log_filter: String,
}

impl Config {
    pub fn blobs_path(&self) -> PathBuf {
        match &self.blobs_url {
            Some(BlobsUrl::File(path)) => path.clone(),
            None => self.store.data.join("blobs"),
        }
    }

    /// Whether nobody but this machine reaches the server: it listens on loopback, and no proxy brings others there.
    pub fn is_local(&self) -> bool {
        let is_published = match &self.public_url {
            Some(url) => !url.is_loopback(),
            None => !self.trusted_proxies.is_empty(),
        };
        self.bind.ip().is_loopback() && !is_published
    }

    /// The rule for guests: what was set, else allow for this machine alone.
    pub fn guests(&self) -> Guests {
        self.guests.unwrap_or(match self.is_local() {
            true => Guests::Allow,
            false => Guests::Deny,
        })
    }

    /// The limits on what is stored.
    pub fn quota(&self) -> Quota {
        Quota {
            user: self.user_quota.0,
            guest: self.guest_quota.0,
            guests: self.guests_quota.0,
            total: self.total_quota.0,
            floor: self.free_space_floor.0,
        }
    }
}

/// Limits on what is stored, in bytes.
#[derive(Clone, Copy, Debug)]
pub struct Quota {
    /// For one user.
    pub user: u64,
    /// For the guests behind one address.
    pub guest: u64,
    /// For all guests together.
    pub guests: u64,
    /// For everybody together.
    pub total: u64,
    /// What uploads leave free on the disk.
    pub floor: u64,
}

impl Quota {
    /// No limits.
    pub const NONE: Quota = Quota { user: u64::MAX, guest: u64::MAX, guests: u64::MAX, total: u64::MAX, floor: 0 };
}

/// Who may read what the server counts.
#[derive(Clone, Copy, Debug, PartialEq, Eq, ValueEnum)]
pub enum MetricsAccess {
    /// This machine, and whoever has the token.
    Local,
    Open,
}

/// A secret that is never shown.
#[derive(Clone)]
pub struct MetricsToken(String);

impl MetricsToken {
    pub fn as_str(&self) -> &str {
        &self.0
    }
}

impl fmt::Debug for MetricsToken {
    fn fmt(&self, f: &mut fmt::Formatter<'_>) -> fmt::Result {
        f.write_str("…")
    }
}

fn parse_metrics_token(text: &str) -> Result<MetricsToken, String> {
    match text.chars().count() >= 16 && text.chars().all(|c| c.is_ascii_graphic()) {
        true => Ok(MetricsToken(text.to_owned())),
        false => Err("a token for metrics has 16 characters or more, all of them printable ASCII".into()),
    }
}

/// Whether people without an account may put files here.
#[derive(Clone, Copy, Debug, PartialEq, Eq, ValueEnum)]
pub enum Guests {
    Allow,
    Deny,
}

/// Whether the server tells the local network of itself.
#[derive(Clone, Copy, Debug, PartialEq, Eq, ValueEnum)]
pub enum Announce {
    /// Where none of its addresses is public.
    Auto,
    On,
    Off,
}

/// Which database; the scheme decides, and an unknown one is an error, never a file of that name.
#[derive(Clone, Debug)]
pub enum DatabaseUrl {
    Sqlite(PathBuf),
}

impl FromStr for DatabaseUrl {
    type Err = String;

    fn from_str(url: &str) -> Result<Self, String> {
        match url.strip_prefix("sqlite:") {
            Some(path) if !path.is_empty() => Ok(DatabaseUrl::Sqlite(local_path(path))),
            _ => Err("a database address has the form sqlite:PATH".into()),
        }
    }
}

/// Which blob store.
#[derive(Clone, Debug)]
pub enum BlobsUrl {
    File(PathBuf),
}

impl FromStr for BlobsUrl {
    type Err = String;

    fn from_str(url: &str) -> Result<Self, String> {
        match url.strip_prefix("file:") {
            Some(path) if !path.is_empty() => Ok(BlobsUrl::File(local_path(path))),
            _ => Err("a blob store address has the form file:FOLDER".into()),
        }
    }
}

/// `//` before an absolute path is the empty host of a URL (RFC 8089).
fn local_path(path: &str) -> PathBuf {
    Path::new(path.strip_prefix("//").filter(|rest| rest.starts_with('/')).unwrap_or(path)).to_owned()
}

/// Scheme, host and base path under which people reach the server, without a slash at the end.
#[derive(Clone, Debug, PartialEq, Eq)]
pub struct PublicUrl(String);

impl PublicUrl {
    /// The address of `path`, which begins with a slash.
    pub fn join(&self, path: &str) -> String {
        format!("{}{path}", self.0)
    }

    /// The path part, empty or with a slash before and none behind.
    pub fn base_path(&self) -> &str {
        let host_on = self.0.find("://").map_or(0, |scheme| scheme + 3);
        self.0[host_on..].find('/').map_or("", |path| &self.0[host_on + path..])
    }

    /// Host and port.
    pub fn authority(&self) -> (&str, u16) {
        let rest = self.0.split_once("://").map_or("", |(_, rest)| rest);
        let authority = rest.split('/').next().unwrap_or_default();
        // An IPv6 address has colons of its own, within brackets.
        match authority.rsplit_once(':').and_then(|(host, port)| Some((host, port.parse().ok()?))) {
            Some((host, port)) => (host, port),
            None => (authority, if self.is_https() { 443 } else { 80 }),
        }
    }

    pub fn is_https(&self) -> bool {
        self.0.starts_with("https://")
    }

    /// Whether it leads nowhere but to this machine.
    pub fn is_loopback(&self) -> bool {
        let host = self.authority().0.trim_matches(['[', ']']);
        host == "localhost" || host.parse::<IpAddr>().is_ok_and(|address| address.is_loopback())
    }
}

impl FromStr for PublicUrl {
    type Err = String;

    fn from_str(url: &str) -> Result<Self, String> {
        let uri: actix_web::http::Uri = url.parse().map_err(|_| "this is not a URL")?;
        match (uri.scheme_str(), uri.authority(), uri.query()) {
            (Some("http" | "https"), Some(_), None) => Ok(PublicUrl(url.trim_end_matches('/').to_owned())),
            _ => Err("a public address has the form https://HOST or https://HOST/PATH".into()),
        }
    }
}

#[derive(Clone, Copy, Debug, PartialEq, Eq, ValueEnum)]
pub enum LogFormat {
    Text,
    Json,
}

/// A network, or a single address as the network of itself.
fn parse_network(text: &str) -> Result<IpNet, String> {
    text.parse::<IpNet>()
        .or_else(|_| text.parse::<IpAddr>().map(IpNet::from))
        .map_err(|_| "this is neither an address nor a network such as 10.0.0.0/8".into())
}

#[cfg(test)]
mod tests {
    use super::*;

    #[test]
    fn urls_of_unknown_kinds_are_refused() {
        assert!("postgres://localhost/x".parse::<DatabaseUrl>().is_err());
        assert!("handover.db".parse::<DatabaseUrl>().is_err());
        assert!("s3://bucket".parse::<BlobsUrl>().is_err());
        let DatabaseUrl::Sqlite(path) = "sqlite:///var/lib/handover.db".parse().unwrap();
        assert_eq!(path, Path::new("/var/lib/handover.db"));
        let DatabaseUrl::Sqlite(path) = "sqlite:here.db".parse().unwrap();
        assert_eq!(path, Path::new("here.db"));
    }

    #[test]
    fn public_url_keeps_its_path_without_the_last_slash() {
        let url: PublicUrl = "https://files.example.org/handover/".parse().unwrap();
        assert_eq!(url.join("/d/x"), "https://files.example.org/handover/d/x");
        assert_eq!(url.base_path(), "/handover");
        assert_eq!(url.authority(), ("files.example.org", 443));
        assert_eq!("http://[::1]:81/x".parse::<PublicUrl>().unwrap().authority(), ("[::1]", 81));
        assert_eq!("http://[::1]/x".parse::<PublicUrl>().unwrap().authority(), ("[::1]", 80));
        assert_eq!("http://localhost:80/".parse::<PublicUrl>().unwrap().base_path(), "");
        for (url, is_loopback) in [
            ("http://localhost/x", true),
            ("http://[::1]:81/x", true),
            ("https://127.8.0.1:5000", true),
            ("https://files.example.org", false),
            ("http://127.0.0.1.example.org", false),
            ("http://localhost@files.example.org", false),
            ("http://192.0.2.1", false),
        ] {
            assert_eq!(url.parse::<PublicUrl>().unwrap().is_loopback(), is_loopback, "{url}");
        }
        for bad in ["files.example.org", "ftp://x", "https://x/?q=1", "/handover"] {
            assert!(bad.parse::<PublicUrl>().is_err(), "{bad}");
        }
    }

    #[test]
    fn one_address_is_a_network_too() {
        assert!(parse_network("10.0.0.7").unwrap().contains(&"10.0.0.7".parse::<IpAddr>().unwrap()));
        assert!(parse_network("nonsense").is_err());
    }
}
