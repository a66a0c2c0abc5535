//! The configurations that people run, as they are.

/// `tests/lab/scenarios/NAME.conf`.
///
/// They are compiled in: a test runs under kernels and roots where the source is not at hand.
pub fn configuration(name: &str) -> &'static str {
    match name {
        "single-lb01" => include_str!("../scenarios/single-lb01.conf"),
        "single-lb02" => include_str!("../scenarios/single-lb02.conf"),
        "dual-master-lb01" => include_str!("../scenarios/dual-master-lb01.conf"),
        "dual-master-lb02" => include_str!("../scenarios/dual-master-lb02.conf"),
        "lvs-dr-master" => include_str!("../scenarios/lvs-dr-master.conf"),
        "lvs-dr-backup" => include_str!("../scenarios/lvs-dr-backup.conf"),
        "lvs-dr-scripts-master" => include_str!("../scenarios/lvs-dr-scripts-master.conf"),
        "lvs-dr-scripts-backup" => include_str!("../scenarios/lvs-dr-scripts-backup.conf"),
        "nginx-lb01" => include_str!("../scenarios/nginx-lb01.conf"),
        "nginx-weight" => include_str!("../scenarios/nginx-weight.conf"),
        "split-watch-lb02" => include_str!("../scenarios/split-watch-lb02.conf"),
        "distribution-default" => include_str!("../scenarios/distribution-default.conf"),
        _ => panic!("no scenario is named {name}"),
    }
}

/// The configuration without one of its top-level blocks, each of which begins with a line that
/// starts with `keyword`: to play the VRRP part where the kernel has no IPVS.
pub fn without(configuration: &str, keyword: &str) -> String {
    let mut kept = String::new();
    let mut depth = 0;
    let mut inside = false;
    for line in configuration.lines() {
        let starts = depth == 0 && line.starts_with(keyword);
        inside |= starts;
        let code = line.split(['#', '!']).next().unwrap_or_default();
        depth += code.matches('{').count();
        depth -= code.matches('}').count();
        if !inside {
            kept.push_str(line);
            kept.push('\n');
        }
        inside &= depth > 0;
    }
    kept
}

#[cfg(test)]
mod tests {
    use super::*;

    #[test]
    fn a_block_is_taken_out_whole() {
        let text = "a {\n b {\n }\n}\nc {\n d\n}\n";
        assert_eq!(without(text, "a"), "c {\n d\n}\n");
        assert_eq!(without(text, "c"), "a {\n b {\n }\n}\n");
        let lvs = configuration("lvs-dr-master");
        assert!(!without(lvs, "virtual_server").contains("real_server"));
    }
}
