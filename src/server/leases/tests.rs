//! The ledger under random schedules, beside an account of each byte that knows nothing of it.

use std::ops::Range;
use std::time::Duration;

use chrono::NaiveDateTime;
use proptest::prelude::*;

use super::*;
use crate::server::clock::Clock;

/// Positions are whole mebibytes, so that what a client may not have read is some of the file and not all of it.
const UNIT: u64 = 1 << 20;
const SIZE: u64 = 24;

#[derive(Clone, Debug)]
enum Step {
    /// Somebody asks for these units: as a range or for the whole, with a proof or without.
    Start {
        who: usize,
        from: u64,
        to: u64,
        in_part: bool,
        proved: bool,
    },
    /// The other end acknowledges up to so many units more.
    Acknowledge(usize, u64),
    /// All but the last byte are acknowledged: it is written down, and the byte leaves.
    Finish(usize),
    /// The connection of a transfer breaks.
    Break(usize),
    /// The latest connection that brought all that it owned is reset.
    Reset,
    Wait(u64),
    /// The process dies and starts again.
    Crash,
}

fn step() -> impl Strategy<Value = Step> {
    let which = 0..4usize;
    let range = (0..SIZE, 1..=SIZE).prop_filter("a range", |(from, to)| from < to);
    prop_oneof![
        6 => (0..2usize, range, prop::bool::weighted(0.1))
            .prop_map(|(who, (from, to), proved)| Step::Start { who, from, to, in_part: true, proved }),
        2 => (0..2usize).prop_map(|who| Step::Start { who, from: 0, to: SIZE, in_part: false, proved: false }),
        10 => (which.clone(), 1..SIZE).prop_map(|(which, units)| Step::Acknowledge(which, units)),
        8 => which.clone().prop_map(Step::Finish),
        3 => which.prop_map(Step::Break),
        1 => Just(Step::Reset),
        2 => prop_oneof![Just(1u64), Just(5), Just(61)].prop_map(Step::Wait),
        1 => Just(Step::Crash),
    ]
}

/// A transfer as its connection sees it.
struct Running {
    id: String,
    owned: Range<u64>,
    acked: u64,
    renewed: NaiveDateTime,
}

struct World {
    clock: Clock,
    ledger: Ledger,
    transfers: Transfers,
    running: Vec<Running>,
    /// What has left whole, for a reset behind it.
    left: Option<Range<u64>>,
    /// What was acknowledged at any time, of each unit how often.
    brought: Vec<u32>,
    /// A connection broke or was reset, or a claim was lost: somebody may not have read what was acknowledged.
    doubts: bool,
    next: u32,
}

impl World {
    fn new() -> World {
        let (clock, transfers) = (Clock::manual(), Transfers::default());
        let brought = vec![0; SIZE as usize];
        World {
            clock,
            ledger: Ledger::default(),
            transfers,
            running: Vec::new(),
            left: None,
            brought,
            doubts: false,
            next: 0,
        }
    }

    fn start(&mut self, who: usize, range: Range<u64>, in_part: bool, proved: bool) -> Result<(), Refused> {
        self.next += 1;
        let (id, holder, now) = (self.next.to_string(), ["ann", "bob"][who], self.clock.now());
        let ask = Ask { id: &id, range: range.clone(), in_part, holder, proved };
        let before = self.ledger.clone();
        let same = proved || before.is_holder(holder);
        let transfers = self.transfers.clone();
        let granted = self.ledger.claim(&ask, SIZE * UNIT, now, &|id| transfers.progress(id));
        let granted = granted.inspect_err(|_| self.ledger = before)?; // as a transaction that is rolled back
        for (id, end) in &granted.shortened {
            self.transfers.shorten(id, *end);
            for other in self.running.iter_mut().filter(|other| other.id == *id) {
                // Whoever goes on in what it lost says that it has what lies before.
                let lives = now < other.renewed + LEASE && same;
                if in_part
                    && lives
                    && *end == other.owned.start
                    && (other.acked..other.owned.end).contains(&range.start)
                {
                    (other.acked / UNIT..range.start / UNIT).for_each(|unit| self.brought[unit as usize] += 1);
                }
                other.owned.end = *end;
            }
            self.doubts = true;
        }
        self.running.retain(|other| !other.owned.is_empty());
        self.transfers.begin(id.clone(), String::new(), range.start, granted.end, now);
        self.running.push(Running { id, owned: range.start..granted.end, acked: range.start, renewed: now });
        Ok(())
    }

