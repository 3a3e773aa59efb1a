//! Networks that people come from: what is counted where an address alone says too little.

use std::net::{IpAddr, Ipv6Addr};

/// What one subscriber gets at least: an IPv4 address, or an IPv6 /64 (RFC 6177).
pub fn network_of(address: IpAddr) -> IpAddr {
    match address.to_canonical() {
        IpAddr::V6(address) => cut(address, 64),
        address => address,
    }
}

/// What a subscriber may have, from the narrowest to the widest: of IPv6 a /64, a /56 or a /48 (RFC 6177 section 2).
pub fn networks_of(address: IpAddr) -> impl Iterator<Item = IpAddr> {
    let address = address.to_canonical();
    let widths: &[u32] = if address.is_ipv6() { &WIDTHS } else { &WIDTHS[..1] };
    widths.iter().map(move |width| match address {
        IpAddr::V6(address) => cut(address, *width),
        address => address,
    })
}

/// Of IPv6, in bits.
pub const WIDTHS: [u32; 3] = [64, 56, 48];

fn cut(address: Ipv6Addr, width: u32) -> IpAddr {
    IpAddr::V6(Ipv6Addr::from_bits(address.to_bits() & !(u128::MAX >> width)))
}

#[cfg(test)]
mod tests {
    use super::*;

    #[test]
    fn networks_have_three_widths() {
        let networks =
            |text: &str| networks_of(text.parse().unwrap()).map(|network| network.to_string()).collect::<Vec<_>>();
        assert_eq!(networks("2001:db8:1:2345:6::7"), ["2001:db8:1:2345::", "2001:db8:1:2300::", "2001:db8:1::"]);
        assert_eq!(networks("192.0.2.1"), ["192.0.2.1"]);
        assert_eq!(networks("::ffff:192.0.2.1"), ["192.0.2.1"]);
        assert_eq!(network_of("2001:db8::1".parse().unwrap()).to_string(), "2001:db8::");
    }
}
