//! Work that takes only what others leave.

/// Lowers this thread's priority as far as it goes, so that a flood of logins takes only what others leave.
pub fn give_way() {
    // On Linux a thread's id names that thread alone (setpriority(2), "C library/kernel differences").
    if let Err(error) = rustix::process::setpriority_process(Some(rustix::thread::gettid()), 19) {
        tracing::warn!(cause = %error, "a background thread runs at normal priority");
    }
}
