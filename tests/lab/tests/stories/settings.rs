//! Settings of the daemon that a reload brings or that a reload is about.

use std::time::Duration;

use lab::scenario::configuration;
use lab::{Daemon, Network, Node, Program, left, uml, wait};

const VIP: &str = "192.168.100.100";
const OWN: &str = "192.168.100.11/24";
const LIMIT: Duration = Duration::from_secs(10);

fn machine() -> (Network, Node) {
    Network::of_one(&[OWN])
}

fn with_globals(lines: &str) -> String {
    format!("global_defs {{\n{lines}\n}}\n{}", configuration("single-lb01"))
}

#[test]
fn a_reload_leaves_its_complaints_in_a_file_and_removes_its_marker() {
    let (_network, node) = machine();
    let text = with_globals("  reload_check_config /run/check.log\n  reload_file /run/marker");
    let daemon = Daemon::start(&Program::ours(), &node, &text);
    wait::eventually(LIMIT, "the VIP is there", || node.holds(VIP));
    let read = |path: &str| node.try_sh(&format!("cat {path}")).stdout;

    // As somebody does who waits for the daemon to have read the files.
    node.sh("echo mine >/run/marker");
    let from = daemon.reload(&text.replace("priority 100", "priorty 100"));
    daemon.log().wait_since(from, "validate conf before Reload", LIMIT);
    let line = "New config failed validation, see /run/check.log for details";
    daemon.log().wait_since(from, line, LIMIT);
    assert!(read("/run/check.log").contains("priorty"), "{}", read("/run/check.log"));
    assert_eq!(node.try_sh("ls /run/marker").code(), Some(2), "the marker is gone");

    let from = daemon.reload(&text);
    daemon.log().wait_since(from, "Reload complete", LIMIT);
    assert_eq!(read("/run/check.log"), "", "nothing is wrong with this one");
    assert!(daemon.stop().1.success());
    node.sh("rm /run/check.log");
    left::nothing(&node, &[OWN]);
}

#[test]
fn a_script_runs_by_its_real_path_or_by_the_name_of_its_link() {
    let (_network, node) = machine();
    node.write_script("scripts", "real.sh", "#!/bin/sh\necho \"$0\" >>/run/called\n");
    node.sh("ln -s real.sh /scripts/link.sh");
    let text = |globals: &str| {
        let notify = "interface eth0\n  notify_master /scripts/link.sh root";
        with_globals(globals).replace("interface eth0", notify)
    };
    for (globals, name) in [
        ("", "/scripts/real.sh\n"),
        ("  use_symlink_paths true", "/scripts/link.sh\n"),
        ("  enable_script_security", "/scripts/real.sh\n"),
        ("  enable_script_security\n  use_symlink_paths", "/scripts/link.sh\n"),
    ] {
        let daemon = Daemon::start(&Program::ours(), &node, &text(globals));
        wait::becomes(LIMIT, globals, &name.to_owned(), || node.try_sh("cat /run/called").stdout);
        assert!(daemon.stop().1.success());
        node.sh("rm /run/called");
    }
    // Somebody else could make the link lead elsewhere.
    node.sh("chown -h nobody /scripts/link.sh");
    let daemon = Daemon::start(&Program::ours(), &node, &text("  enable_script_security"));
    daemon
        .wait_log("Script /scripts/link.sh is insecure: others may change /scripts/link.sh", LIMIT);
    wait::eventually(LIMIT, "the VIP is there", || node.holds(VIP));
    assert!(daemon.stop().1.success());
    left::nothing(&node, &[OWN]);
}

const SERVICE: &str = "virtual_server 192.168.100.100 80 {\n  lb_algo rr\n  lb_kind DR\n  \
                       protocol TCP\n  real_server 192.168.100.20 80 {\n    weight 3\n  }\n}\n";

#[test]
fn what_each_load_read_and_what_each_reload_did_is_saved_where_asked_for() {
    uml::with_ipvs(
        "what_each_load_read_and_what_each_reload_did_is_saved_where_asked_for",
        what_is_saved,
    );
}

