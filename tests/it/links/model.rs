//! The states of a link under random schedules, on the model functions themselves and a database file.

use handover::server::features::links::refusals::{EXPIRED_LINK, LINK_BUSY, REVOKED_LINK, USED_LINK};
use std::cell::RefCell;
use std::time::Duration;

use chrono::NaiveDateTime;
use diesel::connection::SimpleConnection as _;
use diesel::prelude::*;
use handover::server::clock::Clock;
use handover::server::db::schema::download_links as links;
use handover::server::db::{Conn, open_migrated};
use handover::server::error::Error;
use handover::server::features::links::model::{self, Claim, LEASE, MAX_STARTS, NewLink};
use proptest::prelude::*;

/// Bytes of the file: the first, some between, the last.
const SIZE: u64 = 4;
const LIFE: Duration = Duration::from_secs(600);

#[derive(Clone, Debug)]
enum Step {
    /// A download of bytes from..to begins.
    Start(u64, u64),
    /// A download sends a byte that is not the file's last, and renews its lease if so.
    Send(usize, bool),
    /// A download asks for the last byte to be released.
    Consume(usize),
    /// The last byte leaves.
    SendLast(usize),
    /// That it has left is written down.
    Fetched(usize),
    /// The connection of a download breaks, or its range is over.
    Break(usize),
    /// The process dies and starts again.
    Crash,
    Wait(u64),
    Sweep,
    Revoke,
}

fn step() -> impl Strategy<Value = Step> {
    let who = 0..4usize;
    prop_oneof![
        6 => (0..SIZE, 1..=SIZE).prop_filter("a range", |(from, to)| from < to).prop_map(|(from, to)| Step::Start(from, to)),
        4 => Just(Step::Start(0, SIZE)),
        8 => (who.clone(), any::<bool>()).prop_map(|(who, renew)| Step::Send(who, renew)),
        5 => who.clone().prop_map(Step::Consume),
        5 => who.clone().prop_map(Step::SendLast),
        3 => who.clone().prop_map(Step::Fetched),
        3 => who.prop_map(Step::Break),
        1 => Just(Step::Crash),
        2 => prop_oneof![1..5u64, 55..65u64, 300..301u64].prop_map(Step::Wait),
        1 => Just(Step::Sweep),
        1 => prop_oneof![9 => Just(Step::Sweep), 1 => Just(Step::Revoke)],
    ]
}

/// A download, as `FileBody` and its lease run it.
struct Download {
    claim: Claim,
    next: u64,
    end: u64,
    consumed: bool,
}

struct World<'a> {
    conn: &'a mut Conn,
    clock: Clock,
    id: String,
    token: String,
    downloads: Vec<Download>,
    /// Times that the last byte has left to somebody who got the rest in the same go of the link.
    complete: u32,
    /// Times that it has left alone, after a crash or to make good for one.
    alone: u32,
    /// Whether a process died between the last byte and its record, or before the byte.
    crashed_late: bool,
    revoked: bool,
}

