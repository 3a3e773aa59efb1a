//! The ledger of one copy. It knows no database and no socket: time and what is known of transfers are handed in.

use std::ops::Range;
use std::time::Duration;

use chrono::{NaiveDateTime, TimeDelta};
use serde::{Deserialize, Serialize};

use super::ranges::Ranges;
use super::transfers::Progress;
use super::{LEASE, STALLED, UNREAD, VAIN_STARTS};
use crate::server::clock::after;

/// See the module.
#[derive(Clone, Debug, Default, PartialEq, Eq, Serialize, Deserialize)]
#[serde(default)]
pub struct Ledger {
    /// Acknowledged, and owned by nobody.
    delivered: Ranges,
    /// Acknowledged on a connection that broke: its client had read them, or not. Where it goes on tells.
    unsure: Ranges,
    claims: Vec<Claim>,
    /// Bytes that transfers which are over brought, again and again counted.
    spent: u64,
    /// Starts that went back far, or brought nothing.
    vain: u32,
    /// Who holds it, as a digest, and how many held it before.
    holder: String,
    turn: u32,
    /// It is covered: nobody begins any more.
    used: bool,
}

/// What a transfer owns.
#[derive(Clone, Debug, PartialEq, Eq, Serialize, Deserialize)]
struct Claim {
    id: String,
    start: u64,
    end: u64,
    /// What of it had been delivered before: it is again if the transfer ends before it.
    again: Ranges,
    /// What of it another connection of the same holder was sent before it lost it.
    #[serde(default)]
    doubts: Ranges,
    /// Acknowledged up to here when it was last renewed.
    acked: u64,
    /// All but the last byte are acknowledged, and that byte may leave.
    finished: bool,
    lease_until: NaiveDateTime,
}

/// What somebody wants of a copy.
#[derive(Clone, Debug)]
pub struct Ask<'a> {
    /// The id that the transfer will have.
    pub id: &'a str,
    pub range: Range<u64>,
    /// It was asked for as a range, by a client that keeps account of what it has.
    pub in_part: bool,
    /// Digest of address and User-Agent.
    pub holder: &'a str,
    /// The holder has proved to be it.
    pub proved: bool,
}

/// What somebody gets.
#[derive(Clone, Debug, PartialEq, Eq)]
pub struct Granted {
    /// Where what it owns ends; what was asked for may go further.
    pub end: u64,
    /// What other transfers own from now on ends here; those that have passed it are over.
    pub shortened: Vec<(String, u64)>,
}

#[derive(Clone, Debug, PartialEq, Eq)]
pub enum Refused {
    /// A transfer is under way; its place may be free after this time, if it stops moving.
    Busy(Duration),
    /// It is delivered, or all that was asked for was given too often.
    Used,
}

/// What is known of a transfer that runs in this process.
pub type Look<'a> = &'a dyn Fn(&str) -> Option<Progress>;

impl Ledger {
    /// Hands what is asked for to a transfer, of a file of `size` bytes.
    ///
    /// # Errors
    /// [`Refused`]; nothing has changed then that would have to be kept.
    pub fn claim(&mut self, ask: &Ask, size: u64, now: NaiveDateTime, look: Look) -> Result<Granted, Refused> {
        let mut shortened = self.drop_dead(size, now, look);
        if self.used || self.is_exhausted() || self.is_left_behind(ask.range.start, size) {
            return Err(Refused::Used);
        }
        let same = ask.proved || self.holder == ask.holder;
        shortened.extend(match same {
            true => self.make_way(ask, size, now, look)?,
            false => self.take_over(size, now, look)?,
        });
        let start = ask.range.start;
        let mut end = self.next_owned(start).map_or(ask.range.end, |next| next.min(ask.range.end));
        if ask.in_part && self.check_bytes(&(start..end), size).is_err() && !self.delivered.contains(start) {
            // A part without an end of its own: what is missing there, and not what another part has brought.
            end = self.delivered.iter().map(|range| range.start).filter(|next| *next > start).fold(end, u64::min);
        }
        let owned = start..end;
        self.check_bytes(&owned, size)?;
        if same {
            self.settle(owned.start);
        }
        let again = self.take(&owned);
        self.vain += u32::from(again.len() > UNREAD);
        let Ask { id, holder, .. } = *ask;
        let lease_until = after(now, LEASE);
        let acked = start;
        let doubts = Ranges::default();
        self.claims.push(Claim { id: id.to_owned(), start, end, again, doubts, acked, finished: false, lease_until });
        self.turn += u32::from(!same);
        holder.clone_into(&mut self.holder);
        Ok(Granted { end, shortened })
    }

