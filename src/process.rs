//! What the operating system reports about this process, read from `/proc`.

use std::fs;
use std::str::FromStr;

use crate::view::Process;

/// Clock ticks in a second, as the kernel reports times to programs: fixed on every architecture that this runs on.
const TICKS: f64 = 100.0;

/// Reads everything now. Without `/proc`, nothing is known.
pub fn read() -> Process {
    let [stat, status, limits, system] =
        ["self/stat", "self/status", "self/limits", "stat"].map(|file| fs::read_to_string(format!("/proc/{file}")));
    let mut process = Process { open_fds: open_fds(), ..Process::default() };
    if let Ok(stat) = stat {
        let started = field::<f64>(&stat, 22).map(|ticks| ticks / TICKS);
        let booted = system.ok().and_then(|system| number(&system, "btime "));
        process.start_time_seconds = started.zip(booted).map(|(started, booted)| booted + started);
        let times = field::<f64>(&stat, 14).zip(field::<f64>(&stat, 15));
        process.cpu_seconds = times.map(|(user, kernel)| (user + kernel) / TICKS);
    }
    if let Ok(status) = status {
        let bytes = |name| number(&status, name).map(|kibibytes| kibibytes * 1024.0);
        process.virtual_memory_bytes = bytes("VmSize:");
        process.resident_memory_bytes = bytes("VmRSS:");
        process.threads = number(&status, "Threads:");
    }
    process.max_fds = limits.ok().and_then(|limits| number(&limits, "Max open files "));
    process
}

/// The open file descriptors, without the one that lists them.
fn open_fds() -> Option<f64> {
    let listed = fs::read_dir("/proc/self/fd").ok()?.count();
    u32::try_from(listed.saturating_sub(1)).ok().map(f64::from)
}

/// The number that follows `name` at the start of a line; none for `unlimited`.
fn number(text: &str, name: &str) -> Option<f64> {
    let rest = text.lines().find_map(|line| line.strip_prefix(name))?;
    rest.split_ascii_whitespace().next()?.parse::<u64>().ok().map(as_f64)
}

/// A field of `stat`, counted from 1 as in proc(5). The second, the program's name, may hold blanks and brackets.
fn field<T: FromStr>(stat: &str, position: usize) -> Option<T> {
    let (_, after_name) = stat.rsplit_once(')')?;
    after_name.split_ascii_whitespace().nth(position.checked_sub(3)?)?.parse().ok()
}

#[expect(clippy::cast_precision_loss, reason = "none of these numbers passes 2^53")]
fn as_f64(number: u64) -> f64 {
    number as f64
}

#[cfg(test)]
mod tests {
    use std::fs::File;

    use super::*;

    #[test]
    fn fields_of_stat_are_counted_past_any_program_name() {
        let stat =
            "4242 (a) b (c) S 1 4242 4242 0 -1 4194560 1000 0 3 0 1234 56 0 0 20 0 9 0 987654 1000000 250 1844 1";
        assert_eq!(field::<String>(stat, 3).as_deref(), Some("S"));
        assert_eq!([14, 15, 20, 22].map(|at| field(stat, at)), [Some(1234), Some(56), Some(9), Some(987_654)]);
        assert_eq!([0, 2, 99].map(|at| field::<u64>(stat, at)), [None; 3]);
        assert_eq!(field::<u64>("", 14), None);
    }

    #[test]
    fn numbers_are_found_by_name_at_the_start_of_a_line() {
        let status = "Name:\tVmRSS: 1\nVmPeak:\t  999 kB\nVmRSS:\t   86016 kB\nThreads:\t9\n";
        assert_eq!(number(status, "VmRSS:"), Some(86_016.0));
        assert_eq!(number(status, "Threads:"), Some(9.0));
        assert_eq!(number(status, "VmSize:"), None);
        let limits = "Limit                     Soft Limit           Hard Limit           Units     \n\
                      Max processes             unlimited            unlimited            processes \n\
                      Max open files            1024                 524288               files     \n";
        assert_eq!(number(limits, "Max open files "), Some(1024.0));
        assert_eq!(number(limits, "Max processes "), None);
    }

    #[test]
    fn this_process_is_described_whole() {
        let process = read();
        let past = |least: f64| move |value: f64| value >= least;
        assert!(process.resident_memory_bytes.is_some_and(past(1e6)), "{process:?}");
        assert!(process.virtual_memory_bytes >= process.resident_memory_bytes, "{process:?}");
        assert!(process.threads.is_some_and(past(1.0)), "{process:?}");
        assert!(process.start_time_seconds.is_some_and(past(1.7e9)), "{process:?}");
        assert!(process.cpu_seconds.is_some_and(past(0.0)), "{process:?}");
        assert!(process.max_fds >= process.open_fds && process.open_fds.is_some(), "{process:?}");
    }

    #[test]
    fn every_open_file_is_counted() {
        // Other tests open and close files meanwhile: far fewer than these.
        let files: Vec<_> = (0..200).map(|_| File::open("/proc/self/stat").expect("this process")).collect();
        let many = open_fds().expect("this process");
        assert!(many >= 200.0, "{many}");
        drop(files);
    }
}