impl World<'_> {
    fn now(&self) -> NaiveDateTime {
        self.clock.now()
    }

    fn start(&mut self, from: u64, to: u64) -> Result<Claim, Error> {
        let now = self.now();
        let (link, _) = model::find(self.conn, &self.id, &self.token)?;
        let claim = model::claim(self.conn, &link, from, SIZE, Some("192.0.2.1"), now)?;
        self.downloads.push(Download { claim: claim.clone(), next: from, end: to, consumed: false });
        Ok(claim)
    }

    fn release(&mut self, who: usize) {
        let download = self.downloads.remove(who);
        model::release(self.conn, &download.claim).unwrap();
    }

    fn run(&mut self, step: &Step) {
        let now = self.now();
        match *step {
            Step::Start(from, to) => match self.start(from, to) {
                Ok(_) => {}
                Err(error)
                    if [LINK_BUSY, USED_LINK, EXPIRED_LINK, REVOKED_LINK].iter().any(|known| error.is(known)) => {}
                Err(error) => panic!("{error:?}"),
            },
            Step::Send(who, renew) => {
                let Some(download) = self.downloads.get_mut(who) else { return };
                if download.next < download.end.min(SIZE - 1) {
                    download.next += 1;
                    if renew && !model::renew(self.conn, &download.claim, now).unwrap() {
                        self.release(who);
                    }
                }
            }
            Step::Consume(who) => {
                let Some(download) = self.downloads.get_mut(who) else { return };
                if download.next == SIZE - 1 && download.end == SIZE && !download.consumed {
                    download.consumed = model::consume(self.conn, &download.claim, now).unwrap();
                    if !download.consumed {
                        self.release(who);
                    }
                }
            }
            Step::SendLast(who) => {
                let Some(download) = self.downloads.get_mut(who) else { return };
                if download.consumed && download.next == SIZE - 1 {
                    download.next = SIZE;
                    match download.claim.last_byte_only {
                        true => self.alone += 1,
                        false => self.complete += 1,
                    }
                }
            }
            Step::Fetched(who) => {
                if self.downloads.get(who).is_some_and(|download| download.next == SIZE) {
                    let download = self.downloads.remove(who);
                    model::fetched(self.conn, &download.claim, now).unwrap();
                }
            }
            // What has sent its last byte is over: its record is on the way and nothing is given back.
            Step::Break(who) => {
                if self.downloads.get(who).is_some_and(|download| download.next < SIZE) {
                    self.release(who);
                }
            }
            Step::Crash => {
                self.crashed_late |= self.downloads.iter().any(|download| download.consumed);
                self.downloads.clear();
                model::recover(self.conn).unwrap();
            }
            Step::Wait(seconds) => self.clock.advance(Duration::from_secs(seconds)),
            Step::Sweep => drop(model::expire(self.conn, now).unwrap()),
            Step::Revoke => self.revoked |= model::revoke(self.conn, &self.id, None).unwrap(),
        }
    }

    fn row(&mut self) -> (String, i32, Option<NaiveDateTime>, NaiveDateTime) {
        let row = links::table.find(&self.id);
        row.select((links::state, links::starts, links::fetched_at, links::expires_at)).first(self.conn).unwrap()
    }

    fn check(&mut self) -> Result<(), TestCaseError> {
        let (state, starts, fetched_at, _) = self.row();
        prop_assert!(self.complete <= 1, "two complete copies");
        prop_assert!(self.alone == 0 || self.crashed_late, "a second last byte without a crash");
        prop_assert!(fetched_at.is_none() || state == model::CONSUMED, "fetched and {}", state);
        prop_assert!(self.complete == 0 || state == model::CONSUMED, "delivered and {}", state);
        prop_assert!(starts <= MAX_STARTS, "{} starts", starts);
        let sure = self.downloads.iter().filter(|download| download.consumed && download.next < SIZE).count();
        prop_assert!(sure <= 1, "two downloads may send the last byte");
        Ok(())
    }

    /// After all have gone: a link that nobody fetched is open, if only for its last byte.
    fn check_open(&mut self) -> Result<(), TestCaseError> {
        for who in (0..self.downloads.len()).rev() {
            match self.downloads[who].next == SIZE {
                true => self.run(&Step::Fetched(who)),
                false => self.run(&Step::Break(who)),
            }
        }
        let (state, starts, fetched_at, expires_at) = self.row();
        if fetched_at.is_some() || expires_at <= self.now() || self.revoked || starts >= MAX_STARTS {
            return Ok(());
        }
        let whole = self.start(0, SIZE);
        let open = whole.is_ok() || self.start(SIZE - 1, SIZE).is_ok();
        prop_assert!(open, "a {} link after {} starts is dead: {:?}", state, starts, whole.err());
        prop_assert!(whole.is_ok() || self.crashed_late, "only a crash leaves no more than the last byte");
        let last = self.downloads.len() - 1;
        self.downloads[last].next = SIZE - 1;
        self.run(&Step::Consume(last));
        self.run(&Step::SendLast(last));
        self.run(&Step::Fetched(last));
        prop_assert!(self.row().2.is_some(), "it can be fetched to its end");
        self.check()
    }
}

