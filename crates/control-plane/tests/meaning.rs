//! What configurations mean: keepalived's outcome, as typed values.

#![allow(clippy::unwrap_used, clippy::panic, reason = "helpers of tests")]

use std::collections::BTreeSet;
use std::path::Path;

use base::Duration;
use control_plane::model::lvs::{CheckDefaults, ServiceDefaults};
use control_plane::model::vrrp::{Authentication, InitialState, Preempt, Version};
use control_plane::model::{CheckerKind, ForwardingMethod, Scheduler, ServiceAddress};
use control_plane::{Code, Config, Loaded, MemorySource, Options, load};

fn read(text: &str) -> Loaded {
    let source = MemorySource::new("/k.conf", text).with_program("/usr/bin/env");
    load(Path::new("/k.conf"), &source, &Options::default())
}

/// The configuration of a text that has nothing wrong with it.
fn good(text: &str) -> Config {
    let loaded = read(text);
    assert_eq!(loaded.diagnostics.exit_code(), 0, "{}", loaded.diagnostics.render());
    loaded.config.unwrap()
}

fn log(loaded: &Loaded) -> Vec<String> {
    let mut diagnostics = loaded.diagnostics.clone();
    diagnostics.retain(|one| one.code != Code::NotYet);
    diagnostics.log_lines().collect()
}

#[test]
fn the_file_that_packages_install_means_what_keepalived_makes_of_it() {
    let loaded = read(
        "! Configuration File for keepalived

global_defs {
   notification_email {
     one@example.loc
     two@example.loc
   }
   notification_email_from one@example.loc
   smtp_server 192.168.200.1
   smtp_connect_timeout 30
   router_id LVS_DEVEL
   vrrp_skip_check_adv_addr
   vrrp_strict
   vrrp_garp_interval 0
   vrrp_gna_interval 0
}

vrrp_instance VI_1 {
    state MASTER
    interface eth0
    virtual_router_id 51
    priority 100
    advert_int 1
    authentication {
        auth_type PASS
        auth_pass 1111
    }
    virtual_ipaddress {
        192.168.200.16
        192.168.200.17
    }
}
",
    );
    assert_eq!(
        log(&loaded),
        [
            "(Line 14) number '0' outside range [0.000001, 4294.967295]",
            "(Line 14) vrrp_garp_interval '0' is invalid",
            "(Line 15) number '0' outside range [0.000001, 4294.967295]",
            "(Line 15) vrrp_gna_interval '0' is invalid",
            "(VI_1) State MASTER must match being address owner",
            "(VI_1) Strict mode does not support authentication. Ignoring.",
        ]
    );
    assert_eq!(loaded.diagnostics.exit_code(), 5);
    let config = loaded.config.unwrap();
    assert_eq!(config.global.mail.to, ["one@example.loc", "two@example.loc"]);
    assert_eq!(config.global.mail.server, Some(("192.168.200.1".to_owned(), 25)));
    let instance = &config.vrrp.instances[0];
    assert_eq!(instance.wanted_state, InitialState::Backup);
    assert_eq!(instance.authentication, Authentication::None);
    assert!(instance.strict && !instance.accept && instance.skip_check_advert_addresses);
    assert_eq!(instance.garp.interval, Duration::ZERO);
    let addresses: Vec<String> =
        instance.virtual_addresses.iter().map(|one| one.net.to_string()).collect();
    assert_eq!(addresses, ["192.168.200.16/32", "192.168.200.17/32"]);
}

#[test]
fn an_instance_of_a_guide_is_read_with_all_its_defaults() {
    let config = good(
        "vrrp_instance VI_1 {
    state MASTER
    interface eth0
    virtual_router_id 51
    priority 150
    authentication {
        auth_type PASS
        auth_pass 1111
    }
    virtual_ipaddress {
        192.168.100.100/24 dev eth1 label eth1:3
        10.0.0.3
    }
}",
    );
    let instance = &config.vrrp.instances[0];
    assert_eq!(instance.name, "VI_1");
    assert_eq!(instance.vrid.get(), 51);
    assert_eq!(instance.priority.get(), 150);
    assert_eq!(instance.version, Version::V2);
    assert_eq!(instance.advert_interval, Duration::from_secs(1));
    assert_eq!(instance.authentication, Authentication::Pass(*b"1111\0\0\0\0"));
    assert_eq!(instance.preempt, Preempt::After(Duration::ZERO));
    let [first, second] = &instance.virtual_addresses[..] else { panic!() };
    assert_eq!((first.interface.as_str(), first.label.as_deref()), ("eth1", Some("eth1:3")));
    assert_eq!((second.interface.as_str(), second.net.prefix_len()), ("eth0", 32));
}

