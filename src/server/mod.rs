//! The server: what it is made of, how it starts and stops, and the one place that lists routes and middleware.

pub mod announce;
pub mod app;
pub mod audit;
pub mod auth;
pub mod background;
pub mod backup;
pub mod blobs;
pub mod bus;
pub mod byte_budget;
pub mod clock;
pub mod config;
pub mod db;
pub mod descriptors;
pub mod error;
pub mod features;
pub mod folder;
pub mod http;
pub mod id;
pub mod leases;
pub mod logging;
pub mod metrics;
pub mod office;
pub mod places;
pub mod refusals;
pub mod settings;
pub mod shares;
pub mod sweeper;
pub mod tally;

use crate::server::refusals::{NOT_FOUND, bad_request};
use std::cell::Cell;
use std::io;
use std::net::{SocketAddr, TcpListener};
use std::rc::Rc;
use std::sync::{Arc, LazyLock};
use std::thread::JoinHandle;
use std::time::Duration;

use actix_http::HttpService;
use actix_http::error::DispatchError;
use actix_rt::net::TcpStream;
use actix_server::ServerHandle;
use actix_service::{IntoServiceFactory as _, ServiceFactoryExt as _, fn_service, map_config};
use actix_web::dev::AppConfig;
use actix_web::middleware::from_fn;
use actix_web::web;
use tokio::signal::unix::{SignalKind, signal};
use tokio::sync::Semaphore;

use crate::server::announce::announce;
use crate::server::app::App;
use crate::server::auth::Throttle;
use crate::server::auth::password::Hasher;
use crate::server::auth::token::{Keys, SecretError, load_secret};
use crate::server::blobs::identity::{self, Unpaired};
use crate::server::blobs::{Blobs, Digester, Space, TrashRule};
use crate::server::bus::Bus;
use crate::server::byte_budget::ByteBudget;
use crate::server::clock::Clock;
use crate::server::db::{Db, StartError};
use crate::server::error::Error;
use crate::server::features::{accounts, batches, desk, direct, links, page, pipes, rooms, service};
use crate::server::http::connection::{Limits, Stream};
use crate::server::http::openapi::Api;
use crate::server::http::route::{Endpoint, register};
use crate::server::http::{cors, expect, headers, log};
use crate::server::leases::Transfers;
use crate::server::metrics::Metrics;
use crate::server::places::{Holder, Shares};
use crate::server::settings::Settings;
use crate::server::sweeper::Sweep;
use crate::server::tally::Tally;

/// All that is served, feature by feature.
pub fn api() -> &'static Api {
    static API: LazyLock<Api> = LazyLock::new(|| Api {
        endpoints: [
            accounts::endpoints(),
            desk::endpoints(),
            links::endpoints(),
            batches::endpoints(),
            page::endpoints(),
            direct::endpoints(),
            pipes::endpoints(),
            rooms::endpoints(),
            service::endpoints(),
        ]
        .into_iter()
        .flatten()
        .collect(),
        refusals: [
            refusals::catalogue(),
            accounts::refusals::catalogue(),
            desk::refusals::catalogue(),
            links::refusals::catalogue(),
            batches::refusals::catalogue(),
            rooms::refusals::catalogue(),
            pipes::refusals::catalogue(),
            service::refusals(),
        ]
        .into_iter()
        .flatten()
        .collect(),
    });
    &API
}

/// What the features let end.
const SWEEPS: &[Sweep] = &[links::SWEEP, batches::SWEEP];

/// All routes.
pub fn endpoints() -> &'static [Endpoint] {
    &api().endpoints
}

/// A server that listens. Await [`Server::run`] for it to work.
pub struct Server {
    /// Where it listens; with the real port where port 0 was asked for.
    pub address: SocketAddr,
    pub app: web::Data<App>,
    pub live: Live,
    listener: TcpListener,
    writer: JoinHandle<()>,
    _locks: [folder::Lock; 2],
}