    fn acknowledge(&mut self, which: usize, units: u64) {
        let now = self.clock.now();
        let Some(running) = self.running.get_mut(which) else { return };
        let to = (running.acked + units * UNIT).min(running.owned.end);
        (running.acked / UNIT..to / UNIT).for_each(|unit| self.brought[unit as usize] += 1);
        running.acked = to.max(running.acked);
        running.renewed = now;
        self.transfers.begin(running.id.clone(), String::new(), running.acked, running.owned.end, now);
        self.ledger.renew(&running.id, running.acked, now);
    }

    fn finish(&mut self, which: usize) {
        self.acknowledge(which, SIZE);
        let now = self.clock.now();
        let Some(running) = self.running.get(which) else { return };
        let finished = self.ledger.finish(&running.id, SIZE * UNIT, now);
        let Running { id, owned, acked, .. } = self.running.remove(which);
        self.transfers.end(&id);
        self.ledger.end(&id, acked, !finished, SIZE * UNIT);
        self.left = finished.then_some(owned);
    }

    fn end(&mut self, which: usize) {
        if which < self.running.len() {
            let running = self.running.remove(which);
            self.transfers.end(&running.id);
            self.doubts |= self.ledger.end(&running.id, running.acked, true, SIZE * UNIT);
        }
    }

    fn run(&mut self, step: &Step) {
        match *step {
            Step::Start { who, from, to, in_part, proved } => {
                let _ = self.start(who, from * UNIT..to * UNIT, in_part, proved);
            }
            Step::Acknowledge(which, units) => self.acknowledge(which, units),
            Step::Finish(which) => self.finish(which),
            Step::Break(which) => self.end(which),
            Step::Reset => {
                if let Some(range) = self.left.take() {
                    self.ledger.retract(&range, SIZE * UNIT);
                    self.doubts = true;
                }
            }
            Step::Wait(seconds) => self.clock.advance(Duration::from_secs(seconds)),
            Step::Crash => {
                self.running.drain(..).for_each(|running| self.transfers.end(&running.id));
                self.ledger.recover(SIZE * UNIT);
                self.doubts = true;
            }
        }
    }

    fn check(&self) -> Result<(), TestCaseError> {
        let mut owned: Vec<_> =
            self.running.iter().filter(|one| self.ledger.is_owner(&one.id)).map(|one| one.owned.clone()).collect();
        owned.sort_by_key(|range| range.start);
        prop_assert!(owned.windows(2).all(|pair| pair[0].end <= pair[1].start), "owned twice: {:?}", owned);
        let brought: u32 = self.brought.iter().sum();
        prop_assert!(u64::from(brought) <= 2 * SIZE, "{} of {} units were brought", brought, SIZE);
        let covered = self.brought.iter().all(|times| *times > 0);
        prop_assert!(covered || !self.ledger.is_used(), "used, and not all of it was brought: {:?}", self.brought);
        prop_assert!(
            !covered || self.doubts || self.ledger.is_used() || !self.running.is_empty(),
            "covered, and not used"
        );
        Ok(())
    }

    /// What is left of it can be had, and then it is used.
    fn check_open(&mut self) -> Result<(), TestCaseError> {
        (0..self.running.len()).rev().for_each(|which| self.end(which));
        if self.ledger.is_exhausted() {
            return Ok(());
        }
        while !self.ledger.is_used() {
            self.clock.advance(STALLED);
            let missing = self.ledger.missing(SIZE * UNIT).iter().next().cloned();
            let Some(missing) = missing else {
                return Err(TestCaseError::fail("nothing is missing, and it is not used"));
            };
            prop_assert!(
                self.start(0, missing.clone(), true, false).is_ok(),
                "{:?} cannot be had: {:?}",
                missing,
                self.ledger
            );
            self.finish(0);
            self.check()?;
        }
        prop_assert_eq!(self.start(0, 0..UNIT, true, true), Err(Refused::Used));
        Ok(())
    }
}

/// Each byte owned by one transfer at a time, used exactly when the whole is covered, at most twice the bytes, and never dead
/// before. A schedule that fails is printed in its shortest form.
#[test]
fn random_schedules_keep_the_promises() {
    let config = ProptestConfig { cases: 1000, failure_persistence: None, ..ProptestConfig::default() };
    proptest!(config, |(steps in prop::collection::vec(step(), 1..60))| {
        let mut world = World::new();
        for step in &steps {
            world.run(step);
            world.check()?;
            let text = serde_json::to_string(&world.ledger).unwrap();
            prop_assert_eq!(&serde_json::from_str::<Ledger>(&text).unwrap(), &world.ledger, "it is the same after a night in a row");
        }
        world.check_open()?;
    });
}

fn whole() -> Range<u64> {
    0..SIZE * UNIT
}

