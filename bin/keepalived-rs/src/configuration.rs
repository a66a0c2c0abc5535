//! Reading the configuration, at the start and at a reload.

use std::collections::BTreeSet;
use std::net::IpAddr;

use control_plane::model::global::{Global, Launch};
use control_plane::model::lvs::{GroupEntry, ServerGroup, ServiceAddress};
use control_plane::model::vrrp::Vmac;
use control_plane::{Config, Diagnostics, FsSource, Loaded};
use watchdog::Role;

use crate::cli::Options;

/// A configuration that can be run, and the errors that it has all the same.
pub(crate) struct Usable {
    pub(crate) config: Config,
    /// Errors by code and words, without their place: a line that moves is the same mistake.
    pub(crate) errors: BTreeSet<String>,
}

/// A [`Usable`] on its way between processes of one build.
pub(crate) type Prepared = (Config, BTreeSet<String>);

impl Usable {
    /// For another process of this build.
    pub(crate) fn prepared(self) -> Prepared {
        (self.config, self.errors)
    }

    /// What another process of this build has read, for a daemon that was started as `launch` says.
    pub(crate) fn of((mut config, errors): Prepared, launch: Launch) -> Self {
        config.global.launch = launch;
        Self { config, errors }
    }
}

/// What a start can do with what was read. Diagnostics go to the log. `Err` is the exit status:
/// there is nothing that could be run.
pub(crate) fn at_start(options: &Options, loaded: Loaded) -> Result<Usable, u8> {
    let Loaded { config, diagnostics, .. } = loaded;
    report(&diagnostics);
    match (config, diagnostics.start_status()) {
        (Some(config), None) => {
            let config = with_options(options, config);
            Ok(Usable { config, errors: identities(&diagnostics) })
        }
        (_, status) => Err(status.unwrap_or(1)),
    }
}

/// What a reload can do with what was read. A mistake that the running configuration did not have
/// refuses the whole: `Err` says what is wrong where.
pub(crate) fn again(options: &Options, running: &Usable, loaded: Loaded) -> Result<Usable, String> {
    let Loaded { config, diagnostics, .. } = loaded;
    let errors = identities(&diagnostics);
    let new = errors.difference(&running.errors).count();
    match config {
        Some(config) if new == 0 => {
            let mut config = with_options(options, config);
            if let Some(what) = unchangeable(&running.config.global, &config.global) {
                return Err(format!(
                    "Cannot change {what} at a reload - please restart keepalived"
                ));
            }
            // What is decided once, when the daemon starts, stays as it is.
            config.global.launch = running.config.global.launch.clone();
            Ok(Usable { config, errors })
        }
        Some(_) => Err(format!("{new} new errors, named above")),
        None => Err("it could not be run, for the reason named above".into()),
    }
}

/// What has changed that a reload cannot change, in keepalived's words. `use_pid_dir`,
/// `child_wait_time` and `random_seed` stay as they are without a word.
fn unchangeable(old: &Global, new: &Global) -> Option<&'static str> {
    let (before, after) = (&old.launch, &new.launch);
    let changes = [
        (before.namespace != after.namespace, "network namespace"),
        (before.ipvs_namespace != after.ipvs_namespace, "IPVS network namespace"),
        (before.instance != after.instance, "instance name"),
        (old.files.tmp_config_dir != new.files.tmp_config_dir, "config_directory"),
        (before.disable_local_igmp != after.disable_local_igmp, "disable_local_igmp"),
    ];
    changes.into_iter().find(|(changed, _)| *changed).map(|(_, what)| what)
}

/// What the command line says beats what the file says.
fn with_options(options: &Options, mut config: Config) -> Config {
    let global = &mut config.global;
    global.files.umask = options.umask.or(global.files.umask);
    if options.namespace.is_some() {
        global.launch.namespace.clone_from(&options.namespace);
    }
    config
}

/// The mask for the mode of files that this daemon and its scripts make.
pub(crate) fn umask(config: &Config) -> u32 {
    const KEEPALIVED: u32 = 0o177;
    config.global.files.umask.unwrap_or(KEEPALIVED)
}

/// Reads the files from inside the network namespace that they or the command line name: its
/// interfaces are those that count. `Err` says why this process cannot enter it.
pub(crate) fn load_inside(options: &Options) -> Result<Loaded, String> {
    if let Some(name) = &options.namespace {
        enter(name)?;
        return Ok(load(options));
    }
    let loaded = load(options);
    let launch = loaded.config.as_ref().map(|config| &config.global.launch);
    match launch.and_then(|launch| launch.namespace.as_ref()) {
        Some(name) => {
            enter(name)?;
            Ok(load(options))
        }
        None => Ok(loaded),
    }
}

fn enter(name: &str) -> Result<(), String> {
    sys::namespace::enter_network(name)
        .map_err(|error| format!("cannot run in network namespace {name}: {error} (ip netns list)"))
}

/// The name of this host up to its first dot, which lines with `@ID` ask for by default.
fn node_name() -> String {
    host_name().split('.').next().unwrap_or_default().to_owned()
}

/// The whole name of this host.
pub(crate) fn host_name() -> String {
    let name = std::fs::read_to_string("/proc/sys/kernel/hostname").unwrap_or_default();
    name.trim().to_owned()
}

/// Reads the files, in the network namespace that this process is in.
pub(crate) fn load(options: &Options) -> Loaded {
    with_router_id(control_plane::load(&options.config, &FsSource, &settings(options)))
}

