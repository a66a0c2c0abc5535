//! Names of `/etc/iproute2`: routing tables, protocols, scopes, realms, types of service, groups.

use std::collections::BTreeMap;
use std::fs;
use std::path::Path;

use control_plane::model::global::Files;
use control_plane::model::network::Named;
use serde::{Deserialize, Serialize};

/// Where the files are; of two with the same name the later one counts.
const FOLDERS: [&str; 2] = ["/usr/share/iproute2", "/etc/iproute2"];

/// Bytes of one file at most.
const LARGEST: u64 = 1 << 20;

/// A kind of name, and the file that lists them.
#[derive(Clone, Copy, Debug, PartialEq, Eq, PartialOrd, Ord, Serialize, Deserialize)]
pub(crate) enum Kind {
    Table,
    Protocol,
    Scope,
    Realm,
    TypeOfService,
    Group,
}

impl Kind {
    const ALL: [Self; 6] =
        [Self::Table, Self::Protocol, Self::Scope, Self::Realm, Self::TypeOfService, Self::Group];

    const fn file(self) -> &'static str {
        match self {
            Self::Table => "rt_tables",
            Self::Protocol => "rt_protos",
            Self::Scope => "rt_scopes",
            Self::Realm => "rt_realms",
            Self::TypeOfService => "rt_dsfield",
            Self::Group => "group",
        }
    }

    /// Names that are known without any file.
    const fn built_in(self) -> &'static [(&'static str, u32)] {
        match self {
            Self::Table => &[("default", 253), ("main", 254), ("local", 255)],
            Self::Protocol => {
                &[("redirect", 1), ("kernel", 2), ("boot", 3), ("static", 4), ("keepalived", 18)]
            }
            Self::Scope => &[
                ("global", 0),
                ("universe", 0),
                ("site", 200),
                ("link", 253),
                ("host", 254),
                ("nowhere", 255),
            ],
            Self::Realm | Self::TypeOfService | Self::Group => &[],
        }
    }
}

/// The names that this host has. Read when a configuration comes, not while packets do.
#[derive(Clone, Debug, Default, PartialEq, Eq, Serialize, Deserialize)]
pub(crate) struct Names(BTreeMap<(Kind, String), u32>);

impl Names {
    /// The built-in names and those of the files, as far as they can be read.
    pub(crate) fn read(files: &Files) -> Self {
        let configured = [&files.iproute_usr_dir, &files.iproute_etc_dir];
        let folders =
            FOLDERS.into_iter().zip(configured).map(|(usual, own)| own.as_deref().unwrap_or(usual));
        let folders: Vec<&str> = folders.collect();
        let mut names = Self::default();
        for kind in Kind::ALL {
            for (name, number) in kind.built_in() {
                names.0.insert((kind, (*name).to_owned()), *number);
            }
            for folder in &folders {
                let path = Path::new(folder).join(kind.file());
                let small = fs::metadata(&path).is_ok_and(|meta| meta.len() <= LARGEST);
                if let Some(text) = small.then(|| fs::read_to_string(&path).ok()).flatten() {
                    names.add(kind, &text);
                }
            }
        }
        names
    }

    fn add(&mut self, kind: Kind, text: &str) {
        for line in text.lines() {
            let code = line.split('#').next().unwrap_or_default();
            let mut words = code.split_whitespace();
            if let (Some(number), Some(name)) = (words.next().and_then(number), words.next()) {
                self.0.insert((kind, name.to_owned()), number);
            }
        }
    }

    /// The number of a name; the name again when nobody knows it.
    pub(crate) fn number(&self, kind: Kind, named: &Named) -> Result<u32, String> {
        match named {
            Named::Number(number) => Ok(*number),
            Named::Name(name) => self.find(kind, name),
        }
    }

    /// The number of a name or of a number.
    pub(crate) fn find(&self, kind: Kind, name: &str) -> Result<u32, String> {
        let found = number(name).or_else(|| self.0.get(&(kind, name.to_owned())).copied());
        found.ok_or_else(|| format!("{name} is not in {}", kind.file()))
    }

    /// `REALM` or `FROM/TO`.
    pub(crate) fn realms(&self, text: &str) -> Result<u32, String> {
        match text.split_once('/') {
            Some((from, to)) => {
                let (from, to) = (self.find(Kind::Realm, from)?, self.find(Kind::Realm, to)?);
                Ok(from << 16 | to & 0xffff)
            }
            None => self.find(Kind::Realm, text),
        }
    }
}

fn number(text: &str) -> Option<u32> {
    match text.strip_prefix("0x") {
        Some(digits) => u32::from_str_radix(digits, 16).ok(),
        None => text.parse().ok(),
    }
}

#[cfg(test)]
mod tests {
    use super::*;

    fn names() -> Names {
        let files = Files {
            iproute_usr_dir: Some("/nonexistent".into()),
            iproute_etc_dir: Some("/nonexistent".into()),
            ..Files::default()
        };
        let mut names = Names::read(&files);
        names.add(Kind::Table, "# 1 no\n100 blue # ours\n0x10\tred\nbroken\n");
        names.add(Kind::Realm, "3 in\n4 out\n");
        names
    }

    #[test]
    fn numbers_need_no_file_and_names_come_from_it() {
        let number = |text: &str| names().number(Kind::Table, &Named::Name(text.into()));
        assert_eq!(number("blue"), Ok(100));
        assert_eq!(number("red"), Ok(16));
        assert_eq!(number("main"), Ok(254));
        assert_eq!(number("0x20"), Ok(32));
        assert_eq!(number("no"), Err("no is not in rt_tables".to_owned()));
        assert_eq!(names().number(Kind::Scope, &Named::Number(7)), Ok(7));
    }

    #[test]
    fn realms_are_one_or_two_names() {
        assert_eq!(names().realms("in/out"), Ok(0x0003_0004));
        assert_eq!(names().realms("out"), Ok(4));
        assert_eq!(names().realms("3/9"), Ok(0x0003_0009));
        assert!(names().realms("in/nowhere").is_err());
    }
}