    /// Gives a transfer what follows behind its own, up to `end`, if it is free and was not delivered. Returns where what it
    /// owns ends; `None` when the claim is lost, or nothing follows.
    pub fn extend(&mut self, id: &str, end: u64, size: u64) -> Option<u64> {
        let from = self.claims.iter().find(|claim| claim.id == id)?.end;
        let delivered = self.delivered.iter().map(|range| range.start).filter(|start| *start >= from).min();
        let next = [self.next_owned(from), delivered, Some(end)].into_iter().flatten().min()?;
        if next <= from || self.delivered.contains(from) || self.check_bytes(&(from..next), size).is_err() {
            return None;
        }
        self.unsure.remove(&(from..next));
        let claim = self.claims.iter_mut().find(|claim| claim.id == id)?;
        (claim.end, claim.finished) = (next, false);
        Some(next)
    }

    /// A transfer lives. False when its claim is lost.
    pub fn renew(&mut self, id: &str, acked: u64, now: NaiveDateTime) -> bool {
        let Some(claim) = self.claims.iter_mut().find(|claim| claim.id == id) else { return false };
        claim.acked = acked.clamp(claim.start, claim.end);
        claim.lease_until = after(now, LEASE);
        true
    }

    /// All but the last byte of what a transfer owns are acknowledged: once this is written down that byte may leave. Marks
    /// the copy as used when nothing else is missing. False when the claim is lost.
    pub fn finish(&mut self, id: &str, size: u64, now: NaiveDateTime) -> bool {
        let Some(claim) = self.claims.iter_mut().find(|claim| claim.id == id) else { return false };
        claim.finished = true;
        claim.acked = claim.end.saturating_sub(1).max(claim.start);
        claim.lease_until = after(now, LEASE);
        let finished: u64 =
            self.claims.iter().filter(|claim| claim.finished).map(|claim| claim.end - claim.start).sum();
        self.used |= self.delivered.len() + finished == size;
        true
    }

    /// A transfer is over, with all up to `acked` acknowledged. `broken` means that its client may not have read all of
    /// that. False when the claim was lost before.
    pub fn end(&mut self, id: &str, acked: u64, broken: bool, size: u64) -> bool {
        let Some(place) = self.claims.iter().position(|claim| claim.id == id) else { return false };
        let claim = self.claims.swap_remove(place);
        let acked = acked.clamp(claim.start, claim.end);
        self.spent += acked - claim.start;
        self.vain += u32::from(acked == claim.start && claim.start < claim.end);
        let read = if broken { acked.saturating_sub(UNREAD).max(claim.start) } else { acked };
        self.delivered.add(claim.start..read);
        claim.again.iter().for_each(|range| self.delivered.add(range.clone()));
        self.doubt(&(read..acked));
        claim.doubts.within(&(acked..claim.end)).iter().for_each(|range| self.doubt(range));
        self.used &= acked == claim.end && !broken || !claim.finished;
        self.afford_doubts(size);
        true
    }

    /// A connection was reset behind the last byte of `range`, which may be unread in part. True if that opens the copy.
    pub fn retract(&mut self, range: &Range<u64>, size: u64) -> bool {
        let tail = range.end.saturating_sub(UNREAD).max(range.start)..range.end;
        let tail = self.delivered.within(&tail);
        if self.spent + size - self.delivered.len() + tail.len() > 2 * size {
            return false;
        }
        for part in tail.iter() {
            self.delivered.remove(part);
            self.unsure.add(part.clone());
        }
        std::mem::take(&mut self.used)
    }

    /// A transfer is over whose last byte was handed on, and nobody knows whether it has left: that byte may be had again, and
    /// where the whole is covered no more than it. False when the claim was lost before.
    pub fn leave(&mut self, id: &str, size: u64) -> bool {
        let Some(claim) = self.claims.iter().find(|claim| claim.id == id) else { return false };
        let (used, acked) = (self.used, claim.end.saturating_sub(1));
        self.end(id, acked, false, size);
        if used {
            self.spend_all(size);
        }
        true
    }

    /// After a start: whoever owned something died with the process before. Where that may have been behind the last byte,
    /// there is no more to be had than what is missing.
    pub fn recover(&mut self, size: u64) {
        let used = self.used;
        while let Some(claim) = self.claims.first() {
            let (id, acked) = (claim.id.clone(), claim.acked);
            self.end(&id, acked, false, size);
        }
        if used {
            self.spend_all(size);
        }
    }

