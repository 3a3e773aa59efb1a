//! The command `handover`.

use std::process::ExitCode;

fn main() -> ExitCode {
    handover::cli::main(give_memory_back)
}

/// Makes glibc give large blocks back to the system as soon as they are freed. By default it raises its threshold after
/// the first one, and then keeps 19 MiB for each password hash of a burst for good. For the server alone: a client has its
/// buffers for as long as it runs, and would ask for them anew each time.
#[cfg(all(target_os = "linux", target_env = "gnu"))]
fn give_memory_back() {
    const THRESHOLD: libc::c_int = 128 << 10;
    // SAFETY: mallopt(3) takes two integers and is called before the server starts a thread. Should it fail, the server
    // takes more memory and nothing else is different.
    #[expect(unsafe_code, reason = "there is no safe way to say it")]
    unsafe {
        libc::mallopt(libc::M_MMAP_THRESHOLD, THRESHOLD);
    }
}

#[cfg(not(all(target_os = "linux", target_env = "gnu")))]
fn give_memory_back() {}
