//! What a process has used of the processors, as its last line says it.

use sys::process::{ProcessorTime, processor_time};

/// The last line of a child that has left in order: how much it has used where details are wanted.
pub(crate) fn child_stopped() {
    match processor_time() {
        Ok(used) if log::log_enabled!(log::Level::Debug) => log::debug!("{}", of_child(&used)),
        _ => log::info!("Stopped"),
    }
}

/// The line of the parent before its last, where details are wanted.
pub(crate) fn parent_stopped() {
    if let Ok(used) = processor_time() {
        log::debug!("{}", of_parent(&used));
    }
}

/// keepalived names children only where there were some: scripts, mail helpers.
fn of_child(used: &ProcessorTime) -> String {
    let [user, system] = [used.user, used.system].map(seconds);
    if used.children_user.is_zero() && used.children_system.is_zero() {
        return format!("Stopped - used {user} user time, {system} system time");
    }
    let [children_user, children_system] = [used.children_user, used.children_system].map(seconds);
    format!(
        "Stopped - used (self/children) {user}/{children_user} user time, \
         {system}/{children_system} system time"
    )
}

fn of_parent(used: &ProcessorTime) -> String {
    let [user, children_user] = [used.user, used.children_user].map(seconds);
    let [system, children_system] = [used.system, used.children_system].map(seconds);
    format!(
        "CPU usage (self/children) user: {user}/{children_user} system: {system}/{children_system}"
    )
}

fn seconds(time: base::Duration) -> String {
    format!("{}.{:06}", time.as_micros() / 1_000_000, time.as_micros() % 1_000_000)
}

#[cfg(test)]
mod tests {
    use base::Duration;

    use super::*;

    #[test]
    fn the_lines_are_those_of_keepalived() {
        let mut used = ProcessorTime {
            user: Duration::from_micros(512_653),
            system: Duration::from_micros(67_346),
            children_user: Duration::from_micros(1_377_500),
            children_system: Duration::from_micros(202_500),
        };
        assert_eq!(
            of_child(&used),
            "Stopped - used (self/children) 0.512653/1.377500 user time, 0.067346/0.202500 system time"
        );
        assert_eq!(
            of_parent(&used),
            "CPU usage (self/children) user: 0.512653/1.377500 system: 0.067346/0.202500"
        );
        (used.children_user, used.children_system) = (Duration::ZERO, Duration::ZERO);
        assert_eq!(of_child(&used), "Stopped - used 0.512653 user time, 0.067346 system time");
    }
}
