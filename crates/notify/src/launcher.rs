//! As whom a script runs, with which environment, and its start.

use std::collections::{BTreeMap, HashMap};
use std::io;
use std::path::Path;

use control_plane::model::{Command, ScriptSecurity, ScriptUser};
use serde::{Deserialize, Serialize};
use sys::users::{self, User};
use sys::{Child, Spawn, process, spawn};
use thiserror::Error;

use crate::security::{self, Refusal, Rules, SystemFacts};

/// Runs scripts when nothing else is said, if there is such a user.
const DEFAULT_USER: &str = "keepalived_script";

/// A script never sees these variables: they change what a shell or a loader does.
const HIDDEN: [&str; 4] = ["KEEPALIVED_RS_HANDOVER", "IFS", "LD_PRELOAD", "LD_LIBRARY_PATH"];

/// Where programs without a path are looked for when `PATH` is not set.
const DEFAULT_SEARCH: &str = "/usr/local/sbin:/usr/local/bin:/usr/sbin:/usr/bin:/sbin:/bin";

/// Why nobody can be found to run a script as.
#[derive(Debug, Error)]
pub enum UserError {
    /// No such user.
    #[error("user '{0}' does not exist")]
    User(String),
    /// No such group.
    #[error("group '{0}' does not exist")]
    Group(String),
    /// The user directory does not answer.
    #[error("user '{name}' cannot be looked up: {reason}")]
    Directory {
        /// User or group.
        name: String,
        /// Why.
        reason: io::Error,
    },
}

/// Why a script does not start.
#[derive(Debug, Error)]
pub enum StartError {
    /// Its user.
    #[error("script '{program}': {reason} - disabling.")]
    User {
        /// The script.
        program: String,
        /// What is wrong.
        reason: UserError,
    },
    /// The script itself.
    #[error(transparent)]
    Refused(#[from] Refusal),
    /// It was refused when it was prepared, and that was told.
    #[error("script '{0}' is disabled")]
    Disabled(String),
    /// The system.
    #[error("script '{program}' cannot be started: {reason}")]
    System {
        /// The script.
        program: String,
        /// Why.
        reason: io::Error,
    },
}

/// Starts scripts. Everything that takes time (users, files) is looked up when a script is
/// prepared, once; a start itself is a fork.
#[derive(Debug)]
pub struct Launcher {
    security: ScriptSecurity,
    env: BTreeMap<String, String>,
    umask: u32,
    /// `None`: it does not run.
    prepared: HashMap<Key, Option<Prepared>>,
    /// The same of the configuration before this one, whose last scripts may run after a reload, and of
    /// earlier scripts that still wait.
    former: HashMap<Key, Option<Prepared>>,
}

/// A script as it is configured, and as whom it runs.
type Key = (String, Option<ScriptUser>);

#[derive(Clone, Debug, Serialize, Deserialize)]
struct Prepared {
    path: String,
    uid: u32,
    gid: u32,
    groups: Vec<u32>,
}

/// What a launcher has looked up, for one in a process that must not wait for users and files.
#[derive(Clone, Debug, Default, Serialize, Deserialize)]
pub struct Findings(Vec<(Key, Option<Prepared>)>);

impl Launcher {
    /// A launcher with this process's environment and the file mode mask for scripts.
    pub fn new(security: ScriptSecurity, umask: u32) -> Self {
        let text = |value: std::ffi::OsString| value.into_string().ok();
        let variables = std::env::vars_os()
            .filter_map(|(name, value)| Some((text(name)?, text(value)?)))
            .filter(|(name, _)| !HIDDEN.contains(&name.as_str()));
        let (prepared, former) = (HashMap::new(), HashMap::new());
        Self { security, env: variables.collect(), umask, prepared, former }
    }

    /// What was looked up so far.
    pub fn into_findings(self) -> Findings {
        Findings(self.prepared.into_iter().collect())
    }

    /// Goes on with another configuration, of which another process has looked up everything by the same rules. Scripts of
    /// the one before are still known, and those that wait, whatever configuration they are of.
    pub fn follow<'a>(
        &mut self,
        security: ScriptSecurity,
        umask: u32,
        findings: Findings,
        waiting: impl IntoIterator<Item = &'a Command>,
    ) {
        self.security = security;
        self.umask = umask;
        let mut older = std::mem::take(&mut self.former);
        let waiting = waiting.into_iter();
        self.former = waiting.filter_map(|command| older.remove_entry(&key(command))).collect();
        self.former.extend(std::mem::replace(&mut self.prepared, findings.0.into_iter().collect()));
    }