    /// Leaves no bytes but those that are missing.
    fn spend_all(&mut self, size: u64) {
        self.spent = (2 * size).saturating_sub(size - self.delivered.len());
    }

    /// Bytes that are delivered, or owned and acknowledged so far.
    pub fn fetched(&self) -> u64 {
        self.delivered.len()
            + self.unsure.len()
            + self.claims.iter().map(|claim| claim.acked - claim.start).sum::<u64>()
    }

    pub fn is_used(&self) -> bool {
        self.used
    }

    /// Whether it is used and nobody is at its last bytes any more.
    pub fn is_delivered(&self) -> bool {
        self.used && self.claims.is_empty()
    }

    /// Whether it was begun in vain too often.
    pub fn is_exhausted(&self) -> bool {
        self.vain >= VAIN_STARTS && self.claims.is_empty()
    }

    /// When the last claim ends, if nobody renews it.
    pub fn lease_until(&self) -> Option<NaiveDateTime> {
        self.claims.iter().map(|claim| claim.lease_until).max()
    }

    pub fn is_owner(&self, id: &str) -> bool {
        self.claims.iter().any(|claim| claim.id == id)
    }

    pub fn is_holder(&self, holder: &str) -> bool {
        self.holder == holder
    }

    /// Numbers the holders, for what proves to be one.
    pub fn turn(&self) -> u32 {
        self.turn
    }

    /// Ends the claims whose process has given no sign of life.
    fn drop_dead(&mut self, size: u64, now: NaiveDateTime, look: Look) -> Vec<(String, u64)> {
        let dead: Vec<_> = self.claims.iter().filter(|claim| claim.lease_until <= now).cloned().collect();
        dead.into_iter().map(|claim| self.lose(claim, 0, size, look)).collect()
    }

    /// Takes all that a transfer owns. Its client has read what lies before `read`.
    fn lose(&mut self, claim: Claim, read: u64, size: u64, look: Look) -> (String, u64) {
        self.end(&claim.id, acked(&claim, look).max(read), true, size);
        self.settle(read);
        (claim.id, claim.start)
    }

    /// A connection was sent these bytes, of which it may own none any more: whoever reads it may have them.
    pub fn sent(&mut self, range: &Range<u64>) {
        for claim in &mut self.claims {
            let owned = range.start.max(claim.start)..range.end.min(claim.end);
            claim.doubts.add(owned);
        }
        self.doubt(range);
    }

    /// Notes what is neither delivered nor owned as read or not.
    fn doubt(&mut self, range: &Range<u64>) {
        let mut doubts = Ranges::default();
        doubts.add(range.clone());
        self.delivered.iter().for_each(|known| doubts.remove(known));
        self.claims.iter().for_each(|claim| doubts.remove(&(claim.start..claim.end)));
        doubts.iter().for_each(|range| self.unsure.add(range.clone()));
    }

    /// Whether all was acknowledged, and whoever asks goes on at none of the places in doubt: its holder went on behind them,
    /// with what it had from elsewhere.
    fn is_left_behind(&self, start: u64, size: u64) -> bool {
        self.claims.is_empty()
            && self.delivered.len() + self.unsure.len() == size
            && self.delivered.contains(size.saturating_sub(1))
            && !self.unsure.iter().any(|range| (range.start..=range.end).contains(&start))
    }

    /// What was acknowledged counts as delivered, in doubt or not, where the file twice leaves nothing to bring it again.
    fn afford_doubts(&mut self, size: u64) {
        let mut excess = (self.spent + size).saturating_sub(self.delivered.len() + 2 * size);
        for doubt in self.unsure.clone().iter() {
            let paid = doubt.start..doubt.end.min(doubt.start + excess);
            excess -= paid.end - paid.start;
            self.unsure.remove(&paid);
            self.delivered.add(paid);
        }
        self.used |= self.claims.is_empty() && self.delivered.len() == size;
    }

    /// How long a claim has brought nothing.
    fn idle(claim: &Claim, now: NaiveDateTime, look: Look) -> TimeDelta {
        match look(&claim.id) {
            Some(progress) => now - progress.moved_at,
            None => TimeDelta::zero(), // of another process; its lease tells
        }
    }

