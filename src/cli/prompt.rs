//! A password that somebody types at the terminal, which does not show it.

use std::fs::File;
use std::io::{self, Read as _, Write as _};

use rustix::process::{Signal, getpid, kill_process};
use rustix::termios::{LocalModes, OptionalActions, SpecialCodeIndex, Termios, tcgetattr, tcsetattr};

/// What Ctrl-C types where it does not send a signal.
const INTERRUPT: u8 = 3;
/// More than a terminal's longest line.
const LONGEST_LINE: usize = 8 << 10;

/// Asks at the process's terminal, wherever standard input and output lead. Ctrl-C ends the process as it always does, once
/// the terminal shows again what is typed.
///
/// # Errors
/// When there is no terminal, or the line has ended without a password.
pub fn password(question: &str) -> io::Result<String> {
    let tty = File::options().read(true).write(true).open("/dev/tty")?;
    let (hidden, mut tty) = (Hidden::on(&tty)?, &tty);
    tty.write_all(question.as_bytes())?;
    let mut line = vec![0; LONGEST_LINE];
    let read = tty.read(&mut line);
    drop(hidden);
    tty.write_all(b"\n")?;
    line.truncate(read?);
    match line.last() {
        None => return Err(io::ErrorKind::UnexpectedEof.into()),
        Some(&INTERRUPT) => {
            kill_process(getpid(), Signal::INT)?;
            return Err(io::ErrorKind::Interrupted.into());
        }
        Some(_) => {}
    }
    let line = String::from_utf8(line).map_err(|_| io::Error::from(io::ErrorKind::InvalidData))?;
    Ok(line.trim_end_matches(['\r', '\n']).to_owned())
}

/// A terminal that does not show what is typed, until this is dropped. Signals would end the process before that, so Ctrl-C
/// ends the line instead.
struct Hidden<'a> {
    tty: &'a File,
    before: Termios,
}

impl Hidden<'_> {
    fn on(tty: &File) -> io::Result<Hidden<'_>> {
        let before = tcgetattr(tty)?;
        let mut modes = before.clone();
        modes.local_modes -= LocalModes::ECHO | LocalModes::ECHONL | LocalModes::ISIG;
        modes.local_modes |= LocalModes::ICANON;
        modes.special_codes[SpecialCodeIndex::VEOL] = INTERRUPT;
        tcsetattr(tty, OptionalActions::Now, &modes)?;
        Ok(Hidden { tty, before })
    }
}

impl Drop for Hidden<'_> {
    fn drop(&mut self) {
        let _ = tcsetattr(self.tty, OptionalActions::Now, &self.before); // a terminal that is gone needs nothing
    }
}
