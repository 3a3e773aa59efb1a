//! How much of what was written to a TCP connection is not acknowledged yet. rustix has no safe call for it, and the server
//! forbids unsafe code, so it has a crate of its own.

use std::ffi::c_int;
use std::io;
use std::os::fd::AsFd;

use rustix::ioctl::{Getter, Opcode, ioctl};

/// `SIOCOUTQ` of linux/sockios.h, which is `TIOCOUTQ`.
const SIOCOUTQ: Opcode = 0x5411;

/// Bytes of a TCP connection that were written and that the other end has not acknowledged, tcp(7): sent or not. Also behind the end
/// of the connection.
///
/// # Errors
/// Those of ioctl(2): it is not a TCP connection.
pub fn unacknowledged(connection: impl AsFd) -> io::Result<u64> {
    // SAFETY: the kernel writes one int for this opcode, and nothing else (tcp_ioctl in net/ipv4/tcp.c).
    let bytes: c_int = unsafe { ioctl(connection, Getter::<SIOCOUTQ, c_int>::new())? };
    Ok(u64::try_from(bytes).unwrap_or_default())
}

#[cfg(test)]
mod tests {
    use std::io::{Read as _, Write as _};
    use std::net::{TcpListener, TcpStream};
    use std::time::{Duration, Instant};

    use super::*;

    fn pair() -> (TcpStream, TcpStream) {
        let listener = TcpListener::bind("127.0.0.1:0").unwrap();
        let client = TcpStream::connect(listener.local_addr().unwrap()).unwrap();
        (listener.accept().unwrap().0, client)
    }

    #[test]
    fn what_nobody_reads_stays_unacknowledged_until_somebody_does() {
        let (mut server, mut client) = pair();
        server.set_nonblocking(true).unwrap();
        let mut written = 0;
        while let Ok(count) = server.write(&[7; 1 << 16]) {
            written += count;
        }
        assert!(unacknowledged(&server).unwrap() > 0, "{written} bytes do not fit into a receive buffer");
        client.read_exact(&mut vec![0; written]).unwrap();
        let deadline = Instant::now() + Duration::from_secs(10);
        while unacknowledged(&server).unwrap() > 0 {
            assert!(Instant::now() < deadline, "all of it was read");
        }
    }

    #[test]
    fn other_files_have_none() {
        assert!(unacknowledged(std::fs::File::open("/dev/null").unwrap()).is_err());
    }
}
