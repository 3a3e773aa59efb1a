//! How a client finds the server of its local network: DNS-based service discovery (RFC 6763) over multicast DNS (RFC 6762).
//!
//! | TXT key | what |
//! | --- | --- |
//! | `path` | base path, empty or with a slash before and none behind |
//! | `tls` | 1 behind TLS, else 0 |
//! | `host` | the name that the server's certificate is for, where there is one |
//! | `version` | of the server |
//! | `id` | the same for all addresses of one server, and no other's |
//!
//! Whatever is found this way was said by somebody on the network, whoever that is.

/// The type of the service.
pub const SERVICE: &str = "_handover._tcp.local.";