fn what_is_saved() {
    let (_network, node) = machine();
    node.write_file("etc", "service.conf", SERVICE);
    let text = with_globals("  config_save_dir /run/saved # here") + "include service.conf\n";
    let daemon = Daemon::start(&Program::ours(), &node, &text);
    wait::eventually(LIMIT, "the VIP is there", || node.holds(VIP));
    let read = |name: &str| node.try_sh(&format!("cat /run/saved/{name}")).stdout;
    let (parent, vrrp, checker) = (daemon.parent().pid, daemon.vrrp().pid, daemon.checker().pid);
    let first = read(&format!("keepalived.conf.{parent}.0"));
    assert!(first.starts_with("# /etc/keepalived/keepalived.conf\nglobal_defs {\n"), "{first}");
    assert!(first.contains("\nconfig_save_dir /run/saved\n"), "no comment: {first}");
    assert!(first.contains("\n# /etc/keepalived/service.conf\nvirtual_server"), "{first}");
    assert_eq!(node.sh("ls /run/saved; stat -c %a /run/saved /run/saved/*").lines().count(), 3);
    assert_eq!(node.sh("stat -c %a /run/saved /run/saved/*"), "700\n600\n");

    let other = "192.168.100.200";
    node.write_file("etc", "service.conf", &SERVICE.replace("weight 3", "weight 4"));
    let from = daemon.reload(&text.replace(VIP, other));
    daemon.log().wait_since(from, "Reload complete", LIMIT);
    assert!(read(&format!("keepalived.conf.{parent}.1")).contains(other));
    for (name, before, after) in [
        (format!("keepalived_vrrp.{vrrp}.1"), VIP, other),
        (format!("keepalived_check.{checker}.1"), "WEIGHT = 3", "WEIGHT = 4"),
    ] {
        wait::eventually(LIMIT, "after the reload", || {
            read(&format!("{name}.post")).contains(after)
        });
        let pre = read(&format!("{name}.pre"));
        assert!(pre.contains(before) && !pre.contains(after), "{name}: {pre}");
    }

    // What was saved is a configuration.
    node.sh(&format!("cp /run/saved/keepalived.conf.{parent}.1 /etc/keepalived/keepalived.conf"));
    let from = daemon.log().len();
    daemon.parent().signal(nix::sys::signal::Signal::SIGHUP);
    daemon.log().wait_since(from, "Reload: nothing changes", LIMIT);
    assert!(daemon.stop().1.success());
    node.sh("rm -r /run/saved");
    left::nothing(&node, &[OWN]);
}

#[test]
fn what_only_a_restart_can_change_refuses_a_reload() {
    let (_network, node) = machine();
    let daemon = Daemon::start(&Program::ours(), &node, configuration("single-lb01"));
    wait::eventually(LIMIT, "the VIP is there", || node.holds(VIP));
    for (lines, what) in [
        ("net_namespace blue", "network namespace"),
        ("net_namespace_ipvs blue", "IPVS network namespace"),
        ("instance other", "instance name"),
        ("global_defs {\n tmp_config_directory /run\n}", "config_directory"),
        ("global_defs {\n disable_local_igmp\n}", "disable_local_igmp"),
    ] {
        let text = format!("{lines}\n{}", configuration("single-lb01"));
        let from = daemon.reload(&text.replace(VIP, "192.168.100.200"));
        let line = format!("Cannot change {what} at a reload - please restart keepalived");
        daemon.log().wait_since(from, &line, LIMIT);
        assert!(node.holds(VIP), "{what}: nothing else is changed");
    }
    let silent = format!("use_pid_dir\n{}", configuration("single-lb01"));
    let from = daemon.reload(&silent);
    daemon.log().wait_since(from, "Reload complete", LIMIT);
    assert!(daemon.stop().1.success());
    left::nothing(&node, &[OWN]);
}

#[test]
fn the_configuration_in_force_may_lie_in_a_file_without_a_name() {
    let (_network, node) = machine();
    node.sh("mkdir /run/plans");
    let text = with_globals("  tmp_config_directory /run/plans");
    let daemon = Daemon::start(&Program::ours(), &node, &text);
    wait::eventually(LIMIT, "the VIP is there", || node.holds(VIP));
    let parent = daemon.parent().pid;
    let open = |what: &str| {
        let command = format!("ls -l /proc/{parent}/fd | grep -c '{what}' || true");
        node.sh(&command).trim().to_owned()
    };
    let plan = || node.sh(&format!("{} --plan", Program::ours().path().display()));
    for (text, lines) in [
        (text.replace(VIP, "192.168.100.200"), "VRRP: (VI_1) add 192.168.100.200"),
        (text.clone(), "VRRP: (VI_1) remove 192.168.100.200"),
    ] {
        assert_eq!((open("/run/plans/#"), open("memfd")), ("1".into(), "0".into()));
        node.write_file("etc", "keepalived.conf", &text);
        assert!(plan().contains(lines), "{}", plan());
        let from = daemon.reload(&text);
        daemon.log().wait_since(from, "Reload complete", LIMIT);
        assert_eq!(plan(), "nothing changes\n");
    }
    assert!(daemon.stop().1.success());

    node.sh("rmdir /run/plans");
    let daemon = Daemon::start(&Program::ours(), &node, &text);
    daemon.wait_log("Cannot open config directory /run/plans for writing", LIMIT);
    wait::eventually(LIMIT, "the VIP is there", || node.holds(VIP));
    assert_eq!(plan(), "nothing changes\n");
    assert!(daemon.stop().1.success());
    left::nothing(&node, &[OWN]);
}