/// Whoever says no `router_id` is called like the host, in dumps as in mails.
fn with_router_id(mut loaded: Loaded) -> Loaded {
    if let Some(config) = &mut loaded.config {
        config.global.router_id.get_or_insert_with(host_name);
    }
    loaded
}

/// The lines of all files, as [`control_plane::merged`] says.
pub(crate) fn merged(options: &Options) -> Vec<String> {
    control_plane::merged(&options.config, &FsSource, &settings(options))
}

fn settings(options: &Options) -> control_plane::Options {
    control_plane::Options {
        include_checks_all: options.all_include_checks,
        interfaces: if options.any_interface { None } else { sys::interfaces().ok() },
        without_multicast: sys::interfaces_without_multicast().unwrap_or_default(),
        config_id: options.config_id.clone().unwrap_or_else(node_name),
        random_seed: sys::random::random_u64().unwrap_or_default(),
        ..control_plane::Options::default()
    }
}

fn identities(diagnostics: &Diagnostics) -> BTreeSet<String> {
    let identities = diagnostics.errors().map(control_plane::Diagnostic::identity);
    identities.map(|(code, words)| format!("{code:?}: {words}")).collect()
}

/// Says in the log what is wrong.
pub(crate) fn report(diagnostics: &Diagnostics) {
    for line in diagnostics.log_lines() {
        log::warn!("{line}");
    }
}

/// The children that a configuration needs, as far as the command line allows them.
pub(crate) fn wanted(options: &Options, config: &Config) -> BTreeSet<Role> {
    let enabled = [(Role::Checkers, options.run_checkers), (Role::Vrrp, options.run_vrrp)];
    enabled
        .into_iter()
        .filter(|(role, enabled)| *enabled && (options.run_all || has_work(*role, config)))
        .map(|(role, _)| role)
        .collect()
}

fn has_work(role: Role, config: &Config) -> bool {
    match role {
        Role::Checkers => !config.lvs.virtual_servers.is_empty(),
        Role::Vrrp => !config.vrrp.instances.is_empty(),
    }
}

/// What may have to be removed at a stop: addresses, routes, rules, own interfaces, services and servers.
pub(crate) fn objects(config: &Config) -> u64 {
    let of_instances = config.vrrp.instances.iter().map(|one| {
        let addresses = one.virtual_addresses.len() + one.excluded_addresses.len();
        let others = one.routes.len() + one.rules.len() + usize::from(one.vmac != Vmac::None);
        (addresses + others) as u64
    });
    let statics = &config.vrrp;
    let statics =
        statics.static_addresses.len() + statics.static_routes.len() + statics.static_rules.len();
    let of_servers = config.lvs.virtual_servers.iter().map(|one| {
        let services = match one.address {
            ServiceAddress::Group { group, .. } => config.lvs.group(group).map_or(0, services),
            _ => 1,
        };
        services.saturating_mul(one.real_servers.len() as u64 + 1)
    });
    let all = of_instances.chain(of_servers).chain([statics as u64]);
    all.fold(0, u64::saturating_add)
}

/// How many services the kernel has of a group.
fn services(group: &ServerGroup) -> u64 {
    let of_entry = |entry: &GroupEntry| match entry {
        GroupEntry::Mark { .. } => 1,
        GroupEntry::Addresses { first, last, .. } => {
            let [first, last] = [first, last].map(|address| match address {
                IpAddr::V4(address) => u128::from(address.to_bits()),
                IpAddr::V6(address) => address.to_bits(),
            });
            u64::try_from(last.saturating_sub(first)).unwrap_or(u64::MAX).saturating_add(1)
        }
    };
    group.entries.iter().map(of_entry).fold(0, u64::saturating_add)
}

#[cfg(test)]
mod tests {
    use super::*;

    #[test]
    fn a_router_without_a_name_is_called_like_the_host() {
        for (text, wanted) in [("", host_name()), ("router_id LAB1", "LAB1".to_owned())] {
            let text = format!("global_defs {{\n {text}\n}}\n");
            let source = control_plane::MemorySource::new("/a.conf", text);
            let options = control_plane::Options::default();
            let loaded = control_plane::load("/a.conf".as_ref(), &source, &options);
            let config = with_router_id(loaded).config.unwrap();
            assert_eq!(config.global.router_id, Some(wanted));
        }
    }

    #[test]
    fn what_a_stop_has_to_remove_is_counted_whatever_it_is() {
        let text = "vrrp_instance VI_1 {
              interface eth0
              virtual_router_id 51
              use_vmac
              virtual_ipaddress { 10.9.0.51 }
              virtual_ipaddress_excluded {
                10.9.1.1
                10.9.1.2
              }
              virtual_routes { 10.1.0.0/16 via 10.9.0.2 }
              virtual_rules { from 10.9.0.51 table 7 }
            }
            virtual_server_group web {
              10.8.0.1-4 80
              fwmark 5
            }
            virtual_server group web {
              protocol TCP
              real_server 10.7.0.1 80 {
              }
            }
            virtual_server 10.8.0.9 80 {
              protocol TCP
              real_server 10.7.0.1 80 {
              }
            }
";
        let options = control_plane::Options { interfaces: None, ..Default::default() };
        let source = control_plane::MemorySource::new("/a.conf", text);
        let loaded = control_plane::load("/a.conf".as_ref(), &source, &options);
        let config = loaded.config.expect("it can be run");
        assert_eq!(objects(&config), 6 + 5 * 2 + 2, "{}", loaded.diagnostics.render());
    }
}
