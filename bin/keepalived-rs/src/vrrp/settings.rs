//! Settings of the kernel below `/proc/sys/net` that are other than they were as long as something
//! needs them, and then what they were. The value that a setting had goes to the parent before it is
//! changed, so that a successor can put it back.

use std::collections::BTreeMap;
use std::fs;
use std::io;
use std::path::PathBuf;

use base::IfIndex;
use vrrp_stack::{HostFact, Scope, Setting};

/// Bytes of a setting's value that are looked at.
const LONGEST: usize = 64;

/// Reads and writes settings; a kernel, or a test.
pub(super) trait Access {
    /// The value, without its newline. An error where there is no such setting.
    fn read(&self, setting: &Setting) -> io::Result<String>;
    /// Changes it.
    fn write(&mut self, setting: &Setting, value: &str) -> io::Result<()>;
}

/// The settings of the network namespace that the process is in.
pub(super) struct Proc<F>(pub(super) F);

impl<F: Fn(IfIndex) -> Option<String>> Proc<F> {
    fn path(&self, setting: &Setting) -> io::Result<PathBuf> {
        let name = &setting.name;
        let of_interface = |interface: &str| match name.rsplit_once('/') {
            Some((folder, leaf)) => format!("{folder}/{interface}/{leaf}"),
            None => name.clone(),
        };
        let path = match setting.scope {
            Scope::Global => name.clone(),
            Scope::All => of_interface("all"),
            Scope::Default => of_interface("default"),
            Scope::Link(index) => of_interface(&(self.0)(index).ok_or(io::ErrorKind::NotFound)?),
        };
        Ok(PathBuf::from("/proc/sys/net").join(path))
    }
}

impl<F: Fn(IfIndex) -> Option<String>> Access for Proc<F> {
    fn read(&self, setting: &Setting) -> io::Result<String> {
        let mut value = fs::read_to_string(self.path(setting)?)?;
        value.truncate(value.trim_end().len().min(LONGEST));
        Ok(value)
    }

    fn write(&mut self, setting: &Setting, value: &str) -> io::Result<()> {
        fs::write(self.path(setting)?, value)
    }
}

/// A setting that is not as it was.
#[derive(Clone, Debug, PartialEq, Eq)]
struct Held {
    /// What it was.
    original: String,
    /// What was written; a successor does not know it at first.
    ours: Option<String>,
}

/// The settings that are not as they were.
#[derive(Debug, Default)]
pub(super) struct Settings {
    held: BTreeMap<Setting, Held>,
    /// What is wanted, and is there once [`Self::apply`] has been called.
    wanted: BTreeMap<Setting, String>,
    facts: Vec<HostFact>,
}

impl Settings {
    /// What a predecessor changed.
    pub(super) fn resume(&mut self, known: &BTreeMap<Setting, String>) {
        let held = known.iter().map(|(setting, original)| {
            (setting.clone(), Held { original: original.clone(), ours: None })
        });
        self.held = held.collect();
    }

    /// What a successor has to put back.
    pub(super) fn memory(&self) -> BTreeMap<Setting, String> {
        let held = self.held.iter();
        held.map(|(setting, held)| (setting.clone(), held.original.clone())).collect()
    }

    /// Whether this setting is not as it was.
    pub(super) fn holds(&self, setting: &Setting) -> bool {
        self.held.contains_key(setting)
    }

    /// Whether every setting is as it was.
    pub(super) fn is_idle(&self) -> bool {
        self.held.is_empty()
    }

    /// The value that a setting has when nobody needs another one.
    pub(super) fn original(&self, setting: &Setting, access: &impl Access) -> io::Result<String> {
        match self.held.get(setting) {
            Some(held) => Ok(held.original.clone()),
            None => access.read(setting),
        }
    }

    /// These values are wanted from now on, and no others. Nothing is changed yet: first the parent
    /// has to hear what [`Self::take_facts`] says.
    pub(super) fn want(&mut self, wanted: BTreeMap<Setting, String>, access: &impl Access) {
        for (setting, value) in &wanted {
            if self.held.contains_key(setting) {
                continue;
            }
            let Ok(original) = access.read(setting) else { continue };
            if original != *value {
                self.facts.push(HostFact::Setting(setting.clone(), Some(original.clone())));
                self.held.insert(setting.clone(), Held { original, ours: None });
            }
        }
        self.wanted = wanted;
    }