#[test]
fn a_file_says_when_to_reload() {
    let (_network, node) = machine();
    let text = with_globals("  reload_time_file /run/later/at");
    let daemon = Daemon::start(&Program::ours(), &node, &text);
    daemon.wait_log("Unable to monitor reload timer file directory /run/later", LIMIT);
    wait::eventually(LIMIT, "the VIP is there", || node.holds(VIP));
    let log = daemon.log();

    // The directory comes later, and with it a file; by then another address is configured.
    let from = log.len();
    node.write_file("etc", "keepalived.conf", &text.replace(VIP, "192.168.100.200"));
    node.sh("mkdir /run/later; date -d '+3 seconds' +%H:%M:%S >/run/later/at");
    log.wait_since(from, "Scheduling reload for ", LIMIT);
    assert!(node.holds(VIP), "not yet");
    log.wait_since(from, "Reload complete", LIMIT);
    wait::eventually(LIMIT, "the new address", || {
        node.holds("192.168.100.200") && !node.holds(VIP)
    });
    wait::eventually(LIMIT, "the file has served", || node.sh("ls /run/later").is_empty());

    // A time of every day stays; a file that says something else or goes away calls it off.
    let from = daemon.reload(&text.replace("/at", "/at\n  reload_repeat"));
    log.wait_since(from, "Reload complete", LIMIT);
    node.sh("TZ=UTC date -u -d '+2 seconds' +%H:%M:%SZ >/run/later/new; mv /run/later/new /run/later/at");
    log.wait_since(from, "Scheduling reload for ", LIMIT);
    let from = log.len();
    log.wait_since(from, "Reloading ...", LIMIT);
    log.wait_since(from, "Scheduling reload for ", LIMIT);
    assert!(node.sh("cat /run/later/at").contains('Z'), "it stays");
    node.sh("echo tomorrow >/run/later/at");
    log.wait_since(from, "Invalid reload time 'tomorrow' specified - ignoring", LIMIT);
    log.wait_since(from, "Cancelling reload scheduled for ", LIMIT);
    assert!(daemon.stop().1.success());
    node.sh("rm -r /run/later");
    left::nothing(&node, &[OWN]);
}

#[test]
fn a_reload_sets_priorities_and_takes_them_back() {
    let (_network, node) = machine();
    let look = "ps -o ni=,cls=,rtprio= -p $(cat /run/vrrp.pid) | xargs echo";
    let daemon = Daemon::start(&Program::ours(), &node, configuration("single-lb01"));
    wait::eventually(LIMIT, "the VIP is there", || node.holds(VIP));
    let vrrp = daemon.vrrp();
    for (lines, wanted) in [
        ("  vrrp_priority -5", "-5 TS -\n"),
        ("  vrrp_rt_priority 7\n  vrrp_no_swap", "- RR 7\n"),
        ("  router_id x", "0 TS -\n"),
    ] {
        daemon.reload(&with_globals(lines));
        wait::becomes(LIMIT, "the priority", &wanted.to_owned(), || node.try_sh(look).stdout);
    }
    assert_eq!(daemon.vrrp(), vrrp, "it is the same process");
    assert!(daemon.stop().1.success());
    left::nothing(&node, &[OWN]);
}

#[test]
fn dumps_have_the_names_and_formats_that_they_were_given() {
    let (_network, node) = machine();
    let text = with_globals("  stats_dump_file /run/a.stats\n  json_dump_file /run/a.json");
    let daemon = Daemon::start(&Program::ours(), &node, &text);
    wait::eventually(LIMIT, "the VIP is there", || node.holds(VIP));
    let dumped = |signal: &str, file: &str, part: &str| {
        node.sh(&format!("rm -f /run/{file}; kill -{signal} $(cat /run/keepalived.pid)"));
        let read = || node.try_sh(&format!("cat /run/{file}")).stdout;
        wait::eventually(LIMIT, file, || read().contains(part));
        read()
    };
    dumped("USR2", "a.stats", "VRRP Instance: VI_1");
    let first = dumped("36", "a.json", "\"iname\":\"VI_1\"");
    assert!(first.starts_with("[{"), "the first format is a list: {first}");

    // The second format, and what is shown of an instance alone.
    let globals = "  json_version 2\n  json_dump_file /run/a.json\n  state_dump_file /run/a.data";
    let text = with_globals(globals).replace("interface eth0", "interface eth0\n  debug 3");
    let from = daemon.reload(&text);
    daemon.log().wait_since(from, "Reload complete", LIMIT);
    let second = dumped("36", "a.json", "\"iname\":\"VI_1\"");
    assert!(second.starts_with("{\"vrrp\":[{"), "{second}");
    dumped("USR1", "a.data", "Debug level = 3");
    assert!(daemon.stop().1.success());
    node.sh("rm /run/a.stats /run/a.json /run/a*.data");
    left::nothing(&node, &[OWN]);
}