fn database() -> (tempfile::TempDir, Conn) {
    let dir = tempfile::tempdir().unwrap();
    let mut conn = open_migrated(&dir.path().join("handover.db")).unwrap();
    conn.batch_execute(
        "PRAGMA synchronous = OFF;
         INSERT INTO users VALUES ('u', 'ann', 'ann', 'a@b', 'a@b', '', 'client', '2026-01-01', NULL);
         INSERT INTO blobs VALUES ('b', 4, '', NULL, 0, '2026-01-01');
         INSERT INTO documents VALUES ('d', 'a.docx', 'a.docx', 1, 1, 'b', 'u', '2026-01-01', NULL, '');",
    )
    .unwrap();
    (dir, conn)
}

fn with_link(conn: &mut Conn) -> World<'_> {
    let clock = Clock::manual();
    let now = clock.now();
    let (id, token) = (handover::server::id::new(), handover::server::id::new());
    let new = NewLink { id: &id, token: &token, document: "d", user: "u", now, end: now + LIFE };
    // One link at a time: recovery is for all of them.
    diesel::delete(links::table).execute(conn).unwrap();
    model::issue(conn, &new).unwrap();
    let downloads = Vec::new();
    World { conn, clock, id, token, downloads, complete: 0, alone: 0, crashed_late: false, revoked: false }
}

/// Never two complete copies, never a dead link that was not fetched. A schedule that fails is
/// printed in its shortest form.
#[test]
fn random_schedules_keep_the_promises() {
    let (_dir, conn) = database();
    let conn = RefCell::new(conn);
    let config = ProptestConfig { cases: 1500, failure_persistence: None, ..ProptestConfig::default() };
    proptest!(config, |(steps in prop::collection::vec(step(), 1..60))| {
        let mut conn = conn.borrow_mut();
        let mut world = with_link(&mut conn);
        for step in &steps {
            world.run(step);
            world.check()?;
        }
        world.check_open()?;
    });
}

/// A consumed link whose last byte is still on its way is nobody else's, however long that takes.
#[test]
fn a_last_byte_on_its_way_is_not_given_to_another() {
    let (_dir, mut conn) = database();
    let mut world = with_link(&mut conn);
    world.start(0, SIZE).unwrap();
    world.downloads[0].next = SIZE - 1;
    world.run(&Step::Consume(0));
    world.clock.advance(LEASE * 2);
    assert!(world.start(SIZE - 1, SIZE).is_err_and(|error| error.is(&USED_LINK)));
    world.run(&Step::SendLast(0));
    world.run(&Step::Fetched(0));
    assert!(world.start(SIZE - 1, SIZE).is_err_and(|error| error.is(&USED_LINK)));
}

/// Ten starts are ten starts, also of the last byte alone, which whoever crashes may be asked for again.
#[test]
fn a_last_byte_has_no_more_starts_than_a_file() {
    let (_dir, mut conn) = database();
    let mut world = with_link(&mut conn);
    world.start(0, SIZE).unwrap();
    world.downloads[0].next = SIZE - 1;
    world.run(&Step::Consume(0));
    world.run(&Step::Crash);
    for start in 2..=MAX_STARTS {
        assert!(world.start(SIZE - 1, SIZE).is_ok(), "start {start}");
        world.run(&Step::Break(0));
    }
    assert!(world.start(SIZE - 1, SIZE).is_err_and(|error| error.is(&USED_LINK)));
    assert_eq!(world.row().1, MAX_STARTS);
}
