//! All transfers, and how they end.

use std::collections::{BTreeMap, VecDeque};
use std::net::IpAddr;

use chrono::NaiveDateTime;
use tokio::sync::watch;

use super::nameplates::Nameplates;
use super::transfer::{Connection, Transfer};
use super::window::Window;
use super::{Hub, Limits, Participant};
use crate::protocol::direct::{End, Role};
use crate::server::byte_budget::Spent;
use crate::server::http::socket::Outgoing;
use crate::server::shares::{exceeded, of_guests};

/// Transfers that are over and are remembered, for a side that was away when they ended.
const MOST_REMEMBERED: usize = 1000;

#[derive(Default)]
pub struct State {
    pub transfers: BTreeMap<u32, Transfer>,
    pub nameplates: Nameplates,
    over: VecDeque<(u128, End, Option<Role>)>,
    /// Numbers connections, so that one that has been replaced does not speak for the next.
    participants: u64,
    pub stopping: bool,
}

impl State {
    pub fn enter(
        &mut self,
        hub: &Hub,
        nameplate: u32,
        role: Role,
        outgoing: Outgoing,
        spent: Spent,
    ) -> (Participant, Connection) {
        self.participants += 1;
        let (peer, peers) = watch::channel(None);
        let window = Window::new(hub.0.window.clone());
        let participant =
            Participant::new(hub.clone(), nameplate, role, self.participants, outgoing.clone(), peers, spent, window);
        (participant, Connection { participant: self.participants, outgoing, peer })
    }

    /// A nameplate that nobody has.
    pub fn free_nameplate(&mut self, now: NaiveDateTime) -> u32 {
        let State { nameplates, transfers, .. } = self;
        nameplates.free(|nameplate| transfers.contains_key(&nameplate), now)
    }

    /// Ends codes that wait until one more fits: the oldest of this network, the oldest of guests, or of all. Guests' make
    /// room first, and never those of whoever has signed in for a guest's.
    pub fn make_room(&mut self, address: IpAddr, is_guest: bool, limits: &Limits) {
        while let Some(evicted) = self.in_the_way(address, is_guest, limits.codes) {
            self.end(evicted, End::Evicted, None);
        }
    }

    fn in_the_way(&self, address: IpAddr, is_guest: bool, most: usize) -> Option<u32> {
        let waiting = self.transfers.iter().filter(|(_, transfer)| transfer.is_waiting());
        let guests = waiting.clone().filter(|(_, transfer)| transfer.sign_in.is_none());
        let oldest =
            |(nameplate, transfer): &(&u32, &Transfer)| (transfer.made_at, transfer.participant(), **nameplate);
        let near = waiting.clone().map(|(_, transfer)| transfer.sender.address);
        let found = if let Some(network) = exceeded(address, most, near) {
            waiting.filter(|(_, transfer)| network.contains(transfer.sender.address)).min_by_key(oldest)
        } else if is_guest && guests.clone().count() >= of_guests(most) {
            guests.min_by_key(oldest)
        } else if waiting.clone().count() >= most {
            guests.min_by_key(oldest).or_else(|| waiting.min_by_key(oldest))
        } else {
            None
        };
        found.map(|(nameplate, _)| *nameplate)
    }

    /// Whether one more transfer may run.
    pub fn has_room(&self, sender: IpAddr, is_guest: bool, most: usize) -> bool {
        let paired = self.transfers.values().filter(|transfer| !transfer.is_waiting());
        let guests = paired.clone().filter(|transfer| transfer.sign_in.is_none()).count();
        paired.clone().count() < most
            && (!is_guest || guests < of_guests(most))
            && exceeded(sender, most, paired.map(|transfer| transfer.sender.address)).is_none()
    }

    pub fn expire(&mut self, now: NaiveDateTime) {
        self.put_out(|transfer| transfer.is_squatted(false, now));
        let is_late = |transfer: &Transfer| transfer.is_waiting() && transfer.expires_at <= now;
        for nameplate in self.those(is_late) {
            self.end(nameplate, End::ExpiredCode, None);
            self.nameplates.rest(nameplate, End::ExpiredCode, now);
        }
    }

    fn put_out(&mut self, is_squatted: impl Fn(&Transfer) -> bool) {
        self.transfers
            .values_mut()
            .filter(|transfer| is_squatted(transfer))
            .for_each(|transfer| transfer.put_out(End::CodeInUse));
    }

    pub fn those(&self, are: impl Fn(&Transfer) -> bool) -> Vec<u32> {
        self.transfers.iter().filter(|(_, transfer)| are(transfer)).map(|(nameplate, _)| *nameplate).collect()
    }

    /// Under which nameplate a transfer goes: most often the one that it began with.
    pub fn find(&self, id: u128, nameplate: u32) -> Option<u32> {
        match self.transfers.get(&nameplate) {
            Some(transfer) if transfer.id == id => Some(nameplate),
            _ => self.transfers.iter().find(|(_, transfer)| transfer.id == id).map(|(nameplate, _)| *nameplate),
        }
    }

    pub fn end(&mut self, nameplate: u32, code: End, by: Option<Role>) {
        let Some(transfer) = self.transfers.remove(&nameplate) else { return };
        if self.over.len() >= MOST_REMEMBERED {
            self.over.pop_front();
        }
        self.over.push_back((transfer.id, code, by));
        for side in [Some(transfer.sender), transfer.receiver].into_iter().flatten() {
            if let Some(connection) = side.connection {
                connection.end(code, by);
            }
        }
    }

    /// What to tell a side that comes back to a transfer that is over.
    pub fn how_it_ended(&self, id: u128) -> (End, Option<Role>) {
        match self.over.iter().rev().find(|(over, ..)| *over == id) {
            Some((_, End::PeerLost, _)) | None => (End::AwayTooLong, None),
            Some((_, code, by)) => (*code, *by),
        }
    }
}
