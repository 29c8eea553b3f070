//! The resident memory of a process, as the system reports it.

use std::fs;

/// A line of `/proc/PID/status` in KiB: `VmRSS` for now, `VmHWM` for the peak; `None` once the process has ended.
pub(crate) fn kibibytes(pid: &str, name: &str) -> Option<u64> {
    let status = fs::read_to_string(format!("/proc/{pid}/status")).ok()?;
    let line = status.lines().find_map(|line| line.strip_prefix(name)?.strip_prefix(':'))?;
    line.split_ascii_whitespace().next()?.parse().ok()
}
