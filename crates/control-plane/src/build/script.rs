//! `vrrp_script`.

use base::{Duration, Weight};

use crate::diagnostic::{Code, Diagnostic, Place};
use crate::lang::Context;
use crate::model::{Command, ScriptUser, VrrpScript};
use crate::parse::statement::Statement;
use crate::parse::value::Value;

/// A `vrrp_script` while it is read.
pub(crate) struct ScriptDraft {
    pub name: String,
    pub place: Place,
    command: Option<Command>,
    /// Where the command stands.
    pub command_place: Option<Place>,
    interval: Duration,
    timeout: Option<Duration>,
    pub weight: Weight,
    pub reverse: bool,
    rise: u32,
    fall: u32,
    init_fail: bool,
    user: Option<ScriptUser>,
    unusable: bool,
    /// Whether anything tracks it.
    pub used: bool,
}

impl ScriptDraft {
    pub(super) fn new(name: &str, place: Place) -> Self {
        Self {
            name: name.to_owned(),
            place,
            command: None,
            command_place: None,
            interval: Duration::from_secs(1),
            timeout: None,
            weight: Weight::FAULT,
            reverse: false,
            rise: 1,
            fall: 1,
            init_fail: false,
            user: None,
            unusable: false,
            used: false,
        }
    }

    pub(super) fn leaf(
        &mut self,
        statement: &Statement<'_>,
        value: Value<'_>,
        cx: &mut Context<'_>,
    ) {
        match statement.keyword.name {
            "script" => {
                self.command_place = Some(statement.place_of(1));
                self.command = value.command();
            }
            "interval" => self.interval = self.positive(&value, statement, cx),
            "timeout" => self.timeout = Some(self.positive(&value, statement, cx)),
            "weight" => {
                self.weight = value.int().and_then(|n| Weight::new(n).ok()).unwrap_or_default();
                if let Value::Weight(_, Some(reverse)) = value {
                    self.reverse = reverse;
                }
            }
            "rise" => self.rise = value.int().unwrap_or(1),
            "fall" => self.fall = value.int().unwrap_or(1),
            "init_fail" => self.init_fail = true,
            "user" => self.user(statement, cx),
            _ => {}
        }
    }

    /// A time that must not be zero.
    fn positive(
        &self,
        value: &Value<'_>,
        statement: &Statement<'_>,
        cx: &mut Context<'_>,
    ) -> Duration {
        let second = Duration::from_secs(1);
        let time = value.time().unwrap_or(second);
        if !time.is_zero() {
            return time;
        }
        let (script, keyword) = (&self.name, statement.keyword.name);
        let message =
            format!("({script}): vrrp script {keyword} must be greater than 0, setting to 1");
        cx.report(Diagnostic::new(Code::Adjusted, message).at(statement.place_of(1)));
        second
    }

    fn user(&mut self, statement: &Statement<'_>, cx: &mut Context<'_>) {
        let Some(user) = script_user(statement, 1) else { return };
        if user_exists(&user, cx) {
            self.user = Some(user);
            return;
        }
        self.unusable = true;
        let script = self.command.as_ref().map_or(&self.name, |command| &command.program);
        let message = format!("Unable to set uid/gid for script '{script}'");
        let problem = Diagnostic::new(Code::BadUser, message).at(statement.place_of(1));
        cx.report(problem.label("no such user or group on this machine"));
    }

    /// The block ends: a script without a command is none.
    pub(super) fn close(self, cx: &mut Context<'_>) -> Option<Self> {
        if self.command.is_none() {
            let message = format!("No script set for vrrp_script {} - removing", self.name);
            cx.report(super::late(Code::Incomplete, message, &self.place));
            return None;
        }
        (!self.unusable).then_some(self)
    }

    /// The script with its defaults filled in.
    pub(super) fn finish(self) -> Option<VrrpScript> {
        let mut command = self.command?;
        command.user = command.user.or(self.user);
        Some(VrrpScript {
            name: self.name,
            command,
            interval: self.interval,
            timeout: self.timeout.unwrap_or(self.interval),
            weight: self.weight,
            reverse: self.reverse,
            rise: self.rise,
            fall: self.fall,
            init_fail: self.init_fail,
        })
    }

    /// `user`.
    pub(super) const fn user_of_its_own(&self) -> Option<&ScriptUser> {
        self.user.as_ref()
    }

    pub(super) const fn command(&self) -> Option<&Command> {
        self.command.as_ref()
    }
}

/// `USER [[:]GROUP]` from the word at `index` on.
pub(super) fn script_user(statement: &Statement<'_>, index: usize) -> Option<ScriptUser> {
    let first = statement.word(index)?;
    let (user, joined) = first.split_once(':').unwrap_or((first, ""));
    let group = statement.word(index + 1).map(|group| group.trim_start_matches(':'));
    let group = if joined.is_empty() { group } else { Some(joined) };
    Some(ScriptUser { user: user.to_owned(), group: group.map(str::to_owned) })
}

/// Whether the machine knows user and group; yes when that cannot be told.
pub(super) fn user_exists(user: &ScriptUser, cx: &Context<'_>) -> bool {
    let is_number = |name: &str| name.bytes().all(|byte| byte.is_ascii_digit());
    let known_user = is_number(&user.user) || cx.source.has_user(&user.user) != Some(false);
    let known_group = user
        .group
        .as_ref()
        .is_none_or(|group| is_number(group) || cx.source.has_group(group) != Some(false));
    known_user && known_group
}
