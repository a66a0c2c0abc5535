//! User and group names. They are looked up before a loop runs: the answer may come from a network
//! directory and take its time.

use std::ffi::CString;
use std::io;

use nix::unistd::{Gid, Group, Uid, User as Entry, getegid, geteuid, getgrouplist};

/// Whom a process runs as.
#[derive(Clone, Copy, Debug, PartialEq, Eq, Hash)]
pub struct User {
    /// User number.
    pub uid: u32,
    /// Group number.
    pub gid: u32,
}

/// The user of that name or number. A number without an account is its own group number.
///
/// # Errors
/// The directory's, other than "no such user", which is `None`.
pub fn user(name: &str) -> io::Result<Option<User>> {
    if let Some(entry) = Entry::from_name(name)? {
        return Ok(Some(User { uid: entry.uid.as_raw(), gid: entry.gid.as_raw() }));
    }
    let Ok(uid) = name.parse::<u32>() else { return Ok(None) };
    let entry = Entry::from_uid(uid.into())?;
    Ok(Some(User { uid, gid: entry.map_or(uid, |entry| entry.gid.as_raw()) }))
}

/// The number of the group of that name or number.
///
/// # Errors
/// The directory's, other than "no such group", which is `None`.
pub fn group(name: &str) -> io::Result<Option<u32>> {
    if let Some(entry) = Group::from_name(name)? {
        return Ok(Some(entry.gid.as_raw()));
    }
    Ok(name.parse().ok())
}

/// Whom this process runs as.
pub fn own() -> User {
    User { uid: geteuid().as_raw(), gid: getegid().as_raw() }
}

/// The name of a user; `None` for one without an account.
pub fn name(user: User) -> Option<String> {
    Some(Entry::from_uid(Uid::from_raw(user.uid)).ok()??.name)
}

/// All groups of a user, `gid` among them (`set_supplementary_groups`). A number without an account
/// has no other.
///
/// # Errors
/// The directory's.
pub fn groups(user: User) -> io::Result<Vec<u32>> {
    let Some(entry) = Entry::from_uid(Uid::from_raw(user.uid))? else { return Ok(vec![user.gid]) };
    let groups = getgrouplist(&CString::new(entry.name)?, Gid::from_raw(user.gid))?;
    Ok(groups.into_iter().map(Gid::as_raw).collect())
}

#[cfg(test)]
mod tests {
    use super::*;

    #[test]
    fn root_is_known_by_name_and_by_number() {
        assert_eq!(user("root").unwrap(), Some(User { uid: 0, gid: 0 }));
        assert_eq!(user("0").unwrap(), Some(User { uid: 0, gid: 0 }));
        assert_eq!(group("root").unwrap(), Some(0));
    }

    #[test]
    fn a_number_has_the_name_of_its_account() {
        assert_eq!(name(User { uid: 0, gid: 0 }).as_deref(), Some("root"));
        assert_eq!(name(User { uid: 3_999_999_999, gid: 0 }), None);
    }

    #[test]
    fn a_users_own_group_is_one_of_its_groups() {
        assert!(groups(User { uid: 0, gid: 0 }).unwrap().contains(&0));
        assert_eq!(groups(User { uid: 60123, gid: 60124 }).unwrap(), [60124]);
    }

    #[test]
    fn an_unknown_name_is_none_and_a_number_is_taken_as_it_is() {
        assert_eq!(user("no-such-user-here").unwrap(), None);
        assert_eq!(group("no-such-group-here").unwrap(), None);
        assert_eq!(user("60123").unwrap(), Some(User { uid: 60123, gid: 60123 }));
        assert_eq!(group("60123").unwrap(), Some(60123));
    }
}