#[test]
fn ranges_of_one_holder_run_side_by_side_and_not_those_of_two() {
    let mut world = World::new();
    world.start(0, whole(), false, false).unwrap();
    for from in [18, 6, 12] {
        world.start(0, from * UNIT..SIZE * UNIT, true, false).unwrap();
    }
    let owned: Vec<_> = world.running.iter().map(|one| one.owned.start / UNIT..one.owned.end / UNIT).collect();
    assert_eq!(owned, [0..6, 18..24, 6..12, 12..18]);
    assert!(matches!(world.start(1, 20 * UNIT..SIZE * UNIT, true, false), Err(Refused::Busy(_))));
    assert!(matches!(world.start(0, whole(), false, false), Err(Refused::Busy(_))));
    for _ in 0..4 {
        assert!(!world.ledger.is_used());
        world.finish(0);
    }
    assert!(world.ledger.is_delivered());
    assert!(world.brought.iter().all(|times| *times == 1));
}

#[test]
fn the_end_alone_uses_nothing_and_all_but_the_end_is_had_twice() {
    let mut world = World::new();
    world.start(0, (SIZE - 1) * UNIT..SIZE * UNIT, true, false).unwrap();
    world.finish(0);
    assert!(!world.ledger.is_used());
    let mut world = World::new();
    for _ in 0..2 {
        world.start(0, 0..(SIZE - 1) * UNIT, true, false).unwrap();
        world.finish(0);
        assert!(!world.ledger.is_used());
    }
    assert_eq!(world.start(0, 0..(SIZE - 1) * UNIT, true, false), Err(Refused::Used));
    assert_eq!(world.start(0, whole(), false, false), Err(Refused::Used));
    world.start(0, (SIZE - 1) * UNIT..SIZE * UNIT, true, false).unwrap();
    world.finish(0);
    assert!(world.ledger.is_delivered());
}

#[test]
fn what_stands_still_is_lost_to_whoever_asks_next() {
    let mut world = World::new();
    world.start(0, whole(), false, false).unwrap();
    world.acknowledge(0, 3);
    world.clock.advance(Duration::from_secs(3));
    assert_eq!(world.start(1, whole(), false, false), Err(Refused::Busy(Duration::from_secs(2))));
    world.clock.advance(Duration::from_secs(2));
    world.start(1, whole(), false, false).unwrap();
    assert!(!world.ledger.is_owner("1"), "and never comes back to it");
    assert_eq!(world.running.len(), 1);
}

#[test]
fn a_holder_goes_on_at_once_with_a_proof_and_has_what_it_had() {
    let mut world = World::new();
    world.start(0, whole(), false, false).unwrap();
    world.acknowledge(0, 10);
    // From another address, and it had more than was acknowledged.
    world.start(1, 11 * UNIT..SIZE * UNIT, true, true).unwrap();
    world.finish(0);
    assert!(world.ledger.is_delivered());
}

#[test]
fn a_reset_behind_the_last_byte_opens_it_and_where_the_client_goes_on_tells_what_it_has() {
    let mut world = World::new();
    world.start(0, whole(), false, false).unwrap();
    world.finish(0);
    assert!(world.ledger.is_delivered());
    assert!(world.ledger.retract(&whole(), SIZE * UNIT));
    world.start(0, 20 * UNIT..SIZE * UNIT, true, false).unwrap();
    world.finish(0);
    assert!(world.ledger.is_delivered());
}

#[test]
fn a_crash_behind_the_end_leaves_the_last_byte_and_no_more() {
    let mut world = World::new();
    world.start(0, whole(), false, false).unwrap();
    world.acknowledge(0, SIZE - 1);
    let now = world.clock.now();
    assert!(world.ledger.finish("1", SIZE * UNIT, now) && world.ledger.is_used());
    world.run(&Step::Crash);
    assert_eq!(world.start(0, whole(), false, false), Err(Refused::Used));
    world.start(0, SIZE * UNIT - 1..SIZE * UNIT, true, false).unwrap();
}

#[test]
fn a_last_byte_of_which_nobody_knows_is_left_and_no_more() {
    let mut world = World::new();
    world.start(0, whole(), false, false).unwrap();
    let now = world.clock.now();
    assert!(world.ledger.finish("1", SIZE * UNIT, now));
    assert!(world.ledger.leave("1", SIZE * UNIT) && !world.ledger.leave("1", SIZE * UNIT));
    assert_eq!(world.start(0, whole(), false, false), Err(Refused::Used));
    let last = SIZE * UNIT - 1..SIZE * UNIT;
    for _ in 0..VAIN_STARTS {
        world.start(0, last.clone(), true, false).unwrap();
        let id = world.next.to_string();
        assert!(world.ledger.finish(&id, SIZE * UNIT, now) && world.ledger.leave(&id, SIZE * UNIT));
    }
    assert_eq!(world.start(0, last, true, false), Err(Refused::Used), "not for ever");
}
