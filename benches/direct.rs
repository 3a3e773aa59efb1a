//! What passes through the server while both sides are there: pipes, and encrypted transfers from terminal to terminal, with
//! the real binary in three processes. `cargo bench --bench direct` prints a table; `-- SIZE` sets the MiB, 1024 if left out.
//! Nothing is asserted: read the ratios, and compare runs on one quiet machine.

#![expect(
    clippy::unwrap_used,
    clippy::print_stdout,
    reason = "what cannot be measured fails, and what was measured is printed"
)]

use std::io::{BufRead as _, BufReader, Read as _, Write as _};
use std::net::TcpStream;
use std::path::Path;
use std::process::{Child, ChildStdout, Command, Stdio};
use std::time::{Duration, Instant};

const ROUNDS: usize = 5;
/// Transfers at once, and MiB of each, for the memory of the server.
const MANY: usize = 100;
const OF_MANY: u64 = 100;

fn main() {
    let size = std::env::args().find_map(|arg| arg.parse().ok()).unwrap_or(1024) << 20;
    let folder = tempfile::tempdir_in(env!("CARGO_TARGET_TMPDIR")).unwrap();
    let server = Server::start(&folder.path().join("data"));
    let [large, small, tiny] = [("large", size), ("small", OF_MANY << 20), ("tiny", 1)].map(|(name, size)| {
        let path = folder.path().join(name);
        std::io::copy(&mut std::io::repeat(7).take(size), &mut std::fs::File::create(&path).unwrap()).unwrap();
        path
    });
    println!("{:<34}{:>8}{:>16}{:>14}", "", "MB/s", "CPU s/GiB", "peak RSS MiB");
    server.measure("pipe, with a length", size, || pipe(&server, size, true));
    server.measure("pipe, in chunks", size, || pipe(&server, size, false));
    server.measure("terminal to terminal, relayed", size, || transfer(&server, &large, RELAYED).run());
    server.measure("terminal to terminal, direct", size, || transfer(&server, &large, DIRECT).run());
    let mut firsts: Vec<_> = (0..ROUNDS).map(|_| transfer(&server, &tiny, RELAYED).first_byte()).collect();
    firsts.sort();
    println!("from the code to the first byte: {} ms", firsts[ROUNDS / 2].as_millis());
    server.measure(&format!("{MANY} relayed transfers of {OF_MANY} MiB"), (MANY as u64 * OF_MANY) << 20, || {
        let transfers: Vec<_> = (0..MANY).map(|_| transfer(&server, &small, RELAYED)).collect();
        // To standard output: the disk is not what is measured.
        let receivers: Vec<_> = transfers.into_iter().map(|transfer| transfer.receive(Path::new("-"))).collect();
        let ends: Vec<_> = receivers.into_iter().map(|receiver| std::thread::spawn(|| receiver.end())).collect();
        ends.into_iter().for_each(|end| end.join().unwrap());
    });
}

struct Server {
    child: Child,
    address: String,
}

impl Server {
    fn start(data: &Path) -> Server {
        let mut child = handover(&["serve", "--bind", "127.0.0.1:0", "--log-filter", "off", "--data"]);
        let mut child = child.arg(data).stdout(Stdio::piped()).spawn().unwrap();
        let mut line = String::new();
        BufReader::new(child.stdout.as_mut().unwrap()).read_line(&mut line).unwrap();
        let address = line.trim().rsplit("http://").next().unwrap().to_owned();
        Server { child, address }
    }

    /// Prints the median of some runs, and the server's CPU time and memory.
    fn measure(&self, what: &str, bytes: u64, run: impl Fn()) {
        let rounds = if bytes > 4 << 30 { 1 } else { ROUNDS };
        let before = self.cpu();
        let mut times: Vec<_> = (0..rounds)
            .map(|_| {
                let start = Instant::now();
                run();
                start.elapsed()
            })
            .collect();
        times.sort();
        let rate = bytes as f64 / 1e6 / times[rounds / 2].as_secs_f64();
        let cpu = (self.cpu() - before) * f64::from(1 << 30) / (bytes * rounds as u64) as f64;
        println!("{what:<34}{rate:>8.0}{cpu:>16.2}{:>14}", self.peak() >> 10);
    }

    /// Seconds of user and system time; the kernel counts in hundredths.
    fn cpu(&self) -> f64 {
        let stat = std::fs::read_to_string(format!("/proc/{}/stat", self.child.id())).unwrap();
        let fields: Vec<_> = stat.rsplit(')').next().unwrap().split_whitespace().collect();
        (fields[11].parse::<f64>().unwrap() + fields[12].parse::<f64>().unwrap()) / 100.0
    }