#[test]
fn a_virtual_server_hands_its_settings_down() {
    let loaded = read(
        "virtual_server 192.168.216.250 80 {
    delay_loop 6
    lb_algo rr
    lb_kind DR
    persistence_timeout 50
    protocol TCP
    real_server 192.168.216.204 80 {
        weight 3
        TCP_CHECK {
            connect_timeout 3
            nb_get_retry 3
            delay_before_retry 2
        }
    }
    real_server 192.168.216.179 80 {
        TCP_CHECK {
        }
    }
}",
    );
    assert_eq!(log(&loaded), ["(Line 11) nb_get_retry is deprecated - please use 'retry'"]);
    let config = loaded.config.unwrap();
    let server = &config.lvs.virtual_servers[0];
    assert!(matches!(server.address, ServiceAddress::Address { port: 80, .. }));
    assert_eq!(server.scheduler, Scheduler::RoundRobin);
    assert_eq!(server.persistence, Some(Duration::from_secs(50)));
    let [first, second] = &server.real_servers[..] else { panic!() };
    assert_eq!((first.weight, second.weight), (3, 1));
    assert_eq!(first.method, ForwardingMethod::DirectRouting);
    let check = &first.checkers[0];
    assert_eq!((check.retry, check.delay_before_retry), (3, Duration::from_secs(2)));
    assert_eq!(check.delay_loop, Duration::from_secs(6));
    assert_eq!(check.warmup, Duration::from_secs(6));
    let CheckerKind::Tcp(connect) = &check.kind else { panic!() };
    assert_eq!(connect.target, first.address);
    assert_eq!(connect.connect_timeout, Duration::from_secs(3));
    assert_eq!(second.checkers[0].retry, 1);
}

#[test]
fn what_is_said_for_checks_is_kept_at_the_virtual_server_and_where_a_real_server_says_more() {
    let loaded = read(
        "virtual_server 10.9.0.1 80 {
    delay_loop 6
    lb_kind DR
    alpha
    inhibit_on_failure
    virtualhost all.example.com
    retry 4
    protocol TCP
    real_server 10.9.1.1 80 {
        retry 5
        TCP_CHECK {
            delay_loop 9
        }
    }
    real_server 10.9.1.2 80 {
        retry 4
    }
    real_server 10.9.1.3 80 {
    }
}
virtual_server 10.9.0.2 80 {
    protocol TCP
    real_server 10.9.1.3 80 {
    }
}",
    );
    let config = loaded.config.unwrap();
    let [first, second] = &config.lvs.virtual_servers[..] else { panic!() };
    let delay_loop = Some(Duration::from_secs(6));
    let checks = CheckDefaults { delay_loop, retry: Some(4), ..CheckDefaults::NONE };
    let all = ServiceDefaults {
        method: ForwardingMethod::DirectRouting,
        alpha: true,
        inhibit_on_failure: true,
        virtualhost: Some("all.example.com".into()),
        checks,
    };
    assert_eq!(first.defaults, all);
    let own: Vec<_> = first.real_servers.iter().map(|one| one.defaults.as_deref()).collect();
    assert_eq!(own, [Some(&CheckDefaults { retry: Some(5), ..checks }), None, None]);
    assert_eq!(second.defaults, ServiceDefaults::NONE);
}