    /// Looks up all that a script needs, before the loop runs; says what is to be logged: that it is
    /// disabled, or a hint. Its arguments do not matter. A second time is nothing.
    ///
    /// # Errors
    /// Why it will not run.
    pub fn prepare(&mut self, command: &Command) -> Result<Option<String>, StartError> {
        let key = key(command);
        if self.prepared.contains_key(&key) {
            return Ok(None);
        }
        let looked_up = self.look_up(command);
        let prepared = looked_up.as_ref().ok().cloned();
        self.prepared.insert(key, prepared);
        let program = &command.program;
        looked_up.map(|Prepared { path, .. }| {
            (!program.contains('/')).then(|| {
                format!("WARNING - script `{program}` resolved by path search to `{path}`. Please specify full path.")
            })
        })
    }

    /// Starts a script and comes back at once. One that was not prepared is prepared now, which may
    /// take its time.
    ///
    /// # Errors
    /// Why it did not start.
    pub fn start(&mut self, command: &Command) -> Result<Child, StartError> {
        let key = key(command);
        if !self.prepared.contains_key(&key) && !self.former.contains_key(&key) {
            self.prepare(command)?;
        }
        let known = self.prepared.get(&key).or_else(|| self.former.get(&key));
        let Some(Some(prepared)) = known else {
            return Err(StartError::Disabled(command.program.clone()));
        };
        // Only root can change its user, and root must, to be rid of its supplementary groups.
        let must_change = process::is_root();
        let script = Spawn {
            program: prepared.path.clone(),
            args: command.args.clone(),
            env: self.env.clone(),
            user: must_change.then_some(User { uid: prepared.uid, gid: prepared.gid }),
            groups: prepared.groups.clone(),
            umask: self.umask,
        };
        let program = || command.program.clone();
        spawn(&script).map_err(|reason| StartError::System { program: program(), reason })
    }

    fn look_up(&self, command: &Command) -> Result<Prepared, StartError> {
        let wrong_user = |reason| StartError::User { program: command.program.clone(), reason };
        let user = self.user(command.user.as_ref()).map_err(wrong_user)?;
        let search = self.env.get("PATH").map_or(DEFAULT_SEARCH, String::as_str);
        let path = security::find(&command.program, search, &SystemFacts)?;
        let ScriptSecurity { enforce, keep_symlinks: keep_links, .. } = self.security;
        let path = security::check(&path, user, Rules { enforce, keep_links }, &SystemFacts)?;
        let groups = if self.security.supplementary_groups {
            let name = user.uid.to_string();
            users::groups(user)
                .map_err(|reason| wrong_user(UserError::Directory { name, reason }))?
        } else {
            Vec::new()
        };
        Ok(Prepared { path: display(&path), uid: user.uid, gid: user.gid, groups })
    }

    /// The script's own user, else `script_user`, else `keepalived_script` if that exists, else the
    /// one that this process runs as.
    fn user(&self, own: Option<&ScriptUser>) -> Result<User, UserError> {
        // Another user would be refused by the kernel.
        if !process::is_root() {
            return Ok(users::own());
        }
        if let Some(named) = own.or(self.security.user.as_ref()) {
            return resolve_user(named);
        }
        let default = look_up_user(DEFAULT_USER)?;
        Ok(default.unwrap_or_else(users::own))
    }
}

fn key(command: &Command) -> Key {
    (command.program.clone(), command.user.clone())
}

fn display(path: &Path) -> String {
    path.to_string_lossy().into_owned()
}

/// A user and group by their names or numbers.
///
/// # Errors
/// There is no such user or group, or they cannot be looked up.
pub fn resolve_user(named: &ScriptUser) -> Result<User, UserError> {
    let found = look_up_user(&named.user)?;
    let user = found.ok_or_else(|| UserError::User(named.user.clone()))?;
    let Some(name) = &named.group else { return Ok(user) };
    match users::group(name) {
        Ok(Some(gid)) => Ok(User { gid, ..user }),
        Ok(None) => Err(UserError::Group(name.clone())),
        Err(reason) => Err(UserError::Directory { name: name.clone(), reason }),
    }
}

fn look_up_user(name: &str) -> Result<Option<User>, UserError> {
    users::user(name).map_err(|reason| UserError::Directory { name: name.to_owned(), reason })
}