    /// The largest memory so far, in KiB.
    fn peak(&self) -> u64 {
        let status = std::fs::read_to_string(format!("/proc/{}/status", self.child.id())).unwrap();
        let line = status.lines().find_map(|line| line.strip_prefix("VmHWM:")).unwrap();
        line.trim().trim_end_matches(" kB").parse().unwrap()
    }
}

impl Drop for Server {
    fn drop(&mut self) {
        self.child.kill().unwrap();
        self.child.wait().unwrap();
    }
}

fn handover(args: &[&str]) -> Command {
    let mut command = Command::new(env!("CARGO_BIN_EXE_handover"));
    command.args(args).stdin(Stdio::null()).stderr(Stdio::null());
    command
}

/// Sends so many bytes through a pipe, and reads all of them.
fn pipe(server: &Server, size: u64, known: bool) {
    let connect = |head: &str| {
        let mut tcp = TcpStream::connect(&server.address).unwrap();
        tcp.write_all(format!("{head}\r\nHost: bench\r\nConnection: close\r\n").as_bytes()).unwrap();
        tcp
    };
    let mut receiver = connect("GET /pipe/bench HTTP/1.1");
    receiver.write_all(b"\r\n").unwrap();
    let mut sender = connect("PUT /pipe/bench HTTP/1.1");
    let sending = std::thread::spawn(move || {
        const PIECE: usize = 256 << 10;
        let (head, piece, end) = match known {
            true => (format!("Content-Length: {size}\r\n\r\n"), vec![7; PIECE], ""),
            false => {
                let piece = [format!("{PIECE:x}\r\n").as_bytes(), &[7; PIECE], b"\r\n"].concat();
                ("Transfer-Encoding: chunked\r\n\r\n".into(), piece, "0\r\n\r\n")
            }
        };
        sender.write_all(head.as_bytes()).unwrap();
        for _ in 0..size / PIECE as u64 {
            sender.write_all(&piece).unwrap();
        }
        sender.write_all(end.as_bytes()).unwrap();
        std::io::copy(&mut sender, &mut std::io::sink()).unwrap();
    });
    let (mut buffer, mut received) = (vec![0; 256 << 10], 0);
    while let read @ 1.. = receiver.read(&mut buffer).unwrap() {
        received += read as u64;
    }
    assert!(received >= size);
    sending.join().unwrap();
}

/// Options of both ends.
type Route = &'static [&'static str];
const RELAYED: Route = &["--relay"];
const DIRECT: Route = &[];

/// A sender that waits for its receiver.
struct Transfer {
    server: String,
    route: Route,
    sender: Child,
    /// What it says; it must not end before it has said all.
    said: BufReader<ChildStdout>,
    code: String,
}

struct Receiving {
    transfer: Transfer,
    receiver: Child,
}

fn transfer(server: &Server, path: &Path, route: Route) -> Transfer {
    let server = format!("http://{}", server.address);
    let mut sender = handover(&["send", "--json", "--server", &server]);
    let mut sender = sender.args(route).arg(path).stdout(Stdio::piped()).spawn().unwrap();
    let mut line = String::new();
    let mut said = BufReader::new(sender.stdout.take().unwrap());
    said.read_line(&mut line).unwrap();
    let code = line.split("\"code\":\"").nth(1).unwrap().split('"').next().unwrap().to_owned();
    Transfer { server, route, sender, said, code }
}

impl Transfer {
    fn receive(self, to: &Path) -> Receiving {
        let receiver = handover(&["receive", "--yes", "--server", &self.server, &self.code, "--to"])
            .arg(to)
            .args(self.route)
            .stdout(Stdio::piped())
            .spawn()
            .unwrap();
        Receiving { transfer: self, receiver }
    }

    /// From file to file.
    fn run(self) {
        let folder = tempfile::tempdir_in(env!("CARGO_TARGET_TMPDIR")).unwrap();
        self.receive(folder.path()).end();
    }

    /// How long it takes from the code to the first byte.
    fn first_byte(self) -> Duration {
        let start = Instant::now();
        let mut receiving = self.receive(Path::new("-"));
        receiving.receiver.stdout.as_mut().unwrap().read_exact(&mut [0]).unwrap();
        let first = start.elapsed();
        receiving.end();
        first
    }
}

impl Receiving {
    fn end(mut self) {
        let mut buffer = vec![0; 256 << 10];
        let mut output = self.receiver.stdout.take().unwrap();
        while output.read(&mut buffer).unwrap() > 0 {}
        std::io::copy(&mut self.transfer.said, &mut std::io::sink()).unwrap();
        assert!(self.receiver.wait().unwrap().success() && self.transfer.sender.wait().unwrap().success());
    }
}