#[test]
fn a_script_with_weight_and_its_user_is_a_reference() {
    let config = good(
        r#"global_defs { enable_script_security
 script_user root }
vrrp_script chk {
    script "/usr/bin/env 'a b' c" root
    interval 2
    weight -20 reverse
    fall 3
}
vrrp_instance V {
    interface eth0
    virtual_router_id 1
    virtual_ipaddress { 10.0.0.1 }
    track_script { chk weight 5 noreverse }
}"#,
    );
    let script = &config.vrrp.scripts[0];
    assert_eq!(script.command.program, "/usr/bin/env");
    assert_eq!(script.command.args, ["a b", "c"]);
    assert_eq!(script.command.user.as_ref().unwrap().user, "root");
    assert_eq!((script.weight.get(), script.reverse, script.fall), (-20, true, 3));
    assert_eq!(script.timeout, Duration::from_secs(2));
    let used = &config.vrrp.instances[0].track_scripts[0];
    assert_eq!((used.script.0, used.weight.get(), used.reverse), (0, 5, false));
}

#[test]
fn a_script_that_does_not_exist_is_not_tracked() {
    let loaded = read(
        "vrrp_script chk { script /no/such }
vrrp_instance V { interface eth0
    virtual_router_id 1
    virtual_ipaddress { 10.0.0.1 }
    track_script { chk }
}",
    );
    assert_eq!(log(&loaded), ["Disabling track script chk since not found/accessible"]);
    let config = loaded.config.unwrap();
    assert!(config.vrrp.scripts.is_empty());
    assert!(config.vrrp.instances[0].track_scripts.is_empty());
}

#[test]
fn a_brace_may_stand_two_lines_below_its_keyword() {
    let config = good("global_defs\n{\n notification_email\n\n {\n a@b\n }\n}\n");
    assert_eq!(config.global.mail.to, ["a@b"]);
}

#[test]
fn a_whole_block_may_stand_on_one_line() {
    let config = good(
        "vrrp_instance VI_1 { interface eth0
 virtual_router_id 51
 virtual_ipaddress { 10.9.0.100 } }",
    );
    assert_eq!(config.vrrp.instances[0].virtual_addresses.len(), 1);
}

#[test]
fn an_absent_interface_is_told_only_when_the_machine_is_known() {
    let source = MemorySource::new(
        "/k.conf",
        "vrrp_instance V { interface nosuch0\n virtual_router_id 5\n virtual_ipaddress { 10.0.0.1 } }",
    );
    let known =
        Options { interfaces: Some(BTreeSet::from(["eth0".to_owned()])), ..Options::default() };
    let loaded = load(Path::new("/k.conf"), &source, &known);
    assert_eq!(loaded.diagnostics.exit_code(), 5);
    assert!(loaded.config.is_some());
    let unknown = load(Path::new("/k.conf"), &source, &Options::default());
    assert_eq!(unknown.diagnostics.exit_code(), 0);
}

#[test]
fn what_makes_keepalived_refuse_to_start_gives_no_configuration() {
    let missing_value = read("vrrp_instance V { interface eth0\n priority\n virtual_router_id 5 }");
    assert_eq!(missing_value.diagnostics.exit_code(), 2);
    assert!(missing_value.config.is_none());
    let include = read("includem nofile.conf\n");
    assert_eq!(include.diagnostics.exit_code(), 6);
    assert!(include.config.is_none());
    let none = load(Path::new("/none.conf"), &MemorySource::default(), &Options::default());
    assert!(none.config.is_none());
    assert_eq!(log(&none), ["Config files missing '/none.conf'."]);
}

#[test]
fn an_included_file_is_named_in_log_lines() {
    let source = MemorySource::new("/etc/k.conf", "include sub/*.conf\nbogus\n")
        .with("/etc/sub/a.conf", "\nbogus 1\n");
    let loaded = load(Path::new("/etc/k.conf"), &source, &Options::default());
    assert_eq!(
        log(&loaded),
        [
            "(/etc/sub/a.conf: Line 2) Unknown keyword 'bogus'",
            "(/etc/k.conf: Line 2) Unknown keyword 'bogus'"
        ]
    );
    assert_eq!(loaded.files.len(), 2);
}

#[test]
fn guarded_scripts_without_a_user_are_left_out_when_there_is_no_default() {
    let text = "global_defs { enable_script_security }
vrrp_script chk { script /usr/bin/env }
vrrp_instance V { interface eth0
    virtual_router_id 1
    virtual_ipaddress { 10.0.0.1 }
    track_script { chk }
    notify /usr/bin/env
}";
    let loaded = read(text);
    assert_eq!(
        log(&loaded),
        [
            "Unable to set default user for vrrp script chk - removing",
            "Unable to set default user keepalived_script for script",
        ]
    );
    let config = loaded.config.unwrap();
    assert!(config.vrrp.scripts.is_empty());
    assert!(config.vrrp.instances[0].notify.generic.is_none());
}

