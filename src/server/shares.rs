//! What one network may have of what all share: places, bytes. A subscriber has an IPv4 address or an IPv6 /64, and often a /56
//! or a /48 (RFC 6177): whoever has many networks inside one of those is still one.

use std::net::{IpAddr, Ipv6Addr};

/// Of all places, what one network may have: by length of an IPv6 prefix, a fraction.
const SHARES: [(u32, usize, usize); 3] = [(64, 1, 4), (56, 3, 8), (48, 1, 2)];
/// Of all places, what those who have not signed in may have together: the rest is kept for whoever has.
const GUESTS: (usize, usize) = (3, 4);

/// The networks that `address` lies in, smallest first; of IPv4 there is one.
pub fn networks(address: IpAddr) -> impl Iterator<Item = IpAddr> {
    let address = address.to_canonical();
    let levels = if address.is_ipv6() { SHARES.len() } else { 1 };
    SHARES[..levels].iter().map(move |(length, ..)| prefix(address, *length))
}

/// How many networks an IPv6 address lies in.
pub const LEVELS: usize = SHARES.len();

/// What one subscriber gets at least: an IPv4 address, or an IPv6 /64 (RFC 6177).
pub fn network_of(address: IpAddr) -> IpAddr {
    prefix(address, SHARES[0].0)
}

/// The network for which one more from `address` would be too many, where `others` have a place each of `most`.
pub fn exceeded(address: IpAddr, most: usize, others: impl Iterator<Item = IpAddr> + Clone) -> Option<Network> {
    let networks = networks(address).zip(SHARES);
    let mut networks = networks.map(|(network, (length, part, of))| (Network(network, length), most * part / of));
    let is_full = |(network, most): &(Network, usize)| {
        others.clone().filter(|other| network.contains(*other)).count() >= (*most).max(1)
    };
    networks.find(is_full).map(|(network, _)| network)
}

/// A network and, of IPv6, the length of its prefix.
#[derive(Debug, PartialEq, Eq)]
pub struct Network(IpAddr, u32);

impl Network {
    pub fn contains(&self, address: IpAddr) -> bool {
        prefix(address, self.1) == self.0
    }
}

/// How many of `most` places those may have who have not signed in.
pub fn of_guests(most: usize) -> usize {
    (most * GUESTS.0 / GUESTS.1).max(1)
}

fn prefix(address: IpAddr, length: u32) -> IpAddr {
    match address.to_canonical() {
        IpAddr::V6(v6) => IpAddr::V6(Ipv6Addr::from(u128::from(v6) >> (128 - length) << (128 - length))),
        v4 => v4,
    }
}

#[cfg(test)]
mod tests {
    use super::*;

    fn ip(text: &str) -> IpAddr {
        text.parse().unwrap()
    }

    #[test]
    fn a_network_is_counted_with_those_around_it() {
        let found: Vec<_> = networks(ip("2001:db8:1:2233:4:5:6:7")).collect();
        assert_eq!(found, [ip("2001:db8:1:2233::"), ip("2001:db8:1:2200::"), ip("2001:db8:1::")]);
        assert_eq!(networks(ip("::ffff:192.0.2.1")).collect::<Vec<_>>(), [ip("192.0.2.1")]);
        let full = |address, others: &[IpAddr]| exceeded(address, 16, others.iter().copied()).is_some();
        let many = |texts: Vec<String>| texts.into_iter().map(|text| ip(&text)).collect::<Vec<_>>();
        let same = many(vec!["192.0.2.1".into(); 4]);
        assert!(full(ip("192.0.2.1"), &same));
        assert!(!full(ip("192.0.2.2"), &same));
        let of_one_56 = many((0..6).map(|i| format!("2001:db8:1:{i}::1")).collect());
        assert!(full(ip("2001:db8:1:ff::1"), &of_one_56));
        assert!(!full(ip("2001:db8:1:100::1"), &of_one_56), "eight of a /48");
        let of_one_48 = many((0..8).map(|i| format!("2001:db8:1:{i}00::1")).collect());
        assert!(full(ip("2001:db8:1:ff00::1"), &of_one_48));
        assert!(!full(ip("2001:db8:2::1"), &of_one_48));
    }
}
