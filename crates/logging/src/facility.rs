//! Syslog facilities.

/// Which part of the system a log line is filed under (`-S`).
#[derive(Clone, Copy, Debug, Default, PartialEq, Eq, Hash)]
pub enum Facility {
    /// `user`.
    User,
    /// `daemon`, the default.
    #[default]
    Daemon,
    /// `local0` to `local7`, also said as `0` to `7`. A larger number counts as 7.
    Local(u8),
}

impl Facility {
    /// The facility of that name on the command line; `None` for no such one.
    pub fn from_name(name: &str) -> Option<Self> {
        match name {
            "user" => Some(Self::User),
            "daemon" => Some(Self::Daemon),
            _ => {
                let digit = name.strip_prefix("local").unwrap_or(name);
                let number = digit.parse().ok().filter(|number| *number < 8)?;
                (digit.len() == 1).then_some(Self::Local(number))
            }
        }
    }

    /// Its number in the protocol (RFC 5424 section 6.2.1).
    pub(crate) const fn number(self) -> u8 {
        match self {
            Self::User => 1,
            Self::Daemon => 3,
            Self::Local(number) if number < 8 => 16 + number,
            Self::Local(_) => 23,
        }
    }
}

#[cfg(test)]
mod tests {
    use super::*;

    #[test]
    fn the_names_of_the_command_line_are_known() {
        assert_eq!(Facility::from_name("daemon"), Some(Facility::Daemon));
        assert_eq!(Facility::from_name("user"), Some(Facility::User));
        assert_eq!(Facility::from_name("local7"), Some(Facility::Local(7)));
        assert_eq!(Facility::from_name("0"), Some(Facility::Local(0)));
        for wrong in ["8", "local8", "local", "", "+1", "01", "mail", "locallocal1"] {
            assert_eq!(Facility::from_name(wrong), None, "{wrong}");
        }
    }

    #[test]
    fn the_numbers_are_the_protocols() {
        let numbers = [Facility::User, Facility::Daemon, Facility::Local(0), Facility::Local(7)];
        assert_eq!(numbers.map(Facility::number), [1, 3, 16, 23]);
    }
}
