//! The command `handover`.

use std::process::ExitCode;

fn main() -> ExitCode {
    keep_memory();
    handover::cli::main(give_memory_back)
}

/// Makes glibc keep what is freed. By default it gives the end of the heap back to the system as soon as there are 128 KiB
/// of it, and a client that moves bytes, whose buffers come and go, would ask for the same pages again for every other one.
fn keep_memory() {
    const KEPT: i32 = 8 << 20;
    set_thresholds(KEPT / 2, KEPT);
}

/// Makes it give large blocks back to the system as soon as they are freed. By default it raises its threshold after
/// the first one, and then keeps 19 MiB for each password hash of a burst for good. For the server alone: a client has its
/// buffers for as long as it runs, and would ask for them anew each time.
fn give_memory_back() {
    const THRESHOLD: i32 = 128 << 10;
    set_thresholds(THRESHOLD, THRESHOLD);
}

/// From how many bytes on a block is taken from the system and given back by itself, and a free end of the heap given back.
#[cfg(all(target_os = "linux", target_env = "gnu"))]
fn set_thresholds(block: i32, end: i32) {
    // SAFETY: mallopt(3) takes two integers and is called before there is another thread. Should it fail, the process takes
    // more memory or more time, and nothing else is different.
    #[expect(unsafe_code, reason = "there is no safe way to say it")]
    unsafe {
        libc::mallopt(libc::M_MMAP_THRESHOLD, block);
        libc::mallopt(libc::M_TRIM_THRESHOLD, end);
    }
}

#[cfg(not(all(target_os = "linux", target_env = "gnu")))]
fn set_thresholds(_: i32, _: i32) {}