    /// What the parent has to know.
    pub(super) fn take_facts(&mut self) -> Vec<HostFact> {
        std::mem::take(&mut self.facts)
    }

    /// Makes everything as it is wanted, and what is not wanted any longer as it was, unless somebody
    /// has changed it since. Problems are returned as text.
    pub(super) fn apply(&mut self, access: &mut impl Access) -> Vec<String> {
        let mut problems = Vec::new();
        // Of all interfaces last, then first: what they have by themselves is never less meanwhile.
        for (setting, value) in self.wanted.iter().rev() {
            let Some(held) = self.held.get_mut(setting) else { continue };
            let is_there = access.read(setting).is_ok_and(|there| there == *value);
            match if is_there { Ok(()) } else { access.write(setting, value) } {
                Ok(()) => {
                    if !is_there && is_worth_a_line(setting) {
                        told("setting", setting, &format!("from {} to {value}", held.original));
                    }
                    held.ours = Some(value.clone());
                }
                Err(error) => problems.push(format!("cannot set {}: {error}", name(setting))),
            }
        }
        let surplus: Vec<Setting> =
            self.held.keys().filter(|key| !self.wanted.contains_key(key)).cloned().collect();
        for setting in surplus {
            match self.put_back(&setting, access) {
                // What could not be put back is held, so that it is tried again, by a successor too.
                Err(error) if error.kind() != io::ErrorKind::NotFound => {
                    problems.push(format!("cannot reset {}: {error}", name(&setting)));
                }
                _ => {
                    self.held.remove(&setting);
                    self.facts.push(HostFact::Setting(setting, None));
                }
            }
        }
        problems
    }

    /// Makes a setting what it was, unless somebody has changed it since.
    fn put_back(&self, setting: &Setting, access: &mut impl Access) -> io::Result<()> {
        let Some(Held { original, ours }) = self.held.get(setting) else { return Ok(()) };
        let there = access.read(setting)?;
        if ours.as_ref().is_some_and(|ours| *ours != there) || there == *original {
            return Ok(());
        }
        access.write(setting, original)?;
        if is_worth_a_line(setting) {
            told("resetting", setting, &format!("to {original}"));
        }
        Ok(())
    }
}

/// Those that concern more than one interface.
const fn is_worth_a_line(setting: &Setting) -> bool {
    matches!(setting.scope, Scope::All | Scope::Default)
}

fn told(what: &str, setting: &Setting, change: &str) {
    log::info!("NOTICE: {what} sysctl {} {change}", name(setting));
}

/// As sysctl(8) writes it.
fn name(setting: &Setting) -> String {
    let (folder, leaf) = setting.name.rsplit_once('/').unwrap_or(("", &setting.name));
    let folder = folder.replace('/', ".");
    match setting.scope {
        Scope::Global => format!("net.{folder}.{leaf}"),
        Scope::All => format!("net.{folder}.all.{leaf}"),
        Scope::Default => format!("net.{folder}.default.{leaf}"),
        Scope::Link(index) => format!("net.{folder}.<interface {index}>.{leaf}"),
    }
}

#[cfg(test)]
mod tests {
    use super::*;

    /// A kernel with a few settings, and how many more changes it refuses.
    #[derive(Default)]
    struct Kernel(BTreeMap<Setting, String>, u32);

    impl Access for Kernel {
        fn read(&self, setting: &Setting) -> io::Result<String> {
            self.0.get(setting).cloned().ok_or_else(|| io::ErrorKind::NotFound.into())
        }

        fn write(&mut self, setting: &Setting, value: &str) -> io::Result<()> {
            if self.1 > 0 {
                self.1 -= 1;
                return Err(io::ErrorKind::PermissionDenied.into());
            }
            self.0.insert(setting.clone(), value.to_owned());
            Ok(())
        }
    }

    fn setting(number: u32) -> Setting {
        let scope = Scope::Link(IfIndex::new(number).unwrap());
        Setting { scope, name: "ipv4/conf/arp_ignore".to_owned() }
    }

    fn values(pairs: &[(u32, &str)]) -> BTreeMap<Setting, String> {
        pairs.iter().map(|(number, value)| (setting(*number), (*value).to_owned())).collect()
    }

    fn kernel(pairs: &[(u32, &str)]) -> Kernel {
        Kernel(values(pairs), 0)
    }