#[test]
fn an_address_with_a_prefix_that_means_nothing_is_that_address() {
    let loaded = read(
        "vrrp_instance V { interface eth0
    virtual_router_id 1
    unicast_src_ip 10.0.0.8/24
    unicast_peer { 10.0.0.9/24
    }
    virtual_ipaddress { 10.0.0.1 }
}",
    );
    assert_eq!(loaded.diagnostics.exit_code(), 0);
    let instance = &loaded.config.unwrap().vrrp.instances[0];
    assert_eq!(instance.source.unwrap().to_string(), "10.0.0.8");
    assert_eq!(instance.unicast.as_ref().unwrap().peers[0].address.to_string(), "10.0.0.9");
}

#[test]
fn a_key_of_auth_hmac_is_text_digits_or_in_a_file() {
    let text = "vrrp_instance V { interface eth0\n virtual_router_id 51\n auth_hmac {
        key 1 0123456789abcdef0123456789abcdef
        key 2 hex:000102030405060708090a0b0c0d0e0f101112131415161718191a1b1c1d1e1f
        key 3 file:/etc/key
        key 4 file:/etc/hex
        key 5 file:/etc/absent
        key 6 file:/etc/loop
        active_key 3
    }\n virtual_ipaddress { 10.9.0.100 } }";
    let digits = "hex:000102030405060708090a0b0c0d0e0f101112131415161718191a1b1c1d1e1f\n";
    let source = MemorySource::new("/k.conf", text)
        .with("/etc/key", "abcdef0123456789abcdef0123456789\n")
        .with("/etc/hex", digits)
        .with("/etc/loop", "file:/etc/loop");
    let loaded = load(Path::new("/k.conf"), &source, &Options::default());
    assert_eq!(
        log(&loaded),
        [
            "(Line 8) (V) auth_hmac key 5 file /etc/absent: no such file",
            "(Line 9) (V) auth_hmac key 6 file /etc/loop names a file",
        ]
    );
    let config = loaded.config.unwrap();
    let hmac = config.vrrp.instances[0].hmac.as_ref().unwrap();
    let keys: Vec<_> = hmac.keys.iter().map(|key| (key.id, key.secret.as_slice())).collect();
    let bytes: Vec<u8> = (0..32).collect();
    assert_eq!(
        keys,
        [
            (1, b"0123456789abcdef0123456789abcdef".as_slice()),
            (2, &bytes),
            (3, b"abcdef0123456789abcdef0123456789"),
            (4, &bytes),
        ]
    );
}

#[test]
fn include_check_makes_a_missing_file_an_error() {
    let text = |line: &str| format!("global_defs {{\n{line}\n}}\ninclude /no/such.conf\n");
    let [without, with] = [text(""), text("include_check match")].map(|text| read(&text));
    assert_eq!((without.diagnostics.start_status(), without.config.is_some()), (None, true));
    assert_eq!(with.diagnostics.start_status(), Some(6), "{}", with.diagnostics.render());
}

#[test]
fn a_sync_daemon_follows_the_first_instance_that_names_an_interface() {
    let instance = |name: &str, vrid: u8, interface: &str| {
        format!(
            "vrrp_instance {name} {{\ninterface eth0\nvirtual_router_id {vrid}\n\
             virtual_ipaddress {{\n10.9.0.{vrid}\n}}\nlvs_sync_daemon_interface {interface}\n}}\n"
        )
    };
    let loaded = read(&(instance("V", 51, "eth1") + &instance("W", 52, "eth2")));
    let lvs = loaded.config.unwrap().lvs;
    let daemon = lvs.sync_daemon.as_ref().unwrap();
    assert_eq!((daemon.interface.as_str(), daemon.instance.as_deref()), ("eth1", Some("V")));
    let plain = read(&instance("V", 51, "eth1").replace("lvs_sync_daemon_interface eth1", ""));
    assert!(plain.config.unwrap().lvs.sync_daemon.is_none());
}