/// Why a server does not start: one line for the person who starts it.
#[derive(Debug, thiserror::Error)]
pub enum CannotStart {
    #[error("the data folder {path} cannot be used: {cause}")]
    Data { path: String, cause: io::Error },
    #[error("another Handover is already running on the data folder {0}")]
    Running(String),
    #[error(transparent)]
    Database(#[from] StartError),
    #[error("the folder for files {path} cannot be used: {cause}")]
    Blobs { path: String, cause: io::Error },
    #[error("another Handover is already running on the folder for files {0}")]
    BlobsInUse(String),
    #[error(transparent)]
    Unpaired(#[from] Unpaired),
    #[error(transparent)]
    Secret(#[from] SecretError),
    #[error("{address} cannot be listened on: {cause}{}", hint(.cause))]
    Listen { address: SocketAddr, cause: io::Error },
    #[error("a thread cannot be started: {0}")]
    Thread(io::Error),
    #[error("the open links of a restored copy cannot be revoked: {0}")]
    Settle(io::Error),
    #[error("the links of the last run cannot be given back: {}", .0.in_full())]
    Recover(Error),
}

fn hint(cause: &io::Error) -> &'static str {
    match cause.kind() {
        io::ErrorKind::AddrInUse => "; stop what listens there, or choose another port with --bind",
        io::ErrorKind::PermissionDenied => "; ports below 1024 need a privilege, choose another one with --bind",
        _ => "",
    }
}

impl Server {
    /// Opens everything and listens. Needs a running actix system; blocks for as long as migrations take.
    pub async fn start(settings: Settings, clock: Clock) -> Result<Server, CannotStart> {
        let config = settings.base.clone();
        let data = &config.store.data;
        let path = data.display().to_string();
        let unusable = |cause| CannotStart::Data { path: path.clone(), cause };
        folder::make(data).map_err(unusable)?;
        let lock = folder::lock(data).map_err(unusable)?.ok_or_else(|| CannotStart::Running(path.clone()))?;

        // The port first: whoever starts a second server by mistake should not wait for migrations to be told.
        let address = config.bind;
        let listening = |cause| CannotStart::Listen { address, cause };
        let listener = TcpListener::bind(address).map_err(listening)?;
        let address = listener.local_addr().map_err(listening)?;

        let secret = load_secret(config.secret_file.as_deref(), &data.join("keys/token.key"))?;
        let metrics = Arc::new(Metrics::default());
        let (db, writer) = Db::start(&config.store.database_path(), metrics.clone())?;
        let root = config.blobs_path();
        let shown = root.display().to_string();
        let unusable = |cause| CannotStart::Blobs { path: shown.clone(), cause };
        let trash = TrashRule { clock: clock.clone(), life: config.trash_life };
        let blobs = Blobs::open(&root, Space::new(config.quota(), &root), trash).map_err(unusable)?;
        let files = folder::lock(&root).map_err(unusable)?.ok_or_else(|| CannotStart::BlobsInUse(shown.clone()))?;
        identity::pair(&db, &blobs).await?;
        // Whoever held a link has died with the process before; the lock says that there is no other.
        let now = clock.now();
        let recovered = db.write(move |conn| links::model::recover(conn, now)).await.map_err(CannotStart::Recover)?;
        if recovered > 0 {
            tracing::info!(links = recovered, "links of broken downloads are open again");
        }
        db.write(move |conn| batches::model::copies::recover(conn, now)).await.map_err(CannotStart::Recover)?;
        if backup::is_restored(data) {
            let revoked =
                db.write(move |conn| links::model::end_restored(conn, now)).await.map_err(CannotStart::Recover)?;
            backup::settle(data).map_err(CannotStart::Settle)?;
            tracing::warn!(
                links = revoked,
                "this is a restored copy: its open links are revoked, and people sign in anew"
            );
        }
        let app = App {
            clock,
            bus: Bus::new(config.max_connections as usize / 4, batches::MOST_WATCHERS),
            budget: ByteBudget::new(config.direct_quota.0, config.direct_total_quota.0),
            digester: Digester::start(&db, blobs.clone()).map_err(CannotStart::Thread)?,
            hasher: Hasher::start(config.hash_queue.into(), metrics.clone()).map_err(CannotStart::Thread)?,
            transfers: Transfers::default(),
            uploads: Shares::new(config.max_uploads.into(), 4, true),
            inspections: Arc::new(Semaphore::new(std::thread::available_parallelism().map_or(2, usize::from))),
            checks: Arc::new(Semaphore::new(1)),
            keys: Keys::new(&secret),
            throttle: Throttle::default(),
            tally: Tally::default(),
            db,
            blobs,
            metrics,
            config,
        };
        let live = Live::new(&app, settings);
        Ok(Server { address, app: web::Data::new(app), live, listener, writer, _locks: [lock, files] })
    }

    /// Serves until it is stopped: by `stop` or, when `signals` is set, by SIGTERM, SIGINT or SIGQUIT, which are taken from
    /// before `started` is called. Running transfers get the grace time; whatever was acknowledged is on disk when this
    /// returns.
    pub async fn run(self, signals: bool, started: impl FnOnce(ServerHandle)) -> io::Result<()> {
        let Server { address, app, live, listener, writer, _locks } = self;
        listener.set_nonblocking(true)?;
        let workers = std::thread::available_parallelism().map_or(2, usize::from);
        let config = &app.config;
        let limits = Limits { head: config.head_timeout, stall: config.stall_timeout };
        let (head, keep_alive) = (config.head_timeout, config.keep_alive);
        let most = descriptors::connections(config.max_connections) as usize;
        let (connections, shares) = (most.div_ceil(workers), Shares::new(most, 2, false));
        let builder = actix_server::Server::build()
            .workers(workers)
            .max_concurrent_connections(connections)
            .shutdown_timeout(whole_seconds(config.grace))
            .disable_signals(); // actix gives running transfers no time after Ctrl-C
        let (stopping, stopped) = (builder.graceful_shutdown_signal(), builder.graceful_shutdown_signal());
        let shared = (app.clone(), live.clone());
        let server = builder
            .listen("http", listener, move || {
                let (app, live) = shared.clone();
                let (metrics, stopping, shares) = (app.metrics.clone(), stopping.clone(), shares.clone());
                let proxies = app.config.trusted_proxies.clone();
                let application =
                    || map_config(application(app.clone(), live.clone()).into_factory(), |()| AppConfig::default());
                let service = HttpService::build()
                    .expect(expect::on_demand(application()))
                    .graceful_shutdown_signal(move || {
                        let stopping = stopping.clone();
                        async move { stopping.notified().await }
                    })
                    .keep_alive(keep_alive)
                    .client_request_timeout(head)
                    // How long the rest of a refused upload is read and dropped before the connection is cut.
                    .client_disconnect_timeout(LINGER)
                    .local_addr(address)
                    .on_connect_ext(|stream: &Stream, data| drop(data.insert(stream.connection())))
                    .h1(application());
                fn_service(move |tcp: TcpStream| {
                    let peer = tcp.peer_addr().ok();
                    // Behind a proxy everybody has its address, and it has limits of its own.
                    let known = peer
                        .map(|peer| peer.ip().to_canonical())
                        .filter(|ip| !proxies.iter().any(|net| net.contains(ip)));
                    let share = match known.map(|address| shares.take(&Holder::Address(address))) {
                        Some(None) => {
                            return std::future::ready(Err(DispatchError::Io(io::ErrorKind::QuotaExceeded.into())));
                        }
                        share => share.flatten(),
                    };
                    std::future::ready(Ok((Stream::new(tcp, limits, metrics.clone()).holding(share), peer)))
                })
                .and_then(service)
            })?
            .run();
        if signals {
            stop_on_signals(&server.handle())?;
        }
        started(server.handle());
        let announcement = announce(config, address, &app.keys.identity());
        let sweeper = actix_rt::spawn(sweeper::run(app.clone(), SWEEPS));
        let watches = [
            actix_rt::spawn(direct::watch(app.clone(), live.hub.clone())),
            actix_rt::spawn(pipes::watch(app.clone(), live.pipes.clone())),
            actix_rt::spawn(rooms::watch(app.clone(), live.rooms.clone())),
        ];
        let bus = app.bus.clone();
        actix_rt::spawn(async move {
            stopped.notified().await;
            bus.close(); // whoever only listens, or waits, does not hold up the end
            live.hub.close();
            live.pipes.close();
            live.rooms.close();
        });
        let result = server.await;
        drop(announcement);
        sweeper.abort();
        if let Err(error) = audit::count(&app).await {
            tracing::warn!(cause = %error::Chain(&error), "the audit does not say how often the last refusals came");
        }
        watches.iter().for_each(actix_rt::task::JoinHandle::abort);
        // The writer ends once nobody can ask it for anything any more.
        drop(app);
        actix_rt::task::spawn_blocking(move || drop(writer.join())).await?;
        result
    }
}

/// Stops the server at the first SIGTERM, SIGINT or SIGQUIT; a second one ends the process at once.
fn stop_on_signals(handle: &ServerHandle) -> io::Result<()> {
    let asked = Rc::new(Cell::new(false));
    for kind in [SignalKind::terminate(), SignalKind::interrupt(), SignalKind::quit()] {
        let (mut signals, handle, asked) = (signal(kind)?, handle.clone(), asked.clone());
        actix_rt::spawn(async move {
            while signals.recv().await.is_some() {
                if asked.replace(true) {
                    tracing::warn!("asked to stop twice: running transfers are cut off");
                    std::process::exit(1);
                }
                tracing::info!("stopping; running transfers may finish within the grace time");
                // The command is sent when the future is made, and `run` waits for the end.
                drop(handle.stop(true));
            }
        });
    }
    Ok(())
}

/// Nobody gets less time than was set for them.
fn whole_seconds(time: Duration) -> u64 {
    time.as_secs() + u64::from(time.subsec_nanos() > 0)
}

/// See `client_disconnect_timeout` above.
const LINGER: Duration = Duration::from_secs(5);

/// What the features keep in memory: who is connected to whom, and their settings. Nothing of it outlives the server.
#[derive(Clone)]
pub struct Live {
    pub hub: direct::hub::Hub,
    pub pipes: pipes::Pipes,
    pub rooms: rooms::hub::Rooms,
    pub settings: Arc<Settings>,
}

impl Live {
    fn new(app: &App, settings: Settings) -> Live {
        let config = &app.config;
        Live {
            hub: direct::hub::Hub::new(app, &settings.direct),
            pipes: pipes::Pipes::new(config.code_life, config.max_transfers as usize),
            rooms: rooms::hub::Rooms::new(&settings.rooms, *app.blobs.space().quota()),
            settings: Arc::new(settings),
        }
    }
}

/// The application of one worker: middleware from the inside out, then the routes.
pub fn application(
    app: web::Data<App>,
    live: Live,
) -> actix_web::App<
    impl actix_service::ServiceFactory<
        actix_web::dev::ServiceRequest,
        Config = (),
        Response = actix_web::dev::ServiceResponse<actix_web::body::BoxBody>,
        Error = actix_web::Error,
        InitError = (),
    >,
> {
    let cors = cors::allowed(&app.config);
    let base = app.config.public_url.as_ref().map(|public| public.base_path().to_owned()).unwrap_or_default();
    let bad_query =
        |error: actix_web::error::QueryPayloadError| bad_request(format!("The query does not fit: {error}."));
    actix_web::App::new()
        .app_data(app)
        .app_data(web::Data::new(live.settings.accounts.clone()))
        .app_data(web::Data::new(live.settings.links.clone()))
        .app_data(web::Data::new(live.settings.batches.clone()))
        .app_data(web::Data::new(live.settings.direct.clone()))
        .app_data(web::Data::new(live.hub))
        .app_data(web::Data::new(live.pipes))
        .app_data(web::Data::new(live.rooms))
        .app_data(web::Data::new(api()))
        .app_data(web::QueryConfig::default().error_handler(move |error, _| bad_query(error).into()))
        .app_data(web::PathConfig::default().error_handler(|_, _| NOT_FOUND.into()))
        .wrap(cors)
        .wrap(from_fn(cors::refusals))
        .wrap(from_fn(headers::secure))
        .wrap(from_fn(log::log))
        .configure(move |config| {
            register(endpoints(), config);
            // A proxy may hand the base path through or take it off: both work.
            if !base.is_empty() {
                config.service(web::redirect(base.clone(), format!("{base}/")));
                config.service(web::scope(&base).configure(|config| register(endpoints(), config)));
            }
        })
        .default_service(web::to(|| async { Err::<&str, _>(NOT_FOUND) }))
}

#[cfg(test)]
mod tests {
    use super::*;

    #[test]
    fn a_part_of_a_second_is_a_second_of_grace() {
        for (millis, seconds) in [(0, 0), (1, 1), (500, 1), (1000, 1), (1001, 2), (30_000, 30)] {
            assert_eq!(whole_seconds(Duration::from_millis(millis)), seconds, "{millis} ms");
        }
    }
}