    #[test]
    fn what_was_there_is_told_before_it_is_changed_and_comes_back() {
        let mut kernel = kernel(&[(1, "0"), (2, "1")]);
        let mut settings = Settings::default();
        settings.want(values(&[(1, "1"), (2, "1"), (3, "1")]), &kernel);
        assert_eq!(kernel.0, values(&[(1, "0"), (2, "1")]));
        let told = HostFact::Setting(setting(1), Some("0".to_owned()));
        assert_eq!(settings.take_facts(), [told], "the others are as wanted, or not there");
        assert_eq!(settings.apply(&mut kernel), [] as [String; 0]);
        assert_eq!(kernel.0, values(&[(1, "1"), (2, "1")]));

        settings.want(BTreeMap::new(), &kernel);
        settings.apply(&mut kernel);
        assert_eq!(kernel.0, values(&[(1, "0"), (2, "1")]));
        assert_eq!(settings.take_facts(), [HostFact::Setting(setting(1), None)]);
    }

    #[test]
    fn a_successor_puts_back_what_its_predecessor_changed() {
        let mut kernel = kernel(&[(1, "1"), (2, "1")]);
        let mut settings = Settings::default();
        settings.resume(&values(&[(1, "0"), (2, "0")]));
        settings.want(values(&[(1, "1")]), &kernel);
        assert_eq!(settings.take_facts(), [], "the original stays what it was");
        settings.apply(&mut kernel);
        assert_eq!(kernel.0, values(&[(1, "1"), (2, "0")]));
        settings.want(BTreeMap::new(), &kernel);
        settings.apply(&mut kernel);
        assert_eq!(kernel.0, values(&[(1, "0"), (2, "0")]));
    }

    #[test]
    fn what_somebody_has_changed_since_is_left_as_it_is() {
        let mut kernel = kernel(&[(1, "0")]);
        let mut settings = Settings::default();
        settings.want(values(&[(1, "1")]), &kernel);
        settings.apply(&mut kernel);
        kernel.0 = values(&[(1, "2")]);
        settings.want(BTreeMap::new(), &kernel);
        settings.apply(&mut kernel);
        assert_eq!(kernel.0, values(&[(1, "2")]));
    }

    #[test]
    fn what_cannot_be_put_back_is_tried_again_and_known_to_a_successor_until_it_is() {
        let mut kernel = kernel(&[(1, "0"), (2, "0")]);
        let mut settings = Settings::default();
        settings.want(values(&[(1, "1"), (2, "1")]), &kernel);
        settings.apply(&mut kernel);
        settings.take_facts();
        settings.want(BTreeMap::new(), &kernel);
        kernel.1 = 1;
        assert_eq!(settings.apply(&mut kernel).len(), 1);
        assert_eq!(kernel.0, values(&[(1, "1"), (2, "0")]));
        assert_eq!(settings.take_facts(), [HostFact::Setting(setting(2), None)]);
        assert_eq!(settings.memory(), values(&[(1, "0")]));
        assert!(!settings.is_idle());

        settings.want(BTreeMap::new(), &kernel);
        assert_eq!(settings.apply(&mut kernel), [] as [String; 0]);
        assert_eq!(kernel.0, values(&[(1, "0"), (2, "0")]));
        assert_eq!(settings.take_facts(), [HostFact::Setting(setting(1), None)]);
        // An interface that is gone took its settings along.
        settings.want(values(&[(1, "1")]), &kernel);
        settings.apply(&mut kernel);
        kernel.0.clear();
        settings.want(BTreeMap::new(), &kernel);
        assert_eq!(settings.apply(&mut kernel), [] as [String; 0]);
        assert!(settings.is_idle());
    }

    #[test]
    fn a_setting_lies_below_the_interface_that_has_the_number_now() {
        let proc = Proc(|index: IfIndex| (index.get() == 1).then(|| "eth0.5".to_owned()));
        let path = |setting: &Setting| proc.path(setting).map(|path| path.display().to_string());
        assert_eq!(path(&setting(1)).unwrap(), "/proc/sys/net/ipv4/conf/eth0.5/arp_ignore");
        assert!(path(&setting(2)).is_err());
        let all = Setting { scope: Scope::All, ..setting(1) };
        assert_eq!(path(&all).unwrap(), "/proc/sys/net/ipv4/conf/all/arp_ignore");
        assert_eq!(name(&all), "net.ipv4.conf.all.arp_ignore");
        let global = Setting { scope: Scope::Global, name: "ipv4/igmp_max_msf".to_owned() };
        assert_eq!(path(&global).unwrap(), "/proc/sys/net/ipv4/igmp_max_msf");
    }
}