    /// What a transfer of the same holder may have: where it goes on in what another one owns, or bytes that another one would
    /// come to later.
    fn make_way(
        &mut self,
        ask: &Ask,
        size: u64,
        now: NaiveDateTime,
        look: Look,
    ) -> Result<Vec<(String, u64)>, Refused> {
        let mut shortened = Vec::new();
        for claim in self.claims.clone() {
            let overlaps = claim.start < ask.range.end && ask.range.start < claim.end;
            if !overlaps || ask.in_part && ask.range.start < claim.start {
                continue;
            }
            let (idle, goes_on) = (Self::idle(&claim, now, look), ask.in_part && claim.start < ask.range.start);
            let (stands, known) = (idle >= seconds(STALLED), acked(&claim, look));
            // What was acknowledged last may not have been heard of.
            let read = if stands { known + UNREAD } else { known };
            let is_over = ask.proved || if goes_on { ask.range.start <= read } else { stands };
            shortened.push(match (is_over, goes_on) {
                (true, true) => self.lose(claim, ask.range.start, size, look),
                (true, false) => self.lose(claim, 0, size, look),
                (false, true) => self.shorten(&claim.id, ask.range.start),
                (false, false) => return Err(busy(idle)),
            });
        }
        Ok(shortened)
    }

    /// Leaves a transfer what lies before `end`.
    fn shorten(&mut self, id: &str, end: u64) -> (String, u64) {
        for claim in self.claims.iter_mut().filter(|claim| claim.id == id) {
            let from = end..claim.end;
            claim.again.within(&from).iter().for_each(|range| self.delivered.add(range.clone()));
            claim.again.remove(&from);
            claim.end = end;
        }
        (id.to_owned(), end)
    }

    /// Somebody else gets it when nothing of it has moved for some time.
    fn take_over(&mut self, size: u64, now: NaiveDateTime, look: Look) -> Result<Vec<(String, u64)>, Refused> {
        let idle = self.claims.iter().map(|claim| Self::idle(claim, now, look)).min();
        if let Some(idle) = idle.filter(|idle| *idle < seconds(STALLED)) {
            return Err(busy(idle));
        }
        Ok(self.claims.clone().into_iter().map(|claim| self.lose(claim, 0, size, look)).collect())
    }

    /// Where the next transfer's own begins, from `byte` on.
    fn next_owned(&self, byte: u64) -> Option<u64> {
        self.claims.iter().map(|claim| claim.start).filter(|start| *start >= byte).min()
    }

    /// All that was and will be brought, with what is missing beside it, is no more than the file twice.
    fn check_bytes(&self, owned: &Range<u64>, size: u64) -> Result<(), Refused> {
        let running: u64 = self.claims.iter().map(|claim| claim.end - claim.start).sum();
        let new = owned.end.saturating_sub(owned.start);
        let delivered = self.delivered.len() - self.delivered.within(owned).len();
        let missing = size.saturating_sub(delivered + running + new);
        if self.spent + running + new + missing <= 2 * size { Ok(()) } else { Err(Refused::Used) }
    }

    /// The client goes on at `start`: what it acknowledged before, it has read.
    fn settle(&mut self, start: u64) {
        let read =
            self.unsure.iter().find(|range| (range.start..=range.end).contains(&start)).map(|range| range.start..start);
        if let Some(read) = read {
            self.unsure.remove(&read);
            self.delivered.add(read);
        }
    }

    /// What of it had been delivered.
    fn take(&mut self, owned: &Range<u64>) -> Ranges {
        let again = self.delivered.within(owned);
        self.delivered.remove(owned);
        self.unsure.remove(owned);
        again
    }
}

#[cfg(test)]
impl Ledger {
    /// For tests: what is neither delivered nor owned.
    pub fn missing(&self, size: u64) -> Ranges {
        let mut missing = Ranges::default();
        missing.add(0..size);
        self.delivered.iter().for_each(|range| missing.remove(range));
        self.claims.iter().for_each(|claim| missing.remove(&(claim.start..claim.end)));
        missing
    }
}

/// How far a transfer has come, as far as is known here.
fn acked(claim: &Claim, look: Look) -> u64 {
    look(&claim.id).map_or(claim.acked, |progress| progress.acked)
}

fn busy(idle: TimeDelta) -> Refused {
    Refused::Busy((seconds(STALLED) - idle).to_std().unwrap_or_default().max(Duration::from_secs(1)))
}

fn seconds(time: Duration) -> TimeDelta {
    TimeDelta::from_std(time).unwrap_or(TimeDelta::MAX)
}
