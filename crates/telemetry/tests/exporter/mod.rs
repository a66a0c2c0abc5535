//! The rules by which keepalived-exporter, the most used monitoring client, reads the dumps. It
//! refuses a whole scrape for one line that it does not understand, so do these functions.

use std::collections::BTreeMap;

/// An instance as the exporter sees it.
#[derive(Debug, Default)]
pub(crate) struct Seen {
    pub(crate) state: String,
    pub(crate) wanted: String,
    pub(crate) interface: String,
    pub(crate) garp_delay: i64,
    pub(crate) vrid: i64,
    /// Address and interface.
    pub(crate) vips: Vec<(String, String)>,
    /// `Section/Key`, or the key alone at the first level.
    pub(crate) counters: BTreeMap<String, i64>,
}

/// Reads both files; instances are joined by name and must be the same in both.
pub(crate) fn read(data: &str, stats: &str) -> Result<BTreeMap<String, Seen>, String> {
    let mut seen = instances(data)?;
    let counters = counters(stats)?;
    if seen.keys().ne(counters.keys()) {
        return Err("the files have different instances".into());
    }
    for (name, counters) in counters {
        seen.entry(name).or_default().counters = counters;
    }
    Ok(seen)
}

fn integer(text: &str) -> Result<i64, String> {
    text.parse().map_err(|_| format!("{text:?} is no integer"))
}

fn state(text: &str) -> Result<String, String> {
    if ["INIT", "BACKUP", "MASTER", "FAULT"].contains(&text) {
        return Ok(text.to_owned());
    }
    Err(format!("{text:?} is no state"))
}

fn instances(data: &str) -> Result<BTreeMap<String, Seen>, String> {
    let mut seen: BTreeMap<String, Seen> = BTreeMap::new();
    let (mut current, mut in_vips) = (None::<String>, false);
    for line in data.lines() {
        if let Some(name) = line.strip_prefix(" VRRP Instance = ") {
            current = Some(name.to_owned());
            seen.insert(name.to_owned(), Seen::default());
            continue;
        }
        let Some(one) = current.as_ref().and_then(|name| seen.get_mut(name)) else { continue };
        if let Some(item) = line.strip_prefix("     ") {
            if in_vips {
                let mut words = item.split(' ');
                let (address, interface) = (words.next(), words.nth(1));
                let (Some(address), Some(interface)) = (address, interface) else {
                    return Err(format!("{item:?} is no address"));
                };
                one.vips.push((address.to_owned(), interface.to_owned()));
            }
        } else if let Some(item) = line.strip_prefix("   ") {
            in_vips = item.starts_with("Virtual IP (") || item == "Virtual IP :";
            let Some((key, value)) = item.split_once(" = ") else { continue };
            match key {
                "State" => one.state = state(value)?,
                "Wantstate" => one.wanted = state(value)?,
                "Interface" | "Listening device" => one.interface = value.to_owned(),
                "Gratuitous ARP delay" => one.garp_delay = integer(value)?,
                "Virtual Router ID" => one.vrid = integer(value)?,
                _ => {}
            }
        } else {
            current = None;
        }
    }
    Ok(seen)
}

fn counters(stats: &str) -> Result<BTreeMap<String, BTreeMap<String, i64>>, String> {
    let mut all: BTreeMap<String, BTreeMap<String, i64>> = BTreeMap::new();
    let (mut current, mut section) = (None::<String>, "");
    for line in stats.lines() {
        if let Some(name) = line.strip_prefix("VRRP Instance: ") {
            current = Some(name.to_owned());
            all.insert(name.to_owned(), BTreeMap::new());
            continue;
        }
        let one = current.as_ref().and_then(|name| all.get_mut(name)).ok_or("no instance")?;
        let split = |text: &str| text.split_once(": ").map(|(k, v)| (k.to_owned(), v.to_owned()));
        if let Some(item) = line.strip_prefix("    ") {
            let (key, value) = split(item).ok_or_else(|| format!("{item:?} is no counter"))?;
            one.insert(format!("{section}/{key}"), integer(&value)?);
        } else if let Some(item) = line.strip_prefix("  ") {
            match item.strip_suffix(':') {
                Some(title) => section = title,
                None => {
                    let (key, value) = split(item).ok_or_else(|| format!("{item:?}"))?;
                    one.insert(key, integer(&value)?);
                }
            }
        } else {
            return Err(format!("{line:?} belongs to nothing"));
        }
    }
    Ok(all)
}

/// Scripts with their status and whether they run.
pub(crate) fn scripts(data: &str) -> Result<BTreeMap<String, (String, String)>, String> {
    let mut seen: BTreeMap<String, (String, String)> = BTreeMap::new();
    let mut current = None::<String>;
    for line in data.lines() {
        if let Some(name) = line.strip_prefix(" VRRP Script = ") {
            current = Some(name.to_owned());
            seen.insert(name.to_owned(), Default::default());
            continue;
        }
        let Some(one) = current.as_ref().and_then(|name| seen.get_mut(name)) else { continue };
        let Some(item) = line.strip_prefix("   ") else {
            current = None;
            continue;
        };
        match item.split_once(" = ") {
            Some(("Status", value @ ("GOOD" | "BAD"))) => one.0 = value.to_owned(),
            Some(("State", value @ ("idle" | "running"))) => one.1 = value.to_owned(),
            Some((key @ ("Status" | "State"), value)) => {
                return Err(format!("{key} is {value:?}"));
            }
            _ => {}
        }
    }
    Ok(seen)
}
